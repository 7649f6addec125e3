"""What a frame says, whatever its shape: all that does not depend on earlier frames."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.ocpp.rpc.errors import ErrorKind
from csms.ocpp.rpc.frame import (
    UNREADABLE_ID,
    BrokenAnswer,
    BrokenCall,
    Call,
    Error,
    Frame,
    MessageId,
    Result,
    UnknownType,
)
from csms.ocpp.rpc.reading import RULES, parse

BOTH = pytest.mark.parametrize("version", ["1.6", "2.0.1"])


def read(text: str, version: str = "1.6", max_nesting: int = 64) -> Frame:
    return parse(text, RULES[version], max_nesting)


def nested(levels: int) -> str:
    """A CALL nested that many levels deep, counting its own array."""
    inner = levels - 2
    return '[2,"1","DataTransfer",{"a":' + "[" * inner + "]" * inner + "}]"


# --- good calls -----------------------------------------------------------------------------------------------------


@BOTH
def test_a_call_is_read_with_its_payload_byte_for_byte(version: str):
    text = '[2,"19223201","DataTransfer",{"data" : "\\u00e9é","n":1.50}]'
    assert read(text, version) == Call(
        MessageId("19223201"), "DataTransfer", '{"data" : "\\u00e9é","n":1.50}'.encode()
    )


@pytest.mark.parametrize(
    "text",
    [
        '\n [ 2 , "1" , "Heartbeat" , {} ] \r\n\t',
        '\ufeff[2,"1","Heartbeat",{}]',
        '[2.0,"1","Heartbeat",{}]',
        '[2,"1","Heartbeat",null]',
        '[2,"\\u0031","Heart\\u0062eat",{}]',
    ],
    ids=["white space", "byte order mark", "2.0 is 2", "null is an empty payload", "escapes"],
)
def test_another_way_to_write_the_same_call_is_the_same_call(text: str):
    assert read(text) == Call(MessageId("1"), "Heartbeat", b"{}")


@pytest.mark.parametrize(
    ("wire", "message_id", "deviation"),
    [
        ('"' + "x" * 36 + '"', MessageId("x" * 36), None),
        ('"' + "x" * 37 + '"', MessageId("x" * 37), "longer than 36"),
        ('"' + "x" * 255 + '"', MessageId("x" * 255), "longer than 36"),
        ('""', MessageId(""), "empty"),
        ("17", MessageId("17", is_number=True), "a number"),
        ("-1.50e3", MessageId("-1.50e3", is_number=True), "a number"),
    ],
    ids=["36 characters", "37", "255", "empty", "integer", "real"],
)
def test_an_unusual_id_is_accepted_as_it_is_and_noted(
    wire: str, message_id: MessageId, deviation: str | None
):
    frame = read(f'[2,{wire},"Heartbeat",{{}}]')
    assert isinstance(frame, Call)
    assert frame.id == message_id
    assert (deviation or "") in (frame.deviation or "")
    assert (frame.deviation is None) == (deviation is None)


def test_an_unknown_action_is_none_of_the_frames_business():
    assert read('[2,"1","","{}"]') == BrokenCall(
        MessageId("1"), ErrorKind.FORMAT, "the payload is not an object"
    )
    assert read('[2,"1","",{}]') == Call(MessageId("1"), "", b"{}")


@given(st.text(max_size=40), st.text(), st.dictionaries(st.text(), st.integers() | st.text()))
def test_the_short_way_and_the_long_way_read_the_same(
    message_id: str, action: str, payload: dict[str, object]
):
    text = json.dumps([2, message_id, action, payload], ensure_ascii=False)
    assert read(text) == read(" " + text)


# --- broken calls ---------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("text", "message_id", "kind"),
    [
        ('[2,"1","Heartbeat"]', "1", ErrorKind.FRAMEWORK),
        ('[2,"1","Heartbeat",{},{}]', "1", ErrorKind.FRAMEWORK),
        ('[2,"1"]', "1", ErrorKind.FRAMEWORK),
        ("[2]", "-1", ErrorKind.FRAMEWORK),
        ('[2,null,"Heartbeat",{}]', "-1", ErrorKind.FRAMEWORK),
        ('[2,{"a":1},"Heartbeat",{}]', "-1", ErrorKind.FRAMEWORK),
        ('[2,true,"Heartbeat",{}]', "-1", ErrorKind.FRAMEWORK),
        ('[2,"' + "x" * 256 + '","Heartbeat",{}]', "-1", ErrorKind.FRAMEWORK),
        ("[2," + "1" * 256 + ',"Heartbeat",{}]', "-1", ErrorKind.FRAMEWORK),
        ('[2,"1",7,{}]', "1", ErrorKind.FRAMEWORK),
        ('[2,"1",null,{}]', "1", ErrorKind.FRAMEWORK),
        ('[2,"1",["Heartbeat"],{}]', "1", ErrorKind.FRAMEWORK),
        ('[2,"1","Heartbeat",[]]', "1", ErrorKind.FORMAT),
        ('[2,"1","Heartbeat","{}"]', "1", ErrorKind.FORMAT),
        ('[2,"1","Heartbeat",0]', "1", ErrorKind.FORMAT),
        ('["2","1","Heartbeat",{}]', "1", ErrorKind.FRAMEWORK),
        ('[null,"1","Heartbeat",{}]', "1", ErrorKind.FRAMEWORK),
        ('["Heartbeat","1",{}]', "1", ErrorKind.FRAMEWORK),
        ('["nan","1",{}]', "1", ErrorKind.FRAMEWORK),
        ('[2e0,"1","Heartbeat",{}]', "1", ErrorKind.FRAMEWORK),
        ("[" + "2" * 400 + ',"1","Heartbeat",{}]', "1", ErrorKind.FRAMEWORK),
        ("[[]]", "-1", ErrorKind.FRAMEWORK),
    ],
)
def test_a_malformed_call_is_refused_with_its_id_where_that_can_be_read(
    version: str, text: str, message_id: str, kind: ErrorKind
):
    frame = read(text, version)
    assert isinstance(frame, BrokenCall)
    assert (frame.id, frame.kind) == (MessageId(message_id), kind)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "hello",
        "{}",
        '{"2":1}',
        "2",
        '"2"',
        "null",
        "[]",
        "[",
        "[,",
        "]",
        "\x00",
        "\ufeff",
        "[[[[[",
    ],
)
def test_text_that_is_no_frame_at_all_is_refused_with_the_id_minus_one(text: str):
    frame = read(text)
    assert isinstance(frame, BrokenCall)
    assert (frame.id, frame.kind) == (UNREADABLE_ID, ErrorKind.FRAMEWORK)


@pytest.mark.parametrize(
    "text",
    [
        '[2,"id","MeterValues",{"value":NaN}]',
        '[2,"id","MeterValues",{"value":-Infinity}]',
        '[2,"id","MeterValues",{"value":Infinity}]',
        '[2,"id","MeterValues",{"value":01}]',
        '[2,"id","MeterValues",{"value":1,}]',
        '[2,"id","MeterValues",{\'value\':1}]',
        '[2,"id","MeterValues",{"value":"\\ud800"}]',
        '[2,"id","MeterValues",{"value":"\ud800"}]',
        '[2,"id","MeterValues",{"value":"a\nb"}]',
        '[2,"id","MeterValues",{"value":1}',
        '[2,"id","MeterVal',
        '[2,"id"',
        '[2,"id","MeterValues",{}]]',
        '[2,"id","MeterValues",{}]\x00',
        '[2,"id","MeterValues",{}][2,"id2","MeterValues",{}]',
        '\ufeff [ 2 , "id" , oops',
    ],
)
def test_a_call_that_is_not_json_is_refused_with_the_id_that_stands_at_its_head(text: str):
    assert read(text) == BrokenCall(MessageId("id"), ErrorKind.FORMAT, "not JSON")


@pytest.mark.parametrize(
    ("text", "message_id"),
    [
        ('[2,17,"A",', MessageId("17", is_number=True)),
        ('[2,-0,"A",', MessageId("-0", is_number=True)),
        ("[2,17", UNREADABLE_ID),
        ("[2,007,", UNREADABLE_ID),
        ('[2,"half', UNREADABLE_ID),
        ('[2,"bad \\x escape","A",', UNREADABLE_ID),
        ('[2,"\ud800","A",', UNREADABLE_ID),
        ('[2,"' + "x" * 256 + '","A",', UNREADABLE_ID),
        ('[2,"\\"\\\\","A",', MessageId('"\\')),
        ('[2,"' + "\\u0041" * 255 + '","A",', MessageId("A" * 255)),
        ('[2x,"1","A",', UNREADABLE_ID),
    ],
)
def test_an_id_is_salvaged_from_what_is_not_json_only_where_it_is_whole(text: str, message_id: MessageId):
    frame = read(text)
    assert isinstance(frame, BrokenCall)
    assert frame.id == message_id


# --- nesting --------------------------------------------------------------------------------------------------------


def test_as_many_levels_as_allowed_are_read_and_one_more_is_refused_with_the_id():
    assert isinstance(read(nested(64)), Call)
    assert read(nested(65)) == BrokenCall(MessageId("1"), ErrorKind.FORMAT, "nested deeper than 64 levels")


def test_many_brackets_are_no_deep_nesting():
    assert isinstance(read('[2,"1","A",{"a":[' + "{}," * 1000 + "{}]}]"), Call)
    assert isinstance(read('[2,"1","A",{"a":"' + "[{" * 1000 + '"}]'), Call)


def test_brackets_between_escaped_quotes_and_backslashes_belong_to_the_string():
    assert isinstance(read('[2,"1","A",{"a":"\\\\\\"' + "[" * 100 + '\\\\"}]'), Call)
    refused = read('[2,"1","A",{"a":"\\\\","b":' + "[" * 100 + "]" * 100 + "}]")
    assert refused == BrokenCall(MessageId("1"), ErrorKind.FORMAT, "nested deeper than 64 levels")


@pytest.mark.parametrize("text", ["[" * 1_000_000, "[[]," + "[{" * 250_000, "[" * 500_000 + "]" * 500_000])
def test_a_megabyte_of_brackets_is_refused_and_does_no_harm(text: str):
    assert isinstance(read(text), BrokenCall)


def test_even_without_our_own_bound_the_depth_of_the_stack_is_not_exceeded():
    deep = nested(100_000)
    assert read(deep, max_nesting=10**9) == BrokenCall(MessageId("1"), ErrorKind.FORMAT, "nested too deep")


@given(
    st.recursive(
        st.just(""),
        lambda inner: st.lists(inner, max_size=3).map(lambda s: "[" + ",".join(x or "0" for x in s) + "]"),
    )
)
def test_nesting_is_refused_exactly_beyond_the_bound(payload: str):
    def depth(text: str) -> int:
        level = deepest = 0
        for character in text:
            level += {"[": 1, "]": -1}.get(character, 0)
            deepest = max(deepest, level)
        return deepest

    text = '[2,"1","A",{"a":' + (payload or "0") + "}]"
    assert isinstance(read(text, max_nesting=4), Call) == (depth(payload) <= 2)


# --- answers to our calls -------------------------------------------------------------------------------------------


@BOTH
def test_a_result_is_read_with_its_payload_byte_for_byte(version: str):
    assert read('[3,"ours",{"status" :"Accepted"}]', version) == Result("ours", b'{"status" :"Accepted"}')


def test_a_result_without_payload_may_say_null():
    assert read('[3,"ours",null]') == Result("ours", b"{}")


def test_a_numeric_id_in_an_answer_is_taken_for_the_text_of_the_number():
    assert read("[3,17,{}]") == Result("17", b"{}")


@pytest.mark.parametrize(
    "text",
    [
        '[3,"ours"]',
        '[3,"ours",{},{}]',
        '[3,"ours",[]]',
        '[3,"ours","Accepted"]',
        '["3","ours",{}]',
        '["4","ours","GenericError","",{}]',
        '[3,"ours",{"a":NaN}]',
        '[3,"ours",{"status":"Acc',
        '[4,"ours","Gene',
        '[3,"ours",' + "[" * 100 + "]" * 100 + "]",
    ],
)
def test_an_answer_that_can_not_be_read_still_says_whose_it_is(text: str):
    frame = read(text)
    assert isinstance(frame, BrokenAnswer)
    assert frame.message_id == "ours"


@pytest.mark.parametrize(
    "text", ["[3]", "[4]", "[3,null,{}]", '[4,{},"a","b",{}]', "[3,", "[4", '[3,"' + "x" * 256 + '",{}]']
)
def test_an_answer_without_a_readable_id_is_nobodys_and_not_a_call(text: str):
    frame = read(text)
    assert isinstance(frame, BrokenAnswer)
    assert frame.message_id is None


@BOTH
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[4,"o","NotSupported","why",{"a": 1}]', Error("o", "NotSupported", "why", b'{"a": 1}')),
        ('[4,"o","NotSupported","why"]', Error("o", "NotSupported", "why", b"{}")),
        ('[4,"o","NotSupported"]', Error("o", "NotSupported", "", b"{}")),
        ('[4,"o"]', Error("o", "GenericError", "", b"{}")),
        ('[4,"o",null,null,null]', Error("o", "GenericError", "", b"{}")),
        ('[4,"o",12,13,"text"]', Error("o", "GenericError", "", b'"text"')),
        ('[4,"o","NobodysCode","' + "x" * 1000 + '",{}]', Error("o", "NobodysCode", "x" * 1000, b"{}")),
        ('[4,"o","NotSupported","why",{},"more"]', Error("o", "NotSupported", "why", b"{}")),
    ],
    ids=[
        "whole",
        "no details",
        "no description",
        "id only",
        "nulls",
        "wrong types",
        "unknown code",
        "six elements",
    ],
)
def test_an_error_is_accepted_however_sloppy_it_is(version: str, text: str, expected: Error):
    assert read(text, version) == expected


# --- other message types --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ['[5,"1","GenericError","",{}]', '[6,"1","A",{}]', "[0]", "[-3,1]", '[7,"1",oops', '["9"]']
)
def test_version_1_6_ignores_a_message_type_it_does_not_know(text: str):
    assert isinstance(read(text, "1.6"), UnknownType)


@pytest.mark.parametrize(
    ("text", "message_id"),
    [('[5,"1","GenericError","",{}]', "1"), ('[6,"1","A",{}]', "1"), ("[0]", "-1"), ('[7,"1",oops', "1")],
)
def test_version_2_0_1_says_that_it_does_not_support_a_message_type(text: str, message_id: str):
    frame = read(text, "2.0.1")
    assert isinstance(frame, BrokenCall)
    assert (frame.id, frame.kind) == (MessageId(message_id), ErrorKind.MESSAGE_TYPE)


@BOTH
@given(text=st.text(st.characters()) | st.text('[]{}"\\,:0123456789.eE+-natrulsf \n\ud800é', max_size=60))
def test_no_text_whatever_raises(version: str, text: str):
    for prefix in ("", "[2,", '[2,"1","A",', '[3,"1",', "[4,"):
        read(prefix + text, version, max_nesting=8)
