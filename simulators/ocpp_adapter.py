"""The `ocpp` package with types: the one module that imports it, and that bears what it gets wrong."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

# The package ships neither stubs nor `py.typed`: its dataclasses are read from their source, the rest is unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false
import ocpp.messages
from ocpp.charge_point import ChargePoint, snake_to_camel_case
from ocpp.exceptions import OCPPError
from ocpp.messages import Call, CallError, CallResult
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call_result as result16
from ocpp.v16.enums import Action as Action16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call_result as result201
from ocpp.v201.enums import Action as Action201

__all__ = [
    "Answer",
    "Dialogue",
    "Dialogue16",
    "Dialogue201",
    "LinkLost",
    "Payload",
    "Refused",
    "TalkError",
    "Unanswered",
    "Unreadable",
    "answers",
    "camel",
    "refusal",
]

# Threads for validation only add delay (the interpreter holds its lock meanwhile).
ocpp.messages.ASYNC_VALIDATION = False

Payload = dict[str, Any]
_Handler = TypeVar("_Handler", bound=Callable[..., Payload])

_logger = logging.getLogger("simulators.ocpp")
# Every frame would be a line, tags and keys in it; what a handler got wrong is worth one.
_logger.setLevel(logging.ERROR)


class TalkError(Exception):
    """A call of ours got no good answer."""


class LinkLost(TalkError):
    """The connection ended before the answer came; nobody knows whether the call arrived."""


class Unanswered(TalkError):
    """No answer came in time."""


class Refused(TalkError):
    """The answer is a CALLERROR."""

    def __init__(self, code: str, description: str, text: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.text = text


class Unreadable(TalkError):
    """The answer is a result that breaks its schema."""

    def __init__(self, why: str, text: str) -> None:
        super().__init__(why)
        self.text = text


class Answer(NamedTuple):
    """A result: its payload as on the wire, and its frame."""

    payload: Payload
    text: str


def answers(action: str) -> Callable[[_Handler], _Handler]:
    """Mark a method as the handler of an action.

    It takes the payload's members in snake case and returns the answer's, in snake case too. It may raise what
    `refusal` returns.
    """

    def mark(handler: _Handler) -> _Handler:
        @functools.wraps(handler)
        def answer(self: Dialogue, **members: Any) -> object:  # noqa: ANN401 - as the payload has them
            members.pop("custom_data", None)  # 2.0.1 lets anybody add it anywhere; nothing here knows any
            return getattr(self.results, action)(**handler(self, **members))

        return cast("_Handler", on(action)(answer))

    return mark


def camel(members: Payload) -> Payload:
    """Return members in snake case as they are on the wire."""
    return cast("Payload", snake_to_camel_case(members))


def refusal(code: str, description: str) -> Exception:
    """Return what a handler raises to be answered as a CALLERROR with this code."""
    kinds = {cast("Any", kind).code: kind for kind in OCPPError.__subclasses__()}
    return kinds[code](description=description)


class Dialogue(ChargePoint):
    """A station's talk, over one connection after the other: the library's routing, its frames, its schemas.

    Its own way of calling is not used. Here answers are matched by id as they come and fail at once when the
    link is lost (there a queue is scanned and the time waited out); a CALLERROR is an exception with its code;
    members inside free data keep their names. The codes for unknown actions are not swapped, a broken frame
    ends nothing, and a handler can have work done after its answer has left, which is the only way to call
    from one: the library's read loop would wait for an answer behind itself.
    """

    actions: ClassVar[frozenset[str]]
    results: ClassVar[ModuleType]
    _ocpp_version: str

    def __init__(
        self,
        station_id: str,
        *,
        heard: Callable[[str, str | None], None],
        think_s: Callable[[str], float | None] = lambda _action: 0.0,
        answer_timeout_s: float = 30.0,
        checked: bool = True,
    ) -> None:
        """Set it up.

        `heard` is told each frame that came in and is no answer to us, and the answer that it got; `think_s`
        says how long the answer to an action is held back, in this machine's seconds as `answer_timeout_s`,
        or None where there will be no answer, and nothing is done; `checked`: calls and their answers are held against
        the schemas, as those of the other side always are.
        """
        super().__init__(station_id, _Sender(_nowhere), logger=_logger)
        self._heard = heard
        self._think_s = think_s
        self._held_back_s = 0.0
        self._answer_timeout_s = answer_timeout_s
        self._checked = checked
        self._open: dict[str, asyncio.Future[str]] = {}
        self._later: list[Callable[[], None]] = []
        self._answer: str | None = None
        self._lost = True

    def attach(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Talk over a new connection; `send` writes a frame to it."""
        self._connection = _Sender(send)
        self._later.clear()
        self._lost = False

    async def ask(
        self,
        message_id: str,
        action: str,
        payload: Payload,
        sending: Callable[[str], None] = lambda _frame: None,
    ) -> Answer:
        """Send a call, one at a time, and return its answer.

        `sending` is told the frame just before it is written. Raises `TalkError`; `ValueError` where the
        payload breaks its schema, and then nothing was sent.
        """
        call = Call(message_id, action, payload)
        try:
            await self._check(call)
        except OCPPError as error:
            raise ValueError(f"{action}: {error}") from error
        async with self._call_lock:
            if self._lost:
                raise LinkLost(self.id)
            answered = self._open[message_id] = asyncio.get_running_loop().create_future()
            try:
                frame = call.to_json()
                sending(frame)
                await self._connection.send(frame)
                async with asyncio.timeout(self._answer_timeout_s):
                    text = await answered
            except TimeoutError as error:
                raise Unanswered(action) from error
            finally:
                answered.cancel()
                del self._open[message_id]
        return await self._read(action, text)

    async def take(self, text: str | bytes) -> None:
        """Deal with a frame that came in; for one frame after the other."""
        try:
            message = ocpp.messages.unpack(text)
        except (OCPPError, RecursionError, LookupError):
            self._heard(_printable(text), None)
            return
        if isinstance(message, Call):
            await self._take_call(message, _printable(text))
            return
        answered = self._open.get(message.unique_id) if isinstance(message.unique_id, str) else None
        if answered is None or answered.done():
            self._heard(_printable(text), None)  # it answers nothing, or comes too late, or twice
        else:
            answered.set_result(_printable(text))

    def afterwards(self, work: Callable[[], None]) -> None:
        """Have something done after the answer of the handler that calls this has been written."""
        self._later.append(work)

    def lose(self) -> None:
        """Give up what is open: the connection is gone."""
        self._lost = True
        for answered in self._open.values():
            if not answered.done():
                answered.set_exception(LinkLost(self.id))

    async def _check(self, message: Call | CallResult) -> None:
        if self._checked:
            await ocpp.messages.validate_payload(message, self._ocpp_version)

    async def _read(self, action: str, text: str) -> Answer:
        message = cast(
            "CallResult | CallError", ocpp.messages.unpack(text)
        )  # `take` lets only these two through
        if isinstance(message, CallError):
            raise Refused(str(message.error_code), str(message.error_description), text)
        message.action = action
        try:
            await self._check(message)
        except OCPPError as error:
            raise Unreadable(str(error), text) from error
        return Answer(cast("Payload", message.payload), text)

    async def _take_call(self, message: Call, text: str) -> None:
        self._answer = None
        try:
            await self._answer_call(message, text)
        finally:
            later, self._later = self._later, []
            self._heard(text, self._answer)
        for work in later:
            work()

    async def _answer_call(self, message: Call, text: str) -> None:
        action = message.action
        if not isinstance(action, str) or not isinstance(message.payload, dict):
            await self._refuse(message, "GenericError", "this is no call")
        elif action not in self.route_map:
            # OCPP-J 1.6 §4.2.3, 2.0.1 Part 4 §4.3: NotImplemented = not known; the library has it the other way.
            code = "NotSupported" if action in self.actions else "NotImplemented"
            await self._refuse(message, code, f"no handler for {action[:50]}")
        elif (held_back_s := self._think_s(action)) is not None:
            self._held_back_s = held_back_s
            await self.route_message(text)

    async def _refuse(self, message: Call, code: str, why: str) -> None:
        await self._send(CallError(str(message.unique_id), code, why, {}).to_json())

    async def _send(self, message: str) -> None:
        """Write an answer (the library calls this)."""
        held_back_s, self._held_back_s = self._held_back_s, 0.0
        if held_back_s > 0:
            await asyncio.sleep(held_back_s)
        self._answer = message
        await self._connection.send(message)


class Dialogue16(Dialogue, ChargePoint16):
    """A 1.6 conversation; subclasses add handlers marked with `answers`."""

    actions = frozenset(action.value for action in Action16)
    results = result16


class Dialogue201(Dialogue, ChargePoint201):
    """A 2.0.1 conversation; subclasses add handlers marked with `answers`."""

    actions = frozenset(action.value for action in Action201)
    results = result201


class _Sender:
    """What the library takes for a connection."""

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self.send = send


async def _nowhere(_text: str) -> None:
    raise LinkLost("there is no connection yet")


def _printable(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")
