"""One life of a site's loop: steps it with what came in, and carries out what it decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from msgspec import Struct, field

from csms.domain.control import OrderOutcome, ProfilesTouched
from csms.domain.site import SiteFacts, StoredSite
from csms.ports import Clock, SiteStore, StationLink, Storage
from csms.sites.orders import Orders
from csms.sites.starts import StartQueue
from csms.usecases.balancing.news import SiteNews
from csms.usecases.balancing.steps import LoopOptions, Step

_log = structlog.get_logger(__name__)


class SitesStorage(Storage, SiteStore, Protocol):
    """What the sites need of the store."""


class Loop(Protocol):
    """What decides; `csms.usecases.balancing.loop.SiteLoop`."""

    def take(self, news: Sequence[SiteNews], now_us: int) -> None:
        """Take in what happened."""
        ...

    def ended(self, outgoing_id: int, outcome: OrderOutcome, now_us: int) -> None:
        """Take in how an outgoing order ended."""
        ...

    def step(self, now_us: int) -> Step:
        """Decide on all that was taken in."""
        ...


class MakeLoop(Protocol):
    """Makes a loop of what is stored."""

    def __call__(
        self,
        stored: StoredSite,
        facts: SiteFacts,
        options: LoopOptions,
        *,
        now_us: int,
        online: frozenset[str],
    ) -> Loop:
        """See `SiteLoop`."""
        ...


class Parts(Struct, frozen=True, kw_only=True):
    """What the tasks of all sites share."""

    storage: SitesStorage
    link: StationLink
    clock: Clock
    options: LoopOptions
    make_loop: MakeLoop
    new_id: Callable[[], str]
    sending: set[asyncio.Task[None]]
    """Orders under way."""
    starts: StartQueue = field(default_factory=StartQueue)


class OrderEnded(Struct, frozen=True):
    """Stands among the news, so that the loop hears everything in the order in which it happened."""

    outgoing_id: int
    outcome: OrderOutcome


class Life:
    """A loop from its making until it fails or is replaced."""

    def __init__(
        self,
        loop: Loop,
        parts: Parts,
        *,
        site_id: str,
        tell: Callable[[OrderEnded], None],
        proven: Callable[[Sequence[ProfilesTouched]], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Host `loop`.

        `tell` takes how orders ended, for a step to come; `proven` what need not be told again, since what
        follows from it is durable; `failed` that the store refused a step, after which nothing may be raised.
        """
        self._loop = loop
        self._parts = parts
        self._site_id = site_id
        self._proven = proven
        self._failed = failed
        self._over = False
        self._orders = Orders(
            parts.link,
            new_id=parts.new_id,
            ended=lambda outgoing_id, outcome: tell(OrderEnded(outgoing_id, outcome)),
            tasks=parts.sending,
        )

    def step(self, happened: Sequence[SiteNews | OrderEnded]) -> Step:
        """Let the loop decide on what happened, and carry that out."""
        now_us = self._parts.clock.now_us()
        news: list[SiteNews] = []
        for one in happened:
            if isinstance(one, OrderEnded):
                self._take(news, now_us)
                news = []
                self._loop.ended(one.outgoing_id, one.outcome, now_us)
            else:
                news.append(one)
        self._take(news, now_us)
        step = self._loop.step(now_us)
        self._carry_out(step, [one for one in happened if isinstance(one, ProfilesTouched)])
        return step

    def end(self) -> None:
        """Send nothing more, and hear nothing more."""
        self._over = True
        self._orders.abandon()

    def _take(self, news: Sequence[SiteNews], now_us: int) -> None:
        if news:
            self._loop.take(news, now_us)

    def _carry_out(self, step: Step, touched: Sequence[ProfilesTouched]) -> None:
        for outgoing_id in step.withdrawn:
            self._orders.withdraw(outgoing_id)
        self._orders.add(step.outgoing)
        self._parts.starts.gate(self._site_id, step.gated, self._parts.link)
        for alarm in step.alarms:
            _log.warning(
                "site.alarm",
                site=self._site_id,
                kind=alarm.kind,
                problem=alarm.message,
                station=alarm.station,
                evse=alarm.evse,
                node=alarm.node,
                meter=alarm.meter,
            )
        if step.records:
            self._parts.storage.submit(step.records, lambda error: self._committed(error, step, touched))
        else:
            self._committed(None, step, touched)

    def _committed(self, error: Exception | None, step: Step, touched: Sequence[ProfilesTouched]) -> None:
        if error is None:
            self._proven(touched)
        if self._over:
            return  # whoever comes after this life knows nothing of its orders, nor of who it would let start
        if error is None:
            self._orders.release(step.outgoing)
            self._parts.starts.let(step.starts)
        else:
            self.end()  # later steps may be durable, and count on this one
            self._failed(error)
