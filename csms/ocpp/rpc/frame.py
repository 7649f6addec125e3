"""What OCPP-J frames say, as values, and how ours are written; `reading` reads the station's."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from csms.ocpp.rpc.errors import ErrorKind

ID_LENGTH_ALLOWED = 36
"""OCPP-J 1.6 §4.1.4."""
ID_LENGTH_ACCEPTED = 255
"""Longer ids than allowed are seen in the field and do no harm; this bounds what is kept and echoed."""
DESCRIPTION_LENGTH = 255
"""OCPP-J 2.0.1 §4.2.3; 1.6 names no bound."""


class MessageId(Struct, frozen=True, gc=False):
    """A message id and how the station wrote it.

    "The exact same ID" must come back (OCPP-J 1.6 §4.2.2). A station that writes numbers compares with a
    number, or with the text of one; `17` serves both, `"17"` only the second. So a number is echoed as the
    same number.
    """

    text: str
    is_number: bool = False

    def on_wire(self) -> str | Raw:
        """Return what the encoder turns into the id as the station wrote it."""
        return Raw(self.text.encode()) if self.is_number else self.text


UNREADABLE_ID = MessageId("-1")
"""OCPP-J 2.0.1 §4.2.3; 1.6 names none, and a station can't mistake this for one of its own."""


class Call(Struct, frozen=True, gc=False):
    """The station asks something."""

    id: MessageId
    action: str
    payload: bytes
    deviation: str | None = None


class Result(Struct, frozen=True, gc=False):
    """The station answers a call of ours."""

    message_id: str
    payload: bytes


class Error(Struct, frozen=True, gc=False):
    """The station refuses a call of ours."""

    message_id: str
    code: str
    description: str
    details: bytes


class BrokenCall(Struct, frozen=True):
    """A frame that can't be handled and must be refused, because it is a CALL or may have been one."""

    id: MessageId
    kind: ErrorKind
    problem: str


class BrokenAnswer(Struct, frozen=True):
    """An answer to a call of ours that can't be read; it must not be answered."""

    message_id: str | None
    problem: str


class UnknownType(Struct, frozen=True):
    """A message of a type that this version of OCPP-J does not have and does not answer."""

    problem: str


OtherFrame = Result | Error | BrokenCall | BrokenAnswer | UnknownType
Frame = Call | OtherFrame

_encode = msgspec.json.encode


def call_text(message_id: str, action: str, payload: bytes) -> str:
    """Write a CALL; `payload` is a JSON object."""
    return _encode((2, message_id, action, Raw(payload))).decode()


def result_text(message_id: MessageId, payload: bytes) -> str:
    """Write a CALLRESULT; `payload` is a JSON object."""
    return _encode((3, message_id.on_wire(), Raw(payload))).decode()


def error_text(message_id: MessageId, code: str, description: str) -> str:
    """Write a CALLERROR; it never carries anything of the offending frame but the id."""
    readable = description[:DESCRIPTION_LENGTH].encode(errors="replace").decode()
    return _encode((4, message_id.on_wire(), code, readable, {})).decode()
