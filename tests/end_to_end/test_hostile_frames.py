"""Frames that no proper station sends: a clear error for their sender, nobody else disturbed, nothing lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.end_to_end import wire
from tests.end_to_end.conftest import finish
from tests.end_to_end.neighbour import undisturbed
from tests.end_to_end.server import Server
from tests.end_to_end.store import query
from tests.end_to_end.wire import Wire, frame

pytestmark = pytest.mark.end_to_end
HEARTBEAT = '[2,"alive","Heartbeat",{}]'
LAST = '[2,"last","DataTransfer",{"vendorId":"W"}]'
"""It is stored before it is answered, and so is all before it: its answer comes last."""
CODES_1_6 = {
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurrenceConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}
"""OCPP-J 1.6 §4.2.3; both spellings of one of them are about."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all that is done to it here: what one attack leaves behind, the next test meets."""
    server = Server(tmp_path_factory.mktemp("hostile"), max_frame_bytes=1 << 20).start()
    yield server
    finish(server)


def attack(server: Server, attacker: Callable[[Wire], Awaitable[None]], *, station: str = "HOSTILE") -> None:
    """Run an attack over an open connection beside a neighbour that must not notice it."""

    async def run() -> None:
        async with undisturbed(server), await Wire.open(server.ocpp_port, station) as attacking:
            await attacker(attacking)

    asyncio.run(run())


async def answers_to(wire: Wire, *texts: str) -> list[list[object]]:
    """Send texts and return all that is answered to them; the connection has to be alive afterwards."""
    wire.send(b"".join(frame(text) for text in (*texts, LAST)))
    answers: list[list[object]] = []
    while True:
        answer = json.loads(await wire.text())
        if answer[:2] == [3, "last"]:
            return answers
        answers.append(answer)


DEEP = "[" * 60_000 + "]" * 60_000
MALFORMED = {
    "no JSON": ("hello", "-1"),
    "empty": ("", "-1"),
    "null": ("null", "-1"),
    "an object": ('{"a":1}', "-1"),
    "an empty array": ("[]", "-1"),
    "only a type": ("[2]", "-1"),
    "an id that is null": ('[2,null,"Heartbeat",{}]', "-1"),
    "an id that is an object": ('[2,{"x":1},"Heartbeat",{}]', "-1"),
    "only brackets": (DEEP, "-1"),
    "half of a call": ('[2,"half","Heartbeat"', "half"),
    "a call without payload": ('[2,"three","Heartbeat"]', "three"),
    "a call with too much": ('[2,"five","Heartbeat",{},{}]', "five"),
    "an action that is a number": ('[2,"number",17,{}]', "number"),
    "an action that is an array": ('[2,"array",[],{}]', "array"),
    "an action that does not exist": ('[2,"unknown","MakeCoffee",{}]', "unknown"),
    "an action that only we may ask": ('[2,"ours","RemoteStartTransaction",{"idTag":"T"}]', "ours"),
    "a payload that is an array": ('[2,"list","Heartbeat",[]]', "list"),
    "a payload that is text": ('[2,"text","Heartbeat","{}"]', "text"),
    "a payload that says nothing": ('[2,"empty","Authorize",{}]', "empty"),
    "a number too large for any reader": ('[2,"huge","Heartbeat",{"x":1e999}]', "huge"),
    "nesting in the payload": (f'[2,"deep","DataTransfer",{{"vendorId":"V","data":{DEEP}}}]', "deep"),
    "not a number": ('[2,"nan","Heartbeat",{"x":NaN}]', "nan"),
    "infinity": ('[2,"inf","Heartbeat",{"x":-Infinity}]', "inf"),
    "text after the end": ('[2,"tail","Heartbeat",{}]]', "tail"),
    "a lone surrogate": ('[2,"\\ud800","Heartbeat",{}]', "-1"),
}


