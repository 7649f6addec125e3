"""Configuration as the balancing reads and writes it, by GetVariables and SetVariables (2.0.1 B05, B06)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, structs

from csms.domain.commands import CommandResult
from csms.domain.control import OrderOutcome, OrderVerdict, ReadConfiguration, Setting, WriteConfiguration
from csms.domain.errors import Invalid
from csms.ocpp import endings
from csms.ocpp.repair import squashed
from csms.ocpp.setting_texts import number
from csms.ocpp.v201 import messages as m
from csms.ocpp.v201.capabilities import (
    EVSES_MAX,
    ITEMS_PER_READ,
    MEASURANDS,
    SAMPLE_INTERVAL,
    VARIABLES,
    evse_variables,
    smart_charging,
)
from csms.ocpp.v201.variables import VariableName, folded, format_name, on_the_wire, parse

ITEMS_MAX = 10
"""More are not asked for at once, whatever a station says that it takes: it may mean a whole page of memory."""
ITEMS_UNSAID = 4
"""For stations that don't say how many they take, though each should."""

_SETTINGS: dict[str, str] = {
    Setting.MEASURANDS: MEASURANDS,
    Setting.SAMPLE_INTERVAL: SAMPLE_INTERVAL,
    Setting.LOCAL_PRE_AUTHORIZE: "AuthCtrlr.LocalPreAuthorize",
    Setting.LOCAL_AUTHORIZE_OFFLINE: "AuthCtrlr.LocalAuthorizeOffline",
    Setting.AUTHORIZATION_CACHE: "AuthCacheCtrlr.Enabled",
    Setting.LOCAL_LIST: "LocalAuthListCtrlr.Enabled",
    Setting.OFFLINE_FOR_UNKNOWN: "AuthCtrlr.OfflineTxForUnknownIdEnabled",
    Setting.STARTS_UNAUTHORIZED: "AuthCtrlr.Enabled",
    Setting.CONNECTION_TIMEOUT: "TxCtrlr.EVConnectionTimeOut",
}
_OPPOSITE = {"true": "false", "false": "true"}
_OPPOSITES = frozenset({Setting.STARTS_UNAUTHORIZED})
"""Settings that are on where their variable is off."""


# --- orders


def reading(order: ReadConfiguration) -> m.GetVariablesRequest:
    """Return the next part of a read; raises `Invalid`."""
    return m.GetVariablesRequest(getVariableData=tuple(_asking(key) for key in _part(order)))


def writing(order: WriteConfiguration) -> m.SetVariablesRequest:
    """Return the write of one variable; raises `Invalid`."""
    component, variable = _placed(order.key)
    value = _turned(order.key, order.value)
    data = m.SetVariableData(attributeValue=value, component=component, variable=variable)
    return m.SetVariablesRequest(setVariableData=(data,))


def _asking(key: str) -> m.GetVariableData:
    component, variable = _placed(key)
    return m.GetVariableData(component=component, variable=variable)


def _placed(key: str) -> tuple[m.Component, m.Variable]:
    name = parse(_variable_of(key))
    if name is None:
        raise Invalid(f"key: {key!r} is no variable, such as SampledDataCtrlr.TxUpdatedInterval")
    return on_the_wire(name)


def _variable_of(key: str) -> str:
    return _SETTINGS.get(key, key)


def _turned(key: str, value: str) -> str:
    return _OPPOSITE.get(value.strip().casefold(), "") if key in _OPPOSITES else value


def _part(order: ReadConfiguration) -> tuple[str, ...]:
    """Return the keys to ask for now: as many as the station takes, of which it has to be asked first (B06.FR.05)."""
    so_far = order.so_far or _NOTHING
    answered = {*so_far.values, *so_far.unknown_keys}
    wanted = _wanted(order.keys, so_far)
    lacking = [key for key in wanted if key not in answered]
    if len(lacking) > 1 and ITEMS_PER_READ not in answered:
        return (ITEMS_PER_READ,)
    items = number(so_far.values.get(ITEMS_PER_READ, ""), 1)
    return tuple(lacking[: min(items or ITEMS_UNSAID, ITEMS_MAX)])


_NOTHING = OrderOutcome(verdict=OrderVerdict.ACCEPTED)


def _wanted(keys: tuple[str, ...], so_far: OrderOutcome) -> Iterator[str]:
    if keys:
        yield from keys
        return
    yield from VARIABLES
    for evse in range(1, EVSES_MAX + 1):
        exists, rotation = evse_variables(evse)
        if exists in so_far.unknown_keys:
            return
        yield exists
        yield rotation


def written(payload: bytes) -> tuple[str, ...]:
    """Return the keys that a checked SetVariables writes: `Setting`s as far as they are."""
    request = msgspec.json.decode(payload, type=m.SetVariablesRequest)
    return tuple(_key_of(one) for one in request.setVariableData)


def _key_of(data: m.SetVariableData) -> str:
    evse = data.component.evse
    name = VariableName(
        component=data.component.name,
        component_instance=_or_none(data.component.instance),
        evse=None if evse is UNSET else evse.id,
        connector=None if evse is UNSET or evse.connectorId is UNSET else evse.connectorId,
        variable=data.variable.name,
        variable_instance=_or_none(data.variable.instance),
    )
    text = format_name(name)
    return _BY_VARIABLE.get(folded(text), text)


