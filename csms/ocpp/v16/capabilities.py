"""What the configuration keys of an OCPP 1.6 station say of limits and measurement (§9), read leniently."""

from __future__ import annotations

import re
from collections.abc import Mapping

from csms.domain.control import RateUnit, SmartCharging
from csms.ocpp.repair import squashed

_UNITS = {
    **dict.fromkeys(("a", "amp", "amps", "ampere", "amperes", "current"), RateUnit.AMPERE),
    **dict.fromkeys(("w", "watt", "watts", "power"), RateUnit.WATT),
}
"""§9.4.2 says Current and Power; stations write what they like."""

_SMART_KEYS = (
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "MaxChargingProfilesInstalled",
)
"""§3.13.5: who can do smart charging has them."""

_NUMBER = re.compile(r"[\s'\"]*(\d{1,9})(?:[.,]0*)?[\s'\"]*", re.ASCII)
_ROTATION = re.compile(r"(?<!\d)(\d{1,5})[^0-9A-Z]*(RST|RTS|SRT|STR|TRS|TSR)(?![A-Z])")
_BARE_ROTATION = re.compile(r"\W*(RST|RTS|SRT|STR|TRS|TSR)\W*")


def smart_charging(values: Mapping[str, str]) -> SmartCharging:
    """Return what the values say; keys count without regard to case, and what can't be read says nothing."""
    by_key = {squashed(key): value for key, value in values.items()}

    def said(key: str) -> str:
        return by_key.get(squashed(key), "").strip()

    def number(key: str, least: int) -> int | None:
        found = _NUMBER.fullmatch(said(key))
        return int(found[1]) if found and int(found[1]) >= least else None

    units = (_UNITS.get(squashed(word)) for word in _listed(said("ChargingScheduleAllowedChargingRateUnit")))
    evses = number("NumberOfConnectors", 1)
    return SmartCharging(
        supported=_supported(
            _listed(said("SupportedFeatureProfiles")), has_keys=any(said(key) for key in _SMART_KEYS)
        ),
        units=tuple(dict.fromkeys(unit for unit in units if unit)),
        stack_level_max=number("ChargeProfileMaxStackLevel", 0),
        periods_max=number("ChargingScheduleMaxPeriods", 1),
        evses=evses,
        rotation=_rotation(said("ConnectorPhaseRotation"), evses),
        measurands=_listed(said("MeterValuesSampledData")),
        sample_interval_s=number("MeterValueSampleInterval", 0),
    )


def _listed(text: str) -> tuple[str, ...]:
    """Take a list apart, whatever parts and quotes its elements."""
    return tuple(word for piece in re.split(r"[,;]", text) if (word := piece.strip(" \t\r\n'\"[]")))


def _supported(profiles: tuple[str, ...], *, has_keys: bool) -> bool | None:
    if any(squashed(profile).startswith("smartcharging") for profile in profiles):
        return True
    # Some that leave it out of their list can do it all the same; the keys tell them.
    return False if profiles and not has_keys else None


def _rotation(text: str, evses: int | None) -> dict[int, str]:
    found = {int(number): order for number, order in _ROTATION.findall(text.upper())}
    bare = _BARE_ROTATION.fullmatch(text.upper())
    if bare and evses == 1:
        found = {1: bare[1]}
    # Number 0 is between the grid and the station's main meter (§9.1.7): the site's business.
    return {evse: order for evse, order in found.items() if evse > 0}
