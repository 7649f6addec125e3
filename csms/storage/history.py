"""Transactions and their samples, as they are read back for people and other programs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from csms.domain.errors import Outdated, RecordRefused
from csms.domain.history import (
    SampleEntry,
    TransactionEntry,
    TransactionQuery,
    Wishes,
    quality_names,
    state_of,
)
from csms.domain.records import Record
from csms.domain.transaction import StartKey, Transaction
from csms.storage.own_records import WishesSaved
from csms.storage.queries import Reads, Rows, take_readings

_TRANSACTIONS = (
    "SELECT x.id, x.ocpp_id, x.station_id, x.site_id, x.evse, x.connector, x.token_id, x.started_at_us, "
    "x.ended_at_us, x.meter_start_wh, x.meter_stop_wh, x.stop_reason, x.closed_by, x.orphan, c.status, "
    "w.departure_at_us, w.energy_needed_wh, w.priority, coalesce(w.revision, 0) FROM transactions AS x "
    "LEFT JOIN connectors AS c "
    "ON c.station_id = x.station_id AND c.evse = x.evse AND c.connector = x.connector "
    "LEFT JOIN wishes AS w ON w.transaction_id = x.id"
)
_ONE: Final = f"{_TRANSACTIONS} WHERE x.id = :id"
_STATION = "x.station_id = coalesce((SELECT id FROM stations WHERE lower(id) = lower(:station)), :station)"
_ORDER = "ORDER BY x.started_at_us DESC, x.id DESC LIMIT :limit"
_SAMPLES = (
    "SELECT number, at_us, received_at_us, context, energy_wh, power_w, current_l1_a, current_l2_a, current_l3_a, "
    "voltage_l1_v, voltage_l2_v, voltage_l3_v, soc_ratio, frequency_hz, temperature_c, extra, quality FROM samples "
    "WHERE transaction_id = :transaction_id AND (at_us, number) > (:after_us, :after_number) "
    "ORDER BY at_us, number LIMIT :limit"
)


class History:
    """Implements `csms.ports.History`."""

    def __init__(self, *, reads: Reads, write: Callable[..., Coroutine[Any, Any, None]]) -> None:
        """Read through `reads`; `write` makes records durable as one unit."""
        self._reads = reads
        self._write = write

    async def transaction(self, transaction_id: str) -> TransactionEntry | None:
        """See `csms.ports.History.transaction`."""
        found = await self._reads.run(lambda rows: _found(rows, _ONE, {"id": transaction_id}))
        return found[0] if found else None

    async def transactions(
        self, asked: TransactionQuery, *, before: tuple[int, str] | None, limit: int
    ) -> list[TransactionEntry]:
        """See `csms.ports.History.transactions`."""
        statement, parameters = _listing(asked, before)
        return await self._reads.run(lambda rows: _found(rows, statement, {**parameters, "limit": limit}))

    async def samples(self, transaction_id: str, *, after: tuple[int, int], limit: int) -> list[SampleEntry]:
        """See `csms.ports.History.samples`."""
        parameters = {
            "transaction_id": transaction_id,
            "after_us": after[0],
            "after_number": after[1],
            "limit": limit,
        }
        found = await self._reads.run(lambda rows: rows(_SAMPLES, parameters))
        return [_sample(row) for row in found]

    async def save_wishes(
        self, transaction_id: str, wishes: Wishes, *, revision: int, also: Sequence[Record] = ()
    ) -> None:
        """See `csms.ports.History.save_wishes`."""
        record = WishesSaved(
            transaction_id, revision, wishes.departure_at_us, wishes.energy_needed_wh, wishes.priority
        )
        try:
            await self._write(*also, record)
        except RecordRefused as error:
            raise Outdated(
                "the transaction was changed by somebody else in the same moment; look again"
            ) from error


def _listing(asked: TransactionQuery, before: tuple[int, str] | None) -> tuple[str, dict[str, object]]:
    """Return the statement of a list without its limit's value; what isn't asked for is left out for the indexes."""
    conditions: list[str] = []
    parameters: dict[str, object] = {}
    if asked.station is not None:
        conditions.append(_STATION)
        parameters["station"] = asked.station
    if asked.token_id is not None:
        conditions.append("x.token_id = :token_id")
        parameters["token_id"] = asked.token_id
    if asked.active is not None:
        conditions.append(f"x.ended_at_us IS {'' if asked.active else 'NOT '}NULL")
    if asked.from_us is not None:
        conditions.append("x.started_at_us >= :from_us")
        parameters["from_us"] = asked.from_us
    if asked.to_us is not None:
        conditions.append("x.started_at_us < :to_us")
        parameters["to_us"] = asked.to_us
    if before is not None:
        conditions.append("(x.started_at_us, x.id) < (:before_us, :before_id)")
        parameters["before_us"], parameters["before_id"] = before
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"{_TRANSACTIONS} {where} {_ORDER}", parameters


def _found(rows: Rows, statement: str, parameters: dict[str, object]) -> list[TransactionEntry]:
    return [_transaction(rows, row) for row in rows(statement, parameters)]


def _transaction(rows: Rows, row: Sequence[Any]) -> TransactionEntry:
    own_id, ocpp_id, station_id, site_id, evse, connector, token_id, started_at_us, ended_at_us, *rest = row
    meter_start_wh, meter_stop_wh, stop_reason, closed_by, orphan, said, *wished = rest
    departure_at_us, energy_needed_wh, priority, revision = wished
    return TransactionEntry(
        id=own_id,
        ocpp_transaction_id=ocpp_id,
        station_id=station_id,
        site_id=site_id,
        evse=evse,
        connector=connector,
        token_id=token_id,
        started_at_us=started_at_us,
        ended_at_us=ended_at_us,
        meter_start_wh=meter_start_wh,
        meter_stop_wh=meter_stop_wh,
        energy_wh=None if orphan else _charged_wh(rows, row),
        stop_reason=stop_reason,
        closed_by=closed_by,
        state=state_of(active=ended_at_us is None, said=said),
        orphan=bool(orphan),
        departure_at_us=departure_at_us,
        energy_needed_wh=energy_needed_wh,
        priority=priority,
        revision=revision,
    )


def _charged_wh(rows: Rows, row: Sequence[Any]) -> float | None:
    """Return what was charged by the register of the end or, while it runs, by the last plausible one."""
    own_id, ocpp_id, _, _, evse, connector, _, started_at_us, ended_at_us, start_wh, stop_wh, *_ = row
    if start_wh is None:
        return None
    if ended_at_us is None:
        live = Transaction(
            id=own_id,
            ocpp_id=ocpp_id,
            key=StartKey(evse, connector, b"", "", start_wh),
            started_at_us=started_at_us,
            last_energy_wh=start_wh,
            last_energy_at_us=started_at_us,
        )
        take_readings(rows, live)
        stop_wh = live.last_energy_wh
    return None if stop_wh is None else stop_wh - start_wh


def _sample(row: Sequence[Any]) -> SampleEntry:
    number, at_us, received_at_us, context, energy_wh, power_w, *rest = row
    l1_a, l2_a, l3_a, l1_v, l2_v, l3_v, soc, frequency_hz, temperature_c, extra, quality = rest
    return SampleEntry(
        number=number,
        at_us=at_us,
        received_at_us=received_at_us,
        context=context,
        energy_wh=energy_wh,
        power_w=power_w,
        current_a=(l1_a, l2_a, l3_a),
        voltage_v=(l1_v, l2_v, l3_v),
        soc=soc,
        frequency_hz=frequency_hz,
        temperature_c=temperature_c,
        extra=extra,
        quality=quality_names(quality),
    )
