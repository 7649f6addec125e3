"""Who waits when not everyone can have the minimum: turns of a quantum, in the order in which people came to wait."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balancer.snapshot import Session, Turn

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRules:
    """How long turns last; seconds."""

    quantum_s: float = 900.0
    """How long a car may charge while others wait."""
    min_on_s: float = 600.0
    """A car that began is not paused earlier for another of its class."""
    min_off_s: float = 300.0
    """A car that was paused is not resumed earlier."""

    def __post_init__(self) -> None:
        """Refuse rules that contradict each other."""
        if not 0 <= self.min_on_s <= self.quantum_s or not 0 <= self.min_off_s < math.inf:
            message = "needs 0 ≤ min_on_s ≤ quantum_s and a finite min_off_s of at least 0"
            raise ValueError(message)


DEFAULT_RULES = RotationRules()


@dataclass(frozen=True, slots=True)
class Places:
    """Sessions' places among those of their class: of two, the lesser (spent, ticket) goes first."""

    charging: Flags
    protected: Flags
    """It began less than `min_on_s` ago."""
    spent: Flags
    """Its turn is over: it stays only where no one who waits can take its room."""
    tickets: Floats
    """When it came to wait for its turn; of those whose turn is over the one that began last stays longest."""
    ends_s: Floats
    """When its turn is over (one that would begin: if it began now)."""


def places(turns: Sequence[Turn], now_s: float, rules: RotationRules) -> Places:
    """Return where sessions with `turns` stand at `now_s`."""
    # Nobody's None becomes NaN, with which no comparison is true.
    began_s = np.array([turn.charging_since_s for turn in turns], dtype=np.float64)
    waiting_s = np.array([turn.waiting_since_s for turn in turns], dtype=np.float64)
    queued_s = np.array([turn.queued_since_s for turn in turns], dtype=np.float64)
    charging = ~np.isnan(began_s)
    ends_s = np.where(charging, began_s, now_s) + rules.quantum_s
    spent = now_s >= began_s + rules.quantum_s
    tickets = np.where(charging, np.where(np.isnan(queued_s), began_s, queued_s), waiting_s)
    tickets[np.isnan(tickets)] = now_s
    tickets[spent] = -began_s[spent]
    return Places(
        charging=charging,
        protected=~spent & (now_s < began_s + rules.min_on_s),
        spent=spent,
        tickets=tickets,
        ends_s=ends_s,
    )


def rests_until_s(turn: Turn, now_s: float, rules: RotationRules) -> float | None:
    """Return until when a paused session must not be resumed; None if it may be."""
    if not turn.paused or turn.waiting_since_s is None:
        return None
    until_s = turn.waiting_since_s + rules.min_off_s
    return until_s if now_s < until_s else None


def next_turn(session: Session, granted: bool, now_s: float) -> Turn:  # noqa: FBT001 - the contract's own signature
    """Return the session's turn after it was `granted` current or not at `now_s`.

    A session that wants nothing has no turn: it neither charges nor waits.
    """
    turn = session.turn
    if granted:
        if turn.charging_since_s is not None:
            return turn
        return Turn(charging_since_s=now_s, queued_since_s=turn.waiting_since_s)
    if session.demand_a <= 0:
        return Turn()
    if turn.waiting_since_s is not None:
        return turn
    return Turn(waiting_since_s=now_s, paused=turn.charging_since_s is not None)
