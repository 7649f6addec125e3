"""What a sample says of the site's phases: only what is sure, for limits are judged and freed by it."""

from __future__ import annotations

from balancer.site import Evse
from balancer.units import NO_AMPERES, Amperes, dc_input_current_a, on_phases
from csms.domain.records import SampleRecorded

AGREES = 0.15
"""Power and currents are said to agree up to that share: power factor, voltage and rounding."""
NOTHING_A = 1.0


def site_current(evse: Evse, sample: SampleRecorded, nominal_voltage_v: float) -> Amperes | None:
    """Return what the EVSE drew on each phase of the site; None where the sample can't tell.

    The charger's L1, L2, L3 are the site's phases of `evse.rotation`. Phases that are not said are filled in
    only where the power says what flows there.
    """
    if evse.supply == "DC":
        return _direct_current(evse, sample, nominal_voltage_v)
    said = (sample.current_l1_a, sample.current_l2_a, sample.current_l3_a)
    voltages = (sample.voltage_l1_v, sample.voltage_l2_v, sample.voltage_l3_v)
    volts = max((volts for volts in voltages if volts), default=nominal_voltage_v)
    if len(evse.rotation) == 1:
        # Some name the only phase L1 whatever it is wired to, some name the site's.
        current_a = max((value for value in said if value is not None), default=None)
        if current_a is None:
            current_a = None if sample.power_w is None else sample.power_w / volts
        return None if current_a is None else on_phases(current_a, evse.phases)
    wired = _complete(said[: len(evse.rotation)], sample.power_w, volts)
    if wired is None:
        return None
    on_site = list(NO_AMPERES)
    for site_phase, current_a in zip(evse.rotation, wired, strict=True):
        on_site[site_phase] = current_a
    return on_site[0], on_site[1], on_site[2]


def _direct_current(evse: Evse, sample: SampleRecorded, volts: float) -> Amperes | None:
    # Currents and voltages are those of the vehicle's side.
    if sample.power_w is None:
        return None
    return on_phases(dc_input_current_a(sample.power_w, volts, evse.efficiency), evse.phases)


def _complete(said: tuple[float | None, ...], power_w: float | None, volts: float) -> list[float] | None:
    """Return the current of every wired phase, as far as it is said or follows from the power."""
    known = [value for value in said if value is not None]
    missing = len(said) - len(known)
    if missing == 0:
        return known
    if not known or power_w is None:
        return None
    rest_a = power_w / volts - sum(known)
    near_a = max(NOTHING_A, AGREES * sum(known))
    if abs(rest_a) <= near_a:
        other_a = 0.0
    elif abs(rest_a - missing * known[0]) <= near_a:
        other_a = rest_a / missing
    else:
        return None
    return [other_a if value is None else value for value in said]
