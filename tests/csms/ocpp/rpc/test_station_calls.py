"""The station's calls as the peer answers them: once each, and resends together with the first."""

import pytest

from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.rpc.peer import CallReceived, CloseNeeded, Ignored, Peer, TextToSend

HEARTBEAT = '[2,"1","Heartbeat",{}]'


def received(peer: Peer, text: str, now_s: float = 0.0) -> CallReceived:
    """The one call that `text` is."""
    (event,) = peer.receive(text, now_s)
    assert isinstance(event, CallReceived)
    return event


def heartbeat(number: int) -> str:
    return f'[2,"{number}","Heartbeat",{{}}]'


def test_a_call_is_handed_over_and_its_answer_carries_its_id(peer: Peer):
    call = received(peer, '[2,"77","Authorize",{"idTag":"ä"}]')
    assert (call.message_id, call.action, call.payload) == ("77", "Authorize", '{"idTag":"ä"}'.encode())
    assert call.deviation is None
    assert peer.open_calls == 1
    assert peer.answer(call.handle, b'{"idTagInfo":{"status":"Accepted"}}') == [
        '[3,"77",{"idTagInfo":{"status":"Accepted"}}]'
    ]
    assert peer.open_calls == 0


def test_a_refused_call_gets_the_code_of_the_version(new_peer):
    for version, code in (
        ("1.6", "OccurenceConstraintViolation"),
        ("2.0.1", "OccurrenceConstraintViolation"),
    ):
        peer = new_peer(version)
        call = received(peer, HEARTBEAT)
        assert peer.refuse(call.handle, Refusal(ErrorKind.OCCURRENCE, "connectorId is missing")) == [
            f'[4,"1","{code}","connectorId is missing",{{}}]'
        ]
        assert peer.open_calls == 0


def test_the_length_of_what_waits_is_known(peer: Peer):
    first, second = received(peer, heartbeat(1)), received(peer, '[2,"2","Heartbeat",{ }]')
    peer.receive(heartbeat(1))  # held once, however often it comes
    assert peer.open_characters == 22 + 23
    peer.answer(first.handle, b"{}")
    assert peer.open_characters == 23
    peer.refuse(second.handle, Refusal(ErrorKind.GENERIC, ""))
    assert peer.open_characters == 0
    received(peer, heartbeat(3))
    peer.disconnect()
    assert peer.open_characters == 0


def test_nothing_is_answered_twice(peer: Peer):
    call = received(peer, HEARTBEAT)
    peer.answer(call.handle, b"{}")
    with pytest.raises(KeyError):
        peer.answer(call.handle, b"{}")
    with pytest.raises(KeyError):
        peer.refuse(call.handle, Refusal(ErrorKind.GENERIC, ""))


def test_a_null_payload_is_handed_over_as_an_empty_object(peer: Peer):
    assert received(peer, '[2,"1","Heartbeat",null]').payload == b"{}"


def test_a_numeric_id_comes_back_as_the_same_number(peer: Peer):
    call = received(peer, '[2,4711,"Heartbeat",{}]')
    assert call.message_id == "4711"
    assert call.deviation == "the message id is a number"
    assert peer.answer(call.handle, b"{}") == ["[3,4711,{}]"]


def test_an_empty_id_and_one_of_255_characters_come_back_as_they_are(peer: Peer):
    for message_id in ("", "x" * 255):
        call = received(peer, f'[2,"{message_id}","Heartbeat",{{}}]')
        assert call.deviation
        assert peer.answer(call.handle, b"{}") == [f'[3,"{message_id}",{{}}]']


def test_pipelined_calls_are_answered_in_any_order(peer: Peer):
    calls = [received(peer, heartbeat(number)) for number in range(3)]
    assert peer.open_calls == 3
    assert [peer.answer(call.handle, b"{}")[0] for call in reversed(calls)] == [
        '[3,"2",{}]',
        '[3,"1",{}]',
        '[3,"0",{}]',
    ]


def test_the_same_bytes_again_get_the_kept_answer(peer: Peer):
    (answer,) = peer.answer(received(peer, HEARTBEAT).handle, b'{"currentTime":"then"}')
    for _ in range(3):
        (event,) = peer.receive(HEARTBEAT)
        assert isinstance(event, TextToSend)
        assert event.text == answer
        assert event.deviation
    assert peer.open_calls == 0


