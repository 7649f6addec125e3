"""What every storage engine does for those who submit records and read state back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from csms.domain.errors import NotFound, RecordRefused, StorageError
from csms.domain.records import (
    StationBooted,
    StationConnected,
    StationDisconnected,
    StationRegistered,
    StationSeen,
)
from csms.domain.station import MessageLogPolicy, Registration
from csms.storage import SqliteStorage
from csms.storage.writer import WriterLimits
from tests.csms.storage.engines import NOW_US, SqliteEngine, count, written
from tests.csms.storage.some_records import (
    COMMAND,
    EVENT,
    RAW,
    SAMPLE,
    SIGNED,
    STATION,
    STATUS,
    but,
)

# --- units and their callbacks


def test_units_are_answered_in_the_order_of_their_submission(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[int]:
        order: list[int] = []
        for number in range(500):
            storage.submit([but(EVENT, at_us=number)], lambda _, number=number: order.append(number))
        await storage.settled()
        return order

    assert engine.tell(story) == list(range(500))


def test_what_was_answered_can_be_read_at_once_by_anybody(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = []
        storage.submit([EVENT], lambda _: seen.extend(engine.rows("SELECT kind FROM events")))
        await storage.settled()
        return seen

    assert engine.tell(story) == [{"kind": "station.connected"}]


def test_events_are_numbered_in_the_order_of_their_submission(engine: SqliteEngine):
    engine.write(*(but(EVENT, at_us=NOW_US + number) for number in range(200)))
    engine.write(*(but(EVENT, at_us=NOW_US + number) for number in range(200, 300)))

    rows = engine.rows("SELECT number, at_us FROM events ORDER BY number")

    assert [row["at_us"] - NOW_US for row in rows] == list(range(300))


def test_an_event_number_is_not_used_again_when_its_event_is_gone(engine: SqliteEngine):
    engine.write(EVENT, EVENT)
    engine.execute("DELETE FROM events")
    engine.write(EVENT)

    assert engine.rows("SELECT number FROM events") == [{"number": 3}]


@pytest.mark.parametrize(
    "poison",
    [
        but(EVENT, at_us=2**63),
        but(EVENT, kind="a lone surrogate: \ud800"),
        but(EVENT, kind=None),
        but(EVENT, at_us="noon"),
        but(EVENT, data={}),
        but(SAMPLE, evse=2**70),
        but(SAMPLE, context="\udfff"),
        but(COMMAND, request=None),
        "no record at all",
    ],
)
def test_a_poisoned_record_fails_its_own_unit_and_no_other(engine: SqliteEngine, poison: Any):
    async def story(storage: SqliteStorage) -> list[Exception | None]:
        return await written(storage, [EVENT], [EVENT, poison, EVENT], [EVENT], [poison], [EVENT])

    ended = engine.tell(story)

    assert [type(error) for error in ended] == [
        type(None),
        RecordRefused,
        type(None),
        RecordRefused,
        type(None),
    ]
    assert count(engine, "events") == 3
    assert count(engine, "samples") == count(engine, "commands") == 0


def test_a_callback_that_fails_keeps_no_other_from_hearing(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[Exception | None]:
        heard: list[Exception | None] = []

        def fail(_: Exception | None) -> None:
            raise ZeroDivisionError

        storage.submit([EVENT], heard.append)
        storage.submit([EVENT], fail)
        storage.submit([EVENT], heard.append)
        await storage.settled()
        return heard

    assert engine.tell(story) == [None, None]


def test_a_unit_without_records_is_answered_in_its_turn(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[Exception | None]:
        return await written(storage, [EVENT], [], [EVENT])

    assert engine.tell(story) == [None, None, None]


def test_closing_stores_and_answers_all_that_was_submitted(engine: SqliteEngine):
    async def story() -> list[Exception | None]:
        storage = await engine.open()
        heard: list[Exception | None] = []
        for _ in range(5_000):
            storage.submit([EVENT], heard.append)
        await storage.close()
        return heard

    assert asyncio.run(story()) == [None] * 5_000
    assert count(engine, "events") == 5_000


def test_a_closed_store_refuses_and_says_so(engine: SqliteEngine):
    async def story() -> list[Exception | None]:
        storage = await engine.open()
        await storage.close()
        told: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        storage.submit([EVENT], told.set_result)
        return [await told]

    (error,) = asyncio.run(story())
    assert isinstance(error, StorageError)


def test_congestion_begins_at_the_high_and_ends_at_the_low_water_mark(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> tuple[list[bool], list[str]]:
        order: list[str] = []
        before = storage.congested()
        for _ in range(10):
            storage.submit([EVENT], lambda _: order.append("done"))
        during = storage.congested()
        relieved = asyncio.Event()
        storage.when_relieved(lambda: order.append("relieved"))
        storage.when_relieved(relieved.set)
        await relieved.wait()
        await storage.settled()
        return [before, during, storage.congested()], order

    states, order = engine.tell(story, writer=WriterLimits(batch_units=3, high_water=20, low_water=8))

    assert states == [False, True, False]
    # 20 records and units wait; 2 go with each of the 3 of a batch, so 8 are left after the second batch.
    assert 6 <= order.index("relieved") <= 10


def test_who_asks_without_congestion_is_called_at_once(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        relieved = asyncio.Event()
        storage.when_relieved(relieved.set)
        await relieved.wait()

    engine.tell(story)


# --- stations and connectors


def test_a_station_is_found_whatever_the_case_of_its_id(engine: SqliteEngine):
    engine.write(STATION)

    found = engine.tell(lambda storage: storage.find_station("cp-1"))

    assert found is not None
    assert (found.id, found.managed, found.registration) == ("CP-1", False, Registration.ACCEPTED)
    assert (found.site_id, found.message_log, found.key_hmac) == (None, MessageLogPolicy.ALL, None)
    assert engine.tell(lambda storage: storage.find_station("CP-2")) is None


def test_a_station_that_registers_itself_brings_the_message_log_of_the_settings(engine: SqliteEngine):
    engine.write(StationRegistered("CP-9", NOW_US, "errors"))

    found = engine.tell(lambda storage: storage.find_station("CP-9"))

    assert found is not None
    assert found.message_log is MessageLogPolicy.ERRORS


def test_registering_a_station_again_changes_nothing(engine: SqliteEngine):
    assert engine.write(STATION, StationRegistered("cp-1", NOW_US + 1), but(STATION, at_us=5)) == [None] * 3

    assert engine.rows("SELECT id, created_at_us FROM stations") == [{"id": "CP-1", "created_at_us": NOW_US}]


def test_when_a_station_was_last_heard_never_goes_back(engine: SqliteEngine):
    engine.write(
        STATION, StationConnected("1.6", 1, 500, "CP-1"), StationSeen(900, "CP-1"), StationSeen(700, "CP-1")
    )
    engine.write(StationConnected("1.6", 1, 800, "CP-1"), StationDisconnected(850, "CP-1"))

    (row,) = engine.rows("SELECT connected_at_us, disconnected_at_us, last_seen_at_us FROM stations")

    assert row == {"connected_at_us": 800, "disconnected_at_us": 850, "last_seen_at_us": 900}


def test_what_a_station_said_at_boot_is_kept(engine: SqliteEngine):
    engine.write(STATION, StationBooted("V", "M", None, "1.0", "{}", "Accepted", NOW_US, "CP-1"))

    (row,) = engine.rows("SELECT vendor, model, serial, firmware, boot_status, booted_at_us FROM stations")

    assert row == {
        "vendor": "V",
        "model": "M",
        "serial": None,
        "firmware": "1.0",
        "boot_status": "Accepted",
        "booted_at_us": NOW_US,
    }


def test_an_older_status_does_not_overwrite_a_newer_one(engine: SqliteEngine):
    newer = but(STATUS, status="Charging", at_us=200)
    older = but(STATUS, status="Preparing", at_us=100)
    other = but(STATUS, connector=2, status="Available", at_us=50)

    engine.write(STATION, newer, older, other)
    state = engine.tell(lambda storage: storage.load_state("CP-1"))

    assert {place: (c.status, c.at_us) for place, c in state.connectors.items()} == {
        (1, 1): ("Charging", 200),
        (1, 2): ("Available", 50),
    }


def test_of_two_statuses_of_one_moment_the_later_submitted_counts(engine: SqliteEngine):
    engine.write(
        STATION, but(STATUS, status="Preparing"), but(STATUS, status="Faulted", error="GroundFailure")
    )

    state = engine.tell(lambda storage: storage.load_state("cp-1"))

    assert (state.connectors[1, 1].status, state.connectors[1, 1].error) == ("Faulted", "GroundFailure")


def test_the_state_of_an_unknown_station_is_not_found(engine: SqliteEngine):
    with pytest.raises(NotFound):
        engine.tell(lambda storage: storage.load_state("CP-1"))


def test_a_state_is_read_after_all_that_was_submitted_before(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> str:
        storage.submit([STATION, STATUS], lambda _: None)
        state = await storage.load_state("CP-1")
        return state.connectors[1, 1].status

    assert engine.tell(story) == "Charging"


# --- readings, commands, messages


def test_a_resent_reading_is_stored_once_whatever_was_made_of_it(engine: SqliteEngine):
    judged_otherwise = {
        "received_at_us": NOW_US + 5,
        "transaction_id": "o-1",
        "quality": 4,
        "site_id": "depot",
    }

    engine.write(SAMPLE, SAMPLE, but(SAMPLE, **judged_otherwise))
    engine.write(SAMPLE)
    # A clock ahead of ours: first the time of receipt stood in, at the resend the clock was believed.
    ahead = but(SAMPLE, device_at_us=NOW_US + 3, at_us=NOW_US, quality=1)
    engine.write(ahead, but(ahead, at_us=NOW_US + 3, received_at_us=NOW_US + 9, quality=0))

    assert count(engine, "samples") == 2


@pytest.mark.parametrize(
    "different",
    [
        {"station_id": "CP-2"},
        {"evse": 2},
        {"connector": 2},
        {"device_at_us": NOW_US + 1},
        {"context": "Sample.Clock"},
        {"energy_wh": 1234.6},
        {"power_w": 0.0},
        {"temperature_c": 21.0},
        {"extra": '{"RPM":1}'},
    ],
)
def test_readings_that_differ_in_what_was_said_are_all_stored(
    engine: SqliteEngine, different: dict[str, Any]
):
    engine.write(SAMPLE, but(SAMPLE, **different))

    assert count(engine, "samples") == 2


def test_a_resent_signed_value_is_stored_once_and_another_one_besides(engine: SqliteEngine):
    engine.write(
        SIGNED,
        but(SIGNED, received_at_us=1, transaction_id=None),
        but(SIGNED, at_us=1),
        but(SIGNED, data=b"other"),
        but(SIGNED, device_at_us=NOW_US + 1),
        but(SIGNED, context="Transaction.Begin"),
    )

    assert count(engine, "signed_values") == 4


def test_of_a_command_the_newest_state_is_kept(engine: SqliteEngine):
    engine.write(COMMAND, but(COMMAND, state="sent", sent_at_us=2))
    engine.write(but(COMMAND, state="answered", sent_at_us=2, response=b"{}", final_at_us=3))

    (row,) = engine.rows("SELECT state, sent_at_us, response, final_at_us, created_at_us FROM commands")

    assert row == {
        "state": "answered",
        "sent_at_us": 2,
        "response": b"{}",
        "final_at_us": 3,
        "created_at_us": NOW_US,
    }


def test_a_command_is_kept_without_the_tokens_and_keys_in_it(engine: SqliteEngine):
    setting = b'{"key":"AuthorizationKey","value":"S3CRET"}'
    engine.write(
        but(
            COMMAND,
            request=setting,
            response=b'{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"S3CRET"}]}',
            error='{"code":"GenericError","description":"idTag: S3CRET","details":{"idTag":"S3CRET"}}',
        )
    )

    (row,) = engine.rows("SELECT request, response, error FROM commands")

    assert row == {
        "request": b'{"key":"AuthorizationKey","value":"***"}',
        "response": b'{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"***"}]}',
        "error": '{"code":"GenericError","description":"idTag: ***","details":{"idTag":"***"}}',
    }


def test_a_message_that_nobody_could_read_is_kept_each_time_it_comes(engine: SqliteEngine):
    engine.write(RAW, RAW)

    assert count(engine, "raw_messages") == 2
