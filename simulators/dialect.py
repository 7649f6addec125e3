"""What a station needs of an OCPP version: how its facts become messages, and what answers mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from simulators.events import Event
from simulators.ocpp_adapter import Answer, Payload
from simulators.profile_rules import LimitSource
from simulators.queue import Queued
from simulators.schedules import Schedule


class Call(NamedTuple):
    """A message to the central system, as on the wire."""

    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Boot:
    """What BootNotification was answered."""

    status: Literal["Accepted", "Pending", "Rejected"]
    interval_s: float
    time_s: float | None
    """None: what was said is no time."""


class Dialect(Protocol):
    """One version's side of a station."""

    subprotocol: str

    # The line, from `simulators.ocpp_adapter.Dialogue`

    def attach(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Talk over a new connection."""
        ...

    def lose(self) -> None:
        """Give up what is open."""
        ...

    async def take(self, text: str | bytes) -> None:
        """Deal with a frame that came in."""
        ...

    async def ask(
        self, message_id: str, action: str, payload: Payload, sending: Callable[[str], None] = ...
    ) -> Answer:
        """Call, and return the answer."""
        ...

    # Messages and their answers

    def boot_call(self, reason: str) -> Call:
        """Return the message of a boot."""
        ...

    def read_boot(self, answer: Payload) -> Boot:
        """Read its answer."""
        ...

    def heartbeat_call(self) -> Call:
        """Return the message of a heartbeat."""
        ...

    def read_time(self, answer: Payload) -> float | None:
        """Read what time it is from its answer, in seconds since the epoch; None: it is no time."""
        ...

    def authorize_call(self, token: str) -> Call:
        """Return the question whether a token may charge."""
        ...

    def read_verdict(self, answer: Payload) -> str:
        """Read its answer: `Accepted`, or why not."""
        ...

    def greetings(self) -> list[Call]:
        """Return the present states of the station and its connectors."""
        ...

    # What happens

    def happened(self, event: Event) -> None:
        """Tell the central system of it, where the version does so."""
        ...

    def sample(self, evse: int, *, aligned: bool = False) -> None:
        """Tell what an EVSE's meter shows now; `aligned`: because the clock strikes, not the session's time."""
        ...

    def limited(self, evse: int, schedule: Schedule | None, source: LimitSource) -> None:
        """Tell that somebody else limits an EVSE (0: the station); None: no longer."""
        ...

    def acknowledged(self, queued: Queued, answer: Payload) -> None:
        """Learn what a transaction message was answered."""
        ...

    def given_up(self, queued: Queued) -> None:
        """Learn that one will never be acknowledged."""
        ...

    def booted(self, *, forget: bool) -> None:
        """Let settings that waited for a boot count; `forget`: be as delivered."""
        ...

    # Settings

    @property
    def heartbeat_interval_s(self) -> float:
        """0: none."""
        ...

    @heartbeat_interval_s.setter
    def heartbeat_interval_s(self, interval_s: float) -> None: ...

    @property
    def sample_interval_s(self) -> float:
        """0: no periodic samples."""
        ...

    @property
    def aligned_interval_s(self) -> float:
        """0: none at the strike of the clock."""
        ...

    @property
    def connection_timeout_s(self) -> float:
        """How long an accepted token waits for a car."""
        ...

    @property
    def message_attempts(self) -> int:
        """How often a transaction's message is sent that is refused."""
        ...

    @property
    def message_retry_s(self) -> float:
        """How long until it is sent again, times the attempts so far."""
        ...

    @property
    def pre_authorizes(self) -> bool:
        """Whether a token that is known to be good starts at once."""
        ...

    @property
    def caches(self) -> bool:
        """Whether it remembers verdicts."""
        ...

    @property
    def stops_when_invalid(self) -> bool:
        """Whether a session ends whose token turns out bad; else it gets no more energy."""
        ...

    def starts_offline(self, *, known: bool) -> bool:
        """Tell whether a token may start without a connection; `known`: it was accepted before."""
        ...
