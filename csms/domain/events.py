"""What stations tell, translated from any OCPP version; values are checked, units are SI.

`device_at` is the station's own timestamp as it wrote it and `device_at_us` the same in UTC
microseconds, None where it could not be read. Judging it is the use cases' business.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from csms.domain.metering import Sample, SignedValue


class Booted(Struct, frozen=True, kw_only=True):
    """The station has started and presents itself."""

    vendor: str
    model: str
    serial: str | None = None
    firmware: str | None = None
    details: str = "{}"
    """JSON object of what else it said (iccid, imsi, meter type and serial, box serial)."""


class HeartbeatReceived(Struct, frozen=True):
    """The station is alive and wants the time."""


class StatusReported(Struct, frozen=True, kw_only=True):
    """A connector changed its status; evse 0 is the station itself."""

    evse: int
    connector: int
    status: str
    error: str | None
    """None: no error."""
    info: str | None = None
    vendor_error: str | None = None
    device_at_us: int | None = None


class AuthorizationRequested(Struct, frozen=True, kw_only=True):
    """A token was presented."""

    uid: str
    token_type: str


class TransactionStartReported(Struct, frozen=True, kw_only=True):
    """The station has started a transaction and wants our id for it."""

    evse: int
    connector: int
    uid: str
    token_type: str
    device_at: str
    device_at_us: int | None
    meter_wh: float
    reservation_id: int | None = None


class TransactionStopReported(Struct, frozen=True, kw_only=True):
    """The station has ended a transaction; its id may be wrong."""

    ocpp_id: str | None
    """None where the station said null or nothing."""
    uid: str | None
    token_type: str
    device_at: str
    device_at_us: int | None
    meter_wh: float | None
    """None where the station said no register."""
    reason: str | None
    samples: tuple[Sample, ...] = ()
    signed: tuple[SignedValue, ...] = ()


class SamplesReported(Struct, frozen=True, kw_only=True):
    """The meter of an EVSE was read."""

    evse: int
    connector: int
    ocpp_id: str | None
    samples: tuple[Sample, ...]
    signed: tuple[SignedValue, ...] = ()


class TransactionStage(str, enum.Enum):
    """Which part of a transaction an event of OCPP 2.x tells of; the words are the standard's."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class TransactionEventReported(Struct, frozen=True, kw_only=True):
    """A part of a transaction whose id the station gives (OCPP 2.x); parts may come late and in any order."""

    stage: TransactionStage
    ocpp_id: str
    seq_no: int
    trigger: str
    """As the standard names it: `CablePluggedIn`, `MeterValuePeriodic`, …"""
    device_at: str
    device_at_us: int | None
    offline: bool = False
    """It happened while the station had no connection."""
    evse: int | None = None
    """None: not said; only one event of a transaction need say it."""
    connector: int | None = None
    uid: str | None = None
    """None: no token was said; as with the EVSE, one event is enough. "" is a token without a uid."""
    token_type: str = ""
    charging_state: str | None = None
    """As the standard names it: `Charging`, `EVConnected`, `SuspendedEV`, …"""
    stop_reason: str | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    phases_used: int | None = None
    samples: tuple[Sample, ...] = ()
    signed: tuple[SignedValue, ...] = ()


class ReportedVariable(Struct, frozen=True, kw_only=True, gc=False):
    """One attribute of a variable of a station's device model (OCPP 2.x)."""

    component: str
    component_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    variable: str
    variable_instance: str | None = None
    attribute: str = "Actual"
    """`Actual`, `Target`, `MinSet` or `MaxSet`."""
    value: str | None = None
    """None: not said (write-only)."""
    mutability: str | None = None
    characteristics: str = "{}"
    """JSON object, as on the wire; "{}" where not said."""


class DeviceModelReported(Struct, frozen=True, kw_only=True):
    """A part of a station's report about its device model."""

    request_id: int
    seq_no: int
    more_follows: bool
    device_at_us: int | None
    variables: tuple[ReportedVariable, ...]


class DeviceEventsReported(Struct, frozen=True, kw_only=True):
    """Events of a station's device model (OCPP 2.x), and the statuses of connectors among them."""

    data: str
    """JSON object of the message's members."""
    statuses: tuple[StatusReported, ...] = ()


class ExternalLimitReported(Struct, frozen=True, kw_only=True):
    """Somebody outside (an energy manager, the grid's operator) limits a station, or does so no more."""

    evse: int
    """0: the whole station."""
    source: str
    """As the standard names it: `EMS`, `SO`, `CSO`, `Other`."""
    limit_a: float | None = None
    """The lowest that it ever sets, amperes per phase; None: not said in amperes, or ended."""
    limit_w: float | None = None
    """The same in watts."""
    ended: bool = False


class VendorDataReceived(Struct, frozen=True, kw_only=True):
    """A vendor's own message."""

    vendor_id: str
    message_id: str | None
    data: str | None


class NoticeReceived(Struct, frozen=True, kw_only=True):
    """A station's notice that only needs to be kept: firmware, diagnostics, log and security notices."""

    kind: str
    """What it is about: `firmware.status`, `log.status`, `security.event`, …; each dialect names its own."""
    data: str
    """JSON object of its members."""


class CertificateRequested(Struct, frozen=True, kw_only=True):
    """The station wants its certificate signed."""

    csr: str


class UnreadableReceived(Struct, frozen=True, kw_only=True):
    """A transaction message that even repair could not make readable; kept raw, so that nothing is lost."""

    kind: str
    """`transaction.start`, `transaction.stop`, `transaction.event` or `samples`."""
    action: str
    payload: bytes
    problem: str


StationEvent = (
    Booted
    | HeartbeatReceived
    | StatusReported
    | AuthorizationRequested
    | TransactionStartReported
    | TransactionStopReported
    | SamplesReported
    | TransactionEventReported
    | DeviceModelReported
    | DeviceEventsReported
    | ExternalLimitReported
    | VendorDataReceived
    | NoticeReceived
    | CertificateRequested
    | UnreadableReceived
)
