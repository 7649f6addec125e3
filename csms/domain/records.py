"""What must be durable before an answer leaves.

Each record's fields stand in the order of the writer's statement for it, and hold only integers
(UTC microseconds), reals, text and blobs. `*_token_hmac` is resolved to the token's id by the store.
"""

from __future__ import annotations

from msgspec import Struct

from csms.domain.told_records import (
    DeviceModelBounded,
    DeviceVariableReported,
    TransactionEventRecorded,
    TransactionUpdated,
)


class StationRegistered(Struct, frozen=True, gc=False):
    """A station nobody registered was accepted (`station_policy = accept-all`); keeps an existing row."""

    station_id: str
    at_us: int
    message_log: str = "all"


class StationConnected(Struct, frozen=True, gc=False):
    """A station's authenticated connection opened."""

    ocpp_version: str
    security_profile: int
    at_us: int
    station_id: str


class StationDisconnected(Struct, frozen=True, gc=False):
    """A station's connection ended and no newer one had replaced it."""

    at_us: int
    station_id: str


class StationSeen(Struct, frozen=True, gc=False):
    """Something was received from the station; flushed now and then, never awaited."""

    at_us: int
    station_id: str


class StationBooted(Struct, frozen=True, gc=False):
    """What the station said of itself at boot, and what it was answered."""

    vendor: str
    model: str
    serial: str | None
    firmware: str | None
    boot_details: str
    boot_status: str
    booted_at_us: int
    station_id: str


class ConnectorStatusRecorded(Struct, frozen=True, gc=False):
    """A connector's newest status; the store refuses to overwrite a newer one with an older one."""

    station_id: str
    site_id: str | None
    evse: int
    connector: int
    status: str
    error: str | None
    info: str | None
    vendor_error: str | None
    at_us: int
    device_at_us: int | None
    received_at_us: int


class TokenSeen(Struct, frozen=True, gc=False):
    """A token nobody registered was used in a transaction; keeps an existing row."""

    id: str
    uid: str
    type: str
    hmac: bytes
    at_us: int


class TransactionOpened(Struct, frozen=True, gc=False):
    """A transaction began (or, with `orphan` 1, its end came without its beginning).

    A start is the same start by station, EVSE, connector, token, device time and meter, whatever its id. An
    orphan is the same orphan by its id alone, which is therefore derived from all that its stop says. What
    events tell of (`told`) is the same by station and OCPP id.
    """

    id: str
    ocpp_id: str
    station_id: str
    site_id: str | None
    evse: int
    connector: int
    token_hmac: bytes | None
    token_verdict: str | None
    started_at_us: int
    device_started_at: str
    received_at_us: int
    meter_start_wh: float | None
    reservation_id: int | None
    orphan: int
    told: str | None = None
    """JSON of `domain.told.Told`; None: told by a start and a stop."""


class TransactionClosed(Struct, frozen=True, gc=False):
    """A transaction ended; a station's own report overrides an end that was only inferred.

    Where events tell of it, one with the same or a higher number overrides also a reported end.
    """

    ended_at_us: int
    device_ended_at: str | None
    end_received_at_us: int
    meter_stop_wh: float | None
    stop_reason: str | None
    stop_token_hmac: bytes | None
    closed_by: str
    id: str
    end_seq_no: int | None = None
    """The number of the event that told it; None: no event did."""


class SampleRecorded(Struct, frozen=True, gc=False):
    """One wide meter sample."""

    station_id: str
    site_id: str | None
    evse: int
    connector: int
    transaction_id: str | None
    at_us: int
    device_at_us: int | None
    received_at_us: int
    context: str
    energy_wh: float | None
    power_w: float | None
    current_l1_a: float | None
    current_l2_a: float | None
    current_l3_a: float | None
    voltage_l1_v: float | None
    voltage_l2_v: float | None
    voltage_l3_v: float | None
    soc_ratio: float | None
    frequency_hz: float | None
    temperature_c: float | None
    extra: str
    quality: int


class SignedValueRecorded(Struct, frozen=True, gc=False):
    """A signed meter value, byte for byte."""

    station_id: str
    site_id: str | None
    evse: int
    transaction_id: str | None
    at_us: int
    received_at_us: int
    context: str
    measurand: str
    encoding: str
    data: bytes
    device_at_us: int | None = None
    """The station's own timestamp, trusted or not: it tells a resent value from a new one."""


class EventRecorded(Struct, frozen=True, gc=False):
    """One line of the log that everybody who watches follows; the store numbers it in commit order."""

    kind: str
    station_id: str | None
    site_id: str | None
    at_us: int
    data: bytes
    """JSON object."""


