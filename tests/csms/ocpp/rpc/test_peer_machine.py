"""Any interleaving of what the station, the server, time and the network may do, against a simple model."""

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from csms.domain.commands import CommandState, Priority
from csms.domain.errors import NotConnected
from csms.ocpp.rpc.errors import ERROR_CODES_V2, ERROR_CODES_V16, ErrorKind, QueueFull, Refusal
from csms.ocpp.rpc.peer import CallDone, CallReceived, CloseNeeded, Event, Ignored, Peer, TextToSend

KEPT = 4
KEPT_S = 60
MOST_OWED = 6
MOST_QUEUED = 3

MALFORMED: list[tuple[str, Any]] = [
    ('[2,"1","Heartbeat"]', "1"),
    ('[2,"1","Heartbeat",{},{}]', "1"),
    ('[2,9,"Heartbeat",[]]', 9),
    ('[2,"1",1,{}]', "1"),
    ('[2,"cut","Heartbeat",{"a":', "cut"),
    ('[2,"deep","Heartbeat",' + "[" * 99, "deep"),
    ('[2,null,"Heartbeat",{}]', "-1"),
    ("[]", "-1"),
    ("{}", "-1"),
    ("", "-1"),
    ("garbage \ud800", "-1"),
]
BROKEN_ANSWERS = ['[3,"{}"]', '[3,"{}",7]', '[3,"{}",{{"a":NaN}}]', '[4,"{}","Gener', '["3","{}",{{}}]']


@dataclass
class StationCall:
    text: str
    wire_id: Any
    received_s: float
    copies: int = 1


@dataclass
class OurCall:
    priority: Priority
    timeout_s: float
    deadline_s: float
    message_id: str = ""


@dataclass
class Model:
    now_s: float = 0
    closing: bool = False
    open: dict[int, StationCall] = field(default_factory=dict)
    kept: list[tuple[StationCall, str]] = field(default_factory=list)
    waiting: dict[int, OurCall] = field(default_factory=dict)
    in_flight: tuple[int, OurCall] | None = None
    ended_ids: list[str] = field(default_factory=list)

    def owed(self) -> int:
        return sum(call.copies for call in self.open.values())


