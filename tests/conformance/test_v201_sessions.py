"""OCPP 2.0.1 C and E: who may charge, and transactions whose parts come in every order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.conformance.conftest import Talk
from tests.conformance.station import Station, moment
from tests.end_to_end.link import Payload

pytestmark = pytest.mark.end_to_end
SUBPROTOCOL = "ocpp2.0.1"
TRIGGERS = {"Started": "CablePluggedIn", "Updated": "MeterValuePeriodic", "Ended": "EVCommunicationLost"}


def metered(energy_wh: float, minutes: float, context: str = "Sample.Periodic") -> Payload:
    value = {"value": energy_wh, "context": context, "measurand": "Energy.Active.Import.Register"}
    return {"timestamp": moment(minutes), "sampledValue": [value]}


def event(
    station: Station, kind: str, seq_no: int, *, minutes: float, number: str = "", **more: Any
) -> Payload:
    info = {"transactionId": number or f"tx-{station.id}", **more.pop("info", {})}
    return {
        "eventType": kind,
        "timestamp": moment(minutes),
        "triggerReason": more.pop("trigger", TRIGGERS[kind]),
        "seqNo": seq_no,
        "transactionInfo": info,
        **more,
    }


def whole(station: Station, tag: str, **more: Any) -> list[Payload]:
    """Return a session: plugged in, authorized, charging, read, ended."""
    id_token = {"idToken": tag, "type": "ISO14443"}
    return [
        event(
            station,
            "Started",
            0,
            minutes=-30,
            evse={"id": 1, "connectorId": 1},
            info={"chargingState": "EVConnected"},
            meterValue=[metered(1000, -30, "Transaction.Begin")],
            **more,
        ),
        event(
            station,
            "Updated",
            1,
            minutes=-29,
            trigger="Authorized",
            idToken=id_token,
            info={"chargingState": "Charging"},
            **more,
        ),
        event(
            station,
            "Updated",
            2,
            minutes=-15,
            meterValue=[metered(4000, -15)],
            info={"chargingState": "Charging"},
            **more,
        ),
        event(
            station,
            "Ended",
            3,
            minutes=-1,
            trigger="StopAuthorized",
            idToken=id_token,
            info={"chargingState": "Idle", "stoppedReason": "Local"},
            meterValue=[metered(8000, -1, "Transaction.End")],
            **more,
        ),
    ]


async def token(station: Station, **more: Any) -> str:
    """Register a token that only this station's dialogue uses, and return its uid."""
    uid = f"{station.id}-{more.pop('name', 'T')}"
    await station.rest.add("/tokens", {"uid": uid, "type": "ISO14443", **more})
    return uid


async def verdict(station: Station, tag: str) -> str:
    told = await station.call("Authorize", {"idToken": {"idToken": tag, "type": "ISO14443"}})
    return told["idTokenInfo"]["status"]


async def check(station: Station) -> None:
    """Check that the store knows the whole session, once."""
    (told,) = await station.transactions()
    shown = (told["ocpp_transaction_id"], told["evse"], told["connector"], told["active"], told["orphan"])
    assert shown == (f"tx-{station.id}", 1, 1, False, False)
    assert (told["meter_start_wh"], told["meter_stop_wh"], told["energy_wh"]) == (1000, 8000, 7000)
    assert told["stop_reason"] == "Local"
    samples = (await station.rest.get(f"/transactions/{told['id']}/samples"))["items"]
    assert [one["energy_wh"] for one in samples] == [1000, 4000, 8000]
    (known,) = (await station.rest.get("/tokens", uid=f"{station.id}-T"))["items"]
    assert told["token_id"] == known["id"]


def test_a_session_in_its_order(talk: Talk):
    async def dialogue(station: Station) -> None:
        tag = await token(station)
        assert await verdict(station, tag) == "Accepted"
        started, authorized, read, ended = whole(station, tag)
        assert await station.call("TransactionEvent", started) == {}
        told = await station.call("TransactionEvent", authorized)
        assert told["idTokenInfo"]["status"] == "Accepted"
        assert await station.call("TransactionEvent", read) == {}
        (charging,) = await station.transactions()
        assert (charging["active"], charging["energy_wh"]) == (True, 3000)
        told = await station.call("TransactionEvent", ended)
        assert told["idTokenInfo"]["status"] == "Accepted"
        await check(station)

    talk(dialogue)


@pytest.mark.parametrize("order", [o for o in itertools.permutations(range(4)) if o != (0, 1, 2, 3)])
def test_the_parts_of_a_session_in_any_order_are_the_same_session(talk: Talk, order: tuple[int, ...]):
    async def dialogue(station: Station) -> None:
        events = whole(station, await token(station))
        for index in order:
            await station.call("TransactionEvent", events[index])
        await check(station)

    talk(dialogue)


