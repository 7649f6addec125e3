"""One connection: the order of its calls around look-ups, reloads and refused records, and when it stops reading."""

from __future__ import annotations

from csms.domain.errors import RecordRefused
from csms.domain.transaction import StartKey, Transaction
from csms.gateway.wire import OPEN_CHARACTERS_LIMIT
from tests.csms.gateway.bench import STATUS, Bench, run, soon

STOP = {"transactionId": 7, "meterStop": 20, "timestamp": "2026-01-01T01:00:00Z"}


def _running() -> Transaction:
    return Transaction(
        id="ours",
        ocpp_id="7",
        key=StartKey(1, 1, b"token", "2026-01-01T00:00:00Z", 10.0),
        started_at_us=1_767_225_600_000_000,
        last_energy_wh=10.0,
        last_energy_at_us=1_767_225_600_000_000,
    )


def test_calls_keep_their_order_when_the_state_is_loaded_anew_before_a_look_up_ends() -> None:
    async def scenario(station: Bench) -> None:
        store = station.store
        store.held = True
        station.say("refused", "StatusNotification", STATUS)
        station.say("looks-up", "Authorize", {"idTag": "NOBODY"})
        station.say("behind", "Heartbeat", {})
        looking_up = await soon(store.look_ups)
        await store.end_oldest(RecordRefused("it breaks a rule"))
        loading = await soon(store.loads)
        loading.set_result(station.state())
        assert await station.hear() == "refused"
        looking_up.set_result(None)
        # What it found may count on what was not stored: it is asked again.
        (await soon(store.look_ups)).set_result(None)
        assert [await station.hear(), await station.hear()] == ["looks-up", "behind"]

    run(scenario)


def test_a_look_up_that_ends_while_the_state_is_loaded_anew_waits_for_that() -> None:
    async def scenario(station: Bench) -> None:
        store = station.store
        store.held = True
        station.say("refused", "StatusNotification", STATUS)
        station.say("looks-up", "Authorize", {"idTag": "NOBODY"})
        looking_up = await soon(store.look_ups)
        await store.end_oldest(RecordRefused("it breaks a rule"))
        loading = await soon(store.loads)
        looking_up.set_result(None)
        station.say("behind", "Heartbeat", {})
        loading.set_result(station.state())
        (await soon(store.look_ups)).set_result(None)
        heard = [await station.hear() for _ in range(3)]
        assert heard == ["refused", "looks-up", "behind"]

    run(scenario)


def test_what_comes_while_the_state_is_loaded_anew_waits_for_the_newest_state() -> None:
    async def scenario(station: Bench) -> None:
        store = station.store
        store.held = True
        for message_id in ("first", "good", "second"):
            station.say(message_id, "StatusNotification", STATUS)
        await store.end_oldest(RecordRefused("it breaks a rule"))
        loading_first = await soon(store.loads)
        # Its records were submitted before the state was in doubt, and are stored.
        await store.end_oldest(None)
        assert await station.hear() == "good"
        station.say("behind", "StopTransaction", STOP)
        station.say("last", "Heartbeat", {})
        await store.end_oldest(RecordRefused("it breaks a rule"))
        loading_second = await soon(store.loads)
        loading_first.set_result(station.state())
        assert await station.hear() == "first"
        newest = station.state()
        newest.transactions["7"] = _running()
        loading_second.set_result(newest)
        assert await station.hear() == "second"
        for _ in range(2):
            await store.end_oldest(None)  # what was kept raw
        # The stop needs no look-up: the newest state knows its transaction.
        assert await station.hear() == "last"
        await store.end_oldest(None)
        assert await station.hear() == "behind"
        assert store.look_ups.empty()

    run(scenario)


def test_a_station_with_much_unanswered_is_not_read_from_until_that_is_stored() -> None:
    async def scenario(station: Bench) -> None:
        station.store.held = True
        half = "x" * (OPEN_CHARACTERS_LIMIT // 2)
        station.say("1", "DataTransfer", {"vendorId": "V", "data": half})
        assert station.socket.causes == set()
        station.say("2", "DataTransfer", {"vendorId": "V", "data": half})
        assert station.socket.causes == {"open calls"}
        await station.store.end_oldest(None)
        assert await station.hear() == "1"
        assert station.socket.causes == set()

    run(scenario)


def test_a_station_is_read_from_again_when_what_could_only_be_kept_raw_is_stored() -> None:
    async def scenario(station: Bench) -> None:
        station.store.held = True
        long = {
            "connectorId": 1,
            "meterValue": [{"timestamp": "x" * OPEN_CHARACTERS_LIMIT, "sampledValue": []}],
        }
        station.say("1", "MeterValues", long)
        assert station.socket.causes == {"open calls"}
        await station.store.end_oldest(RecordRefused("it breaks a rule"))
        (await soon(station.store.loads)).set_result(station.state())
        await station.store.end_oldest(None)
        assert await station.hear() == "1"
        assert station.socket.causes == set()

    run(scenario)
