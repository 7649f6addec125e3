"""The log that everybody who watches follows: its lines, and which kinds there are."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

Followed = Literal[
    "station.connected",
    "station.disconnected",
    "connector.status",
    "transaction.started",
    "transaction.updated",
    "transaction.ended",
    "site.state",
    "command.state",
    "alarm",
]
"""What everybody who follows is told, unless they ask for less."""
OnRequest = Literal[
    "station.booted",
    "station.certificate-requested",
    "station.device-model",
    "station.external-limit",
    "station.notice",
    "station.unreadable",
    "station.vendor-data",
    "transaction.conflict",
]
"""What is told to those who ask for it."""
FOLLOWED: tuple[str, ...] = get_args(Followed)
KINDS: tuple[str, ...] = (*FOLLOWED, *get_args(OnRequest))


class LoggedEvent(Struct, frozen=True):
    """One committed line; numbers grow by one from line to line, in the order of the commits."""

    number: int
    kind: str
    station_id: str | None
    site_id: str | None
    at_us: int
    data: bytes
    """JSON object."""


class MeterStart(Struct, frozen=True):
    """Where a transaction runs, and what its register showed when it began."""

    evse: int
    energy_wh: float | None
