"""Names of device model variables as one text: `Component.Variable`, each with its `[instance]` where it has one."""

from __future__ import annotations

import re

from msgspec import Struct

_NAME = re.compile(
    r"(?P<component>[^.\[\]]+)(?:\[(?P<component_instance>[^\[\]]+)\])?"
    r"\.(?P<variable>[^.\[\]]+)(?:\[(?P<variable_instance>[^\[\]]+)\])?"
)


class VariableName(Struct, frozen=True, kw_only=True):
    """A variable of a component of the whole station."""

    component: str
    component_instance: str | None = None
    variable: str
    variable_instance: str | None = None


def parse(text: str) -> VariableName | None:
    """Read `OCPPCommCtrlr.MessageTimeout[Default]`; None where it is no such name."""
    found = _NAME.fullmatch(text)
    return None if found is None else VariableName(**found.groupdict())
