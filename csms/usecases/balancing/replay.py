"""Runs a site's decisions again from its log, and tells where today's balancer would have ordered otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import msgspec
from msgspec import Struct

from balancer.controller import Controller
from balancer.memory import Memory
from balancer.observations import Observation
from csms.domain.site import LoggedDecision
from csms.usecases.balancing.decisions import (
    MEMORY,
    START,
    from_plain,
    read_memory,
    read_start,
    read_steps,
    to_plain,
)


class Difference(Struct, frozen=True, kw_only=True):
    """A step whose orders are others than they were."""

    number: int
    """Of the log's line."""
    step: int
    """Of the line, from 0."""
    now_s: float
    logged: tuple[Any, ...]
    replayed: tuple[Any, ...]


def replay(entries: Iterable[LoggedDecision]) -> list[Difference]:
    """Return every difference, the oldest first.

    A run whose start was deleted begins with its first memory; what stands before that can't be run and is skipped.
    """
    controller: Controller | None = None
    differences: list[Difference] = []
    for entry in entries:
        if entry.kind == START:
            site, settings, restored, now_s = read_start(entry.data)
            controller = Controller(site, settings=settings, restored=restored, now_s=now_s)
            continue
        if entry.kind == MEMORY:
            # Who ran up to here knows it all, and by itself.
            controller = controller or _remembering(read_memory(entry.data))
            continue
        if controller is None:
            continue
        for index, step in enumerate(read_steps(entry.data)):
            decision = controller.step(
                step.now_s, [cast("Observation", from_plain(told)) for told in step.observations]
            )
            replayed = tuple(to_plain(order) for order in decision.orders)
            logged = step.orders
            if msgspec.msgpack.encode(replayed) != msgspec.msgpack.encode(logged):
                differences.append(
                    Difference(
                        number=entry.number,
                        step=index,
                        now_s=step.now_s,
                        logged=logged,
                        replayed=replayed,
                    )
                )
    return differences


def _remembering(memory: Memory) -> Controller:
    controller = Controller(memory.site, settings=memory.settings, now_s=memory.now_s)
    controller.take_over(memory)
    return controller
