"""What the server does around a controller: observations in, orders out, rows written before what they cover."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from balancer.controller import Controller
from balancer.decision import Decision
from balancer.observations import (
    Answered,
    Capability,
    CapCleared,
    CapSet,
    ForeignCleared,
    ForeignProfile,
    Observation,
    SessionBegan,
    SessionEnded,
    Verdict,
)
from balancer.orders import ExposureRow, Order
from balancer.settings import Settings
from balancer.site import EvseKey, Site
from tests.balancer.virtual.agenda import Agenda
from tests.balancer.virtual.network import Link

COMMIT_S = 0.02
"""How long a row takes to become durable."""
STEPS_PER_INSTANT = 50
"""More steps without time passing mean that the controller never comes to rest."""


class Host:
    """Drives one site's controller and survives its death; keeps what the server's store would keep."""

    def __init__(
        self,
        site: Site,
        settings: Settings,
        agenda: Agenda,
        decided: Callable[[Decision], None],
    ) -> None:
        """Have no controller yet; `start` makes it. Each decision is shown to `decided` before anything leaves."""
        self.site, self.settings = site, settings
        self.life = 0
        self.born_s = 0.0
        self.links: Mapping[str, Link] = {}
        self.controller: Controller | None = None
        self.wake_at_s = 0.0
        self.rows: dict[EvseKey, ExposureRow] = {}
        """What is durable."""
        self.orders_until_crash: int | None = None
        """Die in the next step that has orders, after that many of them left …"""
        self.rows_until_crash = 0
        """… and, where none of these needs it, that many of the rows were written."""
        self.died: Callable[[], None] = lambda: None
        """What to do when that has happened."""
        self._agenda, self._decided = agenda, decided
        self._pending: list[ExposureRow] = []
        self._inbox: list[Observation] = []
        self._facts: dict[object, Observation] = {}
        self._steps: tuple[float, int] = (0.0, 0)

    # --- life and death

    def start(self) -> None:
        """Make a controller from what is durable and tell it what the store knows."""
        now_s = self.born_s = self._agenda.now_s
        self.controller = Controller(
            self.site, settings=self.settings, restored=tuple(self.rows.values()), now_s=now_s
        )
        self._inbox = list(self._facts.values())
        self.wake_at_s = now_s

    def die(self, rows_kept: int = 0) -> None:
        """Lose everything but what is durable; of the rows being written the first `rows_kept` were."""
        self.life += 1
        for row in self._pending[:rows_kept]:
            self.rows[row.evse] = row
        self._pending, self._inbox = [], []
        self.controller, self.orders_until_crash = None, None
        for link in self.links.values():
            link.forget()

    # --- in

    def tell(self, observation: Observation) -> None:
        """Hand an observation to the next step, which is due at once."""
        if self.controller is None:
            if isinstance(observation, CapSet | CapCleared):
                self._remember(observation)  # their sources say it again
            return
        self._inbox.append(observation)
        self._remember(observation)

    def _remember(self, observation: Observation) -> None:
        match observation:
            case Capability():
                self._facts[Capability, observation.evse] = observation
            case SessionBegan():
                self._facts[SessionBegan, observation.evse, observation.transaction] = observation
            case SessionEnded():
                self._facts.pop((SessionBegan, observation.evse, observation.transaction), None)
            case CapSet():
                self._facts[CapSet, observation.node, observation.source] = observation
            case CapCleared():
                self._facts.pop((CapSet, observation.node, observation.source), None)
            case ForeignProfile():
                self._facts[ForeignProfile, observation.evse] = observation
            case ForeignCleared():
                self._facts.pop((ForeignProfile, observation.evse), None)
            case _:
                pass

    # --- out

    @property
    def is_due(self) -> bool:
        """Whether there is something to step for."""
        return self.controller is not None and (bool(self._inbox) or self.wake_at_s <= self._agenda.now_s)

    def step(self) -> None:
        """Step once and send what comes out."""
        assert self.controller is not None
        now_s = self._agenda.now_s
        self._steps = (now_s, self._steps[1] + 1 if self._steps[0] == now_s else 1)
        assert self._steps[1] <= STEPS_PER_INSTANT, f"the controller doesn't come to rest at {now_s}"
        observations, self._inbox = tuple(self._inbox), []
        decision = self.controller.step(now_s, observations)
        self.wake_at_s = decision.wake_at_s
        self._decided(decision)
        self._write(decision.rows)
        if self.orders_until_crash is not None and decision.orders:
            self._crash_after(decision.orders[: self.orders_until_crash])
            return
        for order in decision.orders:
            self._send(order, durable=not order_raises(order))

    def _send(self, order: Order, *, durable: bool) -> None:
        self.links[order.evse.station].send(order, durable=durable)

    def _crash_after(self, orders: tuple[Order, ...]) -> None:
        raises = any(order_raises(order) for order in orders)
        for order in orders:
            self._send(order, durable=True)
        self.die(rows_kept=len(self._pending) if raises else self.rows_until_crash)
        self.died()

    def _write(self, rows: tuple[ExposureRow, ...]) -> None:
        self._pending.extend(rows)
        life = self.life
        self._agenda.after(COMMIT_S, lambda: self._commit(life))

    def _commit(self, life: int) -> None:
        if life != self.life:
            return
        for row in self._pending:
            self.rows[row.evse] = row
        self._pending = []
        for link in self.links.values():
            link.written()

    def answered(self, order: Order, verdict: Verdict) -> None:
        """A call ended."""
        self.tell(Answered(order.id, verdict, self._agenda.now_s))


def order_raises(order: Order) -> bool:
    """Whether its row must be durable before it leaves."""
    return getattr(order, "raises", False)
