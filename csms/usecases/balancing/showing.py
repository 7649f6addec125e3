"""Puts a site's balancing into what is shown of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from balancer.allocation import Reason, ReasonKind
from balancer.controller import Circuit, Controller, Explanation
from balancer.orders import InstallFailsafe, SetLimit
from balancer.site import Evse, EvseKey, Node
from balancer.units import NO_AMPERES, PHASES, add, on_phases
from csms.domain.times import format_utc
from csms.usecases.balancing.forms import describe
from csms.usecases.balancing.observing import Observing
from csms.usecases.balancing.stations import Station
from csms.usecases.balancing.view import (
    AlarmView,
    EvseView,
    NodeView,
    PendingView,
    ReasonView,
    SiteState,
    StationView,
)

_TEXTS = {
    ReasonKind.DEMAND_MET: "the car takes no more",
    ReasonKind.MAXIMUM: "the charger gives no more",
    ReasonKind.NODE: "{node} is full on {phase}",
    ReasonKind.POWER: "{node} is at its limit on power",
    ReasonKind.WAITING: "it waits for its turn at {node}",
    ReasonKind.EXCLUSIVE: "another connector of its group charges",
    ReasonKind.RECLAIMED: "it did not use what it had",
    ReasonKind.STALE_METER: "a meter is silent: nothing is increased",
    ReasonKind.OFFLINE_RESERVE: "it has no connection: what it may draw is kept for it",
    ReasonKind.CAP: "{source} limits {node}",
    ReasonKind.START_GATE: "it must not start before there is room",
    ReasonKind.FAILSAFE: "it has no confirmed limit and may draw its failsafe",
}
_RESTS = "it rests before it may go on"


def site_state(
    controller: Controller, seen: Observing, alarms: Iterable[AlarmView], *, revision: int, at_us: int
) -> SiteState:
    """Return the site as of the controller's last step."""
    site = seen.site
    # A site that was taken in since then is shown with the next step.
    known = {evse.key for evse in controller.site.evses}
    evses = [evse for evse in site.evses if evse.key in known]
    explained = {evse.key: controller.explain(evse.key) for evse in evses}
    circuits = controller.circuits()
    stations = [station for station in seen.stations.values() if station.evses]
    return SiteState(
        id=site.id,
        revision=revision,
        at_us=at_us,
        mode=site.mode,
        strategy=site.strategy,
        nodes=tuple(
            _node(node, circuits[node.id], controller.site.below(node.id), explained)
            for node in site.nodes
            if node.id in circuits
        ),
        evses=tuple(_evse(evse, explained[evse.key], seen) for evse in evses),
        stations=tuple(_station(station) for station in stations),
        alarms=tuple(alarms),
    )


def _node(
    node: Node, circuit: Circuit, below: Iterable[Evse], explained: Mapping[EvseKey, Explanation]
) -> NodeView:
    allocated_a = measured_a = NO_AMPERES
    for evse in below:
        explanation = explained.get(evse.key)
        if explanation is not None:
            if explanation.transaction is not None:
                allocated_a = add(allocated_a, on_phases(explanation.grant.limit_a, explanation.phases))
            measured_a = add(measured_a, explanation.measured_a)
    bound = circuit.bound
    sources = (*bound.source_a, bound.source_w)
    return NodeView(
        id=node.id,
        parent=node.parent,
        rating_a=node.rating_a,
        limit_a=bound.limit_a,
        limit_w=bound.limit_w if bound.limit_w < math.inf else None,
        cap_source=next((source for source in sources if source is not None), None),
        allocated_a=allocated_a,
        exposure_a=circuit.exposure_a,
        measured_a=measured_a,
        base_a=circuit.base.seen_a,
        stale=circuit.base.is_stale,
    )


def _evse(evse: Evse, explained: Explanation, seen: Observing) -> EvseView:
    station = seen.station(evse.key.station)
    return EvseView(
        station=evse.key.station,
        evse=evse.key.evse,
        node=evse.node,
        transaction_id=explained.transaction,
        online=explained.is_online,
        managed=station is not None and station.managed,
        movable=station is not None and station.movable,
        grant_a=explained.grant.limit_a,
        reason=_reason(explained.grant.reason),
        target_a=explained.target_a,
        believed_a=explained.believed_a,
        ordered_a=explained.ordered_a,
        demand_a=min(explained.demand_a, evse.max_a),
        exposure_a=explained.exposure_a,
        measured_a=explained.measured_a,
        phases=explained.phases,
        doubtful=explained.is_doubtful,
        disobeys=explained.is_quarantined,
        foreign_profiles=seen.foreign.count(evse.key),
        pending=() if station is None else tuple(_pending(station, evse.key)),
    )


def _pending(station: Station, key: EvseKey) -> Iterable[PendingView]:
    for job in station.desk.jobs():
        wanted = job.wanted
        if isinstance(wanted, SetLimit | InstallFailsafe) and wanted.evse == key:
            yield PendingView(
                id=job.id,
                kind="limit" if isinstance(wanted, SetLimit) else "failsafe",
                limit_a=wanted.limit_a,
                since_us=job.since_us,
                sent=job.sent is not None,
            )


def _reason(reason: Reason) -> ReasonView:
    phase = None if reason.phase is None else PHASES[reason.phase]
    text = _RESTS if reason.source == "rest" else _TEXTS[reason.kind]
    if reason.kind is ReasonKind.WAITING and reason.node is None:
        text = _RESTS
    until_us = None if reason.until_s is None else round(reason.until_s * 1e6)
    text = text.format(node=reason.node, phase=phase or "a phase", source=reason.source)
    return ReasonView(
        kind=reason.kind.value,
        text=text if until_us is None else f"{text}, until {format_utc(until_us)}",
        node=reason.node,
        phase=phase,
        until_us=until_us,
        source=reason.source,
    )


def _station(station: Station) -> StationView:
    known = station.ladder.known
    return StationView(
        id=station.wire_id,
        managed=station.managed,
        online=station.online,
        connected=station.connected,
        form=describe(known.form) if station.form_known else "unknown",
        form_proven=known.proven,
        movable=station.movable,
        clock_error_s=station.clock_error_s,
    )
