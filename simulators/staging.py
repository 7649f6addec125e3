"""From a scenario to what is played: stations, their cars, their faults, the site and its meter."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from simulators import traces
from simulators.faults import SOUND, Disobedience, Faults, Forgetting, Outage, Reboot, Scheduled, chaos
from simulators.hardware import ChargerSpec, EvseSpec
from simulators.meter import Series
from simulators.profile_rules import ProfileRules
from simulators.scenario import Arrivals, Cars, FaultTable, Scenario, ScenarioError, Stations, Traces
from simulators.schedules import Version
from simulators.site import SiteNode
from simulators.station_spec import StationSpec
from simulators.vehicle import VehicleSpec
from simulators.visits import Visit

_ROTATIONS = ("RST", "STR", "TRS")
_PHASES = "RST"
_WH = 1000.0
_ANSWER_TIMEOUT_S = 30.0
_LEAST_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Cast:
    """A station with all that comes to it."""

    spec: StationSpec
    visits: tuple[Visit, ...]
    faults: Faults
    node: str | None


@dataclass(frozen=True, slots=True)
class Stage:
    """A scenario, ready to be played from a moment of site time on."""

    begins_s: float
    ends_s: float
    casts: tuple[Cast, ...]
    nodes: tuple[SiteNode, ...]


def stage(
    scenario: Scenario,
    *,
    url: str,
    begins_s: float,
    folder: Path | None = None,
    checked: bool = True,
    keep_draws: bool = True,
    follows_time: bool = True,
) -> Stage:
    """Make what a scenario says; `begins_s` is the site time at which it begins, `folder` has its traces.

    `checked`: messages are held against the schemas; `keep_draws`: all that flows is remembered;
    `follows_time`: stations set their clocks by what the central system says.
    The same scenario and seed give the same stations, cars and faults, whenever it begins. Raises
    `ScenarioError`.
    """
    # A server lives in machine time, however fast the site's runs.
    answer_timeout_s = max(_LEAST_TIMEOUT_S, _ANSWER_TIMEOUT_S / scenario.speed)
    manner = _Manner(url, answer_timeout_s, checked=checked, follows_time=follows_time, keep_draws=keep_draws)
    staging = _Staging(scenario, manner, begins_s - scenario.starts_s)
    ends_s = begins_s + scenario.lasts_s
    if scenario.traces is None:
        return Stage(begins_s, ends_s, tuple(staging.casts()), staging.nodes())
    if folder is None:
        raise ScenarioError("this scenario plays traces: say in which folder they are")
    try:
        return staging.traced(scenario.traces, folder, begins_s, ends_s)
    except traces.TraceError as error:
        raise ScenarioError(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Manner:
    """What is the same for all stations."""

    url: str
    answer_timeout_s: float
    checked: bool
    follows_time: bool
    keep_draws: bool


class _Staging:
    def __init__(self, scenario: Scenario, manner: _Manner, zero_s: float) -> None:
        """`zero_s`: the site time of the scenario's moment 0."""
        self._scenario = scenario
        self._manner = manner
        self._zero_s = zero_s
        self._session_numbers = itertools.count(1)

    # From the file alone

    def casts(self) -> Iterator[Cast]:
        numbers = itertools.count(1)
        for kind in self._scenario.stations:
            for _ in range(kind.count):
                yield self._cast(kind, next(numbers))

    def nodes(self) -> tuple[SiteNode, ...]:
        return tuple(
            SiteNode(
                id=node.id,
                parent=node.parent,
                limit_a=Series.level(node.limit_a),
                base=None if node.base_a is None else Series.level(node.base_a),
            )
            for node in self._scenario.nodes
        )

    def _cast(self, kind: Stations, number: int) -> Cast:
        name = kind.id.format(n=number)
        rotation = _rotation(kind.rotation, number, kind.phases)
        evses = tuple(
            EvseSpec(
                id=evse,
                rotation=rotation,
                max_a=kind.max_a,
                min_a=kind.min_a,
                step_a=kind.step_a,
                reaction_s=kind.reaction_s,
            )
            for evse in range(1, kind.connectors + 1)
        )
        rules = ProfileRules(
            version=_version(kind.version, number),
            supported=kind.smart_charging,
            units=frozenset(kind.units),
            max_periods=kind.max_periods,
            max_stack_level=kind.max_stack_level,
            refuses_zero=kind.refuses_zero,
            voltage_v=self._scenario.voltage_v,
        )
        charger = ChargerSpec(
            id=name,
            evses=evses,
            rules=rules,
            keeps_profiles=kind.keeps_profiles,
            after_power_loss=kind.after_power_loss,
            keep_draws=self._manner.keep_draws,
        )
        spec = StationSpec(
            charger=charger,
            url=self._manner.url,
            key=kind.key,
            vendor=kind.vendor,
            model=kind.model,
            boot_s=kind.boot_s,
            boots_again=kind.boots_again,
            checked=self._manner.checked,
            answer_timeout_s=self._manner.answer_timeout_s,
            follows_time=self._manner.follows_time,
        )
        visits = [visit for evse in evses for visit in self._arrivals(name, evse.id)]
        return Cast(spec, tuple(visits), self._faults(kind.faults, name), kind.node)

    def _arrivals(self, station: str, evse: int) -> Iterator[Visit]:
        arrivals = self._scenario.arrivals
        if arrivals is None:
            return
        random = Random(f"{self._scenario.seed}/{station}/{evse}/arrivals")  # noqa: S311 - chance, not secrecy
        arrives_s = self._zero_s + random.uniform(*arrivals.first_s)
        for _ in range(arrivals.sessions):
            departs_s = arrives_s + random.uniform(*arrivals.stay_s)
            yield self._visit(arrivals, random, evse, arrives_s, departs_s)
            arrives_s = departs_s + random.uniform(*arrivals.between_s)

    def _visit(
        self, arrivals: Arrivals, random: Random, evse: int, arrives_s: float, departs_s: float
    ) -> Visit:
        kinds = self._scenario.cars
        (kind,) = random.choices(kinds, [one.share for one in kinds])
        return Visit(
            evse=evse,
            arrives_s=arrives_s,
            departs_s=departs_s,
            vehicle=_vehicle(kind, _WH * random.uniform(*arrivals.energy_kwh)),
            soc=random.uniform(*arrivals.soc),
            token=arrivals.token.format(n=next(self._session_numbers)),
            stops_first=random.random() < arrivals.stops_first,
        )

    def _faults(self, name: str | None, station: str) -> Faults:
        if name is None:
            return SOUND
        table = self._scenario.faults[name]
        if table.chaos > 0:
            begins_s = self._zero_s + self._scenario.starts_s
            ends_s = begins_s + self._scenario.lasts_s
            return chaos(self._scenario.seed, station, begins_s, ends_s, intensity=table.chaos)
        return _faults(table, self._zero_s)

    # From traces

    def traced(self, files: Traces, folder: Path, begins_s: float, ends_s: float) -> Stage:
        site = traces.read_site(folder / files.site)
        sessions = traces.read_sessions(folder / files.sessions)
        base = None if files.base_load is None else traces.read_base_load(folder / files.base_load)
        visits: dict[int, list[Visit]] = {charger.number: [] for charger in site.chargers}
        for session in sessions:
            visit = self._traced_visit(session, files)
            if visit.departs_s > begins_s and visit.arrives_s < ends_s:
                visits.setdefault(session.charger, []).append(visit)
        casts = [self._traced_cast(charger, files, site, visits) for charger in site.chargers]
        nodes = tuple(
            SiteNode(
                id=node.id,
                parent=node.parent,
                limit_a=Series.level(node.limit_a),
                base=traces.shifted(base, self._zero_s)
                if base is not None and node.id == site.base_load_node
                else None,
            )
            for node in site.nodes
        )
        return Stage(begins_s, ends_s, tuple(casts), nodes)

    def _traced_cast(
        self,
        charger: traces.TracedCharger,
        files: Traces,
        site: traces.TracedSite,
        visits: dict[int, list[Visit]],
    ) -> Cast:
        rules = ProfileRules(version=_version(files.version, charger.number), voltage_v=site.voltage_v)
        evse = EvseSpec(rotation=charger.rotation, max_a=charger.max_a)
        spec = StationSpec(
            charger=ChargerSpec(
                id=charger.name, evses=(evse,), rules=rules, keep_draws=self._manner.keep_draws
            ),
            url=self._manner.url,
            checked=self._manner.checked,
            answer_timeout_s=self._manner.answer_timeout_s,
            follows_time=self._manner.follows_time,
        )
        faults = self._faults(files.faults, charger.name)
        return Cast(spec, tuple(visits[charger.number]), faults, charger.node)

    def _traced_visit(self, session: traces.TracedSession, files: Traces) -> Visit:
        return Visit(
            arrives_s=self._zero_s + session.arrives_s,
            departs_s=self._zero_s + session.departs_s,
            vehicle=VehicleSpec(
                pack_wh=session.pack_wh,
                phases=session.phases,
                max_a=session.max_a,
                min_a=session.min_a,
                wants_wh=session.wants_wh,
                reaction_s=2.0,
                ramp_a_per_s=8.0,
            ),
            soc=session.soc,
            token=files.token.format(n=next(self._session_numbers)),
        )


