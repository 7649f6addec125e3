from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.errors import Conflict, Invalid
from csms.domain.token import Token, TokenStatus
from csms.storage import NewToken, SqliteStorage, token_hmac
from csms.storage.token_index import ChangeRow, TokenIndex
from tests.csms.storage.engines import NOW_US, SECRET, SqliteEngine, written
from tests.csms.storage.some_records import OPENED, TOKEN, TOKEN_SEEN, but

UID = "04A2B3C4"


def test_a_registered_token_is_in_the_index_and_in_the_list(engine: SqliteEngine):
    new = NewToken(uid=UID, expires_at_us=NOW_US + 5, group="FLEET", max_concurrent=2, note="Ann's card")

    async def story(storage: SqliteStorage) -> tuple[Any, Any, list[Any]]:
        added = await storage.add_token(new)
        return added, storage.tokens.get(TOKEN), await storage.list_tokens()

    added, indexed, listed = engine.tell(story)

    assert indexed == Token(
        id=added.id,
        hmac=TOKEN,
        status=TokenStatus.ACCEPTED,
        expires_at_us=NOW_US + 5,
        group="FLEET",
        max_concurrent=2,
    )
    assert [(row.id, row.uid, row.type, row.status, row.note) for row in listed] == [
        (added.id, UID, "ISO14443", "Accepted", "Ann's card")
    ]


def test_the_index_is_loaded_at_the_start(engine: SqliteEngine):
    engine.write(TOKEN_SEEN)

    async def story(storage: SqliteStorage) -> list[bytes]:
        assert len(storage.tokens) == 1
        return list(storage.tokens)

    assert engine.tell(story) == [TOKEN]


