"""A controller's memory as plain values and back, for the decision log.

Plain is what has no type of its own but None, numbers and text; all else is a list with its type's name first.
"""

from __future__ import annotations

import dataclasses
import enum
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast

import msgspec

from balancer.account import Account
from balancer.attempts import Attempts
from balancer.base_load import Line, Readings, Sample
from balancer.claims import Claim
from balancer.decision import Alarm, AlarmKind
from balancer.evidence import Obedience, Settling
from balancer.ledger import Books
from balancer.memory import Memory
from balancer.observations import Capability, CapSet
from balancer.orders import ExposureRow, InstallFailsafe, SetLimit
from balancer.settings import Settings
from balancer.site import Evse, EvseKey, Meter, Site, SiteError
from balancer.snapshot import Turn
from balancer.usage import PhaseWatch, Reclaim
from balancer.visits import Visit
from csms.domain.errors import StorageError

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Account,
        Alarm,
        AlarmKind,
        Attempts,
        Books,
        CapSet,
        Capability,
        Claim,
        Evse,
        EvseKey,
        ExposureRow,
        InstallFailsafe,
        Line,
        Meter,
        Obedience,
        PhaseWatch,
        Readings,
        Reclaim,
        Sample,
        SetLimit,
        Settling,
        Turn,
        Visit,
    )
}
_COLLECTIONS: dict[str, Callable[[Iterable[Any]], Any]] = {"list": list, "set": set, "tuple": tuple}
_ONCE = ("site", "settings")
_PARTS = tuple(field.name for field in dataclasses.fields(Memory) if field.name not in _ONCE)


def to_plain(memory: Memory) -> dict[str, Any]:
    """Return a memory as plain values."""
    parts = {name: _plain(getattr(memory, name)) for name in _PARTS}
    return {"site": memory.site.to_json(), "settings": msgspec.to_builtins(memory.settings), **parts}


def from_plain(plain: dict[str, Any]) -> Memory:
    """Return the memory that `to_plain` was given; raises `StorageError` for what another release wrote."""
    try:
        settings = msgspec.convert(plain["settings"], Settings)
        parts = {name: _made(plain[name], settings) for name in _PARTS}
        return Memory(site=Site.parse(plain["site"]), settings=settings, **parts)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, SiteError) as error:
        raise StorageError(f"a controller's memory can't be read by this release: {error!r}") from error


def _plain(value: Any) -> Any:  # noqa: ANN401 - anything that a memory holds
    if value is None or isinstance(value, bool | int | float | str):
        return value
    name = type(value).__name__
    # The settings are everywhere the controller's, which are written once.
    return [name] if isinstance(value, Settings) else [name, *_content(value)]


def _content(value: Any) -> Iterable[Any]:  # noqa: ANN401 - anything that is not plain
    match value:
        case enum.Enum():
            return (value.value,)
        case dict():
            pairs = cast("dict[Any, Any]", value).items()
            return ([_plain(key), _plain(held)] for key, held in pairs)
        case deque():
            held = cast("deque[Any]", value)
            return (held.maxlen, *map(_plain, held))
        case set():
            # In one order, so that the same memory is the same line.
            return map(_plain, sorted(cast("set[Any]", value), key=repr))
        case tuple() | list():
            return map(_plain, cast("list[Any]", value))
        case _:
            names = [field.name for field in dataclasses.fields(value)]
            return ({name: _plain(getattr(value, name)) for name in names},)


def _made(plain: Any, settings: Settings) -> Any:  # noqa: ANN401 - anything that a memory holds
    if not isinstance(plain, list):
        return plain
    name, *values = cast("list[Any]", plain)
    if name == Settings.__name__:
        return settings
    if name in _COLLECTIONS:
        return _COLLECTIONS[name](_made(held, settings) for held in values)
    if name == dict.__name__:
        return {_made(key, settings): _made(held, settings) for key, held in values}
    if name == deque.__name__:
        return deque((_made(held, settings) for held in values[1:]), values[0])
    return _of_kind(_KINDS[name], values, settings)


def _of_kind(kind: type[Any], values: list[Any], settings: Settings) -> Any:  # noqa: ANN401
    if not dataclasses.is_dataclass(kind):
        return kind(*(_made(value, settings) for value in values))
    (fields,) = values
    if fields.keys() != {field.name for field in dataclasses.fields(kind)}:
        raise ValueError(f"the members of {kind.__name__} are others")
    made = object.__new__(kind)
    for name, value in fields.items():
        # Some are frozen, and what is set on making them is known already.
        object.__setattr__(made, name, _made(value, settings))
    return made
