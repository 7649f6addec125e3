"""A site in a test: its chargers and cars, its meter, its limits, and what may be done to them, on the site's clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from simulators import scenario as scenarios
from simulators.draws import Amperes
from simulators.fleet import Fleet, raise_fleet
from simulators.meter import total
from simulators.site import SimulatedSite
from simulators.site_clock import SiteClock
from simulators.site_meter import Http, SitePush
from simulators.staging import Stage, stage
from simulators.station import Station
from simulators.vehicle import Vehicle, VehicleSpec
from tests.end_to_end.sites.rest import Rest
from tests.end_to_end.sites.witness import Level, Witness, circuit, upward

PHASES = ("L1", "L2", "L3")
METER = "grid"
MAIN = "main"

LATENCY_S = 2.0
"""Machine seconds that any one exchange with the server may take on a busy machine; scaled by the clock's speed."""
LATE_S = 3.0
"""Machine seconds after which a charger that has not confirmed is made up for by the others."""
READ_EVERY_S = 5.0
"""Between two readings of the site's meter."""
SAMPLED_EVERY_S = 10.0
"""Between two samples of a charger, as the server wants them."""
CAR = VehicleSpec(max_a=16.0, reaction_s=2.0, ramp_a_per_s=8.0)
SOC = 0.2
"""Far from full: each car takes whatever it is offered for all of a test."""
OPERATORS_ID = 7
"""Of profiles that a story's operator sets by raw calls."""
LOOK_S = 1.0
"""How often a condition is looked at."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """A circuit below the main one, with so many of the chargers (the first ones that are left)."""

    id: str
    rating_a: float
    chargers: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a site consists of."""

    id: str
    chargers: int
    rating_a: float
    base_a: float = 0.0
    boards: Sequence[Board] = ()
    mode: str = "enforce"
    measures: str | None = "node_total"
    """None: there is no meter, and no load of others."""
    max_age_s: float = 30.0
    fallback_a: float = 30.0
    kind: dict[str, Any] = field(default_factory=dict[str, Any])
    """More of what `simulators.scenario.Stations` says of the chargers."""
    unlike: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    """The same of single ones, by their numbers."""

    def scenario(self, speed: float) -> scenarios.Scenario:
        """Return the chargers as the simulators take them: odd numbers speak 1.6, even ones 2.0.1."""
        boards = [board.id for board in self.boards for _ in range(board.chargers)]
        places = [*boards, *[MAIN] * (self.chargers - len(boards))]
        common = {"rotation": "turning", "version": "mixed", **self.kind}
        stations = [
            {**common, "id": f"{self.id}-{number:02}", "node": node, **self.unlike.get(number, {})}
            for number, node in enumerate(places, start=1)
        ]
        nodes = [{"id": MAIN, "limit_a": [self.rating_a] * 3}]
        nodes += [{"id": one.id, "parent": MAIN, "limit_a": [one.rating_a] * 3} for one in self.boards]
        return scenarios.convert(
            {"title": self.id, "speed": speed, "boot_spread_s": 5.0, "stations": stations, "nodes": nodes}
        )

    def station_ids(self) -> list[str]:
        """Return the chargers' ids."""
        return [one.id for one in self.scenario(1.0).stations]


