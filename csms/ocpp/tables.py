"""A dialect made of tables: rows say how each action is read, answered and checked; this does the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from csms.domain.answers import Acknowledged, Forbidden, StationAnswer
from csms.domain.commands import CommandResult, ShapedCommand
from csms.domain.control import EffectStage, OrderOutcome, ProfileEffect, StationOrder
from csms.domain.errors import FieldProblem, Invalid
from csms.domain.events import NoticeReceived, StationEvent, UnreadableReceived
from csms.domain.remote_control import NeutralCommand, RawCall, StationCommand
from csms.ocpp.dialect import Decoded
from csms.ocpp.repair import Repairs, repair
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.schemas import Fault, Json, find_fault, request_schema

Request = TypeVar("Request", bound=Struct)
Answer = TypeVar("Answer", bound=StationAnswer)

REPAIRED_BYTES_MAX = 256 * 1024
"""A longer payload that breaks its schema is not repaired: a megabyte would keep everybody waiting."""

REMOTE_STARTS = frozenset({"RemoteStartTransaction", "RequestStartTransaction"})
"""What OCPP 1.6 and 2.0.1 call it."""

_UNREADABLE = (ValueError, RecursionError)
"""What decoding raises: msgspec's errors and UnicodeDecodeError are ValueErrors."""


class Reading(Struct, frozen=True):
    """The circumstances of reading one message."""

    received_at_us: int
    repaired: bool = False
    """Whether the message had to be repaired."""
    dropped: bool = False
    """Whether the repair left out an element of a list."""


class Untranslatable(Exception):
    """The payload fits its schema and yet means nothing that the domain could take."""

    def __init__(self, fault: Fault) -> None:
        """Say why."""
        super().__init__(str(fault))
        self.fault = fault


class Inbound(Struct, Generic[Request, Answer], frozen=True, kw_only=True):
    """How one action of a station is read and answered."""

    request: type[Request]
    translate: Callable[[Request, Reading], StationEvent]
    """Raises `Untranslatable`."""
    answer: type[Answer] | UnionType
    shape: Callable[[Answer], Struct]
    """Return the answer as the response."""
    unreadable: str | None = None
    """For transaction messages, which are kept and answered whatever they hold: `UnreadableReceived.kind`."""


def notice(kind: str, request: type[Request], response: Struct) -> Inbound[Request, Acknowledged]:
    """Return the row of an action that only needs to be kept."""

    def translate(message: Request, _reading: Reading) -> NoticeReceived:
        return NoticeReceived(kind=kind, data=msgspec.json.encode(message).decode())

    return Inbound(request=request, translate=translate, answer=Acknowledged, shape=lambda _: response)


class Outbound(Struct, frozen=True):
    """One action of ours: what is asked, and what a station answers."""

    request: type[Struct]
    response: type[Struct]


class Control(Struct, frozen=True, kw_only=True):
    """How one version takes the balancing's orders (see `csms.ocpp.dialect.Dialect` for each)."""

    shape: Callable[[StationOrder], tuple[str, Struct]]
    """Return action and request; raises `Invalid`."""
    read_outcome: Callable[[StationOrder, CommandResult], OrderOutcome]
    effects: Mapping[str, Callable[[bytes, int], tuple[ProfileEffect, ...]]]
    """By the actions of ours that may have some."""
    effect_stage: Callable[[str, bytes, CommandResult], EffectStage]
    writes: Mapping[str, Callable[[bytes], tuple[str, ...]]] = {}
    """Which configuration keys a call writes, by the actions of ours that write any."""


class Wording(Struct, frozen=True, kw_only=True):
    """An operator's command in the words of one version, not checked yet."""

    action: str
    payload: dict[str, Json]
    said_as: Mapping[str, str] = {}
    """Where in the command a member of the payload comes from: `connectorId` → `evse`."""
    warning: str | None = None


def said(**members: Json) -> dict[str, Json]:
    """Return the members of a payload that are said; None is not."""
    return {name: value for name, value in members.items() if value is not None}


class _Route(Struct, frozen=True):
    """A row of the inbound table with its decoder."""

    decode: Callable[[bytes], Any]
    row: Inbound[Any, Any]