def test_the_last_four_answers_are_kept_and_no_fifth(peer: Peer):
    for number in range(5):
        peer.answer(received(peer, heartbeat(number)).handle, b"{}")
    kinds = [type(peer.receive(heartbeat(number))[0]) for number in (4, 3, 2, 1, 0)]
    assert kinds == [TextToSend] * 4 + [CallReceived]


def test_no_answer_is_kept_where_none_shall_be(new_peer):
    peer = new_peer(kept_answers=0)
    peer.answer(received(peer, HEARTBEAT).handle, b"{}")
    received(peer, HEARTBEAT)


def test_a_station_that_gives_all_its_calls_one_id_still_gets_the_time_of_now(new_peer):
    peer = new_peer(kept_s=60)
    peer.answer(received(peer, HEARTBEAT, now_s=1000).handle, b"{}")
    assert isinstance(peer.receive(HEARTBEAT, 1060)[0], TextToSend)
    call = received(peer, HEARTBEAT, now_s=1061)
    peer.answer(call.handle, b"{}")
    assert isinstance(peer.receive(HEARTBEAT, 1062)[0], TextToSend)


def test_the_same_bytes_before_the_answer_are_answered_with_the_first(peer: Peer):
    call = received(peer, HEARTBEAT)
    for _ in range(2):
        (event,) = peer.receive(HEARTBEAT)
        assert isinstance(event, Ignored)
    assert peer.open_calls == 1
    assert peer.answer(call.handle, b"{}") == ['[3,"1",{}]'] * 3


def test_a_resend_before_the_refusal_is_refused_with_the_first(peer: Peer):
    call = received(peer, HEARTBEAT)
    peer.receive(HEARTBEAT)
    assert len(peer.refuse(call.handle, Refusal(ErrorKind.SECURITY, "not accepted yet"))) == 2


def test_a_refused_call_that_comes_again_is_handled_again(peer: Peer):
    first = received(peer, HEARTBEAT)
    peer.refuse(first.handle, Refusal(ErrorKind.SECURITY, "not accepted yet"))
    second = received(peer, HEARTBEAT)
    assert second.handle != first.handle


def test_the_same_id_with_other_bytes_is_a_new_call(peer: Peer):
    first = received(peer, '[2,"1","StatusNotification",{"status":"Available"}]')
    peer.answer(first.handle, b"{}")
    second = received(peer, '[2,"1","StatusNotification",{"status":"Charging"}]')
    third = received(peer, '[2,"1","StatusNotification",{"status":"Finishing"}]')
    assert len({first.handle, second.handle, third.handle}) == 3
    assert peer.answer(third.handle, b'{"n":3}') == ['[3,"1",{"n":3}]']
    assert peer.answer(second.handle, b'{"n":2}') == ['[3,"1",{"n":2}]']


def test_a_number_and_a_text_are_different_ids(peer: Peer):
    received(peer, '[2,1,"Heartbeat",{}]')
    received(peer, '[2,"1","Heartbeat",{}]')
    assert peer.open_calls == 2


def test_a_station_that_never_waits_for_answers_is_closed_with_the_reason(new_peer):
    peer = new_peer(max_open_calls=3)
    first = received(peer, heartbeat(0))
    received(peer, heartbeat(1))
    peer.receive(heartbeat(1))
    (event,) = peer.receive(heartbeat(2))
    assert event == CloseNeeded(1008, "more than 3 calls without waiting for an answer")
    assert peer.receive(heartbeat(3)) == [Ignored("it came after the connection's end was decided")]
    assert peer.answer(first.handle, b"{}") == ['[3,"0",{}]']


def test_resends_alone_can_not_grow_without_bound(new_peer):
    peer = new_peer(max_open_calls=3)
    events = [peer.receive(HEARTBEAT)[0] for _ in range(4)]
    assert [type(event) for event in events] == [CallReceived, Ignored, Ignored, CloseNeeded]


def test_answers_make_room_again(new_peer):
    peer = new_peer(max_open_calls=2)
    for number in range(20):
        call = received(peer, heartbeat(number))
        peer.receive(heartbeat(number))
        assert len(peer.answer(call.handle, b"{}")) == 2


def test_after_the_end_an_answer_reaches_nobody_and_that_is_no_error(peer: Peer):
    call, other = received(peer, heartbeat(1)), received(peer, heartbeat(2))
    peer.disconnect()
    assert peer.answer(call.handle, b"{}") == []
    assert peer.refuse(other.handle, Refusal(ErrorKind.GENERIC, "")) == []
    assert peer.open_calls == 0
