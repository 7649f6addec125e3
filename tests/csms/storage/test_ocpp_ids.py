from __future__ import annotations

import asyncio

import pytest

from csms.domain.errors import RecordRefused, StorageError
from csms.storage import SqliteStorage
from csms.storage.ocpp_ids import END, NAME, SIZE, OcppIds
from csms.storage.own_records import IdBlockReserved
from tests.csms.storage.engines import NOW_US, SqliteEngine, written
from tests.csms.storage.some_records import EVENT


class Ledger:
    """Reserves blocks in memory, as a store would."""

    def __init__(self, first: int = 1) -> None:
        self.first = first
        self.blocks: list[IdBlockReserved] = []
        self.refusals = 0
        self.problem: StorageError | None = None

    async def reserve(self, block: IdBlockReserved) -> None:
        if self.problem is not None:
            raise self.problem
        if self.refusals:
            self.refusals -= 1
            self.first += SIZE  # another process was quicker
            raise RecordRefused("taken")
        self.blocks.append(block)
        self.first = block.first + block.size

    async def first_free(self) -> int:
        return self.first

    def ids(self) -> OcppIds:
        return OcppIds(self.reserve, self.first_free, lambda: NOW_US)


def refill(ids: OcppIds) -> None:
    asyncio.run(ids.refill())


def test_ids_begin_at_one_and_follow_each_other():
    ids = Ledger().ids()
    refill(ids)

    assert [ids.next() for _ in range(3)] == [1, 2, 3]


def test_a_block_is_durable_before_any_of_its_ids_is_given():
    ledger = Ledger()
    ids = ledger.ids()

    with pytest.raises(StorageError, match="no ids were reserved yet"):
        ids.next()
    refill(ids)

    assert ids.next() in range(ledger.blocks[0].first, ledger.blocks[0].first + ledger.blocks[0].size)


def test_the_next_block_is_asked_for_when_half_of_one_is_used():
    ids = Ledger().ids()
    assert ids.needs_refill()
    refill(ids)

    given = []
    while not ids.needs_refill():
        given.append(ids.next())
    refill(ids)

    assert given == list(range(1, SIZE // 2 + 1))
    assert not ids.needs_refill()
    assert [ids.next() for _ in range(SIZE)] == list(range(SIZE // 2 + 1, SIZE + SIZE // 2 + 1))


def test_a_store_that_fails_stops_the_ids_only_when_the_block_is_used_up():
    ledger = Ledger()
    ids = ledger.ids()
    refill(ids)
    ledger.problem = StorageError("disk full")

    with pytest.raises(StorageError):
        refill(ids)
    given = [ids.next() for _ in range(SIZE)]
    with pytest.raises(StorageError, match="disk full"):
        ids.next()
    ledger.problem = None
    refill(ids)

    assert given == list(range(1, SIZE + 1))
    assert ids.next() == SIZE + 1


def test_a_block_that_another_process_took_is_left_to_it():
    ledger = Ledger()
    ledger.refusals = 2
    ids = ledger.ids()
    refill(ids)

    assert ids.next() == 2 * SIZE + 1


def test_it_gives_up_where_others_are_always_quicker():
    ledger = Ledger()
    ledger.refusals = 1_000

    with pytest.raises(StorageError, match="other processes"):
        refill(ledger.ids())


def test_the_last_id_is_the_greatest_of_31_bits_and_then_there_is_a_clear_end():
    ids = Ledger(END - 3).ids()
    refill(ids)

    assert [ids.next() for _ in range(3)] == [END - 3, END - 2, 2**31 - 1]
    with pytest.raises(StorageError, match=r"2147483647 transaction ids .* used up"):
        refill(ids)
    with pytest.raises(StorageError, match="used up"):
        ids.next()


# --- in a store


def test_ids_are_never_reused_after_a_restart(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[int]:
        return [storage.next_ocpp_id() for _ in range(3)]

    given = [number for _ in range(4) for number in engine.tell(story)]

    assert len(set(given)) == 12
    assert all(0 < number < 2**31 for number in given)


def test_a_store_reserves_ahead_while_it_gives_ids_out(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[int]:
        given: list[int] = []
        for _ in range(5 * SIZE // 100):
            given += [storage.next_ocpp_id() for _ in range(100)]
            # Reserving takes a read and a commit; a station's start takes them too.
            await written(storage, [EVENT])
            await storage.find_station("x")
            await written(storage, [EVENT])
        return given

    given = engine.tell(story)

    assert given == list(range(1, 5 * SIZE + 1))
    blocks = engine.rows("SELECT first, size FROM id_blocks WHERE name = ? ORDER BY first", NAME)
    assert len(blocks) in {5, 6}


def test_without_a_chance_to_reserve_the_ids_end_and_then_go_on(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> tuple[int, int]:
        given = [storage.next_ocpp_id() for _ in range(SIZE)]
        with pytest.raises(StorageError):
            storage.next_ocpp_id()
        assert storage._refilling is not None
        await storage._refilling
        return given[-1], storage.next_ocpp_id()

    assert engine.tell(story) == (SIZE, SIZE + 1)


def test_a_failure_to_reserve_is_only_logged(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> int:
        engine.execute("INSERT INTO id_blocks VALUES (?, ?, 1, 0)", NAME, END - 1)
        given = [storage.next_ocpp_id() for _ in range(SIZE // 2)]
        assert storage._refilling is not None
        await storage._refilling
        return given[-1]

    assert engine.tell(story) == SIZE // 2


def test_two_processes_never_give_out_the_same_id(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[int]:
        other = await engine.open()
        given = [each.next_ocpp_id() for _ in range(500) for each in (storage, other)]
        await other.close()
        return given

    given = engine.tell(story)

    assert len(set(given)) == len(given)


def test_a_command_reserves_no_ids(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        return None

    engine.tell(story, serving=False)

    assert engine.rows("SELECT * FROM id_blocks") == []
