"""What the balancing asks of stations and hears of them, before any OCPP version shapes it.

Limits are amperes per phase or watts, as the `ProfileForm` of the station's model says.
"""

from __future__ import annotations

import enum

from msgspec import Struct

OWN_PROFILE_IDS = range(1_000_000, 2_000_000)
"""Charging profile ids that are the balancer's; whoever else uses one changes our profiles."""


_SOURCES = ("EMS", "SO", "CSO")
_BEYOND_OCPP = -(2**31)
"""A lower id has no profile: integers of OCPP have 32 bits."""


def external_profile_id(source: str, *, whole_station: bool) -> int:
    """Return what stands, in place of a charging profile's id, for the limit of an energy manager, the grid, ….

    `source` as the standard names it; sources that it doesn't name share one.
    """
    place = _SOURCES.index(source) if source in _SOURCES else len(_SOURCES)
    return _BEYOND_OCPP - 1 - 2 * place - whole_station


def is_external(profile_id: int) -> bool:
    """Tell whether an id stands for such a limit, which no central system can clear."""
    return profile_id < _BEYOND_OCPP


class RateUnit(str, enum.Enum):
    """The unit of a charging schedule's limits; the letters are the standard's."""

    AMPERE = "A"
    WATT = "W"


class Placement(str, enum.Enum):
    """Which profile carries a running limit."""

    TRANSACTION = "transaction"
    """TxProfile: it ends with its transaction."""
    DEFAULT = "default"
    """TxDefaultProfile on the EVSE, in place of the failsafe: it outlives the transaction."""
    STATION = "station"
    """ChargePointMaxProfile or ChargingStationMaxProfile; only where the station has one EVSE."""


class ProfileForm(Struct, frozen=True, kw_only=True):
    """How a model takes limits; found out by asking and by trying, kept per model."""

    unit: RateUnit = RateUnit.AMPERE
    placement: Placement = Placement.TRANSACTION
    stack_level: int = 0
    periods_max: int = 2
    """1: no step down inside a schedule, so no lease."""


class FailsafeOrder(Struct, frozen=True, kw_only=True):
    """Install the limit that holds whenever no running one does, as the default profile of one EVSE."""

    evse: int
    limit: float
    """In the form's unit; rounded down to one decimal on the wire."""
    form: ProfileForm
    start_us: int
    """When its schedule begins, in the past."""


class LimitOrder(Struct, frozen=True, kw_only=True):
    """Set the running limit of a transaction."""

    evse: int
    ocpp_transaction_id: str
    """As the station names it."""
    limit: float
    """In the form's unit; 0 pauses."""
    failsafe: float
    """From `lease_s` on."""
    lease_s: float | None
    """Site seconds from `start_us`; None: one period."""
    form: ProfileForm
    start_us: int


def placement_of(order: FailsafeOrder | LimitOrder) -> Placement:
    """Return which profile carries it."""
    if isinstance(order, LimitOrder) or order.form.placement is Placement.STATION:
        return order.form.placement
    # Where the station takes no profile for an EVSE, the running limit replaces the failsafe, as in a default.
    return Placement.DEFAULT


class Setting(str, enum.Enum):
    """What the balancing reads and writes of a station's settings, by role; each version knows its own name for it.

    The values, as far as 1.6 has the role, are its names; all switches are "true" or "false".
    """

    MEASURANDS = "MeterValuesSampledData"
    """What is sampled during a transaction: a list, parted by commas."""
    SAMPLE_INTERVAL = "MeterValueSampleInterval"
    """Seconds."""
    LOCAL_PRE_AUTHORIZE = "LocalPreAuthorize"
    LOCAL_AUTHORIZE_OFFLINE = "LocalAuthorizeOffline"
    AUTHORIZATION_CACHE = "AuthorizationCacheEnabled"
    LOCAL_LIST = "LocalAuthListEnabled"
    OFFLINE_FOR_UNKNOWN = "AllowOfflineTxForUnknownId"
    STARTS_UNAUTHORIZED = "StartsUnauthorized"
    """Anybody may start, and nobody is asked (2.x only)."""
    CONNECTION_TIMEOUT = "ConnectionTimeOut"
    """How long after its consent a station waits for the cable (1.6 §9.1.7); seconds."""


class ReadConfiguration(Struct, frozen=True):
    """Read all that the station says of itself that bears on limits and measurement, or `keys` alone."""

    keys: tuple[str, ...] = ()
    """`Setting`s, or names as the station's version has them."""
    so_far: OrderOutcome | None = None
    """What earlier parts of this read ended with: go on from there."""


