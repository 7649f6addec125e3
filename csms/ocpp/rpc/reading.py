"""How a station's frames are read: from text to what was meant, however broken it came; nothing is matched here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from csms.ocpp.rpc.errors import ErrorKind
from csms.ocpp.rpc.frame import (
    ID_LENGTH_ACCEPTED,
    ID_LENGTH_ALLOWED,
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

_CALL_ELEMENTS = 4
_RESULT_ELEMENTS = 3


class MessageType(Struct, frozen=True):
    """How a type of message is read, and what a frame of that type is that can't be read."""

    read: Callable[[list[Raw]], Frame]
    broken: Callable[[MessageId | None, ErrorKind, str], Frame]


class Rules(Struct, frozen=True):
    """What OCPP-J's versions disagree about."""

    message_types: Mapping[float, MessageType]
    answers_unknown_types: bool
    """Whether an unknown message type gets a CALLERROR, or is ignored."""


_decode_call = msgspec.json.Decoder(tuple[Literal[2], str, str, Raw]).decode
_decode_array = msgspec.json.Decoder(list[Raw]).decode
_decode_string = msgspec.json.Decoder(str).decode

_SPACE = r"[ \t\r\n]*+"
_HEAD = re.compile(
    rf"""\ufeff?{_SPACE}\[{_SPACE}
    ("?-?\d{{1,15}}"?)(?=[ \t\r\n,\]]|\Z)                                           # the message type
    (?:{_SPACE},{_SPACE}(?:("(?:[^"\\]|\\.){{0,{6 * ID_LENGTH_ACCEPTED}}}")         # the id, perhaps all escapes …
        |(-?(?:0|[1-9]\d{{0,30}}))(?={_SPACE}[,\]])))?                              # … or a number that ends here
    """,
    re.VERBOSE | re.ASCII,
)
"""The beginning of a frame whose end may be anything."""
_NUMBER = re.compile(rb"-?\d{1,15}(?:\.\d{1,15})?")
"""Every message type there can be; what is longer or has an exponent is none."""

