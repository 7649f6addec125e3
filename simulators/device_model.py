"""The device model of a 2.0.1 station: components, their variables, and what may be set (2.0.1 Part 2, B05 to B08)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from simulators.configuration import Check, is_boolean, is_count, split
from simulators.profile_rules import ProfileRules
from simulators.samples import MEASURANDS

ITEMS_PER_MESSAGE = 20
"""How many variables GetVariables and SetVariables may name, and a NotifyReport tells."""

GetStatus = Literal[
    "Accepted", "Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType"
]
SetStatus = Literal[
    "Accepted",
    "Rejected",
    "RebootRequired",
    "UnknownComponent",
    "UnknownVariable",
    "NotSupportedAttributeType",
]
DataType = Literal["boolean", "integer", "string", "OptionList", "MemberList"]


class Place(NamedTuple):
    """Where a variable stands."""

    component: str
    variable: str
    instance: str | None = None
    evse: int | None = None
    connector: int | None = None

    @property
    def owner(self) -> tuple[str, int | None, int | None]:
        """Return the component of which it is one."""
        return self.component, self.evse, self.connector


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as a station is delivered; its attribute is Actual, as there is no other here."""

    value: str
    type: DataType = "string"
    check: Check | None = None
    """Whether a value may be set; None: read-only."""
    unit: str | None = None
    max_limit: float | None = None
    secret: bool = False
    """Write-only."""


@dataclass(slots=True)
class DeviceModel:
    """What one station is set to; the variables themselves are shared by all stations of a kind."""

    variables: Mapping[Place, Variable]
    _changed: dict[Place, str] = field(default_factory=dict[Place, str])

    def value(self, component: str, variable: str, instance: str | None = None) -> str:
        """Return a value of the station; raises `KeyError` where there is no such variable."""
        place = Place(component, variable, instance)
        return self._changed.get(place, self.variables[place].value)

    def number(self, component: str, variable: str, instance: str | None = None) -> int:
        """Return a whole number."""
        return int(self.value(component, variable, instance))

    def flag(self, component: str, variable: str) -> bool:
        """Return a boolean."""
        return self.value(component, variable).lower() == "true"

    def list(self, component: str, variable: str) -> tuple[str, ...]:
        """Return a list."""
        return tuple(split(self.value(component, variable)))

    def get(self, place: Place, attribute: str | None) -> tuple[GetStatus, str | None]:
        """Answer one line of GetVariables."""
        found = self._find(place)
        if isinstance(found, str):
            return found, None
        if attribute not in (None, "Actual"):
            return "NotSupportedAttributeType", None
        if self.variables[found].secret:
            return "Rejected", None
        return "Accepted", self._changed.get(found, self.variables[found].value)

    def set(self, place: Place, value: str, attribute: str | None) -> SetStatus:
        """Answer one line of SetVariables."""
        found = self._find(place)
        if isinstance(found, str):
            return found
        if attribute not in (None, "Actual"):
            return "NotSupportedAttributeType"
        check = self.variables[found].check
        if check is None or not check(value):
            return "Rejected"
        self._changed[found] = value
        return "Accepted"

    def boot(self, *, forget: bool = False) -> None:
        """`forget`: factory values come back, as on some models."""
        if forget:
            self._changed.clear()

    def report(self, *, settable_only: bool) -> Iterator[dict[str, Any]]:
        """Yield the `reportData` of a base report, in snake case."""
        for place, variable in self.variables.items():
            if settable_only and variable.check is None:
                continue
            yield {
                "component": _component(place),
                "variable": _named(place.variable, place.instance),
                "variable_attribute": [self._attribute(place, variable)],
                "variable_characteristics": _characteristics(variable),
            }

    def _attribute(self, place: Place, variable: Variable) -> dict[str, Any]:
        mutability = "ReadOnly" if variable.check is None else "ReadWrite"
        attribute: dict[str, Any] = {
            "type": "Actual",
            "mutability": "WriteOnly" if variable.secret else mutability,
            "persistent": True,
        }
        if not variable.secret:
            attribute["value"] = self._changed.get(place, variable.value)
        return attribute

    def _find(self, place: Place) -> Place | Literal["UnknownComponent", "UnknownVariable"]:
        """Names are case-insensitive (2.0.1 Part 2, appendices; identifierString)."""
        if place in self.variables:
            return place
        wanted = _folded(place)
        same_owner = False
        for known in self.variables:
            same_owner = same_owner or _folded(known)[:3] == wanted[:3]
            if _folded(known) == wanted:
                return known
        return "UnknownVariable" if same_owner else "UnknownComponent"


def variables_of(
    *, evses: Mapping[int, float], rules: ProfileRules, model: str, vendor: str
) -> dict[Place, Variable]:
    """Return the variables of a kind of station; `evses`: each with the power it can deliver, in W."""
    variables = {
        **_STATION,
        Place("ChargingStation", "Model"): Variable(model),
        Place("ChargingStation", "VendorName"): Variable(vendor),
        **_smart_charging(rules),
    }
    for evse, power_w in evses.items():
        phases = "1" if power_w < _THREE_PHASES_FROM_W else "3"
        variables |= {
            Place("EVSE", "Available", None, evse): Variable("true", "boolean"),
            Place("EVSE", "Power", None, evse): Variable("0", "integer", unit="W", max_limit=power_w),
            Place("EVSE", "SupplyPhases", None, evse): Variable(phases, "integer"),
            Place("Connector", "Available", None, evse, 1): Variable("true", "boolean"),
            Place("Connector", "ConnectorType", None, evse, 1): Variable("sType2"),
            Place("Connector", "SupplyPhases", None, evse, 1): Variable(phases, "integer"),
        }
    return variables


