"""All that a controller knows between two steps, so that another one can go on in its place."""

from __future__ import annotations

from dataclasses import dataclass

from balancer.base_load import Readings
from balancer.decision import Alarm
from balancer.ledger import Books
from balancer.observations import CapSet
from balancer.settings import Settings
from balancer.site import EvseKey, Site
from balancer.visits import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What decides over all steps to come, besides what will be observed.

    Its parts are the controller's own and change with its next step: write it down at once.
    """

    site: Site
    settings: Settings
    now_s: float
    last_id: int
    """Of the orders; the next one's is one more."""
    books: Books
    readings: Readings
    caps: dict[str, dict[str, CapSet]]
    """By node and source."""
    visits: dict[EvseKey, Visit]
    asked: dict[EvseKey, bool]
    online: set[str]
    told: set[Alarm]
    """What was wrong at the last step."""
    exposed_since_s: dict[str, float]