_LEVELS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parse(text: str, rules: Rules, max_nesting: int) -> Frame:
    """Read one frame; never raises.

    `max_nesting` counts the frame's own array. The common CALL takes the short way; what is unusual about
    a frame is found out on the long one, which reads every frame.
    """
    if text.count("[") + text.count("{") > max_nesting and _nesting(text) > max_nesting:
        return _salvaged(text, rules, f"nested deeper than {max_nesting} levels")
    if text.startswith("[2"):
        try:
            _, message_id, action, raw = _decode_call(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return _read(text, rules)
        payload = bytes(raw)
        if 0 < len(message_id) <= ID_LENGTH_ALLOWED and payload.startswith(b"{"):
            return Call(MessageId(message_id), action, payload)
    return _read(text, rules)


def _nesting(text: str) -> int:
    """Count the deepest nesting of arrays and objects; of text that is not JSON, up to where it breaks."""
    outside_strings = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    levels = outside_strings.encode(errors="replace").translate(_LEVELS, _NO_BRACKETS)
    return max(accumulate(memoryview(levels).cast("b")), default=0)


def _read(text: str, rules: Rules) -> Frame:
    try:
        elements = _decode_array(text.removeprefix("\ufeff"))
    except msgspec.ValidationError:
        return BrokenCall(UNREADABLE_ID, ErrorKind.FRAMEWORK, "not a JSON array")
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _salvaged(text, rules, "not JSON")
    except RecursionError:
        return _salvaged(text, rules, "nested too deep")
    if not elements:
        return BrokenCall(UNREADABLE_ID, ErrorKind.FRAMEWORK, "an empty array")
    return _by_type(elements, rules, broken=None)


def _salvaged(text: str, rules: Rules, problem: str) -> Frame:
    """Find out whose frame it was, although it can't be read."""
    head = _HEAD.match(text)
    if head is None:
        return BrokenCall(UNREADABLE_ID, ErrorKind.FRAMEWORK, problem)
    tokens = [token.encode(errors="surrogatepass") for token in head.groups() if token]
    return _by_type([Raw(token) for token in tokens], rules, broken=problem)


def _by_type(elements: list[Raw], rules: Rules, broken: str | None) -> Frame:
    """Read a frame by its message type; where `broken` says why it can't be read, only its type and id count."""
    number, is_text = _type_number(bytes(elements[0]))
    message_id = _message_id(elements)
    if number is None:
        return _broken_call(message_id, ErrorKind.FRAMEWORK, "the message type is not a number")
    message_type = rules.message_types.get(number)
    if message_type is None:
        problem = f"message type {number:g} is unknown"
        if rules.answers_unknown_types:
            return BrokenCall(message_id or UNREADABLE_ID, ErrorKind.MESSAGE_TYPE, problem)
        return UnknownType(problem)
    if broken:
        return message_type.broken(message_id, ErrorKind.FORMAT, broken)
    if is_text:
        return message_type.broken(message_id, ErrorKind.FRAMEWORK, "the message type is a string")
    return message_type.read(elements)


def _type_number(raw: bytes) -> tuple[float | None, bool]:
    """Read a message type, also one in quotes; 2.0 and 2 are the same number in JSON."""
    digits = raw.strip(b'"')
    return (float(digits) if _NUMBER.fullmatch(digits) else None), digits != raw


def _message_id(elements: list[Raw]) -> MessageId | None:
    if len(elements) == 1:
        return None
    raw = bytes(elements[1])
    if raw[0] in b"-0123456789":
        found = MessageId(raw.decode(), is_number=True)
    elif (text := _string(raw)) is not None:
        found = MessageId(text)
    else:
        return None
    return found if len(found.text) <= ID_LENGTH_ACCEPTED else None


def _string(raw: bytes) -> str | None:
    try:
        return _decode_string(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _object(raw: bytes) -> bytes | None:
    """Return the JSON object; null is another way to write an empty one (OCPP-J 1.6 §4.2.1)."""
    if raw == b"null":
        return b"{}"
    return raw if raw.startswith(b"{") else None


def _read_call(elements: list[Raw]) -> Frame:
    message_id = _message_id(elements)
    if message_id is None:
        return _broken_call(None, ErrorKind.FRAMEWORK, "the message id can't be read")
    if len(elements) != _CALL_ELEMENTS:
        problem = f"a CALL has {_CALL_ELEMENTS} elements, not {len(elements)}"
        return _broken_call(message_id, ErrorKind.FRAMEWORK, problem)
    action = _string(bytes(elements[2]))
    if action is None:
        return _broken_call(message_id, ErrorKind.FRAMEWORK, "the action is not a string")
    payload = _object(bytes(elements[3]))
    if payload is None:
        return _broken_call(message_id, ErrorKind.FORMAT, "the payload is not an object")
    return Call(message_id, action, payload, _deviation(message_id))


def _deviation(message_id: MessageId) -> str | None:
    if message_id.is_number:
        return "the message id is a number"
    if not message_id.text:
        return "the message id is empty"
    if len(message_id.text) > ID_LENGTH_ALLOWED:
        return f"the message id is longer than {ID_LENGTH_ALLOWED} characters"
    return None


def _read_result(elements: list[Raw]) -> Frame:
    message_id = _message_id(elements)
    if message_id is None:
        return _broken_answer(None, ErrorKind.FRAMEWORK, "the message id can't be read")
    if len(elements) != _RESULT_ELEMENTS:
        problem = f"a CALLRESULT has {_RESULT_ELEMENTS} elements, not {len(elements)}"
        return BrokenAnswer(message_id.text, problem)
    payload = _object(bytes(elements[2]))
    if payload is None:
        return BrokenAnswer(message_id.text, "the payload is not an object")
    return Result(message_id.text, payload)


def _read_error(elements: list[Raw]) -> Frame:
    """Read a CALLERROR as far as it goes: whatever is missing or odd about it, the call has failed."""
    message_id = _message_id(elements)
    if message_id is None:
        return _broken_answer(None, ErrorKind.FRAMEWORK, "the message id can't be read")
    code, description, details = ([bytes(element) for element in elements[2:5]] + [b"null"] * 3)[:3]
    return Error(
        message_id.text,
        _string(code) or "GenericError",
        _string(description) or "",
        b"{}" if details == b"null" else details,
    )


def _broken_call(message_id: MessageId | None, kind: ErrorKind, problem: str) -> Frame:
    """Refuse it; without an id it is no valid RPC request at all (OCPP-J 2.0.1 §4.3, RpcFrameworkError)."""
    if message_id is None:
        return BrokenCall(UNREADABLE_ID, ErrorKind.FRAMEWORK, problem)
    return BrokenCall(message_id, kind, problem)


def _broken_answer(message_id: MessageId | None, _: ErrorKind, problem: str) -> Frame:
    return BrokenAnswer(message_id.text if message_id else None, problem)


_MESSAGE_TYPES: dict[float, MessageType] = {
    2: MessageType(read=_read_call, broken=_broken_call),
    3: MessageType(read=_read_result, broken=_broken_answer),
    4: MessageType(read=_read_error, broken=_broken_answer),
}

# 2.1 becomes a row with two more types: 5 (CALLRESULTERROR) and 6 (SEND), neither ever answered.
RULES: Mapping[str, Rules] = {
    # OCPP-J 1.6 §4.1.3: the payload of an unknown message type is ignored; the errata leave that as it is.
    "1.6": Rules(_MESSAGE_TYPES, answers_unknown_types=False),
    # OCPP-J 2.0.1 §4.4: MessageTypeNotSupported.
    "2.0.1": Rules(_MESSAGE_TYPES, answers_unknown_types=True),
}
