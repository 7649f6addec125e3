"""What the routes of stations, tokens and transactions stand on."""

from __future__ import annotations

from msgspec import Struct

from csms.gateway.remote_control import RemoteControl
from csms.usecases.station_keeping import StationKeeping
from csms.usecases.token_keeping import TokenKeeping
from csms.usecases.transaction_keeping import TransactionKeeping


class Resources(Struct, frozen=True, kw_only=True):
    """The use cases, one for each resource."""

    stations: StationKeeping
    tokens: TokenKeeping
    transactions: TransactionKeeping
    remote_control: RemoteControl
