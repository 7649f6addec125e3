"""Which OCPP version a station speaks, and the settings that stations of one kind share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from simulators.configuration import Key, keys_of
from simulators.device_model import Place, Variable, variables_of
from simulators.dialect import Dialect
from simulators.hardware import EvseSpec
from simulators.orders import Served
from simulators.profile_rules import ProfileRules
from simulators.schedules import Version
from simulators.v16 import Dialect16
from simulators.v201 import Dialect201

_SITE_PHASES = "RST"


def speak_16(station: Served) -> Dialect:
    """Let a station speak 1.6."""
    charger = station.spec.charger
    return Dialect16(station, _keys(charger.evses, charger.rules))


def speak_201(station: Served) -> Dialect:
    """Let a station speak 2.0.1."""
    spec = station.spec
    return Dialect201(station, _variables(spec.charger.evses, spec.charger.rules, spec.model, spec.vendor))


SPEAKERS: Mapping[Version, Callable[[Served], Dialect]] = {Version.V16: speak_16, Version.V201: speak_201}
"""A version is a row."""


def rotation_name(rotation: tuple[int, ...]) -> str:
    """Return the 1.6 name of a rotation: the site's phases on the charger's (1.6 §9.1.8)."""
    name = "".join(_SITE_PHASES[phase] for phase in rotation)
    return name if len(rotation) == len(_SITE_PHASES) else "NotApplicable"


@functools.lru_cache(maxsize=256)
def _keys(evses: tuple[EvseSpec, ...], rules: ProfileRules) -> dict[str, Key]:
    rotations = {evse.id: rotation_name(evse.rotation) for evse in evses}
    return keys_of(connectors=len(evses), rules=rules, rotations=rotations)


@functools.lru_cache(maxsize=256)
def _variables(
    evses: tuple[EvseSpec, ...], rules: ProfileRules, model: str, vendor: str
) -> dict[Place, Variable]:
    power_w = {evse.id: evse.max_a * evse.phases * rules.voltage_v for evse in evses}
    return variables_of(evses=power_w, rules=rules, model=model, vendor=vendor)
