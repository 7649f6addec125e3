"""How variables of a 2.0.1 device model are written as one text, as configuration keys are in 1.6.

    Component.Variable                      SampledDataCtrlr.TxUpdatedInterval
    Component.Variable[instance]            DeviceDataCtrlr.ItemsPerMessage[GetVariables]
    Component[instance].Variable            DistributionPanel[2].Fuse
    Component(evse).Variable                EVSE(1).PhaseRotation
    Component(evse,connector).Variable      Connector(1,2).ConnectorType

Where a name or an instance holds one of ``. [ ] ( ) %`` itself, that is written as ``%`` and its two hexadecimal
digits, as in addresses of web pages. The attribute is always `Actual`.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from msgspec import UNSET, Struct, UnsetType

from csms.ocpp.v201 import messages as m

_NAME = r"[^.\[\]()]+"
_INSTANCE = r"(?:\[([^\[\]]+)\])?"
_KEY = re.compile(rf"({_NAME}){_INSTANCE}(?:\(([0-9]{{1,9}})(?:,([0-9]{{1,9}}))?\))?\.({_NAME}){_INSTANCE}")
_MARK = re.compile(r"[.\[\]()%]")


class VariableName(Struct, frozen=True, kw_only=True):
    """Which variable of which component is meant."""

    component: str
    component_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    variable: str
    variable_instance: str | None = None


def parse(text: str) -> VariableName | None:
    """Read a variable's name; None where it is no such name."""
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    component, component_instance, evse, connector, variable, variable_instance = found.groups()
    try:
        return VariableName(
            component=_plain(component),
            component_instance=None if component_instance is None else _plain(component_instance),
            evse=None if evse is None else int(evse),
            connector=None if connector is None else int(connector),
            variable=_plain(variable),
            variable_instance=None if variable_instance is None else _plain(variable_instance),
        )
    except UnicodeDecodeError:
        return None


def format_name(name: VariableName) -> str:
    """Write a variable's name as one text."""
    place = ""
    if name.evse is not None:
        place = f"({name.evse})" if name.connector is None else f"({name.evse},{name.connector})"
    component = f"{_quoted(name.component)}{_bracketed(name.component_instance)}{place}"
    return f"{component}.{_quoted(name.variable)}{_bracketed(name.variable_instance)}"


def folded(text: str) -> str:
    """Return what two texts have in common that mean the same variable: names are the same in any case."""
    return text.casefold()


def on_the_wire(name: VariableName) -> tuple[m.Component, m.Variable]:
    """Return it as messages name it."""
    evse = UNSET
    if name.evse is not None:
        evse = m.EVSE(id=name.evse, connectorId=UNSET if name.connector is None else name.connector)
    component = m.Component(name=name.component, instance=_or_unset(name.component_instance), evse=evse)
    return component, m.Variable(name=name.variable, instance=_or_unset(name.variable_instance))


def _or_unset(text: str | None) -> str | UnsetType:
    return UNSET if text is None else text


def _bracketed(instance: str | None) -> str:
    return f"[{_quoted(instance)}]" if instance else ""


def _quoted(text: str) -> str:
    return _MARK.sub(lambda mark: f"%{ord(mark[0]):02X}", text)


def _plain(text: str) -> str:
    return unquote(text, errors="strict")
