"""What the configuration keys of an OCPP 1.6 station say of limits and measurement (§9), read leniently."""

from __future__ import annotations

import re
from collections.abc import Mapping

from csms.domain.control import SmartCharging
from csms.ocpp.repair import squashed
from csms.ocpp.setting_texts import listed, number, rate_units

_SMART_KEYS = (
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "MaxChargingProfilesInstalled",
)
"""§3.13.5: who can do smart charging has them."""

_ROTATION = re.compile(r"(?<!\d)(\d{1,5})[^0-9A-Z]*(RST|RTS|SRT|STR|TRS|TSR)(?![A-Z])")
_BARE_ROTATION = re.compile(r"\W*(RST|RTS|SRT|STR|TRS|TSR)\W*")


def smart_charging(values: Mapping[str, str]) -> SmartCharging:
    """Return what the values say; keys count without regard to case, and what can't be read says nothing."""
    by_key = {squashed(key): value for key, value in values.items()}

    def said(key: str) -> str:
        return by_key.get(squashed(key), "").strip()

    evses = number(said("NumberOfConnectors"), 1)
    return SmartCharging(
        supported=_supported(
            listed(said("SupportedFeatureProfiles")), has_keys=any(said(key) for key in _SMART_KEYS)
        ),
        units=rate_units(listed(said("ChargingScheduleAllowedChargingRateUnit"))),
        stack_level_max=number(said("ChargeProfileMaxStackLevel"), 0),
        periods_max=number(said("ChargingScheduleMaxPeriods"), 1),
        evses=evses,
        rotation=_rotation(said("ConnectorPhaseRotation"), evses),
        measurands=listed(said("MeterValuesSampledData")),
        sample_interval_s=number(said("MeterValueSampleInterval"), 0),
    )


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
