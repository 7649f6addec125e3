"""Chargers and cars for tests of stations without a network."""

from __future__ import annotations

from typing import Any

from simulators.charger import ChargerModel
from simulators.events import (
    State,
    StateChanged,
)
from simulators.hardware import ChargerSpec, EvseSpec
from simulators.vehicle import Vehicle, VehicleSpec
from tests.simulators.some_profiles import NOON

V = 230.0


def charger(*evses: EvseSpec, **spec) -> ChargerModel:
    made = ChargerSpec(id="C1", evses=evses or (EvseSpec(reaction_s=0.0),), **spec)
    return ChargerModel(made, NOON)


def car(soc: float = 0.1, **spec) -> Vehicle:
    usual: dict[str, Any] = {"max_a": 32.0, "pack_wh": 90_000.0}
    return Vehicle(VehicleSpec(**{**usual, **spec}), soc=soc)


def charging(*evses: EvseSpec, vehicle: Vehicle | None = None, **spec) -> ChargerModel:
    model = charger(*evses, **spec)
    model.plug(1, vehicle or car(), NOON)
    model.start(1, "T", NOON)
    model.identify(1, "7")
    model.take_events()
    return model


def states(model: ChargerModel) -> list[State]:
    return [event.state for event in model.take_events() if isinstance(event, StateChanged)]


def currents(model: ChargerModel, evse: int = 1) -> list[tuple[float, float]]:
    return [(at_s - NOON, current_a[0]) for at_s, current_a in model.draws[evse].points]
