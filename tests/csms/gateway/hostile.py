"""Frames of a station that has lost its mind: from calls that the schemas allow to what is no JSON at all."""

from __future__ import annotations

import enum
import json
from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, NamedTuple

from csms.ocpp.schemas import actions, request_schema
from tests.csms.ocpp import payloads


class Owed(enum.Enum):
    """What must come back."""

    OWN = "one answer under the call's own id"
    ANY = "one answer, under its own id or under -1"
    NOTHING = "nothing"


class Said(NamedTuple):
    """One frame."""

    text: str
    owed: Owed
    id: str | int | None = None
    action: str = ""


NUMBERS_AS_TEXT = (
    "0",
    "1",
    "7200",
    "-3",
    "230.1",
    "16.0",
    "1e3",
    "NaN",
    "9" * 400,
    "1e999",
    "ünf",
    " 5 ",
    "",
)
TIMES = (
    "2026-01-01T00:00:00Z", "2026-01-01T00:05:00.5Z", "2026-01-01T00:10:00+02:00", "2026-01-01 00:15:00",
    "1970-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2099-12-31T23:59:59Z",
    "2025-02-29T00:00:00Z", "2016-12-31T23:59:60Z", "2026-01-01T00:00:00.123456789123Z", "24:00", "",
)  # fmt: skip
WHOLE_NUMBERS = (0, 1, 2, 3, 65_535, 65_536, 2**31 - 1, -1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400)
PLACES = (0, 1, 1, 1, 2, 2, 3, *WHOLE_NUMBERS)
TOKENS = ("TAG", "tag", "TAG-2", "NOBODY", "\u0000", " ", "", "ß", "x" * 20, "x" * 36)
SENSIBLE: dict[str, tuple[Any, ...]] = {
    "connectorId": PLACES,
    "evseId": PLACES,
    "id": PLACES,
    "seqNo": (0, 1, 2, 3, 4, 5, *WHOLE_NUMBERS),
    "requestId": WHOLE_NUMBERS,
    "reservationId": WHOLE_NUMBERS,
    "transactionId": (*range(1, 40), "T1", "T2", "T3", "T4", "t1", *WHOLE_NUMBERS),
    "meterStart": (0, 10, 500, *WHOLE_NUMBERS),
    "meterStop": (0, 20, 900, *WHOLE_NUMBERS),
    "idTag": TOKENS,
    "idToken": TOKENS,
    "timestamp": TIMES,
    "value": (*NUMBERS_AS_TEXT, 0, 1, 16.5, -7, 1e300, 10**400),
}
"""What the members of these names hold more often than chance would have it."""

RAW = (
    "NaN", "-Infinity", "1e999", "-1E-999", "9" * 5000, "-0", "1E+2", "01", "0x1", "tru", "'x'", "",
    '"\\ud800"', '"\\udc00\\ud800"', '"\x01"', '"\t"', '"\x7f\u2028"', '"\\u0000"', '"\ufeff"', '"\\x"',
    '{"a":1,"a":2}', '{"":{"":{}}}', '"' + "x" * 60_000 + '"', "[" + "1," * 5_000 + "1]",
    "[" * 50 + "]" * 50, "[" * 63 + "]" * 63, "[" * 5_000 + "]" * 5_000, '{"x":' * 58 + "1" + "}" * 58,
    '{"x":' * 5_000 + "1" + "}" * 5_000, "[" * 900, "]" * 900, "/* x */ 1", "1,", ",",
)  # fmt: skip
"""JSON that is odd, and some that is none."""
_RAW_HERE = "a value stands here"

NO_CALLS = (
    "",
    " ",
    "hello",
    "null",
    "true",
    "2",
    '"[2]"',
    "{}",
    '{"2":2}',
    "[]",
    "[[]]",
    "[2]",
    "[",
    "[2",
    '[2,"',
)
ODD_TYPES = ('"2"', "2.0", "2e0", '"x"', "null", "true", "[2]", "{}")
UNKNOWN_TYPES = ("0", "1", "5", "6", "7", "-2", "22", "2.5", "99999")
ODD_IDS = (
    "null",
    "true",
    "[]",
    '["x"]',
    "{}",
    '"\\ud800"',
    '"' + "i" * 256 + '"',
    '"' + "i" * 5_000 + '"',
    "NaN",
)
UNASKED = (
    '[3,"nobody-asked",{}]', '[3,"nobody-asked",[]]', '[3,"nobody-asked"]', "[3]", "[3,null,{}]", '[3,"x",{"a":NaN}]',
    '[4,"nobody-asked","InternalError","",{}]', '[4,"nobody-asked"]', "[4]", "[4,{},[],null,1e999]", '[4,"x",1,2,3,4,5]',
    '[3,"cut',
)  # fmt: skip
PAYLOADS = ("null", "[]", "[{}]", "1", "true", '""', '"{}"', "NaN", "")


