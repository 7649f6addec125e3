"""OCPP 1.6 §4.1, §4.8, §4.10 and §3.5: transactions in all orders, and who may charge."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import Talk
from tests.conformance.station import Station, moment
from tests.end_to_end.link import Payload

pytestmark = pytest.mark.end_to_end
SUBPROTOCOL = "ocpp1.6"


def start(tag: str, *, minutes: float = -30.0, meter_wh: int = 1000, connector: int = 1) -> Payload:
    return {"connectorId": connector, "idTag": tag, "meterStart": meter_wh, "timestamp": moment(minutes)}


def stop(
    number: int, tag: str | None, *, minutes: float = -1.0, meter_wh: int = 8000, **more: Any
) -> Payload:
    payload = {"transactionId": number, "meterStop": meter_wh, "timestamp": moment(minutes), **more}
    return payload if tag is None else payload | {"idTag": tag}


async def token(station: Station, **more: Any) -> str:
    """Register a token that only this station's dialogue uses, and return its uid."""
    uid = f"{station.id}-{more.pop('name', 'T')}"
    await station.rest.add("/tokens", {"uid": uid, "type": "ISO14443", **more})
    return uid


async def verdict(station: Station, tag: str) -> str:
    return (await station.call("Authorize", {"idTag": tag}))["idTagInfo"]["status"]


def test_a_session_from_its_token_to_its_end(talk: Talk):
    async def dialogue(station: Station) -> None:
        tag = await token(station)
        assert await verdict(station, tag) == "Accepted"
        begun = await station.call("StartTransaction", start(tag))
        number = begun["transactionId"]
        value = {"timestamp": moment(-10), "sampledValue": [{"value": "4000"}]}
        reading = {"connectorId": 1, "transactionId": number, "meterValue": [value]}
        assert await station.call("MeterValues", reading) == {}
        (charging,) = await station.transactions()
        assert (charging["active"], charging["energy_wh"], charging["evse"]) == (True, 3000, 1)
        await station.call("StopTransaction", stop(number, tag, reason="EVDisconnected"))
        (ended,) = await station.transactions()
        assert ended["ocpp_transaction_id"] == str(number)
        assert (ended["active"], ended["energy_wh"], ended["stop_reason"]) == (False, 7000, "EVDisconnected")
        samples = (await station.rest.get(f"/transactions/{ended['id']}/samples"))["items"]
        contexts = ["Transaction.Begin", "Sample.Periodic", "Transaction.End"]
        assert [one["context"] for one in samples] == contexts
        assert [one["energy_wh"] for one in samples] == [1000, 4000, 8000]

    talk(dialogue)


def test_a_session_that_begins_before_its_token_was_asked_for(talk: Talk):
    async def dialogue(station: Station) -> None:
        tag = await token(station)
        begun = await station.call("StartTransaction", start(tag))
        assert begun["idTagInfo"]["status"] == "Accepted"
        assert await verdict(station, tag) == "Accepted", "its holder wants to stop"
        ended = await station.call("StopTransaction", stop(begun["transactionId"], tag))
        assert ended["idTagInfo"]["status"] == "Accepted"

    talk(dialogue)


def test_transactions_of_a_station_that_was_offline_are_told_later_in_their_order(talk: Talk):
    async def dialogue(station: Station) -> None:
        tag = await token(station)
        for hours in (3, 2):
            begun = await station.call(
                "StartTransaction", start(tag, minutes=-60 * hours, meter_wh=1000 * hours)
            )
            end = stop(begun["transactionId"], tag, minutes=-60 * hours + 30, meter_wh=1000 * hours + 500)
            await station.call("StopTransaction", end)
        told = await station.transactions()
        assert [(one["meter_start_wh"], one["energy_wh"]) for one in told] == [(2000, 500), (3000, 500)]
        assert not any(one["active"] for one in told)

    talk(dialogue)