_THREE_PHASES_FROM_W = 10_000.0


def _smart_charging(rules: ProfileRules) -> dict[Place, Variable]:
    def row(variable: str, value: str, kind: DataType, instance: str | None = None) -> None:
        found[Place("SmartChargingCtrlr", variable, instance)] = Variable(value, kind)

    found: dict[Place, Variable] = {}
    row("Available", str(rules.supported).lower(), "boolean")
    row("Enabled", str(rules.supported).lower(), "boolean")
    if rules.supported:
        row("ProfileStackLevel", str(rules.max_stack_level), "integer")
        row("RateUnit", ",".join(sorted(rules.units)), "MemberList")
        row("PeriodsPerSchedule", str(rules.max_periods), "integer")
        row("Entries", str(rules.max_profiles), "integer", "ChargingProfiles")
        row("Phases3to1", str(rules.switches_phases).lower(), "boolean")
        row("ACPhaseSwitchingSupported", str(rules.switches_phases).lower(), "boolean")
        row("LimitChangeSignificance", "1", "integer")
    return found


def _are_measurands(text: str) -> bool:
    return all(one in MEASURANDS for one in split(text))


def _text_up_to(length: int) -> Check:
    return lambda text: 0 < len(text) <= length


def _station_variables() -> dict[Place, Variable]:
    found: dict[Place, Variable] = {}

    def row(
        component: str,
        variable: str,
        value: str,
        kind: DataType = "string",
        check: Check | None = None,
        instance: str | None = None,
    ) -> None:
        found[Place(component, variable, instance)] = Variable(value, kind, check)

    used = "Energy.Active.Import.Register,Power.Active.Import,Current.Import"
    row("AlignedDataCtrlr", "Interval", "0", "integer", is_count)
    row("AuthCacheCtrlr", "Enabled", "true", "boolean", is_boolean)
    row("AuthCtrlr", "AuthorizeRemoteStart", "false", "boolean", is_boolean)
    row("AuthCtrlr", "LocalAuthorizeOffline", "true", "boolean", is_boolean)
    row("AuthCtrlr", "LocalPreAuthorize", "false", "boolean", is_boolean)
    row("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "true", "boolean", is_boolean)
    row("ChargingStation", "Available", "true", "boolean")
    row("ClockCtrlr", "TimeSource", "Heartbeat", "MemberList")
    for action in ("GetVariables", "SetVariables", "GetReport"):
        row("DeviceDataCtrlr", "ItemsPerMessage", str(ITEMS_PER_MESSAGE), "integer", None, action)
        row("DeviceDataCtrlr", "BytesPerMessage", "65000", "integer", None, action)
    row("OCPPCommCtrlr", "HeartbeatInterval", "300", "integer", is_count)
    row("OCPPCommCtrlr", "MessageAttempts", "3", "integer", is_count, "TransactionEvent")
    row("OCPPCommCtrlr", "MessageAttemptInterval", "10", "integer", is_count, "TransactionEvent")
    row("OCPPCommCtrlr", "OfflineThreshold", "60", "integer", is_count)
    row("OCPPCommCtrlr", "WebSocketPingInterval", "0", "integer", is_count)
    row("SampledDataCtrlr", "Available", "true", "boolean")
    row("SampledDataCtrlr", "Enabled", "true", "boolean")
    row(
        "SampledDataCtrlr",
        "TxEndedMeasurands",
        "Energy.Active.Import.Register",
        "MemberList",
        _are_measurands,
    )
    row(
        "SampledDataCtrlr",
        "TxStartedMeasurands",
        "Energy.Active.Import.Register",
        "MemberList",
        _are_measurands,
    )
    row("SampledDataCtrlr", "TxUpdatedInterval", "60", "integer", is_count)
    row("SampledDataCtrlr", "TxUpdatedMeasurands", used, "MemberList", _are_measurands)
    row("SecurityCtrlr", "SecurityProfile", "1", "integer")
    found[Place("SecurityCtrlr", "BasicAuthPassword")] = Variable("", "string", _text_up_to(40), secret=True)
    row("TxCtrlr", "EVConnectionTimeOut", "60", "integer", is_count)
    row("TxCtrlr", "StopTxOnEVSideDisconnect", "true", "boolean", is_boolean)
    row("TxCtrlr", "StopTxOnInvalidId", "true", "boolean", is_boolean)
    row("TxCtrlr", "TxStartPoint", "PowerPathClosed", "MemberList")
    row("TxCtrlr", "TxStopPoint", "EVConnected", "MemberList")
    return found


_STATION = _station_variables()


def _component(place: Place) -> dict[str, Any]:
    members = _named(place.component, None)
    if place.evse is not None:
        members["evse"] = {"id": place.evse}
        if place.connector is not None:
            members["evse"]["connector_id"] = place.connector
    return members


def _named(name: str, instance: str | None) -> dict[str, Any]:
    return {"name": name} if instance is None else {"name": name, "instance": instance}


def _characteristics(variable: Variable) -> dict[str, Any]:
    members: dict[str, Any] = {"data_type": variable.type, "supports_monitoring": False}
    if variable.unit is not None:
        members["unit"] = variable.unit
    if variable.max_limit is not None:
        members["max_limit"] = variable.max_limit
    return members


def _folded(place: Place) -> tuple[object, ...]:
    instance = None if place.instance is None else place.instance.lower()
    return place.component.lower(), place.evse, place.connector, place.variable.lower(), instance
