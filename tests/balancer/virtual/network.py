"""What lies between the central system and a station: one call at a time, and nothing that can't go wrong."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from balancer.observations import Verdict
from balancer.orders import Order
from tests.balancer.virtual.agenda import Agenda
from tests.balancer.virtual.charger import Charger

CALL_TIMEOUT_S = 10.0
"""After that long a call is given up; the station may still get or have got it."""

PERSON_S = 0.1
"""How long a person's call takes."""
PROMPT_S = 1.0
"""A call that takes longer to and fro counts as trouble of its station."""


@dataclass(frozen=True)
class Fate:
    """What happens to one call."""

    request_s: float = 0.05
    request_lost: bool = False
    answer_s: float = 0.05
    answer_lost: bool = False
    twice: bool = False
    """The station gets it twice, one after the other."""

    @property
    def is_bad(self) -> bool:
        """Whether a station can't be said to have answered at once."""
        return self.request_lost or self.answer_lost or self.request_s + self.answer_s > PROMPT_S


@dataclass
class _Outgoing:
    order: Order
    durable: bool
    """False: its ledger row isn't written yet, so it must not leave."""


class Link:
    """The connection of one station, seen from both ends.

    Requests arrive in the order in which they were sent, also late ones; calls of one station wait for each
    other, and after a time-out the next one leaves.
    """

    def __init__(
        self,
        agenda: Agenda,
        chargers: Mapping[int, Charger],
        fate: Callable[[Order], Fate],
        ended: Callable[[Order, Verdict], None],
        touched: Callable[[], None],
    ) -> None:
        """Join the `chargers` of a station (by EVSE number) to the central system, which hears how calls `ended`."""
        self._agenda, self._chargers, self._fate, self._ended = agenda, chargers, fate, ended
        self._touched = touched
        self.known_open = False
        """What the central system thinks."""
        self.carries = False
        """Whether anything gets through."""
        self.trouble_s = agenda.now_s
        """When something last went wrong between the two."""
        self._queue: deque[_Outgoing] = deque()
        self._open_call: Order | None = None
        self._era = 0
        self._boots = 0
        self._last_arrival_s = 0.0

    # --- the central system's end

    def send(self, order: Order, *, durable: bool) -> None:
        """Put an order into the queue; it leaves when it is its turn and `durable`."""
        if not self.known_open:
            self._ended(order, Verdict.NOT_SENT)
            return
        self._queue.append(_Outgoing(order, durable))
        self._send_next()

    def written(self) -> None:
        """All rows of queued orders are durable."""
        for outgoing in self._queue:
            outgoing.durable = True
        self._send_next()

    def forget(self) -> None:
        """The central system died: nobody waits for an answer, nothing queued leaves."""
        self._queue.clear()
        self._open_call = None
        self._era += 1
        self.known_open = self.carries = False
        self.trouble()

    def close(self) -> None:
        """The central system finds the connection gone."""
        if not self.known_open:
            return
        self.known_open = self.carries = False
        self._era += 1
        self.trouble()
        waiting, self._queue = self._queue, deque()
        unanswered, self._open_call = self._open_call, None
        if unanswered is not None:
            self._ended(unanswered, Verdict.UNKNOWN)
        for outgoing in waiting:
            self._ended(outgoing.order, Verdict.NOT_SENT)

    def open(self) -> None:
        """The station connected anew."""
        self.known_open = self.carries = True
        self.trouble()

    def cut(self) -> None:
        """Nothing gets through any more, and the central system doesn't know yet."""
        self.carries = False
        self.trouble()

    def reboot(self) -> None:
        """The station lost what it had received and not yet handled."""
        self._boots += 1
        self.cut()

    def trouble(self) -> None:
        """Note that this station can't be expected to obey at once."""
        self.trouble_s = self._agenda.now_s

    @property
    def prompt_since_s(self) -> float:
        """Since when orders have reached it at once; `inf` while they don't."""
        return self.trouble_s if self.known_open and self.carries else math.inf

    @property
    def is_busy(self) -> bool:
        """Whether a call is open or waits."""
        return self._open_call is not None or bool(self._queue)

    def pass_along(self, do: Callable[[], None]) -> None:
        """Let a person's call through: orders sent later arrive later."""
        boots = self._boots
        self._last_arrival_s = max(self._agenda.now_s + PERSON_S, self._last_arrival_s)
        self._agenda.at(self._last_arrival_s, lambda: do() if boots == self._boots else None)

    # --- the way

    def _send_next(self) -> None:
        if self._open_call is not None or not self._queue or not self._queue[0].durable:
            return
        order = self._queue.popleft().order
        self._open_call = order
        fate, era, boots = self._fate(order), self._era, self._boots
        if fate.is_bad:
            self.trouble()
        if self.carries and not fate.request_lost:
            arrival_s = max(self._agenda.now_s + fate.request_s, self._last_arrival_s)
            self._last_arrival_s = arrival_s
            self._agenda.at(arrival_s, lambda: self._arrive(order, fate, era, boots))
        self._agenda.after(CALL_TIMEOUT_S, lambda: self._give_up(order, era))

    def _arrive(self, order: Order, fate: Fate, era: int, boots: int) -> None:
        """Also after the connection broke: it may have been in the station's hands."""
        if boots != self._boots:
            return
        charger = self._chargers[order.evse.evse]
        verdict = charger.obey(order)
        if fate.twice:
            verdict = charger.obey(order)
        self._touched()
        if verdict is not Verdict.ACCEPTED or fate.is_bad:
            self.trouble()
        if not fate.answer_lost and self.carries and era == self._era:
            self._agenda.after(fate.answer_s, lambda: self._answer(order, verdict, era))

    def _answer(self, order: Order, verdict: Verdict, era: int) -> None:
        if era == self._era and self._open_call is order and self.carries:
            self._end(order, verdict)

    def _give_up(self, order: Order, era: int) -> None:
        if era == self._era and self._open_call is order:
            self.trouble()
            self._end(order, Verdict.UNKNOWN)

    def _end(self, order: Order, verdict: Verdict) -> None:
        self._open_call = None
        self._ended(order, verdict)
        self._send_next()