def test_a_session_while_the_station_was_offline_is_replayed_and_what_comes_again_counts_once(talk: Talk):
    async def dialogue(station: Station) -> None:
        events = whole(station, await token(station), offline=True)
        for one in events[:3]:
            await station.call("TransactionEvent", one)
        await station.link.close()
        await station.connect()
        for one in events:
            await station.call("TransactionEvent", one)
        await check(station)

    talk(dialogue)


def test_a_gap_in_the_sequence_loses_nothing_of_the_rest(talk: Talk):
    async def dialogue(station: Station) -> None:
        started, authorized, _, ended = whole(station, await token(station))
        for one in (started, authorized, ended):
            await station.call("TransactionEvent", one)
        (told,) = await station.transactions()
        assert (told["energy_wh"], told["active"]) == (7000, False)

    talk(dialogue)


def test_an_end_without_its_start_is_an_orphan(talk: Talk):
    async def dialogue(station: Station) -> None:
        await station.call("TransactionEvent", whole(station, await token(station))[3])
        (told,) = await station.transactions()
        assert (told["orphan"], told["active"], told["meter_stop_wh"]) == (True, False, 8000)

    talk(dialogue)


def test_another_token_of_the_group_may_stop(talk: Talk):
    async def dialogue(station: Station) -> None:
        group = f"G-{station.id}"
        one = await token(station, group=group)
        other = await token(station, name="B", group=group)
        events = whole(station, one)
        for part in events[:3]:
            await station.call("TransactionEvent", part)
        ended = events[3] | {"idToken": {"idToken": other, "type": "ISO14443"}}
        told = (await station.call("TransactionEvent", ended))["idTokenInfo"]
        assert (told["status"], told["groupIdToken"]["idToken"]) == ("Accepted", group)
        await check(station)

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
        started, authorized, *_ = whole(station, tag)
        await station.call("TransactionEvent", started)
        told = await station.call("TransactionEvent", authorized)
        assert told["idTokenInfo"]["status"] == expected

    talk(dialogue)


def test_a_token_charges_at_as_many_places_as_it_may(talk: Talk):
    async def dialogue(station: Station) -> None:
        id_token = {"idToken": await token(station, max_concurrent=1), "type": "ISO14443"}
        told: list[str] = []
        for evse in (1, 2):
            started = event(
                station,
                "Started",
                0,
                minutes=-5,
                number=f"{station.id}-{evse}",
                trigger="Authorized",
                idToken=id_token,
                evse={"id": evse, "connectorId": 1},
            )
            told.append((await station.call("TransactionEvent", started))["idTokenInfo"]["status"])
        assert told == ["Accepted", "ConcurrentTx"]

    talk(dialogue)


def test_an_unknown_token_is_told_apart_from_a_blocked_one(talk: Talk):
    async def dialogue(station: Station) -> None:
        assert await verdict(station, "NOBODY") in {"Invalid", "Unknown"}

    talk(dialogue)


def test_a_session_without_any_token_is_kept(talk: Talk):
    """C02: a button starts it."""

    async def dialogue(station: Station) -> None:
        id_token = {"idToken": "", "type": "NoAuthorization"}
        started = event(station, "Started", 0, minutes=-5, evse={"id": 1}, idToken=id_token)
        told = await station.call("TransactionEvent", started)
        assert told["idTokenInfo"]["status"] == "Accepted"
        (one,) = await station.transactions()
        assert (one["active"], one["token_id"]) == (True, None)

    talk(dialogue)


def test_meter_values_of_all_shapes_become_one_kind_of_sample(talk: Talk):
    async def dialogue(station: Station) -> None:
        started, *_ = whole(station, await token(station))
        await station.call("TransactionEvent", started)
        sampled = [
            {"value": 16.5, "measurand": "Current.Import", "phase": "L1"},
            {
                "value": 3.5,
                "measurand": "Power.Active.Import",
                "unitOfMeasure": {"unit": "W", "multiplier": 3},
            },
            {"value": 55, "measurand": "SoC", "unitOfMeasure": {"unit": "Percent"}, "location": "EV"},
            {
                "value": 2,
                "measurand": "Energy.Active.Import.Register",
                "unitOfMeasure": {"unit": "kWh"},
                "signedMeterValue": {
                    "signedMeterData": "AAAA",
                    "signingMethod": "ECDSA",
                    "encodingMethod": "OCMF",
                    "publicKey": "BBBB",
                },
            },
        ]
        reading = {"evseId": 1, "meterValue": [{"timestamp": moment(-10), "sampledValue": sampled}]}
        assert await station.call("MeterValues", reading) == {}
        (one,) = await station.transactions()
        samples = (await station.rest.get(f"/transactions/{one['id']}/samples"))["items"]
        (sample,) = [each for each in samples if each["power_w"] is not None]
        shown = (sample["current_a"]["L1"], sample["power_w"], sample["soc"], sample["energy_wh"])
        assert shown == (16.5, 3500, 0.55, 2000)

    talk(dialogue)