class WriteConfiguration(Struct, frozen=True):
    """Write one configuration key (2.0.1: variable)."""

    key: str
    """A `Setting`, or a name as the station's version has it."""
    value: str


class ClearOwnProfiles(Struct, frozen=True):
    """Remove our profiles from an EVSE."""

    evse: int
    form: ProfileForm


StationOrder = FailsafeOrder | LimitOrder | ReadConfiguration | WriteConfiguration | ClearOwnProfiles


class OrderVerdict(str, enum.Enum):
    """How an order ended; the names are those of `balancer.observations.Verdict`."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """The station said no: it keeps what it had."""
    UNSUPPORTED = "unsupported"
    """It said that it can't do that at all (NotSupported, NotImplemented)."""
    UNKNOWN = "unknown"
    """It left and no answer came: it may count or not."""
    NOT_SENT = "not-sent"
    """It never left."""


class OrderOutcome(Struct, frozen=True, kw_only=True):
    """How an order ended, in neutral words."""

    verdict: OrderVerdict
    detail: str = ""
    """What the station said: its status or its error's code and description."""
    values: dict[str, str] = {}
    """Of a `ReadConfiguration`: key → value as the station wrote them."""
    unknown_keys: tuple[str, ...] = ()
    complete: bool = True
    """False: a part of a `ReadConfiguration` that takes more calls than one; to be asked again with it as `so_far`."""
    reboot_required: bool = False
    smart_charging: SmartCharging | None = None
    """Of an accepted `ReadConfiguration` of everything: what `values` say."""


class SmartCharging(Struct, frozen=True, kw_only=True):
    """What a station's configuration says of limits and measurement."""

    supported: bool | None
    """None: it doesn't say; try."""
    units: tuple[RateUnit, ...]
    """Empty: it doesn't say."""
    stack_level_max: int | None
    periods_max: int | None
    evses: int | None
    rotation: dict[int, str]
    """EVSE → "RST", "STR", …, as far as it says."""
    measurands: tuple[str, ...]
    """What it samples now."""
    sample_interval_s: int | None


class ProfileEffect(Struct, frozen=True, kw_only=True):
    """What a call that is not the balancer's does to the charging profiles of a station, if it succeeds."""

    evse: int
    """0: all of them."""
    profile_id: int | None
    """None: not said (a clearing by other criteria)."""
    clears_own: bool = False
    """Our profiles there are gone or replaced; `takes_ours` tells whether that can be."""
    placement: Placement | None = None
    """Of `clears_own`: only ours of this purpose; None: of any."""
    stack_level: int | None = None
    """Of `clears_own`: only ours at this stack level; None: at any."""
    clears_foreign: bool = False
    """Foreign ones there are gone: the one named `profile_id`, or all."""
    sets: bool = False
    """A foreign profile is there from now on, with `limit_a` …"""
    gives_way: bool = False
    """Of `sets`: a station that accepts one of ours of this purpose and stack level there has put it in its place."""
    limit_a: float | None = None
    """… as its highest limit, amperes per phase; None: unknown."""
    limit_w: float | None = None
    """The same in watts, where it is in watts."""
    caps: bool = False
    """It can only lower."""
    of_transaction: bool = False
    """It ends with the transaction."""

    def takes_ours(self, form: ProfileForm) -> bool:
        """Tell whether it can take away a profile of ours that was installed in this form."""
        failsafe = Placement.STATION if form.placement is Placement.STATION else Placement.DEFAULT
        return (
            self.clears_own
            and self.placement in {None, failsafe, form.placement}
            and self.stack_level in {None, form.stack_level}
        )


class EffectStage(str, enum.Enum):
    """How far the call that has effects is."""

    LEAVING = "leaving"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The station said no: nothing changed. (Of a call that never leaves nothing is told.)"""
    UNKNOWN = "unknown"
    """No answer: it may have changed."""


class ConfigurationTouched(Struct, frozen=True):
    """News for the balancing: somebody's call writes configuration of a station; told as it leaves and at its end."""

    station_id: str
    at_us: int
    keys: tuple[str, ...]
    """As the caller wrote them."""


class ProfilesTouched(Struct, frozen=True):
    """News for the balancing: somebody's call changes, or may have changed, a station's profiles."""

    station_id: str
    at_us: int
    command_id: str
    stage: EffectStage
    effects: tuple[ProfileEffect, ...]
