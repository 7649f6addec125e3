"""What the peer does with frames that are no good call and no good answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.ocpp.rpc.errors import ERROR_CODES_V16
from csms.ocpp.rpc.peer import Ignored, Peer, TextToSend


@pytest.mark.parametrize(
    ("version", "text", "message_id", "code"),
    [
        ("1.6", '[2,"1","Heartbeat"]', "1", "FormationViolation"),
        ("1.6", '[2,"1","Heartbeat",[]]', "1", "FormationViolation"),
        ("1.6", "hello", "-1", "FormationViolation"),
        ("1.6", '[2,5,"Heartbeat"]', 5, "FormationViolation"),
        ("2.0.1", '[2,"1","Heartbeat"]', "1", "RpcFrameworkError"),
        ("2.0.1", '[2,"1","Heartbeat",[]]', "1", "FormatViolation"),
        ("2.0.1", '[2,"1","Heartbeat",{"a":NaN}]', "1", "FormatViolation"),
        ("2.0.1", "hello", "-1", "RpcFrameworkError"),
        ("2.0.1", '[2,null,"Heartbeat",{}]', "-1", "RpcFrameworkError"),
        ("2.0.1", '[6,"1","NotifyPeriodicEventStream",{}]', "1", "MessageTypeNotSupported"),
    ],
)
def test_a_malformed_frame_gets_a_call_error_in_the_words_of_the_version(
    new_peer, version: str, text: str, message_id: str | int, code: str
):
    peer = new_peer(version)
    (event,) = peer.receive(text)
    assert isinstance(event, TextToSend)
    error = json.loads(event.text)
    assert error[:3] == [4, message_id, code]
    assert error[3] == event.deviation
    assert error[4:] == [{}]
    assert peer.open_calls == 0


def test_a_malformed_frame_that_comes_twice_is_refused_twice(peer: Peer):
    assert peer.receive('[2,"1","Heartbeat"]') == peer.receive('[2,"1","Heartbeat"]')


def test_version_1_6_ignores_unknown_message_types(peer: Peer):
    assert peer.receive('[6,"1","NotifyPeriodicEventStream",{}]') == [Ignored("message type 6 is unknown")]


def test_a_version_without_rules_is_no_version():
    with pytest.raises(KeyError):
        Peer(ERROR_CODES_V16, version="1.5", new_message_id=str)


def test_nothing_after_the_end_is_answered(peer: Peer):
    peer.disconnect()
    for text in ("hello", '[2,"1","Heartbeat",{}]', '[3,"1",{}]'):
        assert peer.receive(text) == [Ignored("it came after the connection's end was decided")]


ANY_TEXT = st.text(st.characters()) | st.text('[]{}"\\,:23401.e- nul', max_size=80)


@given(
    st.sampled_from(["1.6", "2.0.1"]), st.sampled_from(["", "[2,", '[2,"1","A",', '[2,"1","A",{}']), ANY_TEXT
)
def test_any_text_gets_exactly_one_event_and_every_text_of_ours_is_json(version: str, prefix: str, text: str):
    peer = Peer(ERROR_CODES_V16, version=version, new_message_id=lambda: "ours")
    (event,) = peer.receive(prefix + text)
    if isinstance(event, TextToSend):
        assert json.loads(event.text)[0] == 4


@given(st.sampled_from(["[3,", "[4,", '[3,"ours",', '[4,"ours",']), ANY_TEXT)
def test_an_answer_is_never_answered_however_broken(prefix: str, text: str):
    peer = Peer(ERROR_CODES_V16, version="2.0.1", new_message_id=lambda: "ours")
    (event,) = peer.receive(prefix + text)
    assert isinstance(event, Ignored)