class TableDialect:
    """One OCPP version (see `csms.ocpp.dialect.Dialect`)."""

    def __init__(
        self,
        *,
        version: str,
        subprotocol: str,
        package: str,
        error_codes: dict[ErrorKind, str],
        inbound: dict[str, Inbound[Any, Any]],
        outbound: dict[str, Outbound],
        repairs: Repairs,
        control: Control,
        word: Callable[[NeutralCommand], Wording],
    ) -> None:
        """Build the decoders and read the schemas; `package` is the version's name inside the `ocpp` package.

        `word` says operators' commands in the version's words and raises `Invalid` where it has none.
        """
        self.version = version
        self.subprotocol = subprotocol
        self.error_codes = error_codes
        self.inbound = inbound
        self.outbound = outbound
        self.transaction_messages = {
            action: row.unreadable for action, row in inbound.items() if row.unreadable is not None
        }
        self.remote_starts = REMOTE_STARTS & outbound.keys()
        self._schemas = {action: request_schema(package, action) for action in inbound | outbound}
        self._repairs = repairs
        self._control = control
        self._word = word
        self._routes = {
            action: _Route(msgspec.json.Decoder(row.request).decode, row) for action, row in inbound.items()
        }
        self._encode = msgspec.json.Encoder().encode

    def decode(self, action: str, payload: bytes, received_at_us: int) -> Decoded | Refusal:
        """Read a station's call; strict first, repaired if need be."""
        route = self._routes.get(action)
        if route is None:
            return self._refuse(action)
        try:
            event = route.row.translate(route.decode(payload), Reading(received_at_us))
        except (*_UNREADABLE, Untranslatable):
            return self._decode_repaired(route.row, action, payload, received_at_us)
        return Decoded(event)

    def encode(self, action: str, answer: StationAnswer) -> bytes | Refusal:
        """Shape an answer as a CALLRESULT payload."""
        if isinstance(answer, Forbidden):
            return Refusal(ErrorKind.SECURITY, answer.reason[:255])
        row = self.inbound.get(action)
        if row is None or not isinstance(answer, row.answer):
            return Refusal(ErrorKind.INTERNAL, "the central system has no answer to this")
        return self._encode(row.shape(answer))

    def check_call(self, action: str, payload: bytes) -> bytes:
        """Check a call of ours strictly; return it compact, members in the schema's order."""
        if action not in self.outbound:
            message = f"{action[:60]} is no action that a central system can send in OCPP {self.version}"
            raise Invalid(message, [FieldProblem("action", message)])
        try:
            value: Json = msgspec.json.decode(payload)
        except _UNREADABLE as error:
            raise Invalid("payload: is not valid JSON") from error
        return self._checked(action, value, {})

    def shape_command(self, command: StationCommand) -> ShapedCommand:
        """Return what an operator asks as a checked call."""
        if isinstance(command, RawCall):
            return ShapedCommand(command.action, self.check_call(command.action, command.payload))
        worded = self._word(command)
        payload = self._checked(worded.action, worded.payload, worded.said_as)
        return ShapedCommand(worded.action, payload, worded.warning)

    def _checked(self, action: str, value: Json, said_as: Mapping[str, str]) -> bytes:
        fault = find_fault(self._schemas[action], value, date_times=True)
        if fault is not None:
            path = _path_as_said(fault.path, said_as)
            told = Fault(fault.kind, path, fault.problem)
            raise Invalid(str(told), [FieldProblem(path, fault.problem)])
        row = self.outbound[action]
        try:
            return self._encode(msgspec.json.decode(self._encode(value), type=row.request))
        except _UNREADABLE as error:
            raise Invalid("payload: does not fit its schema") from error

    def shape_order(self, order: StationOrder) -> tuple[str, bytes]:
        """Return an order of the balancing as an action and its checked payload."""
        action, request = self._control.shape(order)
        return action, self.check_call(action, self._encode(request))

    def read_outcome(self, order: StationOrder, result: CommandResult) -> OrderOutcome:
        """Say how an order ended."""
        return self._control.read_outcome(order, result)

    def profile_effects(self, action: str, payload: bytes, now_us: int) -> tuple[ProfileEffect, ...]:
        """Return what a checked call does to charging profiles."""
        effects = self._control.effects.get(action)
        return () if effects is None else effects(payload, now_us)

    def written_keys(self, action: str, payload: bytes) -> tuple[str, ...]:
        """Return the configuration keys that a checked call writes."""
        written = self._control.writes.get(action)
        return () if written is None else written(payload)

    def effect_stage(self, action: str, payload: bytes, result: CommandResult) -> EffectStage:
        """Say how a call that left and has effects ended."""
        return self._control.effect_stage(action, payload, result)

    def _refuse(self, action: str) -> Refusal:
        # OCPP-J 1.6 table 7: NotSupported is for actions that are known and not for this side.
        if action in self.outbound:
            return Refusal(ErrorKind.NOT_SUPPORTED, "a central system sends this action and does not take it")
        return Refusal(ErrorKind.NOT_IMPLEMENTED, f"this action is unknown in OCPP {self.version}")

    def _decode_repaired(
        self, row: Inbound[Any, Any], action: str, payload: bytes, received_at_us: int
    ) -> Decoded | Refusal:
        if len(payload) > REPAIRED_BYTES_MAX:
            fault = Fault(ErrorKind.FORMAT, "", "does not fit its schema and is too long to be repaired")
            return self._give_up(row, action, payload, fault, ())
        try:
            value: Json = msgspec.json.decode(payload)
        except _UNREADABLE:
            return self._give_up(row, action, payload, Fault(ErrorKind.FORMAT, "", "is not valid JSON"), ())
        schema = self._schemas[action]
        repaired = repair(schema, action, value, self._repairs)
        deviations = repaired.deviations or ("payload: read leniently",)
        try:
            # By way of the text, for what may be any JSON is kept as its text.
            request = msgspec.json.decode(self._encode(repaired.value), type=row.request)
            reading = Reading(received_at_us, repaired=True, dropped=repaired.dropped)
            return Decoded(row.translate(request, reading), deviations)
        except Untranslatable as error:
            fault = error.fault
        except _UNREADABLE:
            fault = find_fault(schema, repaired.value)
            fault = fault or Fault(ErrorKind.FORMAT, "", "does not fit its schema")
        return self._give_up(row, action, payload, fault, repaired.deviations)

    def _give_up(
        self, row: Inbound[Any, Any], action: str, payload: bytes, fault: Fault, deviations: tuple[str, ...]
    ) -> Decoded | Refusal:
        problem = str(fault)
        if row.unreadable is None:
            return Refusal(fault.kind, problem)
        # OCPP 1.6 §4.7, §4.8, §4.10: no check may keep a transaction message from being answered.
        event = UnreadableReceived(kind=row.unreadable, action=action, payload=payload, problem=problem)
        return Decoded(event, (*deviations, problem))


def _path_as_said(path: str, said_as: Mapping[str, str]) -> str:
    """Return where in a command the member of its payload comes from; the longest beginning that is known decides."""
    for known in sorted(said_as, key=len, reverse=True):
        if path == known or path.startswith((f"{known}.", f"{known}[")):
            return said_as[known] + path[len(known) :]
    return path