class Place:
    """A site that is being played."""

    def __init__(self, plan: Plan, clock: SiteClock, url: str, rest: Rest) -> None:
        """Build it from `clock`'s now on; `url` is where its chargers connect."""
        self.plan = plan
        self.id = plan.id
        self.clock = clock
        self.rest = rest
        self.begins_s = clock.now_s()
        flat = (plan.base_a,) * 3
        self.limits = {MAIN: Level(self.begins_s, (plan.rating_a,) * 3)}
        self.limits |= {one.id: Level(self.begins_s, (one.rating_a,) * 3) for one in plan.boards}
        self.base = Level(self.begins_s, flat)
        staged = self._stage(url)
        self.nodes_of = {cast.spec.id: cast.node or MAIN for cast in staged.casts}
        self.fleet: Fleet
        self.site: SimulatedSite
        self.fleet, self.site = raise_fleet(staged, clock, boot_spread_s=5.0)
        self.stations: Sequence[Station] = self.fleet.stations
        self.witness = Witness(self.site)
        self._http: Http | None = None
        self.push = self._push()
        self._cars = 0

    def close(self) -> None:
        """Let go of the meter's connection."""
        if self._http is not None:
            self._http.close()

    # --- as the server knows it

    def data(self) -> dict[str, Any]:
        """Return the site as the REST contract has it."""
        plan = self.plan
        main = {"id": MAIN, "parent": None, "rating_a": plan.rating_a}
        boards = [{"id": one.id, "parent": MAIN, "rating_a": one.rating_a} for one in plan.boards]
        meters: list[dict[str, Any]] = []
        if plan.measures is not None:
            main["meter"] = METER
            meters = [
                {
                    "id": METER,
                    "measures": plan.measures,
                    "max_age_s": plan.max_age_s,
                    "fallback_a": plan.fallback_a,
                }
            ]
        evses = [
            {
                "station": station.id,
                "evse": evse.id,
                "node": self.nodes_of[station.id],
                "rotation": [PHASES[phase] for phase in evse.rotation],
                "phases": evse.phases,
                "max_a": evse.max_a,
            }
            for station in self.stations
            for evse in station.spec.charger.evses
        ]
        return {
            "id": self.id,
            "mode": plan.mode,
            "nodes": [main, *boards],
            "meters": meters,
            "evses": evses,
        }

    # --- how long things may take, in site seconds

    @property
    def latency_s(self) -> float:
        """One exchange with the server."""
        return LATENCY_S * self.clock.speed

    @property
    def reaction_s(self) -> float:
        """From a new limit at the charger to the car's current: what the simulators state of themselves."""
        charger_s = max(evse.reaction_s for one in self.stations for evse in one.spec.charger.evses)
        return charger_s + CAR.settles_s

    @property
    def prompt_s(self) -> float:
        """From a change that a meter or a charger has to measure to the answer of chargers that obey."""
        measured_s = READ_EVERY_S if self.plan.measures else SAMPLED_EVERY_S
        return measured_s + self.latency_s + self.reaction_s

    @property
    def late_s(self) -> float:
        """The same where some charger does not answer and the others make up for it."""
        return self.prompt_s + LATE_S * self.clock.speed + self.latency_s

    @property
    def noticed_s(self) -> float:
        """From a charger that draws too much by itself to the answer of the others: two samples have to tell."""
        obeys_s = 10.0 + LATENCY_S * self.clock.speed
        return 2 * SAMPLED_EVERY_S + obeys_s + self.late_s

    @property
    def rise_s(self) -> float:
        """From room that is free to its being used: the base must hold, a limit be held, a decrease be proven."""
        holds_s = 15.0 + 10.0 + 30.0
        return holds_s + 2 * SAMPLED_EVERY_S + 2 * self.late_s

    # --- time

    def now_s(self) -> float:
        """Bring all chargers to the present and return it."""
        for station in self.stations:
            station.catch_up()
        return max(self.clock.now_s(), *(station.model.now_s for station in self.stations))

    async def wait(self, site_s: float) -> None:
        """Let so much time pass at the site."""
        await self.clock.sleep_until(self.clock.now_s() + site_s)

    async def until(self, what: str, condition: Callable[[], bool], *, within_s: float) -> float:
        """Wait for a condition and return how long it took; fail where it has not come within so many site seconds."""
        since_s = self.now_s()
        while not condition():
            waited_s = self.now_s() - since_s
            assert waited_s < within_s, f"{self.id}: {what}: not within {within_s:.0f} s\n{self.picture()}"
            await self.clock.sleep_until(self.clock.now_s() + LOOK_S)
        return self.now_s() - since_s

    # --- what is to be seen

    def drawn_a(self, number: int) -> float:
        """Return what the charger of this number (from 1) draws on the phase where it draws most."""
        station = self.stations[number - 1]
        station.catch_up()
        return max(station.model.current_a(1))

    def drawing(self) -> int:
        """Return how many chargers draw at least a car's least current."""
        return sum(self.drawn_a(number) > CAR.min_a - 0.1 for number in range(1, len(self.stations) + 1))

    def free_a(self, node: str = MAIN) -> Amperes:
        """Return what is left on each phase of a circuit."""
        now_s = self.now_s()
        one, two, three = self.site.current_a(node, now_s)
        return total(self.limits[node].now_a, [(-one, -two, -three)])

    def least_drawn_a(self, number: int, from_s: float) -> float:
        """Return the lowest current since a moment on the phase where the charger drew most."""
        (draws,) = self.stations[number - 1].model.draws.values()
        points = [draws.at(from_s), *(point_a for at_s, point_a in draws.points if at_s > from_s)]
        phase = max(range(3), key=lambda one: max(point_a[one] for point_a in points))
        return min(point_a[phase] for point_a in points)

    def picture(self) -> str:
        """Describe how things stand, for whoever looks for a fault."""
        now_s = self.now_s()
        lines = [
            (
                f"at {now_s - self.begins_s:.0f} s: limit {self.limits[MAIN].now_a}, base {self.base.now_a}, "
                f"free {tuple(round(one, 1) for one in self.free_a())}"
            )
        ]
        for station in self.stations:
            model = station.model
            if model.session(1) is not None or not station.messenger.online:
                lines.append(
                    f"  {station.id}: draws {tuple(round(one, 1) for one in model.current_a(1))}, limit "
                    f"{model.limit_a(1)}, {model.state(1).value}, {'on' if station.messenger.online else 'off'}line"
                )
        return "\n".join(lines)

    # --- what happens

    async def ready(self) -> None:
        """Wait until all chargers are connected and have the least limit that they take."""
        await self.until(
            "all connect",
            lambda: all(one.messenger.online for one in self.stations),
            within_s=60.0 + 10 * self.latency_s,
        )
        if self.plan.mode == "enforce":
            await self.until(
                "all have their failsafe",
                lambda: all(one.model.limit_a(1) == _failsafe_a(one) for one in self.stations),
                within_s=120.0 + 10 * self.latency_s,
            )

    def arrive(self, number: int, *, phases: int = 3, max_a: float = CAR.max_a) -> None:
        """Let a car plug in at the charger of this number (from 1) and show its token."""
        station = self.stations[number - 1]
        self._cars += 1
        station.plug(1, Vehicle(replace(CAR, phases=phases, max_a=max_a), soc=SOC))
        station.present(1, f"{self.id[:16]}-{self._cars}")

    def ask_again(self, number: int) -> None:
        """Show the newest token to the charger of this number once more, as somebody does who was told to wait."""
        self.stations[number - 1].present(1, f"{self.id[:16]}-{self._cars}")

    def leave(self, number: int) -> None:
        """Let the car drive away."""
        self.stations[number - 1].unplug(1)

    def load(self, current_a: Amperes, *, within_s: float | None = None) -> None:
        """Step the load of others; where it rises the chargers are excused until they can have answered (`within_s`)."""
        now_s = self.now_s()
        up_a = self.base.step(now_s, current_a)
        if any(upward(up_a)):
            self.witness.excuse("others draw more", MAIN, now_s, within_s or self.prompt_s, up_a)

    async def cap(self, limit_a: float, node: str = MAIN) -> None:
        """Cap a circuit below what it had; it counts from now on, but for the answer of the chargers."""
        now_s = self.now_s()
        down_a = self.limits[node].step(now_s, (limit_a,) * 3)
        one, two, three = down_a
        self.witness.excuse_alone(
            "a cap", node, now_s, self.latency_s + self.reaction_s, (-one, -two, -three)
        )
        await self.rest.cap(self.id, node, limit_a)

    async def uncap(self, node: str = MAIN) -> None:
        """Take the cap away: from the answer on the rating counts."""
        await self.rest.uncap(self.id, node)
        ratings = {MAIN: self.plan.rating_a} | {one.id: one.rating_a for one in self.plan.boards}
        self.limits[node].step(self.now_s(), (ratings[node],) * 3)

    def excuse(self, why: str, number: int, by_a: float, for_s: float) -> None:
        """Excuse what the charger of this number does by itself from now on."""
        station = self.stations[number - 1]
        rotation = station.spec.charger.evses[0].rotation
        one, two, three = (by_a if phase in rotation else 0.0 for phase in range(3))
        self.witness.excuse(why, self.nodes_of[station.id], self.now_s(), for_s, (one, two, three))

    # --- inside

    def _stage(self, url: str) -> Stage:
        plan = self.plan
        staged = stage(plan.scenario(self.clock.speed), url=url, begins_s=self.begins_s, checked=False)
        nothing = Level(self.begins_s, (0.0, 0.0, 0.0))
        nodes = [circuit(MAIN, None, self.limits[MAIN], self.base)]
        nodes += [circuit(one.id, MAIN, self.limits[one.id], nothing) for one in plan.boards]
        return replace(staged, nodes=tuple(nodes))

    def _push(self) -> SitePush | None:
        if self.plan.measures is None:
            return None
        counts_chargers = self.plan.measures == "node_total"

        def read(at_s: float) -> Amperes:
            now_s = max(at_s, self.now_s())
            return self.site.current_a(MAIN, now_s, chargers=counts_chargers)

        self._http = Http(self.rest.readings_url(self.id, METER))
        return SitePush(self.clock, read, self._http, every_s=READ_EVERY_S)


def _failsafe_a(station: Station) -> float | None:
    """Return the least limit that a charger takes; None: it takes none."""
    rules = station.spec.charger.rules
    if not rules.supported:
        return None
    return CAR.min_a if rules.refuses_zero else 0.0
