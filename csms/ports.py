"""The edges of the application core: what it asks of the world, in one page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from csms.domain.answers import StationAnswer
from csms.domain.commands import CommandResult, Priority, RawCommand, ShapedCommand
from csms.domain.control import ConfigurationTouched, OrderOutcome, ProfilesTouched, StationOrder
from csms.domain.history import LoggedMessage, SampleEntry, TransactionEntry, TransactionQuery, Wishes
from csms.domain.logged import LoggedEvent, MeterStart
from csms.domain.records import CapSaved, Record
from csms.domain.register import (
    EvseLimit,
    NewStation,
    NewToken,
    StationChange,
    StationEntry,
    TokenEntry,
)
from csms.domain.remote_control import StationCommand
from csms.domain.site import KnownStation, LoggedDecision, SiteFacts, SiteStation, StoredSite
from csms.domain.station import MessageLogPolicy, StationIdentity, StationState
from csms.domain.token import Token
from csms.domain.transaction import StartKey, Transaction


class Clock(Protocol):
    """Site time and machine time (see `csms.clock`)."""

    def now_us(self) -> int:
        """Return site time in UTC microseconds."""
        ...

    def machine_s(self) -> float:
        """Return machine time in monotonic seconds."""
        ...

    def seconds_until(self, at_us: int) -> float:
        """Return the machine seconds until the moment `at_us` of site time; below 0 where it has passed."""
        ...


class TransactionByStart(Struct, frozen=True):
    """Find the station's transaction with this natural key."""

    key: StartKey


class TransactionByOcppId(Struct, frozen=True):
    """Find the station's newest transaction with this OCPP id, orphans included; none that events tell of."""

    ocpp_id: str


class TransactionOfEvents(Struct, frozen=True):
    """Find the station's transaction that events tell of under this OCPP id, which the station gave."""

    ocpp_id: str


class TransactionEventKnown(Struct, frozen=True):
    """Count (0 or 1) the recorded events that are this one, sent again."""

    ocpp_id: str
    seq_no: int
    stage: str
    device_at: str


class TransactionById(Struct, frozen=True):
    """Find the station's transaction with our own id; an orphan's is derived from its stop."""

    id: str


class TransactionByEnd(Struct, frozen=True):
    """Find the station's transaction that this very stop has ended, whatever it called it; orphans left out."""

    device_ended_at: str
    meter_stop_wh: float | None
    token_hmac: bytes | None


class TokenByHmac(Struct, frozen=True):
    """Find a token that the index does not hold (yet)."""

    hmac: bytes


class OpenTransactionsOfToken(Struct, frozen=True):
    """Count the token's open transactions at all stations."""

    hmac: bytes


class RoomToStart(Struct, frozen=True):
    """Ask the balancing whether a session may start at a gated station; it may take a while, the store can't tell."""

    station_id: str


StoreLookup = (
    TransactionByStart
    | TransactionByOcppId
    | TransactionOfEvents
    | TransactionEventKnown
    | TransactionById
    | TransactionByEnd
    | TokenByHmac
    | OpenTransactionsOfToken
)
Lookup = StoreLookup | RoomToStart
Found = Transaction | Token | int | None


class Outcome(Struct, frozen=True):
    """What a use case decided: the answer, and the records that must be durable before it leaves."""

    answer: StationAnswer
    records: tuple[Record, ...] = ()


class Policy(Struct, frozen=True, kw_only=True):
    """Settings that use cases obey."""

    heartbeat_interval_s: int = 300
    accept_unknown_tokens: bool = False
    """`token_policy = accept-all`."""


class Context(Struct, frozen=True, kw_only=True):
    """The world as a use case may see it: time, chance and look-ups are arguments."""

    received_at_us: int
    policy: Policy
    tokens: Mapping[bytes, Token]
    """The in-memory index, by HMAC."""
    token_hmac: Callable[[str, str], bytes]
    """(uid, type) → key of the index."""
    new_id: Callable[[], str]
    """A fresh opaque id."""
    next_ocpp_id: Callable[[], int]
    """A fresh 1.6 transaction id from a durable block: above 0, below 2³¹, never reused."""
    found: Mapping[Lookup, Found]
    """Answers to the look-ups that an earlier try asked for."""
    repaired: bool = False
    """Whether the message had to be repaired before it could be read."""


