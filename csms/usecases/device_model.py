"""Stations report their device model in parts; of each variable the newest report is kept, within bounds."""

from __future__ import annotations

from csms.domain.answers import Acknowledged
from csms.domain.events import DeviceModelReported, ReportedVariable
from csms.domain.station import StationState
from csms.domain.times import trusted_at
from csms.domain.told_records import (
    DeviceModelBounded,
    DeviceVariableReported,
)
from csms.ports import Context, Outcome
from csms.usecases import event_log

KEPT_VARIABLES = 10_000
"""How many attributes of variables are kept of a station, the newest; the largest inventories have a few thousand."""

VARIABLE_CHARACTERS_MAX = 20_000
"""A variable with more text is left out: the standard allows values of 2,500 characters."""


def report(state: StationState, event: DeviceModelReported, context: Context) -> Outcome:
    """Keep a part of a report; parts need no order, and an older report overwrites no newer one."""
    at_us, _ = trusted_at(event.device_at_us, context.received_at_us)
    kept = [one for one in event.variables if _characters(one) <= VARIABLE_CHARACTERS_MAX]
    data = {
        "station_id": state.id,
        "request_id": event.request_id,
        "seq_no": event.seq_no,
        "more_follows": event.more_follows,
        "variables": len(kept),
        "left_out": len(event.variables) - len(kept),
    }
    return Outcome(
        Acknowledged(),
        (
            *(_reported(state, one, at_us) for one in kept),
            DeviceModelBounded(state.id, KEPT_VARIABLES),
            event_log.line("station.device-model", state, context.received_at_us, data),
        ),
    )


def _characters(variable: ReportedVariable) -> int:
    texts = (
        variable.component,
        variable.component_instance,
        variable.variable,
        variable.variable_instance,
        variable.attribute,
        variable.value,
        variable.mutability,
        variable.characteristics,
    )
    return sum(len(text) for text in texts if text is not None)


def _reported(state: StationState, variable: ReportedVariable, at_us: int) -> DeviceVariableReported:
    return DeviceVariableReported(
        station_id=state.id,
        component=variable.component,
        component_instance=variable.component_instance or "",
        evse=variable.evse or 0,
        connector=variable.connector or 0,
        variable=variable.variable,
        variable_instance=variable.variable_instance or "",
        attribute=variable.attribute,
        value=variable.value,
        mutability=variable.mutability,
        characteristics=variable.characteristics,
        at_us=at_us,
    )