@pytest.mark.parametrize(("text", "message_id"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_call_gets_one_callerror_and_the_connection_goes_on(
    server: Server, text: str, message_id: str
):
    async def attacker(wire: Wire) -> None:
        ((kind, answered_id, code, description, details),) = await answers_to(wire, text)
        assert (kind, answered_id, details) == (4, message_id, {})
        assert code in CODES_1_6
        assert description
        assert len(str(description)) <= 255

    attack(server, attacker)


CODES = {
    '[2,"1","MakeCoffee",{}]': "NotImplemented",
    '[2,"1","RemoteStartTransaction",{"idTag":"T"}]': "NotSupported",
    '[2,"1","Heartbeat",[]]': "FormationViolation",
}


@pytest.mark.parametrize("text", CODES)
def test_callerrors_use_the_codes_of_1_6_in_their_own_meaning(server: Server, text: str):
    async def attacker(wire: Wire) -> None:
        (error,) = await answers_to(wire, text)
        assert error[2] == CODES[text]

    attack(server, attacker)


@pytest.mark.parametrize(
    "text",
    [
        '[3,"never-asked",{}]',
        '[4,"never-asked","GenericError","",{}]',
        '[4,"never-asked"]',
        '[3,"never-asked"]',
        "[3]",
        '[9,"type","Heartbeat",{}]',
    ],
)
def test_what_is_no_call_is_never_answered(server: Server, text: str):
    async def attacker(wire: Wire) -> None:
        assert await answers_to(wire, text) == []

    attack(server, attacker)


ODD = {
    "null for an empty payload": '[2,"odd","Heartbeat",null]',
    "an unknown member": '[2,"odd","Heartbeat",{"surprise":true}]',
    "an id of 37 characters": f'[2,"{"x" * 37}","Heartbeat",{{}}]',
    "white space": '\n[ 2 ,\t"odd" , "Heartbeat" , { } ]\r\n',
    "escaped letters": '[2,"\\u006fdd","Heartbeat",{}]',
    "text for a number": (
        '[2,"odd","StatusNotification",{"connectorId":"1","errorCode":"NoError","status":"Available"}]'
    ),
    "a vendor that is too long": f'[2,"odd","BootNotification",{{"chargePointVendor":"{"v" * 99}","chargePointModel":"M"}}]',
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_what_is_odd_but_can_be_understood_is_served(server: Server, text: str):
    async def attacker(wire: Wire) -> None:
        ((kind, answered_id, *_),) = await answers_to(wire, text)
        assert (kind, answered_id) == (3, json.loads(text)[1])

    attack(server, attacker)


def test_meter_values_that_are_not_a_number_are_refused_or_kept_but_never_stored_as_readings(server: Server):
    text = (
        '[2,"nan","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-01-01T00:00:00Z",'
        '"sampledValue":[{"value":"NaN"},{"value":"Infinity"},{"value":"1e999"}]}]}]'
    )

    async def attacker(wire: Wire) -> None:
        ((_, answered_id, *_),) = await answers_to(wire, text)
        assert answered_id == "nan"

    attack(server, attacker, station="NAN")
    energies = query(server, "SELECT energy_wh FROM samples WHERE station_id = 'NAN'")
    assert all(row["energy_wh"] is None for row in energies)


def closes_with(server: Server, code: int, *data: bytes) -> None:
    """Send bytes and expect a close frame, beside an undisturbed neighbour; then the station may come back."""

    async def attacker(attacking: Wire) -> None:
        for chunk in data:
            attacking.send(chunk)
        assert await attacking.close_code() == code
        attacking.send(frame(code.to_bytes(2, "big"), opcode=wire.CLOSE))
        await attacking.gone()
        async with await Wire.open(server.ocpp_port, "HOSTILE") as again:
            assert await answers_to(again) == []

    attack(server, attacker)


TWO_MEGABYTES = b'[2,"big","DataTransfer",{"vendorId":"V","data":"' + b"x" * (2 << 20) + b'"}]'


def test_a_message_of_two_megabytes_closes_with_1009(server: Server):
    closes_with(server, 1009, frame(TWO_MEGABYTES))


def test_a_message_of_two_megabytes_in_many_fragments_closes_with_1009(server: Server):
    size = 100_000
    parts = [TWO_MEGABYTES[n : n + size] for n in range(0, len(TWO_MEGABYTES), size)]
    fragments = [
        frame(part, opcode=wire.CONTINUATION if number else wire.TEXT, fin=False)
        for number, part in enumerate(parts)
    ]
    closes_with(server, 1009, *fragments)


def test_a_frame_that_announces_more_than_any_memory_closes_with_1009_at_once(server: Server):
    closes_with(server, 1009, b"\x81\xff" + (1 << 62).to_bytes(8, "big") + b"mask" + b"x" * 100)


def test_a_message_just_below_the_limit_is_served(server: Server):
    data = "x" * ((1 << 20) - 200)

    async def attacker(wire: Wire) -> None:
        (answer,) = await answers_to(wire, f'[2,"big","DataTransfer",{{"vendorId":"V","data":"{data}"}}]')
        assert answer[:2] == [3, "big"]

    attack(server, attacker)


def test_invalid_utf_8_closes_with_1007(server: Server):
    closes_with(server, 1007, frame(b'[2,"\xff\xfe","Heartbeat",{}]'))


def test_utf_8_that_breaks_off_at_the_end_of_a_message_closes_with_1007(server: Server):
    closes_with(server, 1007, frame(b'[2,"\xc3', fin=False), frame(b"", opcode=wire.CONTINUATION))


def test_binary_messages_close_with_1003(server: Server):
    closes_with(server, 1003, frame(HEARTBEAT, opcode=wire.BINARY))


BROKEN_FRAMES = {
    "unmasked": frame(HEARTBEAT, mask=None),
    "reserved bits": frame(HEARTBEAT, reserved=0b100),
    "a reserved opcode": frame(HEARTBEAT, opcode=0x3),
    "a fragmented ping": frame(b"", opcode=wire.PING, fin=False),
    "a ping of 126 bytes": frame(b"x" * 126, opcode=wire.PING),
    "a continuation of nothing": frame(HEARTBEAT, opcode=wire.CONTINUATION),
    "a message within a message": frame(b"[2", fin=False) + frame(HEARTBEAT),
}


@pytest.mark.parametrize("data", BROKEN_FRAMES.values(), ids=BROKEN_FRAMES)
def test_frames_that_break_the_websocket_protocol_close_with_1002(server: Server, data: bytes):
    closes_with(server, 1002, data)


LAST_WORDS = {
    "a broken frame": (1002, frame(HEARTBEAT, mask=None)),
    "a proper close": (1000, frame(b"\x03\xe8", opcode=wire.CLOSE)),
    "a binary message": (1003, frame(b"", opcode=wire.BINARY)),
}


@pytest.mark.parametrize(("code", "data"), LAST_WORDS.values(), ids=LAST_WORDS)
def test_a_call_that_came_whole_before_the_end_is_stored(server: Server, code: int, data: bytes):
    words = f"last words {code}"
    closes_with(server, code, frame(f'[2,"1","DataTransfer",{{"vendorId":"V","data":"{words}"}}]') + data)
    told = query(server, "SELECT data FROM events WHERE kind = 'station.vendor-data'")
    assert any(words.encode() in row["data"] for row in told)


def test_fragments_with_pings_between_them_are_put_together(server: Server):
    text = '[2,"größe","DataTransfer",{"vendorId":"Größe"}]'.encode()

    async def attacker(attacking: Wire) -> None:
        for number in range(len(text)):
            opcode = wire.CONTINUATION if number else wire.TEXT
            attacking.send(frame(text[number : number + 1], opcode=opcode, fin=number == len(text) - 1))
            if number % 10 == 0:
                attacking.send(frame(b"%d" % number, opcode=wire.PING))
        pongs = []
        while True:
            opcode, payload = await attacking.frame()
            if opcode == wire.TEXT:
                break
            pongs.append((opcode, payload))
        assert json.loads(payload)[:2] == [3, "größe"]
        assert pongs == [(wire.PONG, b"%d" % number) for number in range(0, len(text), 10)]

    attack(server, attacker)


def test_html_and_control_characters_in_names_are_stored_as_they_came(server: Server):
    names = {
        "chargePointVendor": "<b onclick=x>&\"'</b>",
        "chargePointModel": "'; DROP TABLE x;--",
        "chargePointSerialNumber": "\u202e=1+1\x1b[31m\r\n{}%s",
        "firmwareVersion": "<script>alert(1)</script>",
    }

    async def attacker(wire: Wire) -> None:
        (answer,) = await answers_to(wire, json.dumps([2, "1", "BootNotification", names]))
        assert answer[0] == 3

    attack(server, attacker, station="HTML")
    (row,) = query(server, "SELECT vendor, model, serial, firmware FROM stations WHERE id = 'HTML'")
    assert list(row.values()) == list(names.values())
    assert all(line.startswith("{") for line in server.log.lines), (
        "a log line was broken up by what a station said"
    )
