"""A fleet of simulated stations with faults at the real server: what their journals say is what is stored."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulators import scenario as scenarios
from simulators.fleet import Fleet, raise_fleet
from simulators.journal import Entry
from simulators.play import Limits, play
from simulators.site_clock import SiteClock
from simulators.staging import stage
from simulators.station import Station
from tests.end_to_end.conftest import StartServer
from tests.end_to_end.server import Server
from tests.end_to_end.store import Row, by, in_us, query

pytestmark = [pytest.mark.end_to_end, pytest.mark.soak]

LONG_AGO = timedelta(days=10)
"""So fast time never reaches the server's: a clock that runs ahead would not be believed."""
DRAIN_S = 60.0


@pytest.mark.timeout(600)
def test_of_a_fleet_in_trouble_every_acknowledged_transaction_is_stored_once_with_its_energy(
    start_server: StartServer, scaled: Callable[[int, int], int]
):
    server = start_server(token_policy="accept-all")
    for seed in range(scaled(1, 20)):
        fleet = played(server, seed)
        assert not list(discrepancies(server, fleet))


def played(server: Server, seed: int) -> Fleet:
    """Play the scenario with stations that nobody has seen before."""
    scenario = scenarios.changed(scenarios.load("twenty-in-trouble"), seed=seed)
    clock = SiteClock(scenario.speed, now_s=(datetime.now(UTC) - LONG_AGO).timestamp())
    kinds = [{**kind, "id": f"S{seed}-{kind['id']}"} for kind in scenarios.data(scenario)["stations"]]
    scenario = scenarios.changed(scenario, stations=kinds)
    staged = stage(scenario, url=server.url, begins_s=clock.now_s(), follows_time=False)

    async def run() -> Fleet:
        fleet, _ = raise_fleet(staged, clock, seed=seed, boot_spread_s=scenario.boot_spread_s)
        at_end = await play(fleet, staged, limits=Limits(drain_s=DRAIN_S))
        assert at_end.queued == 0
        assert at_end.ended == at_end.sessions > len(fleet.stations)
        return fleet

    fleet = asyncio.run(run())
    made = Counter[str]()
    for station in fleet.stations:
        made.update(station.journal.counts)
    assert made["unanswered"] > 0, "frames were lost"
    assert made["disconnected"] > 0, "connections were lost"
    return fleet


def discrepancies(server: Server, fleet: Fleet) -> Iterator[str]:
    """Yield one sentence for each difference between what stations know and what is stored."""
    transactions = by(query(server, "SELECT * FROM transactions"), "station_id")
    samples = by(query(server, "SELECT * FROM samples"), "station_id")
    for station in fleet.stations:
        yield from transaction_discrepancies(station, transactions.get((station.id,), []))
        yield from sample_discrepancies(station, samples.get((station.id,), []))
        if station.messenger.queue.given_up:
            yield f"{station.id}: gave up {station.messenger.queue.given_up}"


def transaction_discrepancies(station: Station, rows: list[Row]) -> Iterator[str]:
    starts = list(acknowledged(station, "StartTransaction"))
    keys = Counter((one["connectorId"], one["timestamp"], one["meterStart"]) for one in starts)
    stored = Counter((row["evse"], row["device_started_at"], row["meter_start_wh"]) for row in rows)
    if keys != stored:
        yield f"{station.id}: started {keys - stored} that is not stored, stored {stored - keys}"
    ends = {one["transactionId"]: one for one in acknowledged(station, "StopTransaction")}
    for row in rows:
        end = ends.pop(int(row["ocpp_id"]), None)
        said = end and (end["meterStop"], end["timestamp"], end["reason"])
        if said != (row["meter_stop_wh"], row["device_ended_at"], row["stop_reason"]) or row["orphan"]:
            yield f"{station.id}: ended as {end}, stored as {row}"
    if ends:
        yield f"{station.id}: {ends} ended and are not stored"
    by_start = {(row["evse"], row["device_started_at"]): row for row in rows}
    for delivered in station.delivered:
        session = delivered.session
        row = by_start[session.evse, station.stamp(session.started_s)]
        difference_wh = row["meter_stop_wh"] - row["meter_start_wh"] - delivered.energy_wh
        if abs(difference_wh) > 1:
            yield f"{station.id}: {session.transaction} delivered {delivered.energy_wh} Wh, stored as {row}"


def sample_discrepancies(station: Station, rows: list[Row]) -> Iterator[str]:
    told = Counter[tuple[int, int]]()
    for payload in acknowledged(station, "MeterValues"):
        told.update((payload["connectorId"], in_us(one["timestamp"])) for one in payload["meterValue"])
    stored = Counter((row["evse"], row["at_us"]) for row in rows if row["context"] == "Sample.Periodic")
    if told != stored:
        yield f"{station.id}: read {told - stored} that is not stored, stored {stored - told}"


def acknowledged(station: Station, action: str) -> Iterator[dict[str, Any]]:
    """Yield the payload of each fact that was acknowledged, and check that all its attempts said the same."""
    facts = by_fact([entry for entry in station.journal.entries if entry.action == action])
    for attempts in facts.values():
        payloads = {json.dumps(json.loads(entry.sent)[3], sort_keys=True) for entry in attempts}
        assert len(payloads) == 1, payloads
        assert sum(entry.acknowledged for entry in attempts) == 1, attempts
        yield json.loads(payloads.pop())


def by_fact(entries: list[Entry]) -> dict[str, list[Entry]]:
    """Group the attempts of each fact."""
    facts: dict[str, list[Entry]] = {}
    for entry in entries:
        assert entry.fact is not None
        facts.setdefault(entry.fact, []).append(entry)
    return facts
