"""What a version of OCPP must be able to do for the gateway."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from csms.domain.answers import StationAnswer
from csms.domain.commands import CommandResult, ShapedCommand
from csms.domain.control import EffectStage, OrderOutcome, ProfileEffect, StationOrder
from csms.domain.events import StationEvent
from csms.domain.remote_control import StationCommand
from csms.ocpp.rpc.errors import ErrorKind, Refusal


class Decoded(Struct, frozen=True):
    """A station's call in the trade's words, with what had to be repaired to read it."""

    event: StationEvent
    deviations: tuple[str, ...] = ()


class Dialect(Protocol):
    """One OCPP version: pure functions between payloads and domain values."""

    version: str
    """As the API names it: `1.6`, `2.0.1`."""
    subprotocol: str
    """As the WebSocket handshake names it: `ocpp1.6`, `ocpp2.0.1`."""
    error_codes: dict[ErrorKind, str]
    """This version's name of each kind of CALLERROR."""

    transaction_messages: dict[str, str]
    """The actions that are never refused, each with the `kind` of its `UnreadableReceived`."""
    remote_starts: frozenset[str]
    """The actions of ours that let a session begin; at a gated station they wait for room."""

    def decode(self, action: str, payload: bytes, received_at_us: int) -> Decoded | Refusal:
        """Read a station's call; strict first, repaired if need be.

        A transaction message that can't be read even so becomes `UnreadableReceived`, never a refusal.
        """
        ...

    def encode(self, action: str, answer: StationAnswer) -> bytes | Refusal:
        """Shape an answer as this version's CALLRESULT payload: compact JSON, members in the schema's order."""
        ...

    def check_call(self, action: str, payload: bytes) -> bytes:
        """Check a call of ours strictly and return it as compact JSON, members in the schema's order.

        Raises `csms.domain.errors.Invalid` naming the path, also for an action that a central system can't send.
        """
        ...

    def shape_command(self, command: StationCommand) -> ShapedCommand:
        """Return what an operator asks as a call, checked as `check_call` does; its faults in the words that he used.

        Raises `Invalid` where this version has no words for it.
        """
        ...

    def shape_order(self, order: StationOrder) -> tuple[str, bytes]:
        """Return an order of the balancing as an action and its payload, checked as `check_call` does.

        Raises `Invalid` where this version has no words for it.
        """
        ...

    def read_outcome(self, order: StationOrder, result: CommandResult) -> OrderOutcome:
        """Say how an order ended; an answer that nobody understands leaves it open."""
        ...

    def profile_effects(self, action: str, payload: bytes, now_us: int) -> tuple[ProfileEffect, ...]:
        """Return what a checked call does to charging profiles if it succeeds; `now_us` is when it may leave.

        Where the payload leaves something open, more is said to be touched rather than less.
        """
        ...

    def written_keys(self, action: str, payload: bytes) -> tuple[str, ...]:
        """Return the configuration keys (2.0.1: variables) that a checked call writes if it succeeds."""
        ...

    def effect_stage(self, action: str, payload: bytes, result: CommandResult) -> EffectStage:
        """Say how a call that left and has effects ended."""
        ...
