from __future__ import annotations

import asyncio
import json

import pytest

from simulators.ocpp_adapter import Dialogue16, LinkLost, Refused, Unanswered, Unreadable, answers, refusal

pytestmark = pytest.mark.anyio


class Talker(Dialogue16):
    """A station that can be reset, asks back when it is, and has nothing else."""

    def __init__(self, **options: object) -> None:
        self.said: list[str] = []
        self.spoke = asyncio.Event()
        self.noticed: list[tuple[str, str | None]] = []
        self.did: list[str] = []
        super().__init__("CP-1", heard=lambda text, answer: self.noticed.append((text, answer)), **options)
        self.attach(self.write)

    async def write(self, text: str) -> None:
        self.said.append(text)
        self.spoke.set()

    @answers("Reset")
    def reset(self, type: str) -> dict:  # noqa: A002
        if type == "Soft":
            raise refusal("InternalError", "not today")
        self.afterwards(lambda: self.did.append(f"after {len(self.said)} frames"))
        self.did.append("handled")
        return {"status": "Accepted"}


async def answered(talker: Talker, frame: str, action: str = "Heartbeat", payload: dict | None = None):
    """Ask, and let this be the answer."""
    asked = asyncio.ensure_future(talker.ask("1", action, payload or {}))
    await asyncio.wait_for(talker.spoke.wait(), 5)
    await talker.take(frame)
    return await asked


async def test_a_result_is_matched_by_its_id_and_returned_as_on_the_wire():
    talker = Talker()
    answer = await answered(talker, '[3,"1",{"currentTime":"2026-01-01T00:00:00Z"}]')
    assert talker.said == ['[2,"1","Heartbeat",{}]']
    assert answer.payload == {"currentTime": "2026-01-01T00:00:00Z"}
    assert answer.text == '[3,"1",{"currentTime":"2026-01-01T00:00:00Z"}]'


async def test_a_call_error_is_raised_with_its_code_even_one_that_nobody_knows():
    with pytest.raises(Refused) as caught:
        await answered(Talker(), '[4,"1","OutOfCoffee","later",{}]')
    assert caught.value.code == "OutOfCoffee"


async def test_a_result_that_breaks_its_schema_is_told_apart():
    with pytest.raises(Unreadable):
        await answered(Talker(), '[3,"1",{"time":"late"}]')


async def test_where_nothing_is_checked_anything_goes():
    assert (await answered(Talker(checked=False), '[3,"1",{"time":"late"}]')).payload == {"time": "late"}


async def test_a_request_that_breaks_its_schema_never_leaves():
    talker = Talker()
    with pytest.raises(ValueError, match="Authorize"):
        await talker.ask("1", "Authorize", {"idTag": "far too long for a tag of 1.6"})
    assert talker.said == []


async def test_no_answer_in_time_is_told():
    with pytest.raises(Unanswered):
        await Talker(answer_timeout_s=0.01).ask("1", "Heartbeat", {})


async def test_all_that_waits_fails_at_once_when_the_line_is_lost():
    talker = Talker()
    asked = [asyncio.ensure_future(talker.ask(str(number), "Heartbeat", {})) for number in range(3)]
    await asyncio.wait_for(talker.spoke.wait(), 5)
    talker.lose()
    results = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 1)
    assert [type(result) for result in results] == [LinkLost] * 3
    assert len(talker.said) == 1, "one call at a time"


async def test_work_that_a_handler_arranged_is_done_after_its_answer_left():
    talker = Talker()
    await talker.take('[2,"a","Reset",{"type":"Hard"}]')
    assert json.loads(talker.said[0]) == [3, "a", {"status": "Accepted"}]
    assert talker.did == ["handled", "after 1 frames"]
    assert talker.noticed == [('[2,"a","Reset",{"type":"Hard"}]', talker.said[0])]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[2,"a","ClearCache",{}]', "NotSupported"),
        ('[2,"a","CustomOperation",{}]', "NotImplemented"),
        ('[2,"a",["Reset"],{}]', "GenericError"),
        ('[2,"a","Reset",null]', "GenericError"),
        ('[2,"a","Reset",{"type":"Soft"}]', "InternalError"),
        ('[2,"a","Reset",{}]', "ProtocolError"),
    ],
)
async def test_what_can_not_be_done_is_answered_with_the_specifications_code(frame, code):
    talker = Talker()
    await talker.take(frame)
    (answer,) = talker.said
    assert json.loads(answer)[:3] == [4, "a", code]
    assert talker.did == []


@pytest.mark.parametrize(
    "frame",
    ["", "{", "[]", "[2]", "[3]", "[9,1]", "NaN", "[" * 100_000, b"\xff", '[3,"nobody",{}]', "[3,null,{}]"],
)
async def test_garbage_ends_nothing(frame):
    talker = Talker()
    await talker.take(frame)
    await talker.take('[2,"a","Reset",{"type":"Hard"}]')
    assert len(talker.noticed) == 2
    assert talker.noticed[0][1] is None
    assert len(talker.said) == 1


async def test_a_second_answer_changes_nothing():
    talker = Talker()
    await answered(talker, '[3,"1",{"currentTime":"2026-01-01T00:00:00Z"}]')
    await talker.take('[3,"1",{"currentTime":"2027-01-01T00:00:00Z"}]')
    assert len(talker.noticed) == 1


async def test_an_answer_can_be_held_back_or_be_missing():
    talker = Talker(think_s=lambda action: None if action == "Reset" else 0.0)
    await talker.take('[2,"a","Reset",{"type":"Hard"}]')
    assert (talker.said, talker.did) == ([], [])
    slow = Talker(think_s=lambda _action: 0.02)
    begins_s = asyncio.get_running_loop().time()
    await slow.take('[2,"a","Reset",{"type":"Hard"}]')
    assert asyncio.get_running_loop().time() - begins_s >= 0.02
    assert len(slow.said) == 1


async def test_before_a_connection_nothing_can_be_said():
    talker = Talker()
    talker.lose()
    with pytest.raises(LinkLost):
        await talker.ask("1", "Heartbeat", {})