class Storage(Protocol):
    """Where records become durable and state is read back."""

    def submit(self, records: Sequence[Record], done: Callable[[Exception | None], None]) -> None:
        """Queue `records` as one unit; `done(None)` on the event loop after the commit, `done(error)` if it failed.

        Units commit in the order of submission, many in one commit; one that fails fails alone.
        """
        ...

    def congested(self) -> bool:
        """Tell whether producers should stop reading for now."""
        ...

    def when_relieved(self, callback: Callable[[], None]) -> None:
        """Call `callback` once on the event loop when the congestion is over."""
        ...

    async def settled(self) -> None:
        """Wait until every unit submitted so far is committed or has failed."""
        ...

    async def find_station(self, station_id: str) -> StationIdentity | None:
        """Return the station by its id without regard to case."""
        ...

    async def load_state(self, station_id: str) -> StationState:
        """Return the live state of a station after everything submitted before is settled."""
        ...

    async def look_up(self, station_id: str, lookup: StoreLookup) -> Found:
        """Answer one look-up after everything submitted before is settled."""
        ...


class StationLink(Protocol):
    """A way to ask a connected station something."""

    def shape(self, station_id: str, command: StationCommand) -> ShapedCommand:
        """Return what an operator asks as a call of the station's version; nothing is sent.

        Raises `NotConnected`, `Invalid` where it does not fit, and `Busy` where no more may wait.
        """
        ...

    async def call(self, station_id: str, command: RawCommand) -> CommandResult:
        """Queue a command and return how it ended.

        Raises `NotConnected` where the station has no connection on this node and `Invalid` where the
        payload breaks the schema or a central system can't send that action; nothing was sent then.
        """
        ...

    async def order(
        self,
        station_id: str,
        order: StationOrder,
        *,
        id: str,  # noqa: A002 - as everywhere else
        priority: Priority,
        timeout_s: float = 10.0,
        expires_s: float = 60.0,
    ) -> OrderOutcome:
        """Queue an order of the balancing and return how it ended; a station that is not connected got nothing.

        Times in machine seconds: from leaving to the answer, and waiting in the queue.
        """
        ...

    def withdraw(self, station_id: str, command_id: str) -> bool:
        """Take back a command that still waits: it ends as not sent. False: it has left, or there is none."""
        ...

    def online(self) -> frozenset[str]:
        """Return the stations that are connected to this node and handled."""
        ...

    def place(self, station_id: str, site_id: str | None) -> None:
        """Let a connected station know its new site."""
        ...

    def manage(self, station_id: str, *, managed: bool) -> None:
        """Let a connected station know whether the balancing steers it from now on."""
        ...

    def gate(self, station_id: str, *, gated: bool) -> None:
        """Let nobody start at a station without asking the balancing, or (False) everybody; also when it comes back."""
        ...


News = Record | ProfilesTouched | ConfigurationTouched


class Feed(Protocol):
    """Where news go for whoever follows: what was committed, and what happens to profiles and configuration."""

    def tell(self, news: Sequence[News]) -> None:
        """Take news, on the event loop; never waits and never raises."""
        ...


class SiteStore(Protocol):
    """What the balancing reads back; it writes records like everybody else."""

    async def sites(self) -> list[StoredSite]:
        """Return all sites by their ids."""
        ...

    async def site_facts(self, site_id: str, evses: Sequence[tuple[str, int]]) -> SiteFacts:
        """Return what is stored about a site and its EVSEs, (station, number), after all submitted before is settled."""
        ...

    async def find_site(self, site_id: str) -> StoredSite | None:
        """Return a site."""
        ...

    async def site_versions(self) -> dict[str, tuple[int, int]]:
        """Return of each site its revision and when it was made, cheaply.

        Together they tell a site from one that had its id before.
        """
        ...

    async def known_stations(self) -> list[KnownStation]:
        """Return every station that is registered or that a site's configuration names, by id."""
        ...

    async def unplaced_stations(self) -> list[SiteStation]:
        """Return the registered stations of no site of which it is stored how they take limits.

        After all submitted before is settled.
        """
        ...

    async def caps(self) -> list[CapSaved]:
        """Return the caps of all sites, those that are over too."""
        ...

    async def decisions(self, site_id: str, *, after: int = 0, limit: int = 1000) -> list[LoggedDecision]:
        """Return lines of the decision log with numbers above `after`, the oldest first."""
        ...


class EventLog(Protocol):
    """The durable events, numbered from 1 without gaps in the order of their commits; old ones are deleted."""

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after each commit; it never waits and never raises."""
        ...

    async def newest_event(self) -> int:
        """Return the number of the newest line, which is never deleted; 0 before the first."""
        ...

    async def events_after(self, number: int) -> list[LoggedEvent]:
        """Return the first lines above `number`, a bounded part; none: there are no more yet."""
        ...

    async def meter_starts(self, transaction_ids: Collection[str]) -> dict[str, MeterStart]:
        """Return how these transactions began, by id; at most some hundred at once."""
        ...


class MessageLog(Protocol):
    """The bounded log of raw frames; losing a line of it is allowed, waiting for it is not."""

    def append(self, station_id: str, at_us: int, direction: str, frame: str, deviation: str | None) -> None:
        """Keep a frame (`direction` "in" or "out"); redaction happens on the writer's thread."""
        ...


