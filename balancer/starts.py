"""Gated starts (control.md "Failsafe"): who asked to start is let only where there is room for it, first come first.

Until somebody is let start a gated EVSE counts for nothing. With the consent the room is held for it in the
ledger: it is durable before a station hears of it, as an increase is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from balancer.account import Account
from balancer.room import Room
from balancer.scene import Scene, free_for, session_of
from balancer.site import EvseKey
from balancer.units import EPSILON_A, Amperes, add, on_phases


def make_room(scene: Scene, asked: Iterable[EvseKey]) -> dict[EvseKey, float]:
    """Return for whose start the others can make room without anybody's having to stop, and how much of it.

    What one can't have is not given to a later one on the same circuit.
    """
    waiting = [scene.ledger[key] for key in asked if key in scene.ledger and _must_wait(scene.ledger[key])]
    if not waiting or scene.observing:
        return {}
    left = _Left(scene)
    return {
        account.evse.key: account.start_a
        for account in waiting
        if left.take(account, on_phases(account.start_a, account.evse.phases))
    }


def let_start(scene: Scene, room: Room, asked: dict[EvseKey, bool]) -> dict[EvseKey, bool]:
    """Say of each of `asked` whether it may start now, hold the room of those who may, and note that in `asked`.

    Who was let and has not begun in time is asked for no more.
    """
    starts: dict[EvseKey, bool] = {}
    full: set[str] = set()
    for key, was_let in list(asked.items()):
        if key not in scene.ledger:
            starts[key] = False
        elif was_let and scene.ledger[key].hold is None:
            del asked[key]
        elif scene.observing or not scene.ledger[key].capability.gated:
            if not was_let:
                # It is counted without that; but it may become gated before the session begins.
                scene.ledger[key].let_start(max(scene.exposures[key]), scene.now_s)
            starts[key] = asked[key] = True
        else:
            starts[key] = asked[key] = _is_let(scene, room, scene.ledger[key], full)
    return starts


def _must_wait(account: Account) -> bool:
    """Tell whether what is held for a start, if anything, is too little."""
    held_a = -math.inf if account.hold is None else account.hold.limit_a
    return account.is_shut and held_a < account.start_a - EPSILON_A


def _is_let(scene: Scene, room: Room, account: Account, full: set[str]) -> bool:
    """Tell whether a session may start, and hold its room; else note the circuit that lacks it in `full`."""
    if not _must_wait(account):
        return account.hold is not None
    key = account.evse.key
    before_a = account.exposure(scene.now_s)
    if room.is_stale(key) or not full.isdisjoint(_path(scene, key)):
        return False
    most = room.most(key, before_a, account.evse.phases)
    if most.limit_a < account.start_a - EPSILON_A:
        full.add(most.node)
        return False
    if key not in scene.starting:
        return False
    account.let_start(account.start_a, scene.now_s)
    room.take(key, before_a, account.exposure(scene.now_s))
    return True


def _path(scene: Scene, key: EvseKey) -> tuple[str, ...]:
    return scene.site.path(scene.site.evse(key).node)


class _Left:
    """What is left on each circuit when every car has its minimum and what can't be moved is reserved."""

    def __init__(self, scene: Scene) -> None:
        moving = [account for account in scene.ledger.accounts() if scene.is_moving(account)]
        sessions = {account.evse.key: session_of(scene, account) for account in moving}
        self._scene = scene
        self._free_a, self._free_w = free_for(scene, sessions)
        self._full: set[str] = set()
        for account in moving:
            session = sessions[account.evse.key]
            least_a = session.min_a if session.demand_a > 0 else 0.0
            needs_a = on_phases(max(least_a, account.counted_failsafe_a), session.phases)
            self._reserve(_path(scene, account.evse.key), needs_a)

    def take(self, account: Account, needs_a: Amperes) -> bool:
        """Take what a start needs, if it is there and nobody waits for it before."""
        path = _path(self._scene, account.evse.key)
        lacking = [node for node in path if not self._has(node, needs_a)]
        if lacking or not self._full.isdisjoint(path):
            self._full.update(lacking)
            return False
        self._reserve(path, needs_a)
        return True

    def _has(self, node: str, needs_a: Amperes) -> bool:
        volts = self._scene.site.nominal_voltage_v
        free_w = self._free_w.get(node, math.inf)
        return sum(needs_a) * volts <= free_w + EPSILON_A * volts and all(
            need_a <= max(free_a, 0.0) + EPSILON_A
            for need_a, free_a in zip(needs_a, self._free_a[node], strict=True)
        )

    def _reserve(self, path: tuple[str, ...], needs_a: Amperes) -> None:
        for node in path:
            self._free_a[node] = add(self._free_a[node], (-needs_a[0], -needs_a[1], -needs_a[2]))
            if node in self._free_w:
                self._free_w[node] -= sum(needs_a) * self._scene.site.nominal_voltage_v
