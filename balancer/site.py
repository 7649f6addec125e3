"""A site as it is wired: a forest of circuits with limits, the meters on them, the EVSEs below them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from balancer.site_checks import problems_of
from balancer.site_text import read_site, write_site
from balancer.topology import Topology
from balancer.wiring import (
    Evse,
    EvseKey,
    Measures,
    Meter,
    Mode,
    Node,
    Problem,
    SiteError,
    StrategyName,
    Supply,
    Wiring,
)

__all__ = [
    "Evse",
    "EvseKey",
    "Measures",
    "Meter",
    "Mode",
    "Node",
    "Problem",
    "Site",
    "SiteError",
    "StrategyName",
    "Supply",
    "Wiring",
]


@dataclass(frozen=True, kw_only=True)
class Site(Wiring):
    """A charging site; what exists of it is sound, for making a bad one raises `SiteError` with every reason."""

    def __post_init__(self) -> None:
        """Refuse what can't be, with all reasons at once."""
        problems = tuple(problems_of(self))
        if problems:
            raise SiteError(problems)

    @classmethod
    def parse(cls, data: Mapping[str, object]) -> Site:
        """Return the site that `data` describes: the JSON or TOML of the REST contract's "Site".

        Left out: members with a default. Refused with `SiteError`: unknown members, wrong types, and all that a
        site can't be, every problem at once with its path (`nodes[2].rating_a.L1`).
        """
        wiring, problems = read_site(data)
        if not problems:
            return cls(**vars(wiring))
        # What stands in for an unreadable member is not to be judged.
        unread = {problem.path for problem in problems}
        problems += [
            problem for problem in problems_of(wiring) if unread.isdisjoint(_with_parents(problem.path))
        ]
        raise SiteError(problems)

    def to_json(self) -> dict[str, object]:
        """Return what `parse` reads, every member said."""
        return write_site(self)

    @cached_property
    def topology(self) -> Topology:
        """Return the circuits as arrays; made once."""
        return Topology(self.nodes, self.evses, self.nominal_voltage_v)

    @cached_property
    def _nodes_by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def _evses_by_key(self) -> dict[EvseKey, Evse]:
        return {evse.key: evse for evse in self.evses}

    @cached_property
    def _paths(self) -> dict[str, tuple[str, ...]]:
        order = self.topology.order
        return {
            node_id: tuple(order[index].id for index in reversed(path))
            for node_id, path in self.topology.paths.items()
        }

    @cached_property
    def _below(self) -> dict[str, tuple[Evse, ...]]:
        below: dict[str, list[Evse]] = {node.id: [] for node in self.nodes}
        for evse in self.evses:
            for node_id in self._paths[evse.node]:
                below[node_id].append(evse)
        return {node_id: tuple(evses) for node_id, evses in below.items()}

    def node(self, node_id: str) -> Node:
        """Return the node; `KeyError` if there is none."""
        return self._nodes_by_id[node_id]

    def evse(self, key: EvseKey) -> Evse:
        """Return the EVSE; `KeyError` if there is none."""
        return self._evses_by_key[key]

    def path(self, node_id: str) -> tuple[str, ...]:
        """Return the nodes from this one to its root, both included; `KeyError` if there is none."""
        return self._paths[node_id]

    def below(self, node_id: str) -> tuple[Evse, ...]:
        """Return the EVSEs on the node and on all below it, in the site's order; `KeyError` if there is none."""
        return self._below[node_id]


def _with_parents(path: str) -> Iterator[str]:
    """Yield a member's path and those of all that it is in."""
    yield path
    for index, mark in enumerate(path):
        if mark in ".[":
            yield path[:index]
