"""Gated starts whatever happens: nobody who was let start is uncounted, or too many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from balancer.observations import (
    CapSet,
    StartAsked,
    StartOver,
    StationOnline,
)
from tests.balancer.desk import Desk, alike, evse, key, make_site
from tests.balancer.gates import gated, restarted, started

OFTEN = ("ask", "ask", "ask", "plug", "plug", "plug", "wait", "restart", "return", "return", "return")
RARELY = ("over", "unplug", "leave", "cap", "uncap")
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(OFTEN + RARELY), st.sampled_from((1, 1, 1, 2, 2, 2, 3, 4)), st.floats(0.0, 90.0)
    ),
    min_size=10,
    max_size=40,
)


class _Street:
    """Stations 1 and 2 are gated and can't be moved (both do not fit), 3 is gated and can; 4 is like any other."""

    RATING_A = 60.0

    def __init__(self) -> None:
        self.site = make_site([evse(number) for number in range(1, 5)], self.RATING_A)
        self.desk = Desk(self.site)
        self.away: set[int] = set()
        self.let_s: dict[int, float] = {}
        """When somebody was last let start at a station; he may begin for 100 s."""
        self.charging: set[int] = set()
        self.untold: set[int] = set()
        self._tell()
        self.desk.connect(1, 2, 3, 4)
        self.desk.accept_all()

    def _tell(self) -> None:
        self.desk.step(gated(1), gated(2), gated(3, movable=True, failsafe_at_least_a=6.0))

    def do(self, event: str, number: int, after_s: float) -> None:
        desk = self.desk
        match event:
            case "ask" if number not in self.away | self.charging:
                self._step(StartAsked(key(number), desk.now_s))
            case "over" if number not in self.charging | self.away and number not in self.let_s:
                self._step(StartOver(key(number), desk.now_s))
            case "plug" if number not in self.charging and desk.now_s <= self.let_s.get(number, -1e9) + 100.0:
                self.charging.add(number)
                self._report(number)
            case "unplug" if number in self.charging - self.away:
                self.charging.discard(number)
                self.let_s.pop(number, None)
                desk.unplug(number)
            case "leave" if number not in self.away:
                self.away.add(number)
                desk.disconnect(number)
            case "return" if number in self.away:
                self._return(number)
            case "restart":
                self._restart()
            case "cap" | "uncap":
                low_a = 40.0 if event == "cap" else self.RATING_A
                desk.step(CapSet("main", "grid", alike(low_a), None, desk.now_s))
            case _:
                self._wait(after_s)
        self._look()

    def _report(self, number: int) -> None:
        if number in self.away:
            self.untold.add(number)
        else:
            self.desk.plug(number)

    def _return(self, number: int) -> None:
        self.away.discard(number)
        self.desk.step(StationOnline(f"CP-{number}", self.desk.now_s))
        if number in self.untold:
            self.untold.discard(number)
            self.desk.plug(number)

    def _restart(self) -> None:
        self.desk = restarted(self.desk)
        self._tell()
        self.away = {1, 2, 3, 4}
        for number in self.charging - self.untold:
            self.desk.plug(number)

    def _wait(self, seconds: float) -> None:
        until_s = self.desk.now_s + seconds
        while self.desk.now_s < until_s:
            self._answer()
            self.desk.later(until_s - self.desk.now_s)
            self._note()
            self._look()

    def _answer(self) -> None:
        ready = [order for order in self.desk.open.values() if int(order.evse.station[3:]) not in self.away]
        if ready:
            self.desk.accept(*ready, after=0.0)
            self._note()

    def _step(self, observation: StartAsked | StartOver) -> None:
        self.desk.step(observation)
        self._note()

    def _note(self) -> None:
        for number, let in started(self.desk).items():
            if let and number not in self.away and number not in self.let_s:
                self.let_s[number] = self.desk.now_s
        gone = [number for number, let_s in self.let_s.items() if self.desk.now_s > let_s + 100.0]
        for number in gone:
            if number not in self.charging:
                del self.let_s[number]

    def _look(self) -> None:
        """Nobody draws what isn't counted, whether or not we were told that he began."""
        for number in self.charging:
            most_a = 32.0 if number < 3 else 6.0 if number == 3 else 0.0
            assert self.desk.exposure(number) >= most_a
        steady_a = sum(32.0 for number in self.charging if number < 3) + 6.0 * (3 in self.charging)
        assert steady_a <= self.RATING_A


@given(EVENTS)
def test_whatever_happens_who_started_with_consent_is_counted_and_fits(events: list[tuple[str, int, float]]):
    street = _Street()
    for event in events:
        street.do(*event)
