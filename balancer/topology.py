"""A site's circuits as arrays: which rows a car on a node takes part in, and sums over all that hangs below a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balancer.units import Amperes
from balancer.wiring import Evse, EvseKey, Node

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

COLUMNS = 4
"""Rows of a node: its three phases, then its power."""
POWER = 3


class Topology:
    """The forest of a site; the same in whichever order its parts are given.

    Nodes stand in depth-first order (siblings by id), so that all below a node follow it at once; a row is
    4 · node + column.
    Power rows are divided by the nominal voltage: a car's coefficient is the number of its phases, and what is
    free is in amperes over all phases.
    """

    def __init__(self, nodes: Sequence[Node], evses: Sequence[Evse], nominal_voltage_v: float) -> None:
        """Lay out `nodes`, which form a forest, and place `evses` on them."""
        self.nominal_voltage_v = nominal_voltage_v
        children: dict[str | None, list[Node]] = {}
        for node in sorted(nodes, key=lambda node: node.id):
            children.setdefault(node.parent, []).append(node)
        self.order: list[Node] = []
        self.paths: dict[str, tuple[int, ...]] = {}
        ends: dict[int, int] = {}
        # Depth first without recursion: a site may be as deep as its owner likes.
        stack: list[tuple[Node, tuple[int, ...]]] = [(node, ()) for node in reversed(children.get(None, []))]
        while stack:
            node, above = stack.pop()
            path = (*above, len(self.order))
            self.paths[node.id] = path
            self.order.append(node)
            for index in path:
                ends[index] = len(self.order)
            stack.extend((child, path) for child in reversed(children.get(node.id, [])))
        self.index = {node.id: index for index, node in enumerate(self.order)}
        self.ends: Indices = np.array([ends[index] for index in range(len(self.order))], dtype=np.int64)
        self._evses = tuple(evses)

    @cached_property
    def row_matrix(self) -> Indices:
        """Return for each node (in order) the rows from its root's down to its own, filled up with -1."""
        depth = max(len(path) for path in self.paths.values())
        matrix = np.full((len(self.order), depth, COLUMNS), -1, dtype=np.int64)
        for path in self.paths.values():
            matrix[path[-1], : len(path)] = np.array(path)[:, None] * COLUMNS + np.arange(COLUMNS)
        return matrix.reshape(len(self.order), -1)

    @cached_property
    def ranks(self) -> dict[EvseKey, int]:
        """Return each EVSE's place among all keys in order."""
        return {key: rank for rank, key in enumerate(sorted(evse.key for evse in self._evses))}

    @cached_property
    def node_of_rank(self) -> Indices:
        """Return the node of each EVSE, in the order of keys."""
        return np.array([self.index[evse.node] for evse in self._by_rank], dtype=np.int64)

    @cached_property
    def group_of_rank(self) -> Indices:
        """Return the number of each EVSE's exclusive group, in the order of keys; -1: none."""
        names = sorted({evse.exclusive_group for evse in self._evses if evse.exclusive_group is not None})
        numbers: dict[str | None, int] = {name: number for number, name in enumerate(names)}
        return np.array([numbers.get(evse.exclusive_group, -1) for evse in self._by_rank], dtype=np.int64)

    @cached_property
    def group_count(self) -> int:
        """Return how many exclusive groups there are."""
        return int(self.group_of_rank.max(initial=-1)) + 1

    @property
    def _by_rank(self) -> list[Evse]:
        return sorted(self._evses, key=lambda evse: evse.key)

    @cached_property
    def _ratings(self) -> Floats:
        free = np.full((len(self.order), COLUMNS), np.inf)
        for index, node in enumerate(self.order):
            free[index, :POWER] = node.rating_a
            if node.max_power_w is not None:
                free[index, POWER] = node.max_power_w / self.nominal_voltage_v
        return free

    def free(self, free_a: Mapping[str, Amperes], free_w: Mapping[str, float]) -> Floats:
        """Return what is free in each row, flat: amperes; the ratings where nothing is said."""
        free = self._ratings.copy()
        if len(free_a) == len(self.order):
            free[:, :POWER] = [free_a[node.id] for node in self.order]
        else:
            for node_id, amperes in free_a.items():
                free[self.index[node_id], :POWER] = amperes
        for node_id, watts in free_w.items():
            free[self.index[node_id], POWER] = watts / self.nominal_voltage_v
        return free.reshape(-1)

    def totals(self, nodes: Indices, loads: Floats) -> Floats:
        """Return the sum in each row, flat, of `loads` (n by 4), the i-th of which hangs on `nodes[i]`."""
        count = len(self.order)
        flat = (nodes[:, None] * COLUMNS + np.arange(COLUMNS)).reshape(-1)
        own = np.bincount(flat, weights=loads.reshape(-1), minlength=count * COLUMNS).reshape(count, COLUMNS)
        running = np.zeros((count + 1, COLUMNS))
        np.cumsum(own, axis=0, out=running[1:])
        return (running[self.ends] - running[:-1]).reshape(-1)