def _vehicle(kind: Cars, wants_wh: float) -> VehicleSpec:
    changes = () if kind.changes_phases_after_s is None else ((kind.changes_phases_after_s, 1),)
    return VehicleSpec(
        pack_wh=_WH * kind.pack_kwh,
        phases=kind.phases,
        max_a=kind.max_a,
        min_a=kind.min_a,
        wants_wh=wants_wh,
        reaction_s=kind.reaction_s,
        ramp_a_per_s=kind.ramp_a_per_s,
        phase_changes=changes,
        sleeps_after_s=float("inf") if kind.sleeps_after_s is None else kind.sleeps_after_s,
        wakes_at_offer=kind.wakes_at_offer,
    )


def _faults(table: FaultTable, zero_s: float) -> Faults:
    scheduled: list[Scheduled] = [
        Outage(zero_s + one.from_s, zero_s + one.until_s, one.kind) for one in table.outages
    ]
    scheduled += [
        Reboot(zero_s + one.at_s, keeps_profiles=one.keeps_profiles, keeps_sessions=one.keeps_sessions)
        for one in table.reboots
    ]
    scheduled += [
        Disobedience(zero_s + one.from_s, zero_s + one.until_s, one.offered_a, one.evse)
        for one in table.disobeys
    ]
    scheduled += [Forgetting(zero_s + at_s) for at_s in table.forgets_at_s]
    return Faults(
        drop=table.drop,
        duplicate=table.duplicate,
        delay=table.delay,
        delay_s=table.delay_s,
        garbage=table.garbage,
        unanswered=table.unanswered,
        never_answers=frozenset(table.never_answers),
        slow=table.slow,
        slow_s=table.slow_s,
        ignores_profiles=table.ignores_profiles,
        rejects_profiles=table.rejects_profiles,
        clock_offset_s=table.clock_offset_s,
        clock_since_s=zero_s,
        scheduled=tuple(scheduled),
    )


def _version(wanted: str, number: int) -> Version:
    if wanted == "mixed":
        return Version.V16 if number % 2 else Version.V201
    return Version(wanted)


def _rotation(wanted: str, number: int, phases: int) -> tuple[int, ...]:
    letters = _ROTATIONS[(number - 1) % len(_ROTATIONS)] if wanted == "turning" else wanted
    if sorted(letters) != sorted(_PHASES):
        raise ScenarioError(f"rotation {wanted}: write the three of R, S and T in some order, or `turning`")
    return tuple(_PHASES.index(letter) for letter in letters[:phases])
