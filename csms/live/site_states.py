"""What changed at sites since somebody looked last: passing `site.state` messages, one a second and site at most."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from csms.live.messages import Message, Wanted, passing
from csms.usecases.balancing.view import EvseView, NodeView, SiteState, StationView

SPACING_S = 1.0
"""Between two looks at the sites; machine seconds."""


class SiteAtWork(Protocol):
    """A site as its balancing shows it; `csms.sites.site.SiteTask`."""

    steps: int
    trouble: str | None

    def state(self) -> SiteState | None:
        """Return the site as of its newest step; None before the first."""
        ...


ShowSite = Callable[[SiteState], dict[str, object]]
"""Puts a state into the names of the REST contract."""
_Part = NodeView | EvseView | StationView


class _Known(Struct):
    """A site as it was told."""

    site: SiteAtWork
    steps: int = -1
    trouble: str | None = None
    state: SiteState | None = None
    parts: dict[object, tuple[_Part, int]] = field(default_factory=dict[object, tuple[_Part, int]])
    """By kind and key, with the version that they were told as."""
    version: int = 0
    messages: dict[int, Message] = field(default_factory=dict[int, Message])
    """What was made of this version, by the version that it follows."""


class SiteStates:
    """The sites as they were told, and as which version each of their parts."""

    def __init__(self, sites: Callable[[], Mapping[str, SiteAtWork]], show: ShowSite) -> None:
        """Look at `sites`, by id."""
        self._sites = sites
        self._show = show
        self._known: dict[str, _Known] = {}
        self._looked_s = float("-inf")

    def refresh(self, version: int, now_s: float) -> bool:
        """Let what changed be told as `version`, where it is time to look; False: nothing did."""
        if now_s - self._looked_s < SPACING_S:
            return False
        self._looked_s = now_s
        sites = self._sites()
        self._known = {
            name: known if (known := self._known.get(name)) and known.site is site else _Known(site)
            for name, site in sites.items()
        }
        told = False
        for known in self._known.values():
            if _update(known, version):
                known.version, told = version, True
                known.messages.clear()
        return told

    def since(self, version: int, wanted: Wanted) -> Iterator[bytes]:
        """Yield what was told after `version`: of each site that changed the parts that did."""
        for name, known in self._known.items():
            if known.version <= version:
                continue
            message = known.messages.get(version)
            if message is None:
                message = known.messages[version] = self._message(name, known, version)
            if message in wanted:
                yield message.text

    def clear(self) -> None:
        """Forget everything: nobody follows."""
        self._known.clear()
        self._looked_s = float("-inf")

    def _message(self, name: str, known: _Known, version: int) -> Message:
        data: dict[str, object] = {"id": name, "trouble": known.trouble}
        if known.state is not None:
            changed = [part for part, told_as in known.parts.values() if told_as > version]
            state = replace(
                known.state,
                nodes=tuple(part for part in changed if isinstance(part, NodeView)),
                evses=tuple(part for part in changed if isinstance(part, EvseView)),
                stations=tuple(part for part in changed if isinstance(part, StationView)),
                alarms=(),
            )
            data |= {key: value for key, value in self._show(state).items() if value != []}
        return passing("site.state", data, station_id=None, site_id=name)


def _update(known: _Known, version: int) -> bool:
    """Take over what changed, as `version`; False: nothing did."""
    site = known.site
    if (known.steps, known.trouble) == (site.steps, site.trouble):
        return False
    state = site.state()
    changed = known.trouble != site.trouble or _head(known.state) != _head(state)
    known.steps, known.trouble, known.state = site.steps, site.trouble, state
    before, known.parts = known.parts, {}
    for key, part in _parts(state):
        told = before.get(key)
        known.parts[key] = told if told is not None and told[0] == part else (part, version)
        changed = changed or known.parts[key] is not told
    return changed


def _head(state: SiteState | None) -> object:
    return None if state is None else (state.revision, state.mode, state.strategy)


def _parts(state: SiteState | None) -> Iterator[tuple[object, _Part]]:
    if state is None:
        return
    yield from ((("node", node.id), node) for node in state.nodes)
    yield from ((("evse", evse.station, evse.evse), evse) for evse in state.evses)
    yield from ((("station", station.id), station) for station in state.stations)
