"""Sites as people write them: reading one with all its problems at once, and checking what it would come to.

The check is that of commissioning (control.md "Failsafe"): when nobody steers the chargers, each draws its
failsafe, and together with what others draw at worst that must fit on every node and phase.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterator, Mapping
from typing import cast

from balancer import PHASES, Amperes, FailsafeCheck, Site, SiteError, Violation, failsafe_check, worst_base
from balancer.limits import KEPT_A
from balancer.units import NO_AMPERES, add, on_phases
from csms.domain.errors import FieldProblem
from csms.domain.site import KnownStation
from csms.domain.site_check import ByPhase, EvseCheck, Finding, NodeCheck, SiteCheck, SiteRead
from csms.usecases import site_keeping


def read_site(text: str, suffix: str = "") -> SiteRead:
    """Read a site's description: JSON or TOML, by the file's `suffix` or else by what it looks like."""
    is_json = suffix.lower() == ".json" or (suffix.lower() != ".toml" and text.lstrip()[:1] in {"{", "["})
    try:
        data: object = json.loads(text, parse_constant=_no_number) if is_json else tomllib.loads(text)
    except RecursionError:
        return _unreadable("is nested deeper than any site")
    except ValueError as error:  # of malformed JSON and TOML too
        return _unreadable(f"is not {'JSON' if is_json else 'TOML'}: {error}")
    return read_site_data(data)


def read_site_data(data: object) -> SiteRead:
    """Read a site's description that was decoded already."""
    try:
        site = Site.parse(cast("Mapping[str, object]", data))
        config = json.dumps(site.to_json(), ensure_ascii=False, allow_nan=False).encode()
    except SiteError as error:
        return SiteRead(_id_in(data), None, _problems_of(error))
    except OverflowError:
        return _unreadable("holds a number that is larger than anything on a site")
    except UnicodeEncodeError:
        return _unreadable("holds half of a character (a surrogate without its pair)")
    return SiteRead(site.id, config, ())


def check_site(config: bytes, known: Collection[KnownStation]) -> SiteCheck:
    """Check a site as `read_site` returned it, among the `known` stations."""
    try:
        site = Site.parse(json.loads(config))
    except SiteError as error:  # stored by a version with other rules
        found = tuple(Finding(*problem) for problem in _problems_of(error))
        return SiteCheck(site_id=_id_in(json.loads(config)) or "", ok=False, problems=found, warnings=())
    stations = {station.id: station for station in known if station.registered}
    base = worst_base(site)
    failsafes = _failsafes(site)
    check = failsafe_check(site, base)
    problems = (
        *(_broken(site, violation, base, failsafes) for violation in check.broken),
        *(Finding(*conflict) for conflict in site_keeping.conflicts(site.id, config, known)),
    )
    return SiteCheck(
        site_id=site.id,
        ok=not problems,
        problems=problems,
        warnings=tuple(_warnings(site, stations)),
        nodes=tuple(_nodes(site, base, failsafes)),
        evses=tuple(_evses(site, check, stations)),
    )


def _unreadable(message: str) -> SiteRead:
    return SiteRead(None, None, (FieldProblem("site", message),))


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON")


def _id_in(data: object) -> str | None:
    found = cast("Mapping[str, object]", data).get("id") if isinstance(data, Mapping) else None
    return found if isinstance(found, str) else None


def _problems_of(error: SiteError) -> tuple[FieldProblem, ...]:
    return tuple(FieldProblem(path or "site", message) for path, message in error.problems)


def _failsafes(site: Site) -> dict[str, Amperes]:
    """Return the sum of the failsafes below each node."""
    sums: dict[str, Amperes] = {}
    for node in site.nodes:
        total = NO_AMPERES
        for evse in site.below(node.id):
            total = add(total, on_phases(evse.failsafe_a, evse.phases))
        sums[node.id] = total
    return sums


def _broken(
    site: Site, violation: Violation, base: Mapping[str, Amperes], failsafes: Mapping[str, Amperes]
) -> Finding:
    number = next(index for index, node in enumerate(site.nodes) if node.id == violation.node)
    node, others, own = site.nodes[number], base[violation.node], failsafes[violation.node]
    if violation.phase is None:
        unit, limit = "W", node.max_power_w or 0.0
        path, others_take = f"nodes[{number}].max_power_w", sum(others) * site.nominal_voltage_v
        own_take = sum(own) * site.nominal_voltage_v
    else:
        unit, limit = "A", node.rating_a[violation.phase]
        path = f"nodes[{number}].rating_a.{PHASES[violation.phase]}"
        others_take, own_take = others[violation.phase], own[violation.phase]
    if others_take > limit:
        remedy = "others alone draw more than it carries: correct the limit, or fallback_a of the meters"
    else:
        remedy = "lower failsafe_a of EVSEs below it to what is proposed"
    return Finding(
        path,
        f"{node.id}: the failsafes ({own_take:g} {unit}) and the worst load of others ({others_take:g} {unit}) "
        f"are {violation.over:g} {unit} above its limit ({limit:g} {unit}); {remedy}",
    )


def _warnings(site: Site, stations: Mapping[str, KnownStation]) -> Iterator[Finding]:
    metered = {site.path(node.id)[-1] for node in site.nodes if node.meter is not None}
    for index, node in enumerate(site.nodes):
        if node.parent is None and node.id not in metered:
            yield Finding(
                f"nodes[{index}].meter", f"nothing measures at {node.id}: others are counted at 0 A there"
            )
    # Another spelling is a problem of its own.
    spelled = {station_id.lower(): station for station_id, station in stations.items()}
    told: set[str] = set()
    for index, evse in enumerate(site.evses):
        station_id = evse.key.station
        if station_id in told:
            continue
        told.add(station_id)
        station = spelled.get(station_id.lower())
        if station is None:
            yield Finding(
                f"evses[{index}].station",
                f"{station_id} is not registered; csms station add {station_id}",
            )
        elif not station.managed:
            yield Finding(
                f"evses[{index}].station",
                f"{station_id} is unmanaged, so nothing is sent to it; csms station manage {station_id}",
            )


def _nodes(site: Site, base: Mapping[str, Amperes], failsafes: Mapping[str, Amperes]) -> Iterator[NodeCheck]:
    for node in site.nodes:
        taken = add(base[node.id], failsafes[node.id])
        left = [rating - take for rating, take in zip(node.rating_a, taken, strict=True)]
        watts = None if node.max_power_w is None else node.max_power_w - sum(taken) * site.nominal_voltage_v
        yield NodeCheck(
            id=node.id,
            rating_a=_by_phase(node.rating_a),
            base_a=_by_phase(base[node.id]),
            failsafe_a=_by_phase(failsafes[node.id]),
            left_a=_by_phase((left[0], left[1], left[2])),
            max_power_w=node.max_power_w,
            left_w=None if watts is None else round(watts, 6),
        )


def _evses(site: Site, check: FailsafeCheck, stations: Mapping[str, KnownStation]) -> Iterator[EvseCheck]:
    for evse in site.evses:
        station = stations.get(evse.key.station)
        proposed_a = check.proposed_a[evse.key]
        yield EvseCheck(
            station=evse.key.station,
            evse=evse.key.evse,
            node=evse.node,
            failsafe_a=evse.failsafe_a,
            proposed_a=proposed_a,
            may_keep=proposed_a >= KEPT_A,
            registered=station is not None,
            managed=station is not None and station.managed,
        )


def _by_phase(amperes: Amperes) -> ByPhase:
    # Sums of tenths print as tenths.
    return {phase: round(ampere, 6) for phase, ampere in zip(PHASES, amperes, strict=True)}
