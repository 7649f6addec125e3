"""However the network cuts a station's bytes to pieces, the answers are the same."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from random import Random

import pytest

from tests.end_to_end import wire
from tests.end_to_end.link import Payload
from tests.end_to_end.server import Server
from tests.end_to_end.wire import Wire, frame, handshake

pytestmark = pytest.mark.end_to_end
SEED = 6455
ANSWERS, PINGS = 9, 2
"""What the session is answered."""


def recorded_session(station_id: str) -> tuple[bytes, bytes]:
    """Return the handshake and all that a station sends after it: calls, fragments, pings, nonsense."""
    random = Random(SEED)

    def masked(payload: bytes | str, **options: object) -> bytes:
        return frame(payload, mask=random.randbytes(4), **options)  # type: ignore[arg-type]

    def call(number: int, action: str, payload: Payload) -> str:
        return json.dumps([2, f"m{number}", action, payload], ensure_ascii=False)

    boot = {"chargePointVendor": "Größe", "chargePointModel": "M" * 20, "iccid": "8" * 20}
    begin = {"connectorId": 1, "idTag": "TAG", "meterStart": 5, "timestamp": "2026-01-01T00:00:00Z"}
    sample = {"timestamp": "2026-01-01T00:01:00Z", "sampledValue": [{"value": str(n)} for n in range(20)]}
    end = {"transactionId": 0, "idTag": "TAG", "meterStop": 9, "timestamp": "2026-01-01T00:02:00Z"}
    long = call(7, "DataTransfer", {"vendorId": "V", "data": "ä" * 40_000}).encode()
    frames = [
        masked(call(1, "BootNotification", boot)),
        masked(call(2, "Authorize", {"idTag": "TAG"})),
        masked(b"ping", opcode=wire.PING),
        masked(call(3, "StartTransaction", begin)),
        masked('[2,"broken","Heartbeat"]'),
        masked(call(4, "MeterValues", {"connectorId": 1, "meterValue": [sample]})),
        masked(long[:100], fin=False),
        masked(b"between", opcode=wire.PING),
        masked(long[100:60_001], fin=False, opcode=wire.CONTINUATION),
        masked(b"", fin=False, opcode=wire.CONTINUATION),
        masked(long[60_001:], opcode=wire.CONTINUATION),
        masked("nonsense"),
        masked(call(5, "StopTransaction", end)),
        masked(call(6, "Heartbeat", {})),
    ]
    return handshake(f"/ocpp/{station_id}"), b"".join(frames)


def cut(data: bytes, random: Random) -> list[bytes]:
    """Cut bytes at random: into single bytes, into a few large pieces, or anything between."""
    pieces, at = [], 0
    largest = random.choice((1, 3, 17, 500, 100_000))
    while at < len(data):
        # Once the small pieces have shown what they can, the long message may go in larger ones.
        size = random.randint(1, largest if len(pieces) < 3000 else 5000)
        pieces.append(data[at : at + size])
        at += size
    return pieces


async def play(
    server: Server, station_id: str, random: Random | None
) -> tuple[str, list[str], list[tuple[int, bytes]]]:
    """Send the session and return what came back: head, texts (without times and ids), control frames."""
    opening, session = recorded_session(station_id)
    async with await Wire.to(server.ocpp_port) as connection:
        for piece in cut(opening, random) if random else [opening]:
            connection.send(piece)
            await connection.flush()
        response = await connection.response()
        sending = asyncio.create_task(send_all(connection, cut(session, random) if random else [session]))
        texts: list[str] = []
        controls: list[tuple[int, bytes]] = []
        while len(texts) < ANSWERS or len(controls) < PINGS:
            opcode, payload = await connection.frame()
            if opcode == wire.TEXT:
                texts.append(normal(payload.decode()))
            else:
                controls.append((opcode, payload))
        await sending
        connection.send(frame(b"\x03\xe8bye", opcode=wire.CLOSE))
        controls.append(await connection.frame())
    assert response.status == 101
    head = re.sub(r"\r\nDate: [^\r]*", "", response.raw.decode())
    return head, sorted(texts), controls


async def send_all(connection: Wire, pieces: list[bytes]) -> None:
    for piece in pieces:
        connection.send(piece)
        await connection.flush()


def normal(text: str) -> str:
    text = re.sub(r'"[0-9-]{10}T[0-9:.]+Z"', '"TIME"', text)
    return re.sub(r'"transactionId":\d+', '"transactionId":ID', text)


@pytest.mark.soak
def test_the_same_bytes_cut_at_random_get_the_same_answers(
    shared_server: Server, scaled: Callable[[int, int], int]
):
    random = Random(SEED)
    whole = asyncio.run(play(shared_server, "WHOLE", None))
    for number in range(scaled(40, 1000)):
        assert asyncio.run(play(shared_server, f"CUT-{number}", random)) == whole, f"cut {number}"
