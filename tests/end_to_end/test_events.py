"""Events of the real server: what a charger does is told as it happens, and again after a kill to whoever missed it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.charger import Charger, reading, start, status, stop
from tests.end_to_end.link import DEADLINE_S, Link
from tests.end_to_end.server import Server

pytestmark = pytest.mark.end_to_end
DURABLE = [
    "station.connected",
    "connector.status",
    "transaction.started",
    "transaction.ended",
    "station.disconnected",
]


async def told(server: Server, last: str) -> AsyncIterator[tuple[str, str, dict[str, Any]]]:
    """Yield the id ("" for passing ones), the kind and the data of each event after `last`."""
    headers = {"Last-Event-ID": last}
    address = f"http://127.0.0.1:{server.http_port}/api/v1/events"
    async with (
        httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S) as client,
        client.stream("GET", address, headers=headers) as answer,
    ):
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            if "data" in fields:
                yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
            fields = {}


async def until(server: Server, last: str, kind: str, **data: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the events after `last` up to the first of this kind that says `data`."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    async with asyncio.timeout(DEADLINE_S):
        stream = told(server, last)
        async for event in stream:
            found.append(event)
            if event[1] == kind and data.items() <= event[2].items():
                break
        await stream.aclose()  # pyright: ignore[reportAttributeAccessIssue] - a generator is more than an iterator
    return found


def test_what_a_charger_does_is_told_and_told_again_after_a_kill(server: Server):
    charger = Charger.at(server)

    async def dialogue(link: Link) -> list[tuple[str, str, dict[str, Any]]]:
        listening = asyncio.create_task(until(server, "0", "transaction.updated", energy_wh=500.0))
        await link.call("StatusNotification", status("Charging", minute=0))
        begun = await link.call("StartTransaction", start(meter=1000))
        transaction_id = begun["transactionId"]
        minute = 1
        while not listening.done():  # a reading is told to those who follow when it comes
            await link.call("MeterValues", reading(transaction_id, minute=minute, energy=1500))
            minute += 1
        await link.call("StopTransaction", stop(transaction_id))
        return await listening

    live = charger.talk(dialogue)
    first = asyncio.run(until(server, "0", "station.disconnected"))
    durable = [(number, kind) for number, kind, _ in first if number]
    assert [kind for _, kind in durable] == DURABLE
    passing = live[-1]
    assert (passing[0], passing[1]) == ("", "transaction.updated")
    assert [kind for _, kind, _ in live[:3]] == DURABLE[:3]
    assert passing[2]["id"] == live[2][2]["id"]

    server.kill()
    server.start()
    resumed = asyncio.run(until(server, durable[1][0], "station.disconnected"))
    assert [(number, kind) for number, kind, _ in resumed if number] == durable[2:]


def test_a_stop_ends_the_streams_and_is_not_held_up_by_them(tmp_path: Path):
    server = Server(tmp_path).start()
    ended: list[str] = []

    async def follow() -> None:
        async for _, kind, _ in told(server, "0"):
            ended.append(kind)

    async def story() -> int:
        charger = Charger.at(server)
        async with await charger.link():
            following = asyncio.create_task(follow())
            async with asyncio.timeout(DEADLINE_S):
                await until(server, "0", "station.connected")
                code = await asyncio.to_thread(server.stop)
                await following
        return code

    assert asyncio.run(story()) == 0
    assert ended[0] == "station.connected"
    assert server.complaints() == []
    server.start()
    missed = asyncio.run(until(server, "1", "station.disconnected"))
    assert [number for number, _, _ in missed] == ["2"]
    assert server.stop() == 0
