"""What holds for every version: no payload makes decoding fail, and nothing of ours breaks its schema."""

from __future__ import annotations

import contextlib
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.errors import Invalid
from csms.domain.events import UnreadableReceived
from csms.ocpp.dialect import Decoded
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.schemas import Schema, folder, request_schema
from csms.ocpp.v16 import dialect as v16
from csms.ocpp.v201 import dialect as v201
from tests.csms.ocpp import payloads

NOW_US = 1_714_564_805_000_000

VERSIONS = {"v16": v16, "v201": v201}
"""By package."""

FROM_STATIONS = [
    (package, action) for package, version in VERSIONS.items() for action in sorted(version.INBOUND)
]
TO_STATIONS = [
    (package, action) for package, version in VERSIONS.items() for action in sorted(version.OUTBOUND)
]


def _validator(package: str, action: str) -> Any:
    suffixed = (folder(package) / f"{action}Request.json").exists()
    return payloads.validator(package, f"{action}Request" if suffixed else action)


# --- what stations send


def _names(schema: Schema) -> set[str]:
    inner = [*schema.properties.values(), *([schema.items] if schema.items else [])]
    return set(schema.properties).union(*map(_names, inner))


NAMES = sorted(
    {*set().union(*(_names(request_schema(*call)) for call in FROM_STATIONS)), "values", "unit", "x"}
)
WORDS = st.sampled_from(
    ["", " ", "Charging", "Wh", "mA", "Voltage.L1", "L1", "NaN", "2024-05-01T12:00:00Z", "5.5"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=25,
)
CANARY = "c4n4ry"


def _is_proper(package: str, action: str, text: str) -> bool:
    dialect = VERSIONS[package].DIALECT
    decoded = dialect.decode(action, text.encode(), NOW_US)
    if isinstance(decoded, Refusal):
        return (
            action not in dialect.transaction_messages
            and len(decoded.description) <= 255
            and CANARY not in decoded.description
        )
    said = decoded.deviations
    if isinstance(decoded.event, UnreadableReceived):
        said = (*said, decoded.event.problem)
    return not any(CANARY in text for text in said)


@pytest.mark.parametrize(("package", "action"), FROM_STATIONS)
@given(payload=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8))
def test_no_object_makes_decoding_fail(package, action, payload):
    assert _is_proper(package, action, json.dumps(payload))


@pytest.mark.parametrize(("package", "action"), FROM_STATIONS)
def test_nothing_near_a_valid_call_makes_decoding_fail(package, action, scaled):
    schema, random = request_schema(package, action), Random(action)
    for _ in range(scaled(150, 5000)):
        payload = payloads.mutated(schema, random)
        if isinstance(payload, dict):
            payload[random.choice(("x", *schema.properties, CANARY))] = random.choice(
                (CANARY, [CANARY], {CANARY: CANARY})
            )
        assert _is_proper(package, action, json.dumps(payload)), payload


def _make_sensible(value: Any, random: Random) -> None:
    """Put numbers where the schemas allow more of them than there are places, parts and reports."""
    if isinstance(value, list):
        for element in value:
            _make_sensible(element, random)
    if not isinstance(value, dict):
        return
    for name, member in value.items():
        if name in {"connectorId", "evseId"}:
            value[name] = random.choice((0, 1, 2, 65_535))
        elif name in {"requestId", "seqNo"}:
            value[name] = random.choice((0, 1, 2**31 - 1))
        elif name == "evse":
            member["id"] = random.choice((0, 1, 65_535))
        elif name == "transactionInfo":
            member["transactionId"] = "x" * random.choice((1, 36))
        _make_sensible(member, random)


@pytest.mark.parametrize(("package", "action"), FROM_STATIONS)
def test_every_valid_call_is_read_without_a_deviation(package, action, scaled):
    schema, random = request_schema(package, action), Random(action)
    for _ in range(scaled(50, 2000)):
        payload = payloads.valid(schema, random)
        _make_sensible(payload, random)
        decoded = VERSIONS[package].DIALECT.decode(action, json.dumps(payload).encode(), NOW_US)
        assert isinstance(decoded, Decoded)
        assert decoded.deviations == ()


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_an_action_of_ours_is_not_supported_and_others_are_not_implemented(version):
    for action in version.OUTBOUND.keys() - version.INBOUND.keys():
        refusal = version.DIALECT.decode(action, b"{}", NOW_US)
        assert isinstance(refusal, Refusal)
        assert refusal.kind is ErrorKind.NOT_SUPPORTED
    for action in ("heartbeat", "CustomOperation", "NotifySettlement"):
        refusal = version.DIALECT.decode(action, b"{}", NOW_US)
        assert isinstance(refusal, Refusal)
        assert refusal.kind is ErrorKind.NOT_IMPLEMENTED


# --- what we send


@pytest.mark.parametrize(("package", "action"), TO_STATIONS)
def test_every_valid_call_of_ours_goes_out_as_it_was_given_compact_and_in_order(package, action):
    schema, random = request_schema(package, action), Random(action)
    validator = _validator(package, action)
    for _ in range(30):
        payload = payloads.valid(schema, random)
        shuffled = dict(sorted(payload.items(), key=lambda _: random.random()))
        sent = VERSIONS[package].DIALECT.check_call(action, json.dumps(shuffled, indent=1).encode())
        assert json.loads(sent) == payload
        assert list(json.loads(sent)) == [name for name in schema.properties if name in payload]
        assert b'": ' not in sent.replace(b'\\"', b"") or any(
            ": " in str(value) for value in payload.values()
        )
        assert payloads.allows(validator, sent.decode())


@pytest.mark.parametrize(("package", "action"), TO_STATIONS)
def test_no_call_of_ours_breaks_its_schema(package, action, scaled):
    schema, random = request_schema(package, action), Random(action)
    validator = _validator(package, action)
    for _ in range(scaled(50, 2000)):
        text = json.dumps(payloads.mutated(schema, random))
        with contextlib.suppress(Invalid):
            sent = VERSIONS[package].DIALECT.check_call(action, text.encode())
            assert payloads.allows(validator, text)
            assert payloads.allows(validator, sent.decode())


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_what_only_a_station_can_send_is_refused(version):
    for action in version.INBOUND.keys() - version.OUTBOUND.keys():
        with pytest.raises(Invalid, match="no action that a central system can send"):
            version.DIALECT.check_call(action, b"{}")