class RawKept(Struct, frozen=True, gc=False):
    """A message that could not be read but must not be lost."""

    station_id: str
    site_id: str | None
    at_us: int
    action: str
    payload: bytes
    problem: str


class CommandRecorded(Struct, frozen=True, gc=False):
    """The newest state of a command to a station; by id, newer overwrites older."""

    id: str
    station_id: str
    site_id: str | None
    name: str
    action: str
    state: str
    request: bytes
    response: bytes | None
    error: str | None
    created_at_us: int
    sent_at_us: int | None
    final_at_us: int | None
    warning: str | None = None


class AnswerKept(Struct, frozen=True, gc=False):
    """How a request with an `Idempotency-Key` was answered; a newer one of the key takes its place."""

    key: str
    request: bytes
    """Digest of address and body."""
    at_us: int
    status: int
    """0: it was begun, and nobody knows how it ended."""
    headers: bytes = b"[]"
    """JSON, pairs of texts."""
    body: bytes = b""


class AnswerForgotten(Struct, frozen=True, gc=False):
    """A request with an `Idempotency-Key` changed nothing: it may be tried again."""

    key: str


class SessionEnded(Struct, frozen=True, gc=False):
    """A login was ended before its time; those that are over by themselves at `at_us` are forgotten."""

    id: str
    until_us: int
    at_us: int


class SiteSaved(Struct, frozen=True, gc=False):
    """A site's newest configuration; refused unless `revision` follows the stored one (1: a new site)."""

    id: str
    revision: int
    config: bytes
    """JSON of the site as the REST contract has it."""
    at_us: int


class SiteRemoved(Struct, frozen=True, gc=False):
    """A site is gone; refused unless `revision` is the stored one."""

    id: str
    revision: int


class StationPlaced(Struct, frozen=True, gc=False):
    """A station belongs to a site from now on, or to none."""

    site_id: str | None
    station_id: str


class CapSaved(Struct, frozen=True, gc=False):
    """A source limits a node; a newer one of the same source replaces it."""

    site_id: str
    node: str
    source: str
    limit_l1_a: float | None
    limit_l2_a: float | None
    limit_l3_a: float | None
    limit_w: float | None
    until_us: int | None
    reason: str | None
    at_us: int


class CapRemoved(Struct, frozen=True, gc=False):
    """A source limits a node no more."""

    site_id: str
    node: str
    source: str


class ExposureSaved(Struct, frozen=True, gc=False):
    """What a restart must count an EVSE at (`balancer.orders.ExposureRow`); currents per phase."""

    station_id: str
    evse: int
    site_id: str
    transaction_id: str | None
    worst_a: float
    worst_until_s: float | None
    after_a: float
    total_a: float | None
    at_us: int


class FormSaved(Struct, frozen=True, gc=False):
    """What was found out about how a station takes limits."""

    station_id: str
    data: bytes
    """JSON."""
    at_us: int


class ModelFormSaved(Struct, frozen=True, gc=False):
    """The same for all stations of a model, as their first guess."""

    vendor: str
    model: str
    firmware: str
    data: bytes
    """JSON."""
    at_us: int


class ForeignSaved(Struct, frozen=True, gc=False):
    """Somebody else's charging profile is, or may be, on an EVSE (0: on all of the station)."""

    station_id: str
    evse: int
    profile_id: int
    limit_a: float | None
    caps: int
    of_transaction: int
    at_us: int
    limit_w: float | None = None
    """Where it is said in watts and not in amperes."""


class ForeignRemoved(Struct, frozen=True, gc=False):
    """It is there no more (EVSE 0: nowhere at the station)."""

    station_id: str
    evse: int
    profile_id: int


class DecisionLogged(Struct, frozen=True, gc=False):
    """One step of a site's balancing, replayable; the store numbers them in commit order."""

    site_id: str
    at_us: int
    kind: str
    data: bytes


Record = (
    StationRegistered
    | StationConnected
    | StationDisconnected
    | StationSeen
    | StationBooted
    | ConnectorStatusRecorded
    | TokenSeen
    | TransactionOpened
    | TransactionUpdated
    | TransactionClosed
    | TransactionEventRecorded
    | SampleRecorded
    | SignedValueRecorded
    | DeviceVariableReported
    | DeviceModelBounded
    | EventRecorded
    | RawKept
    | CommandRecorded
    | AnswerKept
    | AnswerForgotten
    | SessionEnded
    | SiteSaved
    | SiteRemoved
    | StationPlaced
    | CapSaved
    | CapRemoved
    | ExposureSaved
    | FormSaved
    | ModelFormSaved
    | ForeignSaved
    | ForeignRemoved
    | DecisionLogged
)