def test_a_start_and_a_stop_that_come_again_are_one_transaction_and_get_the_same_answer(talk: Talk):
    async def dialogue(station: Station) -> None:
        tag = await token(station)
        beginning = start(tag)
        first = await station.call("StartTransaction", beginning)
        await station.link.close()
        await station.connect()
        assert await station.call("StartTransaction", beginning) == first
        ending = stop(first["transactionId"], tag)
        told = await station.call("StopTransaction", ending)
        await station.link.close()
        await station.connect()
        assert await station.call("StopTransaction", ending) == told
        assert len(await station.transactions()) == 1

    talk(dialogue)


def test_a_stop_without_its_start_is_an_orphan(talk: Talk):
    async def dialogue(station: Station) -> None:
        await station.call("StopTransaction", stop(999_999, None))
        (told,) = await station.transactions()
        assert (told["orphan"], told["active"], told["meter_stop_wh"]) == (True, False, 8000)

    talk(dialogue)


def test_a_stop_with_readings_of_its_own_is_kept_with_them(talk: Talk):
    async def dialogue(station: Station) -> None:
        tag = await token(station)
        number = (await station.call("StartTransaction", start(tag)))["transactionId"]
        sampled = [
            {"value": "16.0", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
            {"value": "230", "measurand": "Voltage", "unit": "V", "phase": "L1-N"},
        ]
        data = [{"timestamp": moment(-5), "sampledValue": sampled}]
        await station.call("StopTransaction", stop(number, tag, transactionData=data))
        (told,) = await station.transactions()
        samples = (await station.rest.get(f"/transactions/{told['id']}/samples"))["items"]
        (sample,) = [one for one in samples if one["current_a"]["L1"] is not None]
        assert (sample["current_a"]["L1"], sample["voltage_v"]["L1"]) == (16.0, 230.0)

    talk(dialogue)


def test_another_token_of_the_group_may_stop(talk: Talk):
    async def dialogue(station: Station) -> None:
        group = f"G-{station.id}"
        one = await token(station, name="A", group=group)
        other = await token(station, name="B", group=group)
        asked = await station.call("Authorize", {"idTag": one})
        assert asked["idTagInfo"]["parentIdTag"] == group
        number = (await station.call("StartTransaction", start(one)))["transactionId"]
        ended = await station.call("StopTransaction", stop(number, other))
        assert (ended["idTagInfo"]["status"], ended["idTagInfo"]["parentIdTag"]) == ("Accepted", group)

    talk(dialogue)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"status": "Blocked"}, "Blocked"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "Expired"),
        ({"expires_at": "2099-01-01T00:00:00Z"}, "Accepted"),
    ],
)
def test_each_verdict_is_told_when_asked_and_when_started(talk: Talk, more: dict[str, Any], expected: str):
    async def dialogue(station: Station) -> None:
        tag = await token(station, **more)
        assert await verdict(station, tag) == expected
        begun = await station.call("StartTransaction", start(tag))
        assert begun["idTagInfo"]["status"] == expected
        assert begun["transactionId"] > 0

    talk(dialogue)


def test_an_unknown_tag_is_invalid(talk: Talk):
    async def dialogue(station: Station) -> None:
        assert await verdict(station, "NOBODY") == "Invalid"

    talk(dialogue)


def test_a_token_charges_at_as_many_places_as_it_may(talk: Talk):
    async def dialogue(station: Station) -> None:
        tag = await token(station, max_concurrent=1)
        first = await station.call("StartTransaction", start(tag, connector=1))
        second = await station.call("StartTransaction", start(tag, connector=2))
        told = [one["idTagInfo"]["status"] for one in (first, second)]
        assert told == ["Accepted", "ConcurrentTx"]
        await station.call("StopTransaction", stop(first["transactionId"], tag))
        await station.call("StopTransaction", stop(second["transactionId"], tag))
        assert await verdict(station, tag) == "Accepted"

    talk(dialogue)


def test_an_expiry_that_was_moved_counts_at_once(talk: Talk):
    async def dialogue(station: Station) -> None:
        tag = await token(station)
        (known,) = (await station.rest.get("/tokens", uid=tag))["items"]
        await station.rest.change(f"/tokens/{known['id']}", {"status": "Blocked"})
        assert await verdict(station, tag) == "Blocked"
        await station.rest.change(f"/tokens/{known['id']}", {"status": "Accepted"})
        assert await verdict(station, tag) == "Accepted"

    talk(dialogue)
