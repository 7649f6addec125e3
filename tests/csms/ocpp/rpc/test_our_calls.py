"""Our calls as the peer makes them: in order, one at a time, each with one end."""

import json

import pytest

from csms.domain.commands import CommandError, CommandResult, CommandState, Priority
from csms.domain.errors import NotConnected
from csms.ocpp.rpc.errors import QueueFull
from csms.ocpp.rpc.peer import CallDone, CallReceived, Ignored, Peer


def queue(
    peer: Peer,
    action: str = "Reset",
    priority: Priority = Priority.OPERATOR,
    *,
    now_s: float = 0,
    timeout_s: float = 30,
    expires_s: float = 300,
) -> int:
    return peer.call(action, b"{}", priority=priority, now_s=now_s, timeout_s=timeout_s, expires_s=expires_s)


def sent(peer: Peer, now_s: float = 0) -> int:
    """Send the next call and return its handle."""
    following = peer.next_call(now_s)
    assert following
    return following[0]


def test_a_call_leaves_as_an_ocpp_call_with_a_fresh_id(peer: Peer):
    handle = peer.call(
        "Reset", b'{"type":"Soft"}', priority=Priority.OPERATOR, now_s=0, timeout_s=9, expires_s=9
    )
    assert peer.next_call(0) == (handle, '[2,"ours-1","Reset",{"type":"Soft"}]')


def test_there_is_nothing_to_send_when_nothing_waits(peer: Peer):
    assert peer.next_call(0) is None
    assert peer.next_deadline_s() is None
    assert peer.expire(10**9) == []


def test_only_one_call_is_in_flight(peer: Peer):
    first, second = queue(peer), queue(peer)
    assert sent(peer) == first
    assert peer.next_call(0) is None
    peer.receive('[3,"ours-1",{}]')
    assert sent(peer) == second


def test_stops_leave_before_limits_before_people_before_the_background(peer: Peer):
    handles = {priority: queue(peer, priority=priority) for priority in reversed(Priority)}
    order: list[int] = []
    for number in range(1, 5):
        order.append(sent(peer))
        peer.receive(f'[3,"ours-{number}",{{}}]')
    assert order == [handles[priority] for priority in Priority]


def test_within_a_priority_the_oldest_leaves_first(peer: Peer):
    handles = [queue(peer) for _ in range(3)]
    order: list[int] = []
    for number in range(1, 4):
        order.append(sent(peer))
        peer.receive(f'[3,"ours-{number}",{{}}]')
    assert order == handles


def test_no_id_is_used_twice(peer: Peer):
    ids: set[str] = set()
    for number in range(1, 21):
        queue(peer)
        following = peer.next_call(0)
        assert following
        ids.add(json.loads(following[1])[1])
        peer.receive(f'[4,"ours-{number}"]')
    assert len(ids) == 20


def test_an_answer_ends_the_call_with_its_payload_untouched(peer: Peer):
    handle = queue(peer)
    sent(peer)
    assert peer.receive('[3,"ours-1",{"status" : "Accepted"}]') == [
        CallDone(handle, CommandResult(CommandState.ANSWERED, response=b'{"status" : "Accepted"}'))
    ]
    assert peer.next_deadline_s() is None


def test_an_error_ends_the_call_with_what_the_station_said(peer: Peer):
    handle = queue(peer)
    sent(peer)
    assert peer.receive('[4,"ours-1","NotSupported","no",null]') == [
        CallDone(
            handle, CommandResult(CommandState.CALL_ERROR, error=CommandError("NotSupported", "no", b"{}"))
        )
    ]


@pytest.mark.parametrize(("version", "code"), [("1.6", "FormationViolation"), ("2.0.1", "FormatViolation")])
@pytest.mark.parametrize(
    "text",
    ['[3,"ours-1"]', '[3,"ours-1",[]]', '[3,"ours-1",{"a":NaN}]', '[3,"ours-1",{"stat', '[4,"ours-1","Gen'],
)
def test_a_malformed_answer_ends_the_call_at_once(new_peer, version: str, code: str, text: str):
    peer = new_peer(version)
    handle, following = queue(peer), queue(peer)
    sent(peer)
    (done,) = peer.receive(text)
    assert isinstance(done, CallDone)
    assert (done.handle, done.outcome.state, done.outcome.response) == (handle, CommandState.CALL_ERROR, None)
    assert done.outcome.error
    assert done.outcome.error.code == code
    assert done.outcome.error.description.startswith("The station's answer was malformed: ")
    assert done.outcome.error.ours
    assert sent(peer) == following


def test_an_answer_is_matched_while_calls_of_the_station_wait(peer: Peer):
    handle = queue(peer)
    sent(peer)
    (call,) = peer.receive('[2,"1","StatusNotification",{}]')
    (done,) = peer.receive('[3,"ours-1",{}]')
    assert isinstance(call, CallReceived)
    assert isinstance(done, CallDone)
    assert done.handle == handle
    assert peer.answer(call.handle, b"{}") == ['[3,"1",{}]']


def test_the_same_id_in_both_directions_means_two_calls(peer: Peer):
    handle = queue(peer)
    sent(peer)
    assert isinstance(peer.receive('[2,"ours-1","Heartbeat",{}]')[0], CallReceived)
    assert peer.receive('[3,"ours-1",{}]') == [
        CallDone(handle, CommandResult(CommandState.ANSWERED, response=b"{}"))
    ]


