"""Compares the journals of stations with the store.

Nothing acknowledged may be missing, doubled or changed; nothing may be stored that no station sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from tests.end_to_end.station import Message, Session, Station
from tests.end_to_end.store import Row, by, in_us

Query = Callable[[str], list[Row]]
MAX_ID = 2**31 - 1

TRANSACTIONS = """
    SELECT x.*, t.uid, s.uid AS stop_uid FROM transactions AS x
    LEFT JOIN tokens AS t ON t.id = x.token_id LEFT JOIN tokens AS s ON s.id = x.stop_token_id
"""
SAMPLES = "SELECT s.*, x.ocpp_id FROM samples AS s LEFT JOIN transactions AS x ON x.id = s.transaction_id"


def discrepancies(query: Query, stations: Iterable[Station], *, alone: bool = True) -> list[str]:
    """Return one sentence for each difference between what stations know and what is stored.

    `alone`: nobody else was at this server.
    """
    stations = list(stations)
    transactions = by(query(TRANSACTIONS), "station_id")
    samples = by(query(SAMPLES), "station_id")
    connectors = by(query("SELECT * FROM connectors"), "station_id")
    found: list[str] = []
    for station in stations:
        own = (station.id,)
        found += _transactions(station, transactions.pop(own, []))
        found += _samples(station, samples.pop(own, []))
        found += _statuses(station, connectors.pop(own, []))
        found += _answers(station)
    if alone:
        found += [f"{key}: stored, and no such station" for key in (*transactions, *samples)]
    found += _ids(stations)
    return found


def unanswered(stations: Iterable[Station]) -> list[str]:
    """Return what a finished run should have got through and did not."""
    return [
        f"{station.id}: {message.action} {message.refusal or 'was never answered'}"
        for station in stations
        for message in station.told
        if message.refusal or (message.session is not None and message.answer is None)
    ]


def _transactions(station: Station, rows: list[Row]) -> Iterator[str]:
    stored = by(rows, "evse", "device_started_at", "meter_start_wh")
    for session in station.sessions:
        start = session.start.payload
        key = (session.connector, start["timestamp"], start["meterStart"])
        matching = stored.pop(key, [])
        name = f"{station.id}: start {key}"
        yield from _counted(name, session.start, len(matching))
        if matching and session.id is not None:
            expected = {"ocpp_id": str(session.id), "uid": session.tag, "orphan": 0}
            yield from _differs(name, matching[0], expected)
        if matching and session.stop is not None:
            yield from _stop(f"{station.id}: stop of {session.id}", session.stop, matching[0])
        elif matching and matching[0]["closed_by"] is not None:
            yield f"{name} is closed by {matching[0]['closed_by']} and never was"
    for key, rest in stored.items():
        yield f"{station.id}: {len(rest)} transactions {key} that it never started"


def _stop(name: str, stop: Message, row: Row) -> Iterator[str]:
    expected = {
        "ended_at_us": in_us(stop.payload["timestamp"]),
        "device_ended_at": stop.payload["timestamp"],
        "meter_stop_wh": stop.payload["meterStop"],
        "stop_reason": stop.payload["reason"],
        "stop_uid": stop.payload["idTag"],
        "closed_by": "station",
    }
    if stop.answer is not None:
        yield from _differs(name, row, expected)
    elif row["closed_by"] is not None:
        if not stop.calls:
            yield f"{name} is stored and was never sent"
        yield from _differs(name, row, expected)


def _samples(station: Station, rows: list[Row]) -> Iterator[str]:
    stored = by(rows, "evse", "at_us", "context")
    for session in station.sessions:
        for message, device_time, expected in _readings(session):
            key = (session.connector, in_us(device_time), expected["context"])
            matching = stored.pop(key, [])
            name = f"{station.id}: sample {key}"
            yield from _counted(name, message, len(matching))
            if matching:
                yield from _differs(name, matching[0], expected)
    for key, rest in stored.items():
        yield f"{station.id}: {len(rest)} samples {key} that it never sent"


def _readings(session: Session) -> Iterator[tuple[Message, str, Row]]:
    """Yield what a session told of its meter, start and stop included: message, device time, columns."""
    begin = {"context": "Transaction.Begin", "energy_wh": session.start.payload["meterStart"]}
    yield session.start, session.start.payload["timestamp"], _sample(session) | begin
    for message in (*session.readings, *([session.stop] if session.stop else [])):
        for value in message.payload.get("meterValue") or message.payload["transactionData"]:
            said = {one["measurand"]: float(one["value"]) for one in value["sampledValue"]}
            columns = {
                "context": value["sampledValue"][0]["context"],
                "energy_wh": said["Energy.Active.Import.Register"],
                "power_w": said["Power.Active.Import"],
                "current_l1_a": said["Current.Import"],
            }
            yield message, value["timestamp"], _sample(session) | columns


def _sample(session: Session) -> Row:
    empty = {"power_w": None, "current_l1_a": None, "current_l2_a": None, "quality": 0}
    return empty | ({} if session.id is None else {"ocpp_id": str(session.id)})


def _statuses(station: Station, rows: list[Row]) -> Iterator[str]:
    stored = {(row["evse"], row["connector"]): row for row in rows}
    for connector in (1, 2):
        told = [
            message
            for message in station.told
            if message.action == "StatusNotification" and message.payload["connectorId"] == connector
        ]
        answered = [number for number, message in enumerate(told) if message.answer is not None]
        newest = told[answered[-1] :] if answered else told
        possible = {message.payload["status"] for message in newest if message.calls}
        row = stored.pop((connector, 1), stored.pop((connector, connector), None))
        if (answered and row is None) or (row is not None and row["status"] not in possible):
            yield f"{station.id}: connector {connector} is {row and row['status']} and not one of {possible}"
    for key in stored:
        yield f"{station.id}: has no connector {key}"


def _answers(station: Station) -> Iterator[str]:
    for link in station.links:
        while not link.unmatched.empty():
            yield f"{station.id}: got {link.unmatched.get_nowait()}, which answers nothing"
        for call in link.journal:
            if call.answers > 1:
                yield f"{station.id}: {call.text} was answered {call.answers} times"
    for session in station.sessions:
        ids = {call.answer["transactionId"] for call in session.start.calls if call.answer}
        if len(ids) > 1:
            yield f"{station.id}: one start was answered {ids}"


def _ids(stations: Iterable[Station]) -> Iterator[str]:
    ids = [session.id for station in stations for session in station.sessions if session.id is not None]
    yield from (
        f"transaction id {number} was given {count} times"
        for number, count in Counter(ids).items()
        if count > 1
    )
    yield from (f"transaction id {number} is none" for number in ids if not 0 < number <= MAX_ID)


def _counted(name: str, message: Message, count: int) -> Iterator[str]:
    if message.answer is not None and count != 1:
        yield f"{name} was acknowledged and is stored {count} times"
    elif count > min(len(message.calls), 1):
        yield f"{name} was sent {len(message.calls)} times, never acknowledged, and is stored {count} times"


def _differs(name: str, row: Row, expected: Row) -> Iterator[str]:
    for column, value in expected.items():
        if row[column] != value:
            yield f"{name}: {column} is {row[column]!r} and not {value!r}"
