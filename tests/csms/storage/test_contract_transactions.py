"""What every storage engine does with transactions: each is stored once, however often it comes, and found again."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.token import TokenStatus, Verdict
from csms.domain.transaction import ClosedBy, StartKey
from csms.ports import (
    OpenTransactionsOfToken,
    TokenByHmac,
    TransactionByEnd,
    TransactionById,
    TransactionByOcppId,
    TransactionByStart,
    TransactionEventKnown,
    TransactionOfEvents,
)
from csms.storage import SqliteStorage
from tests.csms.storage.engines import MINUTE_US, NOW_US, SqliteEngine, count, written
from tests.csms.storage.some_records import (
    CLOSED,
    OPENED,
    SAMPLE,
    STATION,
    TOKEN,
    TOKEN_SEEN,
    TOLD,
    TRANSACTION_EVENT,
    UPDATED,
    VARIABLE,
    but,
)

# --- transactions


def test_a_start_is_stored_once_however_often_it_comes(engine: SqliteEngine):
    engine.write(STATION, TOKEN_SEEN, OPENED, OPENED, but(OPENED, id="tx-2", ocpp_id="18"))
    engine.write(OPENED, but(OPENED, id="tx-3", ocpp_id="19"))

    assert engine.rows("SELECT id, ocpp_id, token_id FROM transactions") == [
        {"id": "tx-1", "ocpp_id": "17", "token_id": "tok-1"}
    ]


@pytest.mark.parametrize(
    "different",
    [
        {"station_id": "CP-2"},
        {"evse": 2},
        {"connector": 2},
        {"token_hmac": None},
        {"device_started_at": "2025-06-15T15:06:41Z"},
        {"meter_start_wh": 1000.5},
    ],
)
def test_each_part_of_the_natural_key_makes_another_start(engine: SqliteEngine, different: dict[str, Any]):
    engine.write(TOKEN_SEEN, OPENED, but(OPENED, id="tx-2", **different))

    assert count(engine, "transactions") == 2


def test_an_orphan_is_one_row_by_its_id_and_never_another_ones(engine: SqliteEngine):
    orphan = but(OPENED, id="o-1", ocpp_id="-1", evse=0, connector=0, meter_start_wh=None, orphan=1)
    other = but(orphan, id="o-2")  # the same moment and tag, and another meter reading

    engine.write(
        TOKEN_SEEN,
        orphan,
        but(CLOSED, id="o-1", meter_stop_wh=1.0),
        other,
        but(CLOSED, id="o-2", meter_stop_wh=2.0),
    )
    engine.write(orphan, but(CLOSED, id="o-1", meter_stop_wh=1.0))

    assert engine.rows("SELECT id, meter_stop_wh FROM transactions ORDER BY id") == [
        {"id": "o-1", "meter_stop_wh": 1.0},
        {"id": "o-2", "meter_stop_wh": 2.0},
    ]


def test_the_stations_own_report_overrides_an_inferred_end(engine: SqliteEngine):
    inferred = but(CLOSED, closed_by="next-start", ended_at_us=1, stop_reason=None, device_ended_at=None)

    engine.write(TOKEN_SEEN, OPENED, inferred, CLOSED)

    (row,) = engine.rows("SELECT ended_at_us, stop_reason, closed_by, stop_token_id FROM transactions")
    assert row == {
        "ended_at_us": CLOSED.ended_at_us,
        "stop_reason": "Local",
        "closed_by": "station",
        "stop_token_id": "tok-1",
    }


@pytest.mark.parametrize("later", [{"closed_by": "next-start"}, {"meter_stop_wh": 9.0}, {}])
def test_after_the_stations_own_report_nothing_changes(engine: SqliteEngine, later: dict[str, Any]):
    engine.write(TOKEN_SEEN, OPENED, CLOSED)
    before = engine.rows("SELECT * FROM transactions")

    engine.write(but(CLOSED, ended_at_us=7, **later))

    assert engine.rows("SELECT * FROM transactions") == before


def test_one_unit_may_say_the_end_before_the_start(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[Exception | None]:
        return await written(storage, [CLOSED, OPENED, TOKEN_SEEN])

    assert engine.tell(story) == [None]
    assert engine.rows("SELECT closed_by, token_id FROM transactions") == [
        {"closed_by": "station", "token_id": "tok-1"}
    ]


def test_a_state_remembers_open_transactions_and_the_newest_ended_ones(engine: SqliteEngine):
    opened = [
        but(OPENED, id=f"tx-{n}", ocpp_id=str(n), device_started_at=str(n), received_at_us=NOW_US + n)
        for n in range(1, 31)
    ]
    closed = [but(CLOSED, id=f"tx-{n}", end_received_at_us=NOW_US + 100 - n) for n in range(3, 31)]
    other = but(OPENED, id="tx-x", station_id="CP-2", ocpp_id="99")

    engine.write(STATION, TOKEN_SEEN, *opened, *closed, other)
    state = engine.tell(lambda storage: storage.load_state("CP-1"))

    assert list(state.transactions) == [str(n) for n in (*range(18, 2, -1), 1, 2)]
    assert [t.id for t in state.transactions.values() if t.active] == ["tx-1", "tx-2"]


def test_a_remembered_transaction_is_whole(engine: SqliteEngine):
    engine.write(STATION, TOKEN_SEEN, OPENED, CLOSED)

    state = engine.tell(lambda storage: storage.load_state("CP-1"))
    transaction = state.transactions["17"]

    assert transaction.id == "tx-1"
    assert transaction.key == StartKey(1, 1, TOKEN, OPENED.device_started_at, 1000.0)
    assert (transaction.started_at_us, transaction.ended_at_us) == (OPENED.started_at_us, CLOSED.ended_at_us)
    assert (transaction.meter_stop_wh, transaction.closed_by) == (2000.0, ClosedBy.STATION)
    assert (transaction.device_ended_at, transaction.verdict) == (CLOSED.device_ended_at, Verdict.ACCEPTED)
    assert not transaction.orphan


def test_an_open_transaction_knows_its_last_plausible_register(engine: SqliteEngine):
    readings = [(1, 1100.0), (2, 1200.0), (3, 900.0), (4, 1e12), (5, None), (6, 1300.0)]
    samples = [
        but(SAMPLE, at_us=at, device_at_us=at, energy_wh=energy)
        for at, energy in ((NOW_US + minute * MINUTE_US, energy) for minute, energy in readings)
    ]
    elsewhere = but(SAMPLE, connector=2, at_us=NOW_US + 9 * MINUTE_US, energy_wh=1400.0)

    engine.write(STATION, TOKEN_SEEN, OPENED, *reversed(samples), elsewhere)
    transaction = engine.tell(lambda storage: storage.load_state("CP-1")).transactions["17"]

    assert (transaction.last_energy_wh, transaction.last_energy_at_us) == (1300.0, NOW_US + 6 * MINUTE_US)


def test_without_readings_the_start_is_the_last_register(engine: SqliteEngine):
    engine.write(STATION, TOKEN_SEEN, OPENED)

    transaction = engine.tell(lambda storage: storage.load_state("CP-1")).transactions["17"]

    assert (transaction.last_energy_wh, transaction.last_energy_at_us) == (1000.0, NOW_US)


def test_orphans_whose_id_names_nothing_are_not_remembered(engine: SqliteEngine):
    orphan = but(OPENED, orphan=1, meter_start_wh=None)
    for number, ocpp_id in enumerate(("", "-1", "0", "4711")):
        engine.write(but(orphan, id=f"o-{number}", ocpp_id=ocpp_id), but(CLOSED, id=f"o-{number}"))
    engine.write(STATION)

    state = engine.tell(lambda storage: storage.load_state("CP-1"))

    assert list(state.transactions) == ["4711"]
    assert state.transactions["4711"].orphan
    assert state.transactions["4711"].last_energy_wh is None


# --- transactions that events tell of


def test_what_events_tell_of_is_one_transaction_by_the_id_that_its_station_gave(engine: SqliteEngine):
    engine.write(TOKEN_SEEN, TOLD, but(TOLD, id="tx-3"), but(TOLD, id="tx-4", station_id="CP-2"))

    assert [row["id"] for row in engine.rows("SELECT id FROM transactions ORDER BY id")] == ["tx-2", "tx-4"]


def test_a_start_and_what_events_tell_of_never_clash(engine: SqliteEngine):
    engine.write(TOKEN_SEEN, OPENED, TOLD, but(TOLD, id="tx-3", ocpp_id="other"))
    engine.write(UPDATED, but(UPDATED, id="tx-3"))

    assert count(engine, "transactions") == 3


def test_what_is_learned_later_stands_in_the_row_and_the_end_stays(engine: SqliteEngine):
    end = but(CLOSED, id="tx-2", end_seq_no=4)

    engine.write(TOKEN_SEEN, TOLD, end, UPDATED)

    (row,) = engine.rows(
        "SELECT evse, charging_state, phases_used, remote_start_id, closed_by FROM transactions"
    )
    assert row == {
        "evse": 2,
        "charging_state": "Charging",
        "phases_used": 3,
        "remote_start_id": 7,
        "closed_by": "station",
    }


def test_an_end_that_events_told_gives_way_to_the_same_or_a_later_one_of_them(engine: SqliteEngine):
    end = but(CLOSED, id="tx-2", end_seq_no=4)

    def stop_wh(*records: Any) -> float:
        engine.write(*records)
        return engine.rows("SELECT meter_stop_wh FROM transactions")[0]["meter_stop_wh"]

    assert stop_wh(TOKEN_SEEN, TOLD, but(end, closed_by="next-start", end_seq_no=None)) == 2000.0
    assert stop_wh(but(end, meter_stop_wh=1.0)) == 1.0
    assert stop_wh(but(end, meter_stop_wh=2.0, end_seq_no=3)) == 1.0
    assert stop_wh(but(end, meter_stop_wh=3.0, end_seq_no=None)) == 1.0
    assert stop_wh(but(end, meter_stop_wh=4.0)) == 4.0
    assert stop_wh(but(end, meter_stop_wh=5.0, end_seq_no=9)) == 5.0


def test_a_state_brings_back_what_events_told(engine: SqliteEngine):
    engine.write(STATION, TOKEN_SEEN, but(TOLD, ocpp_id="0"), but(SAMPLE, transaction_id="tx-2"))

    transaction = engine.tell(lambda storage: storage.load_state("CP-1")).transactions["0"]

    assert transaction.told is not None
    assert (transaction.told.last_seq_no, transaction.told.started) == (3, True)
    assert (transaction.last_energy_wh, transaction.last_energy_at_us) == (1234.5, NOW_US)


@pytest.mark.parametrize(
    "other", [{"station_id": "CP-2"}, {"ocpp_id": "d"}, {"seq_no": 4}, {"stage": "Ended"}, {"device_at": "x"}]
)
def test_an_event_is_recorded_once_and_known_by_all_that_names_it(
    engine: SqliteEngine, other: dict[str, Any]
):
    engine.write(TRANSACTION_EVENT, but(TRANSACTION_EVENT, transaction_id="tx-9", received_at_us=1))
    known = TransactionEventKnown("a-b-c", 3, "Updated", TRANSACTION_EVENT.device_at)
    station, unknown = other.get("station_id", "CP-1"), {k: v for k, v in other.items() if k != "station_id"}

    async def story(storage: SqliteStorage) -> list[Any]:
        return [
            await storage.look_up("CP-1", known),
            await storage.look_up(station, but(known, **unknown)),
        ]

    assert engine.tell(story) == [1, 0]
    assert engine.rows("SELECT transaction_id FROM transaction_events") == [{"transaction_id": "tx-2"}]
    engine.write(but(TRANSACTION_EVENT, **other))
    assert count(engine, "transaction_events") == 2


def test_a_transaction_is_looked_up_as_what_events_tell_of_or_as_a_start(engine: SqliteEngine):
    engine.write(TOKEN_SEEN, OPENED, but(TOLD, ocpp_id=OPENED.ocpp_id))

    async def story(storage: SqliteStorage) -> list[Any]:
        return [
            await storage.look_up("CP-1", TransactionByOcppId(OPENED.ocpp_id)),
            await storage.look_up("CP-1", TransactionOfEvents(OPENED.ocpp_id)),
            await storage.look_up("CP-2", TransactionOfEvents(OPENED.ocpp_id)),
        ]

    by_start, by_events, elsewhere = engine.tell(story)

    assert (by_start.id, by_events.id, elsewhere) == ("tx-1", "tx-2", None)


def test_a_device_model_comes_back_as_it_was_reported_last(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[Any]:
        for record in (VARIABLE, but(VARIABLE, value="7400", at_us=NOW_US + 1), but(VARIABLE, value="old")):
            storage.submit([record], lambda _: None)
        return await storage.device_model("CP-1") + await storage.device_model("CP-2")

    (found,) = engine.tell(story)

    assert (found.component, found.component_instance, found.evse, found.connector) == ("EVSE", None, 1, None)
    assert (found.variable, found.variable_instance, found.value) == ("Power", None, "7400")


# --- look-ups


def test_a_transaction_is_looked_up_by_its_natural_key(engine: SqliteEngine):
    key = StartKey(1, 1, TOKEN, OPENED.device_started_at, 1000.0)

    async def story(storage: SqliteStorage) -> list[Any]:
        storage.submit([TOKEN_SEEN, OPENED], lambda _: None)
        return [
            await storage.look_up("CP-1", TransactionByStart(key)),
            await storage.look_up("CP-2", TransactionByStart(key)),
            await storage.look_up("CP-1", TransactionByStart(but(key, evse=2))),
            await storage.look_up("CP-1", TransactionByStart(but(key, token_hmac=b"other"))),
            await storage.look_up("CP-1", TransactionByStart(but(key, meter_start_wh=1.0))),
            await storage.look_up("CP-1", TransactionByStart(but(key, device_started_at=""))),
        ]

    found, *others = engine.tell(story)

    assert found.id == "tx-1"
    assert others == [None] * 5


def test_of_transactions_with_one_ocpp_id_the_newest_is_found(engine: SqliteEngine):
    engine.write(
        TOKEN_SEEN,
        but(OPENED, id="old", device_started_at="1"),
        but(OPENED, id="new", device_started_at="2", received_at_us=NOW_US + 1, orphan=1),
        but(OPENED, id="other", station_id="CP-2", received_at_us=NOW_US + 2),
    )

    found: Any = engine.tell(lambda storage: storage.look_up("CP-1", TransactionByOcppId("17")))

    assert (found.id, found.orphan) == ("new", True)
    assert engine.tell(lambda storage: storage.look_up("CP-1", TransactionByOcppId("18"))) is None


def test_a_transaction_is_looked_up_by_our_id_at_its_own_station_only(engine: SqliteEngine):
    engine.write(TOKEN_SEEN, OPENED)

    found: Any = engine.tell(lambda storage: storage.look_up("CP-1", TransactionById("tx-1")))

    assert found.ocpp_id == "17"
    assert engine.tell(lambda storage: storage.look_up("CP-2", TransactionById("tx-1"))) is None


def test_a_transaction_is_looked_up_by_the_stop_that_ended_it(engine: SqliteEngine):
    end = TransactionByEnd(CLOSED.device_ended_at or "", 2000.0, TOKEN)
    unsaid = but(end, meter_stop_wh=None, token_hmac=None)

    async def story(storage: SqliteStorage) -> list[Any]:
        storage.submit([TOKEN_SEEN, OPENED, CLOSED], lambda _: None)
        for record in (
            (
                but(OPENED, id="tx-2", evse=2),
                but(CLOSED, id="tx-2", meter_stop_wh=None, stop_token_hmac=None),
            ),
            (but(OPENED, id="tx-3", orphan=1), but(CLOSED, id="tx-3", device_ended_at="orphan")),
            (
                but(OPENED, id="tx-4", evse=4),
                but(CLOSED, id="tx-4", device_ended_at=None, closed_by="next-start"),
            ),
        ):
            storage.submit(record, lambda _: None)
        return [
            await storage.look_up("CP-1", end),
            await storage.look_up("CP-1", unsaid),
            await storage.look_up("CP-2", end),
            await storage.look_up("CP-1", but(end, device_ended_at="orphan")),
            await storage.look_up("CP-1", but(end, device_ended_at="")),
            await storage.look_up("CP-1", but(end, meter_stop_wh=1.0)),
            await storage.look_up("CP-1", but(end, meter_stop_wh=None)),
            await storage.look_up("CP-1", but(end, token_hmac=None)),
            await storage.look_up("CP-1", but(unsaid, token_hmac=b"nobody has this token")),
        ]

    found, found_unsaid, *others = engine.tell(story)

    assert (found.id, found_unsaid.id) == ("tx-1", "tx-2")
    assert others == [None] * 7


def test_starts_that_say_no_time_are_all_kept_and_never_found_by_their_key(engine: SqliteEngine):
    timeless = but(OPENED, device_started_at="")
    key = StartKey(1, 1, TOKEN, "", 1000.0)
    engine.write(TOKEN_SEEN, timeless, but(timeless, id="tx-2", ocpp_id="18"))

    assert count(engine, "transactions") == 2
    assert engine.tell(lambda storage: storage.look_up("CP-1", TransactionByStart(key))) is None


def test_a_tokens_open_transactions_are_counted_at_all_stations(engine: SqliteEngine):
    engine.write(
        TOKEN_SEEN,
        OPENED,
        but(OPENED, id="tx-2", station_id="CP-2"),
        but(OPENED, id="tx-3", station_id="CP-3"),
        but(CLOSED, id="tx-3"),
        but(OPENED, id="tx-4", token_hmac=None),
    )

    async def story(storage: SqliteStorage) -> list[Any]:
        return [
            await storage.look_up("CP-9", OpenTransactionsOfToken(TOKEN)),
            await storage.look_up("CP-9", OpenTransactionsOfToken(b"other")),
        ]

    assert engine.tell(story) == [2, 0]


def test_a_seen_token_is_in_the_index_when_its_unit_is_done(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[Any]:
        seen: list[Any] = [storage.tokens.get(TOKEN)]
        storage.submit([TOKEN_SEEN], lambda _: seen.append(storage.tokens.get(TOKEN)))
        await storage.settled()
        return seen

    before, after = engine.tell(story)

    assert before is None
    assert (after.id, after.status) == ("tok-1", TokenStatus.SEEN)


def test_a_token_seen_again_keeps_its_id(engine: SqliteEngine):
    engine.write(TOKEN_SEEN, but(TOKEN_SEEN, id="tok-2"))

    assert engine.rows("SELECT id FROM tokens") == [{"id": "tok-1"}]


def test_a_token_that_another_process_registered_is_found_by_its_look_up(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> tuple[Any, bool]:
        engine.execute(
            "INSERT INTO tokens (id, uid, type, hmac, status, created_at_us) VALUES ('t', 'u', 'Local', ?, 'Blocked', 1)",
            TOKEN,
        )
        unknown = TOKEN in storage.tokens
        return await storage.look_up("CP-1", TokenByHmac(TOKEN)), unknown

    found, unknown = engine.tell(story)

    assert not unknown
    assert (found.id, found.status) == ("t", TokenStatus.BLOCKED)
