"""The configuration keys of a 1.6 station (1.6 §9): what they say, which may be changed, and to what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from simulators.profile_rules import ProfileRules
from simulators.samples import MEASURANDS

_BOOLEANS = {"true", "false"}
_MEASURANDS_MAX = 8

ChangeStatus = Literal["Accepted", "RebootRequired", "Rejected", "NotSupported"]
Check = Callable[[str], bool]


def is_boolean(text: str) -> bool:
    """Tell whether it is a boolean as 1.6 §9.1 writes them."""
    return text.lower() in _BOOLEANS


def is_count(text: str) -> bool:
    """Tell whether it is a whole number, 0 or more."""
    return text.isascii() and text.isdigit()


def is_measurands(text: str) -> bool:
    """Tell whether it is a list of measurands that we have; the empty one is."""
    wanted = split(text)
    return len(wanted) <= _MEASURANDS_MAX and all(one in MEASURANDS for one in wanted)


def split(text: str) -> list[str]:
    """Take a comma-separated list apart."""
    return [part for part in (piece.strip() for piece in text.split(",")) if part]


@dataclass(frozen=True, slots=True)
class Key:
    """A key as a station is delivered."""

    value: str
    check: Check | None = None
    """Whether a value may be set; None: nothing can be set."""
    reboot: bool = False
    """Whether a change counts only after the next boot."""
    secret: bool = False
    """Can be written, never read."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A key as GetConfiguration tells it."""

    key: str
    readonly: bool
    value: str


class Configuration:
    """What one station is set to; the keys themselves are shared by all stations of a kind."""

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = keys
        self._changed: dict[str, str] = {}
        self._pending: dict[str, str] = {}

    def value(self, name: str) -> str:
        """Return a key's value; raises `KeyError` where there is no such key."""
        return self._changed.get(name, self._keys[name].value)

    def number(self, name: str) -> int:
        """Return a whole number."""
        return int(self.value(name))

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        return self.value(name).lower() == "true"

    def list(self, name: str) -> tuple[str, ...]:
        """Return a list."""
        return tuple(split(self.value(name)))

    def read(self, names: Iterable[str] | None) -> tuple[list[Reported], list[str]]:
        """Return what GetConfiguration tells of the keys named (None or none: of all), and what it doesn't know."""
        asked = list(names or ())
        found = [self._named(name) for name in asked] if asked else list(self._keys)
        told = [name for name in found if name is not None and not self._keys[name].secret]
        unknown = [name for name, known in zip(asked, found, strict=False) if known is None]
        return [Reported(name, self._keys[name].check is None, self.value(name)) for name in told], unknown

    def change(self, name: str, value: str) -> ChangeStatus:
        """Set a key as ChangeConfiguration asks, or say why not."""
        known = self._named(name)
        if known is None:
            return "NotSupported"
        key = self._keys[known]
        if key.check is None or not key.check(value):
            return "Rejected"
        if key.reboot:
            self._pending[known] = value
            return "RebootRequired"
        self._changed[known] = value
        return "Accepted"

    def set(self, name: str, value: str) -> None:
        """Set a key from inside the station, whoever may change it from outside."""
        self._changed[name] = value

    def boot(self, *, forget: bool = False) -> None:
        """Let what waited for a boot count; `forget`: factory values come back, as on some models."""
        if forget:
            self._changed.clear()
        self._changed.update(self._pending)
        self._pending.clear()

    def _named(self, name: str) -> str | None:
        """Keys are case-insensitive strings (1.6 §7.28)."""
        if name in self._keys:
            return name
        return next((known for known in self._keys if known.lower() == name.lower()), None)


def keys_of(
    *, connectors: int, rules: ProfileRules, rotations: Mapping[int, str], remote_trigger: bool = True
) -> dict[str, Key]:
    """Return the keys of a kind of station; `rotations`: per connector `RST`, `STR` and so on."""
    features = ["Core", *(["SmartCharging"] if rules.supported else ())]
    if remote_trigger:
        features.append("RemoteTrigger")
    rotation = ",".join(f"{connector}.{phases}" for connector, phases in sorted(rotations.items()))
    keys = {
        **_CORE,
        "ConnectorPhaseRotation": Key(rotation, lambda text: len(text) <= 500),  # noqa: PLR2004 - CiString500
        "NumberOfConnectors": Key(str(connectors)),
        "SupportedFeatureProfiles": Key(",".join(features)),
    }
    return {**keys, **_smart_charging(rules)} if rules.supported else keys


def _smart_charging(rules: ProfileRules) -> dict[str, Key]:
    words = {"A": "Current", "W": "Power"}
    return {
        "ChargeProfileMaxStackLevel": Key(str(rules.max_stack_level)),
        "ChargingScheduleAllowedChargingRateUnit": Key(",".join(words[unit] for unit in sorted(rules.units))),
        "ChargingScheduleMaxPeriods": Key(str(rules.max_periods)),
        "ConnectorSwitch3to1PhaseSupported": Key(str(rules.switches_phases).lower()),
        "MaxChargingProfilesInstalled": Key(str(rules.max_profiles)),
    }


def _is_key(text: str) -> bool:
    return 16 <= len(text) <= 40  # noqa: PLR2004 - security whitepaper A00.FR.205, hexadecimal or as it is


_CORE: dict[str, Key] = {
    "AllowOfflineTxForUnknownId": Key("true", is_boolean),
    "AuthorizationCacheEnabled": Key("true", is_boolean),
    "AuthorizationKey": Key("", _is_key, secret=True),
    "AuthorizeRemoteTxRequests": Key("false", is_boolean),
    "ClockAlignedDataInterval": Key("0", is_count),
    "ConnectionTimeOut": Key("60", is_count),
    "GetConfigurationMaxKeys": Key("50"),
    "HeartbeatInterval": Key("300", is_count),
    "LocalAuthorizeOffline": Key("true", is_boolean),
    "LocalPreAuthorize": Key("false", is_boolean),
    "MeterValueSampleInterval": Key("60", is_count),
    "MeterValuesAlignedData": Key("Energy.Active.Import.Register", is_measurands),
    "MeterValuesSampledData": Key(
        "Energy.Active.Import.Register,Power.Active.Import,Current.Import", is_measurands
    ),
    "MeterValuesSampledDataMaxLength": Key(str(_MEASURANDS_MAX)),
    "ResetRetries": Key("1", is_count),
    "StopTransactionOnEVSideDisconnect": Key("true", is_boolean),
    "StopTransactionOnInvalidId": Key("true", is_boolean),
    "StopTxnAlignedData": Key("", is_measurands),
    "StopTxnSampledData": Key("", is_measurands),
    "TransactionMessageAttempts": Key("3", is_count),
    "TransactionMessageRetryInterval": Key("10", is_count),
    "UnlockConnectorOnEVSideDisconnect": Key("true", is_boolean),
    "WebSocketPingInterval": Key("0", is_count),
}