def _or_none(text: str | UnsetType) -> str | None:
    return None if text is UNSET else text


_BY_VARIABLE = {folded(variable): setting for setting, variable in _SETTINGS.items()}


# --- answers


def read_outcome(order: ReadConfiguration, result: CommandResult) -> OrderOutcome:
    """Say how a part of a read ended, with all that the earlier ones said.

    A part that is refused is asked for again one by one: the station takes fewer at once than it says (B06.FR.16,
    .17). What is refused alone says nothing.
    """
    asked = _part(order)
    so_far = order.so_far or _NOTHING
    without = endings.unanswered(result)
    if without is None:
        answers = _answers(result.response or b"")
        if answers is None:
            return OrderOutcome(verdict=OrderVerdict.UNKNOWN, detail="the answer can't be read")
        return _with(order, so_far, asked, answers)
    refused = without.verdict in {OrderVerdict.REJECTED, OrderVerdict.UNSUPPORTED}
    if not refused or order.so_far is None:
        return without.outcome()
    if len(asked) > 1:
        return structs.replace(so_far, values={**so_far.values, ITEMS_PER_READ: "1"}, complete=False)
    return _with(order, so_far, asked, {})


def write_outcome(result: CommandResult) -> OrderOutcome:
    """Say how the write of one variable ended (B05)."""
    without = endings.unanswered(result)
    if without is not None:
        return without.outcome()
    try:
        answer = msgspec.json.decode(result.response or b"", type=_SetAnswer)
        only = msgspec.json.decode(answer.setVariableResult[0], type=_Result)
    except (ValueError, IndexError):
        return OrderOutcome(verdict=OrderVerdict.UNKNOWN, detail="the answer can't be read")
    status = only.attributeStatus if isinstance(only.attributeStatus, str) else ""
    found = endings.of_status(status, endings.reason_of(only.attributeStatusInfo))
    if found.status in _NOT_THERE:
        return OrderOutcome(verdict=OrderVerdict.UNSUPPORTED, detail=found.detail)
    return found.outcome()


_NOT_THERE = frozenset({"unknowncomponent", "unknownvariable", "notsupportedattributetype"})


class _GetAnswer(Struct):
    getVariableResult: tuple[Raw, ...] = ()  # noqa: N815 - the wire's name


class _SetAnswer(Struct):
    setVariableResult: tuple[Raw, ...] = ()  # noqa: N815


class _Evse(Struct):
    id: int
    connectorId: int | None = None  # noqa: N815


class _Component(Struct):
    name: str
    instance: str | None = None
    evse: _Evse | None = None


class _Variable(Struct):
    name: str
    instance: str | None = None


class _Result(Struct):
    """One line of either answer, however it comes."""

    attributeStatus: Any = None  # noqa: N815
    attributeStatusInfo: Any = None  # noqa: N815
    attributeValue: Any = None  # noqa: N815


class _Named(Struct):
    component: _Component
    variable: _Variable


def _answers(response: bytes) -> dict[str, _Result] | None:
    """Return the lines of an answer by their folded names; None: it can't be read."""
    try:
        lines: Sequence[Raw] = msgspec.json.decode(response, type=_GetAnswer).getVariableResult
        return {key: result for line in lines if (key := _name(line)) and (result := _result(line))}
    except ValueError:
        return None


def _name(line: Raw) -> str | None:
    try:
        named = msgspec.json.decode(line, type=_Named)
    except msgspec.ValidationError:
        return None
    evse = named.component.evse
    name = VariableName(
        component=named.component.name,
        component_instance=named.component.instance,
        evse=None if evse is None else evse.id,
        connector=None if evse is None else evse.connectorId,
        variable=named.variable.name,
        variable_instance=named.variable.instance,
    )
    return folded(format_name(name))


def _result(line: Raw) -> _Result:
    return msgspec.json.decode(line, type=_Result)


def _with(
    order: ReadConfiguration, so_far: OrderOutcome, asked: tuple[str, ...], answers: dict[str, _Result]
) -> OrderOutcome:
    """Return all that is known now. What was asked for and not answered, or refused, is there and says nothing."""
    values, unknown = dict(so_far.values), list(so_far.unknown_keys)
    for key in asked:
        result = answers.get(folded(_variable_of(key)), _SILENT)
        status = squashed(result.attributeStatus) if isinstance(result.attributeStatus, str) else ""
        if status in _NOT_THERE:
            unknown.append(key)
        else:
            values[key] = _turned(key, _text(result.attributeValue)) if status == "accepted" else ""
    outcome = OrderOutcome(
        verdict=OrderVerdict.ACCEPTED, values=values, unknown_keys=tuple(unknown), complete=False
    )
    if _part(structs.replace(order, so_far=outcome)):
        return outcome
    said = None if order.keys else smart_charging(values)
    return structs.replace(outcome, complete=True, smart_charging=said)


_SILENT = _Result()


def _text(value: object) -> str:
    """Return a value as text; stations write numbers and truths where there should be texts."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
