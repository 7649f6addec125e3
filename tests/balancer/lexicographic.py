"""The fairest current by linear programs: what the allocation must equal, found in another way (and slowly)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from balancer.site import EvseKey
from balancer.snapshot import Session
from tests.balancer.judge import Row

_TOLERANCES = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_SAME = 1e-7
"""Levels (A per weight) that differ by less are the same; the examples' data are decimals, so that real ones don't."""


@dataclass(frozen=True, slots=True)
class _Polytope:
    """What is allowed: `matrix @ r <= free` and a floor and a ceiling for each r."""

    matrix: np.ndarray
    free: np.ndarray
    floors: np.ndarray
    ceilings: np.ndarray

    def best(self, gains: np.ndarray, least: np.ndarray) -> float:
        """The greatest `gains @ r` with each r at least at `least`."""
        bounds = list(
            zip(np.minimum(np.maximum(self.floors, least), self.ceilings), self.ceilings, strict=True)
        )
        found = linprog(
            -gains, A_ub=self.matrix, b_ub=self.free, bounds=bounds, method="highs", options=_TOLERANCES
        )
        assert found.success, found.message
        return float(-found.fun)

    def level(self, weights: np.ndarray, rising: np.ndarray, least: np.ndarray) -> float:
        """The greatest level that all that still rise can have at once."""
        count = len(weights)
        # Variables: every r, then the level t.  r_i >= t * w_i for those that rise.
        above = np.hstack([-np.eye(count)[rising], weights[rising][:, None]])
        matrix = np.vstack([np.hstack([self.matrix, np.zeros((len(self.matrix), 1))]), above])
        free = np.concatenate([self.free, np.zeros(len(above))])
        starts = np.minimum(np.maximum(self.floors, least), self.ceilings)
        bounds = [*zip(starts, self.ceilings, strict=True), (0.0, None)]
        gains = np.zeros(count + 1)
        gains[-1] = -1.0
        found = linprog(gains, A_ub=matrix, b_ub=free, bounds=bounds, method="highs", options=_TOLERANCES)
        assert found.success, found.message
        return float(found.x[-1])


def fairest(
    sessions: Sequence[Session],
    rows: Sequence[Row],
    floors_a: Mapping[EvseKey, float],
    ceilings_a: Mapping[EvseKey, float],
) -> dict[EvseKey, float]:
    """Return the lexicographically greatest sorted r/w within `rows`, floors and ceilings, as a current for each.

    The classic procedure: raise the lowest level as far as it goes, fix those that can't have more, repeat.
    """
    if not sessions:
        return {}
    keys = [session.evse for session in sessions]
    useful = [row for row in rows if any(key in row.takes for key in keys)]
    scales = [max(row.takes.values()) for row in useful]  # watts to the size of amperes
    polytope = _Polytope(
        matrix=np.array(
            [
                [row.takes.get(key, 0.0) / scale for key in keys]
                for row, scale in zip(useful, scales, strict=True)
            ]
        ).reshape(len(useful), len(keys)),
        free=np.array([row.free / scale for row, scale in zip(useful, scales, strict=True)]),
        floors=np.array([floors_a[key] for key in keys]),
        ceilings=np.array([ceilings_a[key] for key in keys]),
    )
    weights = np.array([session.weight for session in sessions])
    rising = np.ones(len(keys), dtype=bool)
    least = np.zeros(len(keys))
    while rising.any():
        level = polytope.level(weights, rising, least)
        least[rising] = level * weights[rising] - 1e-9
        for index in np.flatnonzero(rising):
            gains = np.zeros(len(keys))
            gains[index] = 1.0
            most = polytope.best(gains, least)
            if most <= level * weights[index] + _SAME:
                rising[index] = False
                least[index] = most - 1e-9
    return dict(zip(keys, (float(value) for value in least), strict=True))
