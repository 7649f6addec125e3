"""The one timer of all connections."""

from __future__ import annotations

from csms.gateway.wheel import TimerWheel


class _Time:
    def __init__(self) -> None:
        self.now_s = 100.25

    def __call__(self) -> float:
        return self.now_s


def test_a_deadline_is_called_once_and_never_early() -> None:
    time = _Time()
    wheel = TimerWheel(time)
    called: list[float] = []
    wheel.at(102.5, lambda: called.append(time.now_s))
    for moment in (100.9, 101.5, 102.4, 102.9):
        time.now_s = moment
        wheel.turn()
    assert called == []
    time.now_s = 103.1
    wheel.turn()
    wheel.turn()
    assert called == [103.1]


def test_a_deadline_in_the_past_comes_at_the_next_turn() -> None:
    time = _Time()
    wheel = TimerWheel(time)
    called: list[str] = []
    wheel.at(5.0, lambda: called.append("late"))
    time.now_s = 101.0
    wheel.turn()
    assert called == ["late"]


def test_a_long_stall_calls_everything_in_order_and_a_fault_stops_nobody() -> None:
    time = _Time()
    wheel = TimerWheel(time)
    called: list[int] = []

    def fail() -> None:
        raise RuntimeError

    wheel.at(110, lambda: called.append(110))
    wheel.at(105, fail)
    wheel.at(105, lambda: called.append(105))
    time.now_s = 500.0
    wheel.turn()
    assert called == [105, 110]


def test_a_callback_may_ask_for_another_call() -> None:
    time = _Time()
    wheel = TimerWheel(time)
    called: list[float] = []

    def again() -> None:
        called.append(time.now_s)
        wheel.at(time.now_s + 1, again)

    wheel.at(101, again)
    for moment in (101.5, 102.6, 104.0):
        time.now_s = moment
        wheel.turn()
    assert called == [101.5, 104.0]