class Hostile:
    """Says frames of one version; the same ones for the same seed."""

    def __init__(self, package: str, from_stations: Iterable[str], seed: str) -> None:
        """Speak the version whose schemas the package `v16` or `v201` has, and its actions `from_stations`."""
        self.chance = Random(seed)
        self._package = package
        self._actions = sorted(from_stations)
        others = {*actions("v16"), *actions("v201"), *actions("v21")} - {*self._actions}
        self._unknown = (
            *sorted(others),
            "heartbeat",
            "",
            "MakeCoffee",
            "x" * 60_000,
            "__class__",
            "\u0000",
            "é😀",
        )
        self._number = 0
        self._last: deque[Said] = deque(maxlen=8)
        self._kinds: dict[Callable[[], Said], int] = {
            self._valid: 40,
            self._mutated: 25,
            self._raw: 9,
            self._damaged: 7,
            self._again: 6,
            self._elements: 3,
            self._unknown_action: 3,
            self._odd_type: 2,
            self._odd_id: 2,
            self._no_call: 1,
            self._unasked: 2,
        }

    def say(self) -> Said:
        """Return the next frame."""
        (kind,) = self.chance.choices([*self._kinds], [*self._kinds.values()])
        said = kind()
        if said.owed is Owed.OWN:
            self._last.append(said)
        return said

    # --- calls

    def _valid(self) -> Said:
        action = self.chance.choice(self._actions)
        payload = payloads.valid(request_schema(self._package, action), self.chance)
        self._make_sensible(payload)
        return self._call(action, json.dumps(payload))

    def _mutated(self) -> Said:
        action = self.chance.choice(self._actions)
        payload = payloads.mutated(request_schema(self._package, action), self.chance)
        if self.chance.random() < 0.5:
            self._make_sensible(payload)
        return self._call(action, json.dumps(payload))

    def _raw(self) -> Said:
        action = self.chance.choice(self._actions)
        payload = payloads.valid(request_schema(self._package, action), self.chance)
        self._make_sensible(payload)
        payload[self.chance.choice((*payload, "x"))] = _RAW_HERE
        text = json.dumps(payload).replace(f'"{_RAW_HERE}"', self.chance.choice(RAW))
        return self._call(action, text)

    def _damaged(self) -> Said:
        """Damage a call behind its id."""
        said = self._valid()
        whole = said.text
        head, _, _ = whole.partition(f',"{said.action}"')
        if not head.endswith('"'):
            return said  # a number may be damaged into another one
        tail = whole.removeprefix(head)
        at = self.chance.randrange(len(tail))
        match self.chance.randrange(4):
            case 0:
                tail = tail[:at]
            case 1:
                tail = tail[:at] + tail[at + 1 :]
            case 2:
                tail = tail[:at] + self.chance.choice('[]{},:"\\0\x00é') + tail[at:]
            case _:
                tail = tail[:at] + self.chance.choice((tail, whole)) + tail[at:]
        return said._replace(text=head + tail)

    def _again(self) -> Said:
        """Say one of the last calls again, or something else under its id."""
        if not self._last:
            return self._valid()
        said = self.chance.choice(self._last)
        if said.action not in self._actions or self.chance.random() < 0.6:
            return said
        return self._call(said.action, "{}", said.id)

    def _elements(self) -> Said:
        action, call_id = self.chance.choice(self._actions), self._new_id()
        payload = self.chance.choice(PAYLOADS)
        texts = (
            f'[2,"{call_id}"]',
            f'[2,"{call_id}","{action}"]',
            f'[2,"{call_id}","{action}",{{}},{{}}]',
            f'[2,"{call_id}",{payload or 0},{{}}]',
            f'[2,"{call_id}","{action}",{payload}]',
            f'\ufeff[ 2 , "{call_id}" ,\n"{action}",\t{{}} ] ',
        )
        return Said(self.chance.choice(texts), Owed.OWN, call_id, action)

    def _unknown_action(self) -> Said:
        return self._call(self.chance.choice(self._unknown), "{}")

    # --- frames that are no proper calls

    def _odd_type(self) -> Said:
        call_id = self._new_id()
        if self.chance.random() < 0.5:
            kind, owed = self.chance.choice(ODD_TYPES), Owed.ANY
        else:
            kind = self.chance.choice(UNKNOWN_TYPES)
            # OCPP-J 1.6 §4.1.3 has them ignored, 2.0.1 §4.4 refused.
            owed = Owed.NOTHING if self._package == "v16" else Owed.ANY
        return Said(f'[{kind},"{call_id}","Heartbeat",{{}}]', owed, call_id, "Heartbeat")

    def _odd_id(self) -> Said:
        return Said(f'[2,{self.chance.choice(ODD_IDS)},"Heartbeat",{{}}]', Owed.ANY, None, "Heartbeat")

    def _no_call(self) -> Said:
        return Said(self.chance.choice(NO_CALLS), Owed.ANY)

    def _unasked(self) -> Said:
        return Said(self.chance.choice(UNASKED), Owed.NOTHING)

    # --- inside

    def _call(self, action: str, payload: str, call_id: str | int | None = None) -> Said:
        known = call_id
        if known is None:
            usual = self._new_id()
            odd = (usual.ljust(36, "i"), usual.ljust(255, "i"), self._number, -self._number)
            known = self.chance.choice((*[usual] * 12, *odd))
        text = f"[2,{json.dumps(known)},{json.dumps(action)},{payload}]"
        return Said(text, Owed.OWN, known, action)

    def _new_id(self) -> str:
        self._number += 1
        return f"n{self._number}"

    def _make_sensible(self, value: Any) -> None:
        if isinstance(value, list):
            for element in value:
                self._make_sensible(element)
        if not isinstance(value, dict):
            return
        for name, member in value.items():
            same_type = [one for one in SENSIBLE.get(name, ()) if type(one) is type(member)]
            if same_type and self.chance.random() < 0.8:
                value[name] = self.chance.choice(same_type)
            else:
                self._make_sensible(member)