class Connections(Protocol):
    """The stations that are connected to this node, for those who keep them."""

    def online(self) -> frozenset[str]:
        """See `StationLink.online`."""
        ...

    def revise(self, station: StationIdentity) -> None:
        """Let a connected station be treated as its operator decided now; its site is told by `StationLink`."""
        ...

    def dismiss(self, station_id: str, reason: str) -> None:
        """End a station's connection, for it may not connect any more."""
        ...


class Register(Protocol):
    """Stations that may connect and tokens that may charge.

    What changes something raises `NotFound`, `Invalid`, `Conflict`, and `Outdated` where it isn't at the expected
    revision (None: any) or somebody else was quicker.
    """

    async def add_station(
        self,
        station_id: str,
        *,
        site_id: str | None = None,
        key: str | None = None,
        keyless: bool = False,
        managed: bool = True,
        message_log: MessageLogPolicy = MessageLogPolicy.ALL,
    ) -> NewStation:
        """Register a station and return it with its key: the one given, or a random one unless `keyless`.

        Its id must be new, case apart. The site whose configuration names it counts; another one is a conflict.
        """
        ...

    async def change_station(
        self, station_id: str, change: StationChange, *, expected_revision: int | None = None
    ) -> NewStation:
        """Change a station, and return its id with the key that was made."""
        ...

    async def remove_station(self, station_id: str, *, also: Sequence[Record] = ()) -> None:
        """Forget a station, its connectors and how it takes limits, and submit `also` in the same unit."""
        ...

    async def station_entry(self, station_id: str) -> StationEntry | None:
        """Return a station by its id in any case."""
        ...

    async def station_entries(self, *, after: str, limit: int) -> list[StationEntry]:
        """Return the first stations after the id `after`, by their ids in lower case."""
        ...

    async def add_token(self, token: NewToken) -> TokenEntry:
        """Register a token and return it; one that was only seen becomes it."""
        ...

    async def change_token(
        self, token_id: str, token: NewToken, *, expected_revision: int | None = None
    ) -> TokenEntry:
        """Make a registered token what `token` says, its uid and type apart."""
        ...

    async def remove_token(self, token_id: str, *, expected_revision: int | None = None) -> None:
        """Let a token be one that nobody registered; what was charged with it stays its own."""
        ...

    async def token_entry(self, token_id: str) -> TokenEntry | None:
        """Return a token, also one that was only seen."""
        ...

    async def token_entries(self, *, after: tuple[int, str], limit: int, seen: bool) -> list[TokenEntry]:
        """Return the first tokens after one made then with that id, the oldest first; `seen`: those too."""
        ...

    async def tokens_with_uid(self, uid: str) -> list[TokenEntry]:
        """Return the tokens with this uid in any case, those that were only seen too, the oldest first."""
        ...


class History(Protocol):
    """What was charged."""

    async def transaction(self, transaction_id: str) -> TransactionEntry | None:
        """Return a transaction by our id."""
        ...

    async def transactions(
        self, asked: TransactionQuery, *, before: tuple[int, str] | None, limit: int
    ) -> list[TransactionEntry]:
        """Return the newest transactions that began before another, (its begin, its id), newest first."""
        ...

    async def samples(self, transaction_id: str, *, after: tuple[int, int], limit: int) -> list[SampleEntry]:
        """Return a transaction's first samples after another, (its time, its number), oldest first."""
        ...

    async def save_wishes(
        self, transaction_id: str, wishes: Wishes, *, revision: int, also: Sequence[Record] = ()
    ) -> None:
        """Keep what is wished for a transaction, and submit `also` in the same unit.

        Raises `Outdated` unless `revision` follows the stored one (1: the first).
        """
        ...


class MessageHistory(Protocol):
    """The raw messages that were kept."""

    async def read(
        self, station_id: str, *, before: int | None = None, limit: int = 100
    ) -> list[LoggedMessage]:
        """Return a station's newest lines, newest first; `before` is the number of the last one seen."""
        ...


class Balancing(Protocol):
    """What the sites at work know of stations."""

    def limits(self, stations: Collection[str]) -> Mapping[tuple[str, int], EvseLimit]:
        """Return what is granted to the EVSEs of these stations that are told limits, by (id in lower case, EVSE)."""
        ...

    async def look_at_stations(self) -> None:
        """Take over at once that stations were registered, changed or removed."""
        ...
