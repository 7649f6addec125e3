"""What the fast writer writes SQLModel reads unchanged, for every record type."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict
from sqlmodel import Session, create_engine, select

from csms.domain import records
from csms.storage.in_turn import IN_TURN
from csms.storage.migrate import migrate
from csms.storage.own_records import StationAdded, StationChanged
from csms.storage.sqlite_commit import SqliteCommitter, connect
from csms.storage.statements import STATEMENTS
from csms.storage.tables import (
    CapRow,
    CommandRow,
    ConnectorRow,
    DecisionRow,
    DeviceVariableRow,
    EventRow,
    ExposureRow,
    ForeignProfileRow,
    KeptAnswerRow,
    ModelFormRow,
    PlacementRow,
    RawMessageRow,
    Row,
    SampleRow,
    SignedValueRow,
    SiteRow,
    StationFormRow,
    StationRow,
    TokenRow,
    TransactionEventRow,
    TransactionRow,
)
from tests.csms.storage.some_records import SITE, TOKEN_SEEN, any_of, but


class Shelf:
    """A database that is emptied instead of made anew, since making one takes long."""

    def __init__(self, path: Path) -> None:
        migrate(path)
        self.committer = SqliteCommitter(lambda: connect(path))
        self.engine = create_engine(f"sqlite:///{path}")
        self.committer.connection().execute("PRAGMA synchronous = OFF")

    def kept(self, row: type[Row], *units: list[Any]) -> list[dict[str, Any]]:
        """Write units with the fast writer, and read a table with SQLModel."""
        for table in Row.metadata.tables:
            self.committer.connection().execute(f"DELETE FROM {table}")  # noqa: S608
        assert self.committer.commit(units).errors == [None] * len(units)
        with Session(self.engine) as session:
            return [found.model_dump() for found in session.exec(select(row)).all()]

    def close(self) -> None:
        self.committer.close()
        self.engine.dispose()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path_factory.mktemp("shelf") / "store.sqlite3")
    yield shelf
    shelf.close()


def same(found: dict[str, Any], record: Any) -> None:
    """Hold a row against the record: the same values of the same types."""
    for name, value in asdict(record).items():
        if name in {"token_hmac", "stop_token_hmac"}:
            name, value = name.replace("hmac", "id"), None if value is None else TOKEN_SEEN.id  # noqa: PLW2901
        assert (name, found[name], type(found[name])) == (name, value, type(value))


PLAIN = [
    (records.SampleRecorded, SampleRow),
    (records.SignedValueRecorded, SignedValueRow),
    (records.EventRecorded, EventRow),
    (records.RawKept, RawMessageRow),
    (records.ConnectorStatusRecorded, ConnectorRow),
    (records.TransactionOpened, TransactionRow),
    (records.TransactionEventRecorded, TransactionEventRow),
    (records.DeviceVariableReported, DeviceVariableRow),
    (records.ExposureSaved, ExposureRow),
    (records.FormSaved, StationFormRow),
    (records.ModelFormSaved, ModelFormRow),
    (records.ForeignSaved, ForeignProfileRow),
    (records.DecisionLogged, DecisionRow),
]
UPSERTS: list[tuple[type[Any], type[Row], set[str]]] = [
    (records.CapSaved, CapRow, {"site_id", "node", "source"}),
    (records.ExposureSaved, ExposureRow, {"station_id", "evse"}),
    (records.FormSaved, StationFormRow, {"station_id"}),
    (records.ModelFormSaved, ModelFormRow, {"vendor", "model", "firmware"}),
    (records.ForeignSaved, ForeignProfileRow, {"station_id", "evse", "profile_id"}),
]


@pytest.mark.parametrize(("kind", "row"), PLAIN)
@given(data=st.data())
def test_a_record_of_one_row_comes_back_as_it_was(
    shelf: Shelf, kind: type[Any], row: type[Row], data: st.DataObject
):
    record = data.draw(any_of(kind))

    (found,) = shelf.kept(row, [TOKEN_SEEN, record])

    same(found, record)


@given(data=st.data())
def test_a_command_without_secrets_comes_back_as_it_was(shelf: Shelf, data: st.DataObject):
    said = {"request": b'{"type": "Soft"}', "response": b'{"status":"Accepted"}', "error": '{"details":{}}'}
    record = data.draw(any_of(records.CommandRecorded, **said))

    (found,) = shelf.kept(CommandRow, [record])

    same(found, record)


@pytest.mark.parametrize(("kind", "row", "key"), UPSERTS)
@given(data=st.data())
def test_a_newer_record_takes_the_place_of_the_older_one_whole(
    shelf: Shelf, kind: type[Any], row: type[Row], key: set[str], data: st.DataObject
):
    said = {"site_id": "depot"} if "site_id" in key else {}
    older = data.draw(any_of(kind, **said))
    newer = data.draw(any_of(kind, **said, **{name: getattr(older, name) for name in key - said.keys()}))

    (found,) = shelf.kept(row, [SITE], [older], [newer])

    same(found, newer)


@given(first=any_of(records.SiteSaved, revision=1), newer=any_of(records.SiteSaved, revision=2))
def test_a_site_comes_back_as_it_was_saved_last(
    shelf: Shelf, first: records.SiteSaved, newer: records.SiteSaved
):
    (found,) = shelf.kept(SiteRow, [first], [but(newer, id=first.id)])

    assert found == {
        "id": first.id,
        "revision": 2,
        "config": newer.config,
        "created_at_us": first.at_us,
        "updated_at_us": newer.at_us,
    }


@given(placed=any_of(records.StationPlaced, site_id="depot"))
def test_a_placement_comes_back_as_it_was(shelf: Shelf, placed: records.StationPlaced):
    (found,) = shelf.kept(PlacementRow, [placed], [placed])

    same(found, placed)


def changed(added: StationAdded, managed: int) -> StationChanged:
    was = (added.managed, "Accepted", added.message_log, added.key_hmac, None)
    return StationChanged(added.id, managed, "Accepted", added.message_log, added.key_hmac, None, *was)


@given(begun=any_of(records.AnswerKept), ended=any_of(records.AnswerKept))
def test_an_answer_comes_back_as_it_was_kept_last(
    shelf: Shelf, begun: records.AnswerKept, ended: records.AnswerKept
):
    ended = but(ended, key=begun.key)

    (found,) = shelf.kept(KeptAnswerRow, [begun], [ended])

    same(found, ended)


@given(added=any_of(StationAdded), managed=st.sampled_from([0, 1]))
def test_a_station_that_was_added_comes_back_as_it_was(shelf: Shelf, added: StationAdded, managed: int):
    (found,) = shelf.kept(StationRow, [added], [changed(added, managed)])

    same(found, but(added, managed=managed))


@given(seen=any_of(records.TokenSeen))
def test_a_seen_token_comes_back_as_it_was(shelf: Shelf, seen: records.TokenSeen):
    (found,) = shelf.kept(TokenRow, [seen])

    assert found["created_at_us"] == seen.at_us
    assert (found["id"], found["uid"], found["type"], found["hmac"]) == (
        seen.id,
        seen.uid,
        seen.type,
        seen.hmac,
    )
    assert found["status"] == "Seen"


@given(data=st.data())
def test_what_a_station_says_of_itself_comes_back_as_it_was(shelf: Shelf, data: st.DataObject):
    registered = data.draw(any_of(records.StationRegistered))
    connected = data.draw(any_of(records.StationConnected, station_id=registered.station_id))
    booted = data.draw(any_of(records.StationBooted, station_id=registered.station_id))
    left = data.draw(any_of(records.StationDisconnected, station_id=registered.station_id))
    heard = data.draw(any_of(records.StationSeen, station_id=registered.station_id))

    (found,) = shelf.kept(StationRow, [registered], [connected], [booted], [left], [heard])

    booted_fields = asdict(booted)
    assert booted_fields.pop("station_id") == found["id"]
    assert {name: found[name] for name in booted_fields} == booted_fields
    assert (found["ocpp_version"], found["security_profile"]) == (
        connected.ocpp_version,
        connected.security_profile,
    )
    assert (found["created_at_us"], found["connected_at_us"], found["disconnected_at_us"]) == (
        registered.at_us,
        connected.at_us,
        left.at_us,
    )
    assert found["last_seen_at_us"] == max(connected.at_us, heard.at_us)


@given(opened=any_of(records.TransactionOpened, id="tx"), closed=any_of(records.TransactionClosed, id="tx"))
def test_the_end_of_a_transaction_comes_back_as_it_was(
    shelf: Shelf, opened: records.TransactionOpened, closed: records.TransactionClosed
):
    (found,) = shelf.kept(TransactionRow, [TOKEN_SEEN, opened], [closed])

    same(found, opened)
    same(found, closed)


def _for_followers(updated: records.TransactionUpdated) -> dict[str, Any]:
    """Return what the row has from elsewhere."""
    return {name: getattr(updated, name) for name in ("station_id", "ocpp_id", "active")}


@given(opened=any_of(records.TransactionOpened, id="tx"), updated=any_of(records.TransactionUpdated, id="tx"))
def test_what_events_told_later_of_a_transaction_comes_back_as_it_was(
    shelf: Shelf, opened: records.TransactionOpened, updated: records.TransactionUpdated
):
    (found,) = shelf.kept(TransactionRow, [TOKEN_SEEN, opened], [updated])

    assert (found["station_id"], found["ocpp_id"]) == (opened.station_id, opened.ocpp_id)
    same({**found, **_for_followers(updated)}, updated)


def test_the_digest_of_a_reading_covers_what_the_station_said_and_nothing_else():
    fields = records.SampleRecorded.__struct_fields__

    assert fields[3] == "connector"
    assert (fields[8], fields[20]) == ("context", "extra")


def test_every_record_has_a_statement_with_a_place_for_each_field():
    for kind in get_args(records.Record):
        assert (kind in STATEMENTS) != (kind in IN_TURN)


def test_the_tables_take_nothing_but_integers_reals_texts_and_blobs():
    for table in Row.metadata.tables.values():
        for column in table.columns:
            assert column.type.__class__.__name__ in {"BigInteger", "Double", "Text", "LargeBinary"}
            assert not column.foreign_keys


def test_whatever_belongs_to_a_site_says_to_which():
    of_none = {"meta", "id_blocks", "sites", "tokens", "token_changes", "kept_answers", "ended_sessions"}
    of_stations_and_models = {"station_forms", "model_forms", "foreign_profiles", "device_variables"}
    of_transactions = {"wishes"}
    without = of_none | of_stations_and_models | of_transactions

    assert {name for name, table in Row.metadata.tables.items() if "site_id" not in table.columns} == without


def test_optional_fields_and_nullable_columns_are_the_same():
    for row in Row.__subclasses__():
        for name, column in row.metadata.tables[row.__tablename__].columns.items():
            optional = "None" in str(row.__annotations__[name])
            assert column.nullable == (optional and not column.primary_key), f"{row.__name__}.{name}"


def test_the_database_itself_refuses_a_value_of_another_type(tmp_path: Path):
    migrate(tmp_path / "s.sqlite3")
    with (
        closing(sqlite3.connect(tmp_path / "s.sqlite3")) as connection,
        pytest.raises(sqlite3.IntegrityError),
    ):
        connection.execute("INSERT INTO events (kind, at_us, data) VALUES ('x', 'noon', x'')")