class PeerMachine(RuleBasedStateMachine):
    version = "1.6"
    codes = ERROR_CODES_V16

    def __init__(self):
        super().__init__()
        self.ids = count(1)
        self.peer = Peer(
            self.codes,
            version=self.version,
            new_message_id=lambda: f"ours-{next(self.ids)}",
            kept_answers=KEPT,
            kept_s=KEPT_S,
            max_open_calls=MOST_OWED,
            max_queued_calls=MOST_QUEUED,
        )
        self.model = Model()
        self.handles: set[int] = set()
        self.seen: list[tuple[str, Any]] = []

    def receive(self, text: str) -> Event:
        """One text in, always one event out; none but Ignored once the end is decided."""
        (event,) = self.peer.receive(text, self.model.now_s)
        if self.model.closing:
            assert isinstance(event, Ignored)
        return event

    # --- the station calls ---

    def station_calls(self, text: str, wire_id: Any):
        model = self.model
        event = self.receive(text)
        if model.closing:
            return
        kept = [answer for call, answer in model.kept if call.text == text]
        fresh = [
            call for call, _ in model.kept if call.text == text and model.now_s - call.received_s <= KEPT_S
        ]
        if fresh:
            assert isinstance(event, TextToSend)
            assert event.text == kept[0]
            return
        model.kept = [(call, answer) for call, answer in model.kept if call.text != text]
        if model.owed() == MOST_OWED:
            assert isinstance(event, CloseNeeded)
            assert len(event.reason.encode()) <= 123
            model.closing = True
            return
        same = [call for call in model.open.values() if call.text == text]
        if same:
            assert isinstance(event, Ignored)
            same[0].copies += 1
            return
        assert isinstance(event, CallReceived)
        assert event.message_id == str(wire_id)
        self.new_handle(event.handle)
        model.open[event.handle] = StationCall(text, wire_id, model.now_s)

    def new_handle(self, handle: int):
        assert handle not in self.handles
        self.handles.add(handle)

    @rule(
        wire_id=st.sampled_from(["a", "b", "c", "", 1, "1"]),
        value=st.integers(0, 2),
        space=st.sampled_from(["", " "]),
        payload=st.sampled_from(["{}", '{"value":%d}']),
    )
    def a_station_calls(self, wire_id: Any, value: int, space: str, payload: str):
        content = payload % value if "%" in payload else payload
        text = f'[2,{space}{json.dumps(wire_id)},"MeterValues",{content}]'
        self.seen.append((text, wire_id))
        self.station_calls(text, wire_id)

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), back=st.integers(1, 6))
    def a_station_sends_the_same_again(self, data: st.DataObject, back: int):
        text, wire_id = self.seen[-min(back, len(self.seen))]
        self.station_calls(text, wire_id)

    @rule(malformed=st.sampled_from(MALFORMED))
    def a_station_sends_a_malformed_frame(self, malformed: tuple[str, Any]):
        text, wire_id = malformed
        event = self.receive(text)
        if self.model.closing:
            return
        assert isinstance(event, TextToSend)
        error = json.loads(event.text)
        assert error[:2] == [4, wire_id]
        assert error[2] in self.codes.values()

    @rule(text=st.text().filter(lambda text: "[" not in text))
    def a_station_sends_garbage(self, text: str):
        event = self.receive(text)
        if not self.model.closing:
            assert isinstance(event, TextToSend)
            assert json.loads(event.text)[:2] == [4, "-1"]

    @rule(number=st.sampled_from([5, 6, 0, 99]))
    def a_station_sends_an_unknown_type(self, number: int):
        event = self.receive(f'[{number},"x","A",{{}}]')
        answered = self.version != "1.6" and not self.model.closing
        assert isinstance(event, TextToSend if answered else Ignored)

    # --- the server answers ---

    @precondition(lambda self: self.model.open)
    @rule(data=st.data())
    def the_server_answers(self, data: st.DataObject):
        handle = data.draw(st.sampled_from(sorted(self.model.open)))
        call = self.model.open.pop(handle)
        payload = b'{"n":%d}' % handle
        texts = self.peer.answer(handle, payload)
        assert [json.loads(text) for text in texts] == [[3, call.wire_id, {"n": handle}]] * call.copies
        self.model.kept = [*self.model.kept, (call, texts[0])][-KEPT:]

    @precondition(lambda self: self.model.open)
    @rule(data=st.data(), kind=st.sampled_from(ErrorKind))
    def the_server_refuses(self, data: st.DataObject, kind: ErrorKind):
        handle = data.draw(st.sampled_from(sorted(self.model.open)))
        call = self.model.open.pop(handle)
        texts = self.peer.refuse(handle, Refusal(kind, "because"))
        expected = [4, call.wire_id, self.codes[kind], "because", {}]
        assert [json.loads(text) for text in texts] == [expected] * call.copies

    # --- the server calls ---

    @rule(priority=st.sampled_from(Priority), timeout_s=st.integers(1, 40), expires_s=st.integers(1, 90))
    def the_server_calls(self, priority: Priority, timeout_s: int, expires_s: int):
        model = self.model
        try:
            handle = self.peer.call(
                "Reset", b"{}", priority=priority, now_s=model.now_s, timeout_s=timeout_s, expires_s=expires_s
            )
        except NotConnected:
            assert model.closing
        except QueueFull:
            assert len(model.waiting) == MOST_QUEUED
        else:
            assert not model.closing
            self.new_handle(handle)
            model.waiting[handle] = OurCall(priority, timeout_s, model.now_s + expires_s)

    @rule()
    def the_server_sends_what_is_next(self):
        model = self.model
        following = self.peer.next_call(model.now_s)
        alive = {handle: call for handle, call in model.waiting.items() if call.deadline_s > model.now_s}
        if model.closing or model.in_flight or not alive:
            assert following is None
            return
        assert following
        handle, text = following
        assert handle == min(alive, key=lambda handle: (alive[handle].priority, handle))
        call = model.waiting.pop(handle)
        kind, call.message_id, action, payload = json.loads(text)
        assert (kind, action, payload) == (2, "Reset", {})
        assert call.message_id not in model.ended_ids
        call.deadline_s = model.now_s + call.timeout_s
        model.in_flight = (handle, call)

    def ends(self, event: Event, state: CommandState):
        """The event is the end of the call in flight."""
        if self.model.closing:
            return
        assert self.model.in_flight
        handle, call = self.model.in_flight
        assert isinstance(event, CallDone)
        assert (event.handle, event.outcome.state) == (handle, state)
        self.landed(call)

    def in_flight(self) -> OurCall:
        assert self.model.in_flight
        return self.model.in_flight[1]

    def landed(self, call: OurCall):
        self.model.ended_ids.append(call.message_id)
        self.model.in_flight = None

    @precondition(lambda self: self.model.in_flight)
    @rule()
    def the_station_answers_our_call(self):
        event = self.receive(f'[3,"{self.in_flight().message_id}",{{}}]')
        self.ends(event, CommandState.ANSWERED)

    @precondition(lambda self: self.model.in_flight)
    @rule(rest=st.sampled_from(["", ',"NotSupported"', ',"Odd","",null', ',null,5,"text",0']))
    def the_station_refuses_our_call(self, rest: str):
        event = self.receive(f'[4,"{self.in_flight().message_id}"{rest}]')
        self.ends(event, CommandState.CALL_ERROR)

    @precondition(lambda self: self.model.in_flight)
    @rule(text=st.sampled_from(BROKEN_ANSWERS))
    def the_station_answers_our_call_with_nonsense(self, text: str):
        event = self.receive(text.format(self.in_flight().message_id))
        self.ends(event, CommandState.CALL_ERROR)

    @rule(data=st.data(), text=st.sampled_from(['[3,"{}",{{}}]', '[4,"{}"]', *BROKEN_ANSWERS]))
    def the_station_answers_late_or_to_nothing(self, data: st.DataObject, text: str):
        message_id = data.draw(st.sampled_from(["never", "-1", "ours-0", *self.model.ended_ids[-12:]]))
        assert isinstance(self.receive(text.format(message_id)), Ignored)

    @precondition(lambda self: self.model.waiting)
    @rule(data=st.data())
    def the_server_withdraws_a_call(self, data: st.DataObject):
        handle = data.draw(st.sampled_from(sorted(self.model.waiting)))
        assert self.peer.cancel(handle)
        del self.model.waiting[handle]

    @precondition(lambda self: self.model.in_flight)
    @rule()
    def the_server_can_not_withdraw_what_left(self):
        assert self.model.in_flight
        assert not self.peer.cancel(self.model.in_flight[0])

    # --- time and the network ---

    @rule(seconds=st.integers(1, 50))
    def time_passes(self, seconds: int):
        model = self.model
        model.now_s += seconds
        ended = {done.handle: done.outcome.state for done in self.peer.expire(model.now_s)}
        if model.in_flight and model.in_flight[1].deadline_s <= model.now_s:
            assert ended.pop(model.in_flight[0]) is CommandState.TIMED_OUT
            self.landed(model.in_flight[1])
        over = {handle for handle, call in model.waiting.items() if call.deadline_s <= model.now_s}
        assert ended == dict.fromkeys(over, CommandState.EXPIRED)
        for handle in over:
            del model.waiting[handle]

    @rule(sure=st.integers(0, 9))
    def the_connection_ends(self, sure: int):
        if sure:
            return  # rare, because nothing happens after it
        self.end()

    def end(self):
        model = self.model
        ended = {done.handle: done.outcome.state for done in self.peer.disconnect()}
        expected = dict.fromkeys(model.waiting, CommandState.NOT_SENT)
        if model.in_flight:
            expected[model.in_flight[0]] = CommandState.TIMED_OUT
        assert ended == expected
        for handle in model.open:
            assert self.peer.answer(handle, b"{}") == []
        self.model = Model(now_s=model.now_s, closing=True, ended_ids=model.ended_ids)

    def teardown(self):
        self.end()

    # --- always ---

    @invariant()
    def exactly_the_unanswered_calls_are_open(self):
        assert self.peer.open_calls == len(self.model.open)

    @invariant()
    def the_next_deadline_is_the_earliest(self):
        deadlines = [call.deadline_s for call in self.model.waiting.values()]
        if self.model.in_flight:
            deadlines.append(self.model.in_flight[1].deadline_s)
        assert self.peer.next_deadline_s() == min(deadlines, default=None)

    @invariant()
    def nothing_grows_without_bound(self):
        theirs, ours = self.peer._theirs, self.peer._ours
        assert len(theirs._by_handle) == len(theirs._by_key) <= theirs._owed <= MOST_OWED
        assert len(theirs._kept) <= KEPT
        assert len(ours._waiting) <= MOST_QUEUED
        assert len(ours._ended_ids) <= 8


class PeerMachineOf201(PeerMachine):
    version = "2.0.1"
    codes = ERROR_CODES_V2


TestPeerOf16 = PeerMachine.TestCase
TestPeerOf201 = PeerMachineOf201.TestCase