def test_a_token_is_registered_once_whatever_the_case_of_its_uid(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> str:
        await storage.add_token(NewToken(uid=UID))
        await storage.add_token(NewToken(uid=UID, type="KeyCode"))  # another token
        with pytest.raises(Conflict) as refused:
            await storage.add_token(NewToken(uid=UID.lower(), status=TokenStatus.BLOCKED))
        return str(refused.value)

    assert "registered already" in engine.tell(story)
    assert {row["status"] for row in engine.rows("SELECT status FROM tokens")} == {"Accepted"}


def test_registering_a_token_that_was_seen_keeps_its_transactions(engine: SqliteEngine):
    engine.write(TOKEN_SEEN, OPENED)

    async def story(storage: SqliteStorage) -> Any:
        await storage.add_token(NewToken(uid=UID.lower(), group="FLEET"))
        return storage.tokens[TOKEN]

    token = engine.tell(story)

    assert (token.id, token.status, token.group) == ("tok-1", TokenStatus.ACCEPTED, "FLEET")
    assert engine.rows("SELECT token_id FROM transactions") == [{"token_id": "tok-1"}]


def test_what_another_store_object_registers_comes_with_the_next_refresh(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> list[Any]:
        command = await engine.open(serving=False)
        await command.add_token(NewToken(uid=UID))
        await command.close()
        before = storage.tokens.get(TOKEN)
        await storage.refresh_tokens()
        return [before, storage.tokens[TOKEN].status]

    assert engine.tell(story) == [None, TokenStatus.ACCEPTED]


PROGRAM = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
with connection:
    connection.execute(sys.argv[2])
connection.close()
"""


def test_whatever_another_process_does_to_tokens_comes_with_the_next_refresh(sqlite: SqliteEngine):
    def elsewhere(statement: str) -> None:
        subprocess.run([sys.executable, "-c", PROGRAM, str(sqlite.path), statement], check=True)

    async def story(storage: SqliteStorage) -> list[Any]:
        await storage.add_token(NewToken(uid=UID))
        seen: list[Any] = []
        for statement in (
            "UPDATE tokens SET status = 'Blocked'",
            "UPDATE tokens SET max_concurrent = 1, expires_at_us = 7, group_name = 'G'",
            "UPDATE tokens SET status = 'of a newer version'",
            "UPDATE tokens SET hmac = x'00'",
            "DELETE FROM tokens",
        ):
            elsewhere(statement)
            await storage.refresh_tokens()
            token = storage.tokens.get(TOKEN)
            seen.append(None if token is None else (token.status, token.max_concurrent, token.group))
        return [*seen, len(storage.tokens)]

    blocked = TokenStatus.BLOCKED
    assert sqlite.tell(story) == [(blocked, None, None), (blocked, 1, "G"), (blocked, 1, "G"), None, None, 0]


def test_a_refresh_reads_only_what_changed(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> tuple[int, int]:
        await written(storage, [but(TOKEN_SEEN, id=f"t{n}", hmac=bytes([n])) for n in range(200)])
        seen = storage._index.seen
        engine.execute("UPDATE tokens SET note = 'x' WHERE id = 't7'")
        engine.execute("UPDATE tokens SET note = 'y' WHERE id = 't7'")
        await storage.refresh_tokens()
        return seen, storage._index.seen

    # The numbers grow with every change, and of each token only the last one is kept.
    assert engine.tell(story) == (200, 202)
    assert engine.rows("SELECT count(*) AS n FROM token_changes") == [{"n": 200}]


change: st.SearchStrategy[ChangeRow] = st.tuples(
    st.integers(1, 50),
    st.sampled_from([b"a", b"b", b"c"]),
    st.sampled_from(["id", None]),
    st.sampled_from(["Accepted", "Blocked"]),
    st.none(),
    st.none(),
    st.none(),
)


@given(st.lists(change, unique_by=lambda row: row[0], max_size=20), st.data())
def test_reads_that_overtake_each_other_leave_the_index_as_the_store_is(
    history: list[ChangeRow], data: st.DataObject
):
    history.sort()

    def read(since: int, until: int) -> list[ChangeRow]:
        newest = {row[1]: row for row in history if row[0] <= until}
        return sorted(row for row in newest.values() if row[0] > since)

    index = TokenIndex()
    under_way: list[list[ChangeRow]] = []
    for until in sorted(data.draw(st.lists(st.integers(0, 60), max_size=6))):
        under_way.append(read(index.seen, until))
        if data.draw(st.booleans()):
            index.apply(under_way.pop(data.draw(st.integers(0, len(under_way) - 1))))
    under_way.append(read(index.seen, 60))
    for rows in data.draw(st.permutations(under_way)):
        index.apply(rows)

    expected = TokenIndex()
    expected.apply(read(0, 60))
    assert dict(index) == dict(expected)


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (NewToken(uid=""), "uid"),
        (NewToken(uid="x" * 256), "uid"),
        (NewToken(uid=" 04"), "blanks"),
        (NewToken(uid="04\n"), "printable"),
        (NewToken(uid="\ud800"), "printable"),
        (NewToken(uid=UID, type="RFID"), "ISO14443"),
        (NewToken(uid=UID, status=TokenStatus.SEEN), "Accepted or Blocked"),
        (NewToken(uid=UID, group="x" * 21), "20 characters"),
        (NewToken(uid=UID, group=""), "group"),
        (NewToken(uid=UID, note=""), "note"),
        (NewToken(uid=UID, max_concurrent=0), "at least 1"),
        (NewToken(uid=UID, max_concurrent=2**63), "at least 1"),
        (NewToken(uid=UID, expires_at_us=-1), "1970"),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_the_reason(engine: SqliteEngine, new: NewToken, problem: str):
    async def story(storage: SqliteStorage) -> None:
        with pytest.raises(Invalid, match=problem):
            await storage.add_token(new)

    engine.tell(story)

    assert engine.rows("SELECT * FROM tokens") == []


def test_the_uid_stands_in_no_other_table(engine: SqliteEngine):
    uid = "C0FFEE" * 4
    hmac = token_hmac(SECRET, uid, "ISO14443")
    engine.write(but(TOKEN_SEEN, uid=uid, hmac=hmac), but(OPENED, token_hmac=hmac))

    for table in engine.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'tokens'"):
        for row in engine.rows(f"SELECT * FROM {table['name']}"):  # noqa: S608
            assert uid not in str(row)
