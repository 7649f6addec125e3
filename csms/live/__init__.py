"""What happens, as it happens, for whoever follows it: committed events, and between them the newest readings."""

from csms.live.broadcaster import Broadcaster, BroadcasterOptions, Follower
from csms.live.fan_out import FanOut
from csms.live.messages import Wanted

__all__ = ["Broadcaster", "BroadcasterOptions", "FanOut", "Follower", "Wanted"]
