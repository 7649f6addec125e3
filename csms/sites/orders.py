"""The open orders of one loop: sends them, holds back those whose records are not durable yet, takes them back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog
from msgspec import Struct

from csms.domain.control import OrderOutcome, OrderVerdict
from csms.domain.errors import CallerError
from csms.ports import StationLink
from csms.usecases.balancing.steps import Outgoing

_log = structlog.get_logger(__name__)


class _Order(Struct):
    """One order on its way."""

    outgoing: Outgoing
    command_id: str
    held: bool
    """Its records are not durable yet."""
    began: bool = False
    """It was handed to the station's connection."""
    withdrawn: bool = False


class Orders:
    """All orders of one loop that have not ended; each ends exactly once, unless the loop itself is over."""

    def __init__(
        self,
        link: StationLink,
        *,
        new_id: Callable[[], str],
        ended: Callable[[int, OrderOutcome], None],
        tasks: set[asyncio.Task[None]],
    ) -> None:
        """Send over `link`; `ended` hears how each order ended, and `tasks` holds what is under way."""
        self._link = link
        self._new_id = new_id
        self._ended = ended
        self._tasks = tasks
        self._open: dict[int, _Order] = {}

    def add(self, outgoing: Iterable[Outgoing]) -> None:
        """Send what needs not wait, and hold the rest until `release`."""
        for one in outgoing:
            order = _Order(one, self._new_id(), held=one.after_records)
            self._open[one.id] = order
            if not order.held:
                self._send(order)

    def release(self, outgoing: Iterable[Outgoing]) -> None:
        """Send those of `outgoing` that are still held: their records are durable."""
        for one in outgoing:
            order = self._open.get(one.id)
            if order is not None and order.held:
                order.held = False
                self._send(order)

    def withdraw(self, outgoing_id: int) -> None:
        """Take an order back unless it has left; it then ends as not sent."""
        order = self._open.get(outgoing_id)
        if order is None or order.withdrawn:
            return
        order.withdrawn = True
        if order.held:
            self._end(order, OrderOutcome(verdict=OrderVerdict.NOT_SENT, detail="withdrawn"))
        elif order.began:
            self._link.withdraw(order.outgoing.station_id, order.command_id)

    def abandon(self) -> None:
        """Hear nothing more, and take back what may raise a current: who comes next counts without it."""
        orders, self._open = self._open, {}
        for order in orders.values():
            if not order.outgoing.after_records:
                continue
            order.withdrawn = True
            if order.began:
                self._link.withdraw(order.outgoing.station_id, order.command_id)

    def _send(self, order: _Order) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(order))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, order: _Order) -> None:
        self._end(order, await self._outcome(order))

    async def _outcome(self, order: _Order) -> OrderOutcome:
        outgoing = order.outgoing
        if order.withdrawn:
            return OrderOutcome(verdict=OrderVerdict.NOT_SENT, detail="withdrawn")
        order.began = True
        try:
            return await self._link.order(
                outgoing.station_id,
                outgoing.order,
                id=order.command_id,
                priority=outgoing.priority,
                timeout_s=outgoing.timeout_s,
            )
        except CallerError as error:
            _log.error("site.order-refused", station=outgoing.station_id, problem=str(error))
            return OrderOutcome(verdict=OrderVerdict.NOT_SENT, detail=str(error))
        except Exception:  # noqa: BLE001 - nobody knows whether it left, and the loop must hear just that
            _log.exception("site.order-failed", station=outgoing.station_id)
            return OrderOutcome(verdict=OrderVerdict.UNKNOWN, detail="a fault of ours")

    def _end(self, order: _Order, outcome: OrderOutcome) -> None:
        if self._open.get(order.outgoing.id) is order:
            del self._open[order.outgoing.id]
            self._ended(order.outgoing.id, outcome)
