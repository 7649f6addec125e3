"""The kinds of CALLERROR, how each OCPP version spells them, and the errors that our own side raises here."""

from __future__ import annotations

import enum

from msgspec import Struct

from csms.domain.errors import Busy


class ErrorKind(enum.Enum):
    """Why a call is refused."""

    NOT_IMPLEMENTED = "not-implemented"
    """The action is unknown to this version."""
    NOT_SUPPORTED = "not-supported"
    """The action exists, and this side does not take it."""
    INTERNAL = "internal"
    PROTOCOL = "protocol"
    SECURITY = "security"
    FORMAT = "format"
    """The payload is not what the action's schema says."""
    PROPERTY = "property"
    """A member has a forbidden value."""
    OCCURRENCE = "occurrence"
    """A member is missing or stands too often."""
    TYPE = "type"
    """A member has the wrong type."""
    GENERIC = "generic"
    MESSAGE_TYPE = "message-type"
    """2.x only: the message type number is unknown."""
    FRAMEWORK = "framework"
    """The frame is not a valid OCPP-J frame."""


ERROR_CODES_V16: dict[ErrorKind, str] = {
    ErrorKind.NOT_IMPLEMENTED: "NotImplemented",
    ErrorKind.NOT_SUPPORTED: "NotSupported",
    ErrorKind.INTERNAL: "InternalError",
    ErrorKind.PROTOCOL: "ProtocolError",
    ErrorKind.SECURITY: "SecurityError",
    # Both misspellings stay on 1.6's wire: OCPP-J 1.6 errata 5.1 and 5.2 "do not fix".
    ErrorKind.FORMAT: "FormationViolation",
    ErrorKind.PROPERTY: "PropertyConstraintViolation",
    ErrorKind.OCCURRENCE: "OccurenceConstraintViolation",
    ErrorKind.TYPE: "TypeConstraintViolation",
    ErrorKind.GENERIC: "GenericError",
    # 1.6 ignores unknown message types (OCPP-J 1.6 §4.1.3), so this one is never sent; it has no word for it either.
    ErrorKind.MESSAGE_TYPE: "GenericError",
    # "Syntactically incorrect or not conform the PDU structure" comes closest to a broken frame.
    ErrorKind.FRAMEWORK: "FormationViolation",
}
"""OCPP-J 1.6 §4.2.3, table 7."""

ERROR_CODES_V2: dict[ErrorKind, str] = {
    ErrorKind.NOT_IMPLEMENTED: "NotImplemented",
    ErrorKind.NOT_SUPPORTED: "NotSupported",
    ErrorKind.INTERNAL: "InternalError",
    ErrorKind.PROTOCOL: "ProtocolError",
    ErrorKind.SECURITY: "SecurityError",
    ErrorKind.FORMAT: "FormatViolation",
    ErrorKind.PROPERTY: "PropertyConstraintViolation",
    ErrorKind.OCCURRENCE: "OccurrenceConstraintViolation",
    ErrorKind.TYPE: "TypeConstraintViolation",
    ErrorKind.GENERIC: "GenericError",
    ErrorKind.MESSAGE_TYPE: "MessageTypeNotSupported",
    ErrorKind.FRAMEWORK: "RpcFrameworkError",
}
"""OCPP-J 2.0.1 §4.3, table 8; the same in 2.1."""


class Refusal(Struct, frozen=True):
    """A call that gets a CALLERROR: why, and one sentence for the reader of the station's log."""

    kind: ErrorKind
    description: str


class QueueFull(Busy):
    """Too many calls of ours wait for this station already; asking again later may help."""
