"""A controller on a desk: observations are typed in, orders answered by hand, time passes when the test says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from balancer.controller import AlarmKind, Controller, Decision, Settings
from balancer.observations import (
    Answered,
    Measured,
    MeterRead,
    Observation,
    SessionBegan,
    SessionEnded,
    StationOffline,
    StationOnline,
    Verdict,
)
from balancer.orders import ExposureRow, InstallFailsafe, Order, SetLimit
from balancer.site import Evse, EvseKey, Meter, Node, Site
from balancer.units import Amperes


def key(number: int) -> EvseKey:
    return EvseKey(f"CP-{number}", 1)


def alike(current_a: float) -> Amperes:
    return (current_a, current_a, current_a)


def evse(number: int, *, node: str = "main", **others: Any) -> Evse:
    return Evse(key=key(number), node=node, **{"rotation": (0, 1, 2), **others})


def make_site(
    evses: Sequence[Evse],
    rating_a: float = 32.0,
    *,
    nodes: Sequence[Node] | None = None,
    meters: Sequence[Meter] = (),
    mode: Any = "enforce",
    max_power_w: float | None = None,
) -> Site:
    """EVSEs behind one fuse "main", metered by the first of `meters`, if nothing else is said."""
    meter = meters[0].id if meters else None
    main = Node(id="main", parent=None, rating_a=alike(rating_a), meter=meter, max_power_w=max_power_w)
    return Site(
        id="site",
        name="Site",
        mode=mode,
        nodes=tuple(nodes or (main,)),
        meters=tuple(meters),
        evses=tuple(evses),
    )


class Desk:
    """Drives one controller; `orders` are those of the last step."""

    def __init__(
        self,
        site: Site,
        *,
        restored: Iterable[ExposureRow] = (),
        now_s: float = 0.0,
        settings: Settings | None = None,
        **others: Any,
    ) -> None:
        self.now_s = now_s
        self.open: dict[int, Order] = {}
        """Orders that have no answer yet."""
        self.rows: dict[EvseKey, ExposureRow] = {}
        """What is durable."""
        self.told: list[AlarmKind] = []
        """All alarms there were."""
        self.controller = Controller(
            site, settings=settings or Settings(), restored=restored, now_s=now_s, **others
        )
        self.decision: Decision = self.step()

    def step(self, *observations: Observation, at: float | None = None) -> Decision:
        if at is not None:
            self.now_s = at
        self.decision = self.controller.step(self.now_s, observations)
        self.rows.update((row.evse, row) for row in self.decision.rows)
        self.told += self.alarms
        for observation in observations:
            if isinstance(observation, Answered):
                self.open.pop(observation.command_id, None)
        self.open.update((order.id, order) for order in self.decision.orders)
        return self.decision

    # --- what happened

    @property
    def orders(self) -> tuple[Order, ...]:
        return self.decision.orders

    @property
    def limits(self) -> dict[int, float]:
        """The limits of the last step's orders, by station."""
        return {
            int(order.evse.station[3:]): order.limit_a for order in self.orders if isinstance(order, SetLimit)
        }

    @property
    def ordered(self) -> list[SetLimit]:
        """The last step's running limits."""
        return [order for order in self.orders if isinstance(order, SetLimit)]

    def kept_until_s(self, number: int) -> float:
        """Until when the worst of an EVSE is kept; it must not be for good."""
        until_s = self.rows[key(number)].worst_until_s
        assert until_s is not None
        return until_s

    @property
    def installs(self) -> dict[int, float]:
        return {
            int(order.evse.station[3:]): order.limit_a
            for order in self.orders
            if isinstance(order, InstallFailsafe)
        }

    @property
    def alarms(self) -> list[AlarmKind]:
        return [alarm.kind for alarm in self.decision.alarms]

    def exposure(self, number: int) -> float:
        """What an EVSE may draw on its worst phase."""
        return max(self.controller.exposure(key(number), self.now_s))

    def has(self, number: int) -> float:
        """The limit that an EVSE was confirmed to have."""
        return self.controller.explain(key(number)).believed_a

    def reason(self, number: int) -> Any:
        return self.decision.grants[key(number)].reason

    # --- what a test does

    def answer(self, verdict: Verdict, *orders: Order, after: float = 0.1) -> Decision:
        """End `orders` (those of the last step, if none are named) with `verdict`."""
        ended = orders or self.orders
        return self.step(
            *(Answered(order.id, verdict, self.now_s + after) for order in ended), at=self.now_s + after
        )

    def accept(self, *orders: Order, after: float = 0.1) -> Decision:
        return self.answer(Verdict.ACCEPTED, *orders, after=after)

    def accept_all(self) -> None:
        """Confirm everything at once until nothing is open."""
        while self.open:
            self.accept(*self.open.values(), after=0.0)

    def connect(self, *numbers: int) -> None:
        """Bring stations up and prove their failsafes."""
        self.step(*(StationOnline(f"CP-{number}", self.now_s) for number in numbers))
        self.accept_all()

    def disconnect(self, number: int) -> Decision:
        return self.step(StationOffline(f"CP-{number}", self.now_s))

    def plug(self, number: int, transaction: str | None = None, **others: Any) -> Decision:
        return self.step(SessionBegan(key(number), transaction or f"tx-{number}", self.now_s, **others))

    def unplug(self, number: int) -> Decision:
        return self.step(SessionEnded(key(number), f"tx-{number}", self.now_s))

    def measure(
        self, number: int, *current_a: float, after: float = 0.0, wants: bool | None = None
    ) -> Decision:
        """Measure one current on all phases, or three."""
        self.now_s += after
        amperes = alike(current_a[0]) if len(current_a) == 1 else current_a
        return self.step(Measured(key(number), self.now_s, amperes, wants))  # type: ignore[arg-type]

    def read(self, current_a: float, *, meter: str = "grid", after: float = 0.0) -> Decision:
        self.now_s += after
        return self.step(MeterRead(meter, self.now_s, alike(current_a)))

    def later(self, seconds: float) -> Decision:
        """Let time pass, with a step wherever the controller asked for one."""
        until_s = self.now_s + seconds
        steps = 0
        while self.decision.wake_at_s <= until_s:
            assert self.decision.wake_at_s > self.now_s
            self.step(at=self.decision.wake_at_s)
            steps += 1
            assert steps < 1000
            if self.orders:
                return self.decision
        return self.step(at=until_s)

    def run(self, seconds: float) -> list[Order]:
        """Let time pass with every order confirmed at once; return them."""
        until_s = self.now_s + seconds
        found: list[Order] = []
        while self.now_s < until_s:
            self.accept_all()
            self.later(until_s - self.now_s)
            found.extend(self.orders)
        self.accept_all()
        return found


def charging(count: int, rating_a: float = 32.0, **others: Any) -> Desk:
    """A desk with `count` proven three-phase chargers behind one fuse, each with a car at its share."""
    desk = Desk(make_site([evse(number) for number in range(1, count + 1)], rating_a, **others))
    desk.connect(*range(1, count + 1))
    for number in range(1, count + 1):
        desk.plug(number)
        desk.accept_all()
        desk.run(30.0)
    return desk
