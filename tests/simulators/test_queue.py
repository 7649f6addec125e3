"""The queue of transaction messages: in order, each until it is acknowledged, nothing lost and nothing doubled."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from simulators.queue import OfflineQueue


def queue(**more) -> OfflineQueue:
    numbers = itertools.count(1)
    return OfflineQueue(lambda: f"id{next(numbers)}", **more)


def test_messages_leave_in_order_one_at_a_time() -> None:
    waiting = queue()
    waiting.put("StartTransaction", {"n": 1}, 10.0)
    waiting.put("StopTransaction", {"n": 2}, 20.0, offline=True)
    first = waiting.take(30.0)
    assert first is not None
    assert (first.action, first.message_id, waiting.take(30.0)) == ("StartTransaction", "id1", None)
    assert waiting.due_s() is None
    assert waiting.answered("id1") is first
    assert waiting.due_s() == 0.0
    second = waiting.take(30.0)
    assert second is not None
    assert (second.message_id, second.at_s, second.offline, len(waiting)) == ("id2", 20.0, True, 1)


def test_a_lost_connection_sends_it_again_with_a_new_id_and_the_old_time() -> None:
    waiting = queue()
    waiting.put("StopTransaction", {"timestamp": "then"}, 10.0)
    first = waiting.take(10.0)
    waiting.disconnected()
    again = waiting.take(11.0)
    assert again is first
    assert again is not None
    assert (again.message_id, again.attempts, again.at_s) == ("id2", 2, 10.0)
    assert again.payload == {"timestamp": "then"}
    assert waiting.answered("id1") is None, "an answer to the lost attempt is a stray one"
    assert waiting.answered("id2") is again


def test_after_a_failure_it_waits_longer_each_time() -> None:
    waiting = queue(retry_s=60.0, max_attempts=None)
    waiting.put("MeterValues", {}, 0.0)
    for attempt, now_s in ((1, 0.0), (2, 60.0), (3, 180.0)):
        message = waiting.take(now_s)
        assert message is not None
        assert waiting.failed(f"id{attempt}", now_s, refused=True) is None
        assert waiting.due_s() == now_s + 60 * attempt
        assert waiting.take(now_s + 60 * attempt - 0.1) is None


def test_a_new_connection_ends_the_wait() -> None:
    waiting = queue(retry_s=60.0)
    waiting.put("StopTransaction", {}, 0.0)
    waiting.take(0.0)
    waiting.failed("id1", 0.0, refused=False)
    waiting.disconnected()
    assert waiting.due_s() == 0.0


def test_what_is_refused_too_often_is_given_up_and_what_is_not_answered_never() -> None:
    waiting = queue(retry_s=0.0, max_attempts=3)
    waiting.put("StopTransaction", {}, 0.0)
    for number in range(1, 11):
        waiting.take(0.0)
        assert waiting.failed(f"id{number}", 0.0, refused=False) is None
    for number in (11, 12):
        waiting.take(0.0)
        assert waiting.failed(f"id{number}", 0.0, refused=True) is None
    waiting.take(0.0)
    gone = waiting.failed("id13", 0.0, refused=True)
    assert gone is not None
    assert (waiting.given_up, len(waiting)) == ([gone], 0)


def test_strays_change_nothing_and_an_empty_queue_has_nothing() -> None:
    waiting = queue()
    assert (waiting.take(0.0), waiting.due_s(), waiting.answered("id1")) == (None, None, None)
    assert waiting.failed("id1", 0.0, refused=True) is None
    waiting.disconnected()
    waiting.put("StopTransaction", {}, 0.0)
    assert waiting.failed("id9", 0.0, refused=True) is None


def test_a_stand_in_for_the_transactions_id_is_replaced_where_it_waits() -> None:
    waiting = queue()
    waiting.put("MeterValues", {"transactionId": -1}, 0.0)
    waiting.put("StopTransaction", {"transactionId": -1}, 0.0)
    waiting.put("StopTransaction", {"transactionId": 5}, 0.0)
    waiting.replace(-1, 7)
    assert [queued.payload["transactionId"] for queued in waiting.waiting] == [7, 7, 5]


def test_some_stations_lose_their_queue() -> None:
    waiting = queue()
    kept = waiting.put("StopTransaction", {}, 0.0)
    assert waiting.forget() == [kept]
    assert len(waiting) == 0


outcomes = st.lists(st.sampled_from(["put", "answer", "lose", "mute", "refuse", "late"]), max_size=80)


@given(outcomes)
def test_every_fact_is_acknowledged_once_and_in_order(steps) -> None:
    waiting = queue(retry_s=0.0, max_attempts=None)
    put, acknowledged, in_flight, old, ids = 0, [], None, None, set()
    for step in [*steps, *["answer"] * len(steps)]:
        if step == "put":
            waiting.put("StopTransaction", {"n": put}, float(put))
            put += 1
        sent = waiting.take(0.0)
        if sent is not None:
            assert sent.message_id not in ids
            ids.add(sent.message_id)
            in_flight = sent.message_id
        if in_flight is None:
            continue
        if step == "answer":
            done = waiting.answered(in_flight)
            assert done is not None
            acknowledged.append(done.payload["n"])
            in_flight = None
        elif step == "late" and old is not None:
            assert waiting.answered(old) is None
        elif step in ("lose", "mute", "refuse"):
            old = in_flight
            waiting.disconnected() if step == "lose" else waiting.failed(old, 0.0, refused=step == "refuse")
            in_flight = None
    assert acknowledged == list(range(put))
