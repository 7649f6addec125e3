"""Stations with start gates on a desk: who asks, who may start, and what is left after a restart."""

from __future__ import annotations

from typing import Any

from balancer.observations import (
    Capability,
    StartAsked,
)
from balancer.site import EvseKey
from tests.balancer.desk import Desk, evse, key, make_site


def gated(number: int, *, movable: bool = False, **others: Any) -> Capability:
    return Capability(key(number), movable=movable, gated=True, **others)


def ask(desk: Desk, *numbers: int, after: float = 0.0) -> dict[EvseKey, bool]:
    desk.now_s += after
    return dict(desk.step(*(StartAsked(key(number), desk.now_s) for number in numbers)).starts)


def started(desk: Desk) -> dict[int, bool]:
    """Who may start and who must wait, by station, as of the last step."""
    return {int(evse.station[3:]): let for evse, let in desk.decision.starts.items()}


def a_gate(rating_a: float = 32.0, *, stations: int = 2, shut: int = 1, **others: Any) -> Desk:
    """The first `shut` stations are gated and can't be moved; the others are proven."""
    desk = Desk(make_site([evse(number) for number in range(1, stations + 1)], rating_a, **others))
    desk.step(*(gated(number) for number in range(1, shut + 1)))
    desk.connect(*range(1, stations + 1))
    return desk


def restarted(before: Desk) -> Desk:
    desk = Desk(before.controller.site, restored=before.rows.values(), now_s=before.now_s + 1.0)
    desk.rows = {**before.rows, **desk.rows}
    return desk