@pytest.mark.parametrize(
    "text", ['[3,"never",{}]', '[4,"never","GenericError","",{}]', '[4,"-1"]', '[3,"never"]']
)
def test_an_answer_to_nothing_is_ignored(peer: Peer, text: str):
    queue(peer)
    sent(peer)
    assert peer.receive(text) == [Ignored("an answer that no call of ours waits for")]
    assert peer.next_call(0) is None


def test_an_answer_whose_id_can_not_be_read_is_ignored(peer: Peer):
    (event,) = peer.receive("[3,null,{}]")
    assert isinstance(event, Ignored)


def test_an_answer_to_a_call_that_still_waits_is_ignored(peer: Peer):
    queue(peer)
    assert peer.receive('[3,"ours-1",{}]') == [Ignored("an answer that no call of ours waits for")]
    assert peer.next_call(0)


def test_a_second_answer_is_ignored(peer: Peer):
    queue(peer)
    sent(peer)
    peer.receive('[3,"ours-1",{}]')
    assert peer.receive('[3,"ours-1",{}]') == [Ignored("an answer to a call of ours that had already ended")]


def test_ended_calls_are_not_remembered_without_bound(peer: Peer):
    for number in range(1, 10):
        queue(peer)
        sent(peer)
        peer.receive(f'[3,"ours-{number}",{{}}]')
    ended, forgotten = peer.receive('[3,"ours-9",{}]'), peer.receive('[3,"ours-1",{}]')
    assert ended == [Ignored("an answer to a call of ours that had already ended")]
    assert forgotten == [Ignored("an answer that no call of ours waits for")]


def test_an_answer_after_the_deadline_is_ignored_and_ends_nothing_else(peer: Peer):
    queue(peer)
    sent(peer)
    peer.expire(30)
    queue(peer, now_s=30)
    sent(peer, 30)
    assert peer.receive('[3,"ours-1",{}]') == [Ignored("an answer to a call of ours that had already ended")]
    assert isinstance(peer.receive('[3,"ours-2",{}]')[0], CallDone)


def test_a_call_without_an_answer_times_out_at_its_deadline_and_lets_the_next_go(peer: Peer):
    handle, following = queue(peer, timeout_s=30), queue(peer)
    sent(peer, now_s=100)
    assert peer.next_deadline_s() == 130
    assert peer.expire(129.999) == []
    assert peer.expire(130) == [CallDone(handle, CommandResult(CommandState.TIMED_OUT))]
    assert sent(peer, now_s=130) == following


def test_a_call_that_waits_too_long_expires_and_never_leaves(peer: Peer):
    queue(peer)
    sent(peer)
    waiting = queue(peer, expires_s=5, priority=Priority.STOP)
    alive = queue(peer, expires_s=50)
    assert peer.next_deadline_s() == 5
    peer.receive('[3,"ours-1",{}]')
    assert sent(peer, now_s=5) == alive
    assert peer.expire(5) == [CallDone(waiting, CommandResult(CommandState.EXPIRED))]


def test_nothing_leaves_when_all_that_waits_has_expired(peer: Peer):
    queue(peer, expires_s=5)
    assert peer.next_call(5) is None


def test_a_waiting_call_can_be_withdrawn_and_one_that_left_can_not(peer: Peer):
    first, second = queue(peer), queue(peer)
    sent(peer)
    assert peer.cancel(second)
    assert not peer.cancel(second)
    assert not peer.cancel(first)
    peer.receive('[3,"ours-1",{}]')
    assert peer.next_call(0) is None


def test_the_queue_is_bounded_and_says_so(new_peer):
    peer = new_peer(max_queued_calls=2)
    queue(peer)
    sent(peer)
    queue(peer)
    last = queue(peer)
    with pytest.raises(QueueFull, match="2 calls wait"):
        queue(peer)
    peer.cancel(last)
    queue(peer)


def test_the_end_of_the_connection_ends_every_call_at_once(peer: Peer):
    in_flight, waiting, another = queue(peer), queue(peer), queue(peer, priority=Priority.STOP)
    peer.cancel(another)
    sent(peer)
    timed_out, not_sent = peer.disconnect()
    assert (timed_out.handle, timed_out.outcome.state) == (in_flight, CommandState.TIMED_OUT)
    assert timed_out.outcome.error
    assert "connection ended" in timed_out.outcome.error.description
    assert not_sent == CallDone(waiting, CommandResult(CommandState.NOT_SENT))
    assert peer.disconnect() == []
    assert peer.next_deadline_s() is None


def test_after_the_end_no_call_is_taken_sent_or_answered(peer: Peer):
    peer.disconnect()
    with pytest.raises(NotConnected):
        queue(peer)
    assert peer.next_call(0) is None
    assert isinstance(peer.receive('[3,"ours-1",{}]')[0], Ignored)


def test_nothing_is_sent_once_the_connection_must_be_closed(new_peer):
    peer = new_peer(max_open_calls=0)
    waiting = queue(peer)
    peer.receive('[2,"1","Heartbeat",{}]')
    assert peer.next_call(0) is None
    with pytest.raises(NotConnected):
        queue(peer)
    assert peer.disconnect() == [CallDone(waiting, CommandResult(CommandState.NOT_SENT))]
