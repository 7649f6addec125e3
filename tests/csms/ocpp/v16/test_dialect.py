from __future__ import annotations

import contextlib
import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.errors import Invalid
from csms.domain.events import UnreadableReceived
from csms.ocpp.dialect import Decoded
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.schemas import Schema, request_schema
from csms.ocpp.v16 import DIALECT
from csms.ocpp.v16.dialect import INBOUND, OUTBOUND
from tests.csms.ocpp import payloads

NOW_US = 1_714_564_805_000_000

# --- what stations send


def _names(schema: Schema) -> set[str]:
    inner = [*schema.properties.values(), *([schema.items] if schema.items else [])]
    return set(schema.properties).union(*map(_names, inner))


NAMES = sorted({*set().union(*(_names(request_schema("v16", action)) for action in INBOUND)), "values", "x"})
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


def _is_proper(action: str, text: str) -> bool:
    decoded = DIALECT.decode(action, text.encode(), NOW_US)
    if isinstance(decoded, Refusal):
        return (
            action not in DIALECT.transaction_messages
            and len(decoded.description) <= 255
            and CANARY not in decoded.description
        )
    said = decoded.deviations
    if isinstance(decoded.event, UnreadableReceived):
        said = (*said, decoded.event.problem)
    return not any(CANARY in text for text in said)


@pytest.mark.parametrize("action", sorted(INBOUND))
@given(payload=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8))
def test_no_object_makes_decoding_fail(action, payload):
    assert _is_proper(action, json.dumps(payload))


@pytest.mark.parametrize("action", sorted(INBOUND))
def test_nothing_near_a_valid_call_makes_decoding_fail(action, scaled):
    schema, random = request_schema("v16", action), Random(action)
    for _ in range(scaled(150, 5000)):
        payload = payloads.mutated(schema, random)
        if isinstance(payload, dict):
            payload[random.choice(("x", *schema.properties, CANARY))] = random.choice(
                (CANARY, [CANARY], {CANARY: CANARY})
            )
        assert _is_proper(action, json.dumps(payload)), payload


@pytest.mark.parametrize("action", sorted(INBOUND))
def test_every_valid_call_is_read_without_a_deviation(action, scaled):
    schema, random = request_schema("v16", action), Random(action)
    for _ in range(scaled(50, 2000)):
        payload = payloads.valid(schema, random)
        if "connectorId" in payload:
            payload["connectorId"] = random.choice((0, 1, 2, 65_535))
        decoded = DIALECT.decode(action, json.dumps(payload).encode(), NOW_US)
        assert isinstance(decoded, Decoded)
        assert decoded.deviations == ()


def test_an_action_of_ours_is_not_supported_and_others_are_not_implemented():
    for action in OUTBOUND.keys() - INBOUND.keys():
        refusal = DIALECT.decode(action, b"{}", NOW_US)
        assert isinstance(refusal, Refusal)
        assert refusal.kind is ErrorKind.NOT_SUPPORTED
    for action in ("heartbeat", "TransactionEvent", "CustomOperation"):
        refusal = DIALECT.decode(action, b"{}", NOW_US)
        assert isinstance(refusal, Refusal)
        assert refusal.kind is ErrorKind.NOT_IMPLEMENTED


def test_the_dialect_says_who_it_is():
    assert (DIALECT.version, DIALECT.subprotocol) == ("1.6", "ocpp1.6")
    assert set(DIALECT.error_codes) == set(ErrorKind)
    assert DIALECT.transaction_messages == {
        "StartTransaction": "transaction.start",
        "StopTransaction": "transaction.stop",
        "MeterValues": "samples",
    }


# --- what we send


@pytest.mark.parametrize("action", sorted(OUTBOUND))
def test_every_valid_call_of_ours_goes_out_as_it_was_given_compact_and_in_order(action):
    schema, random = request_schema("v16", action), Random(action)
    validator = payloads.validator("v16", action)
    for _ in range(30):
        payload = payloads.valid(schema, random)
        shuffled = dict(sorted(payload.items(), key=lambda _: random.random()))
        sent = DIALECT.check_call(action, json.dumps(shuffled, indent=1).encode())
        assert json.loads(sent) == payload
        assert list(json.loads(sent)) == [name for name in schema.properties if name in payload]
        assert b'": ' not in sent.replace(b'\\"', b"") or any(
            ": " in str(value) for value in payload.values()
        )
        assert payloads.allows(validator, sent.decode())


@pytest.mark.parametrize("action", sorted(OUTBOUND))
def test_no_call_of_ours_breaks_its_schema(action, scaled):
    schema, random = request_schema("v16", action), Random(action)
    validator = payloads.validator("v16", action)
    for _ in range(scaled(50, 2000)):
        text = json.dumps(payloads.mutated(schema, random))
        with contextlib.suppress(Invalid):
            sent = DIALECT.check_call(action, text.encode())
            assert payloads.allows(validator, text)
            assert payloads.allows(validator, sent.decode())


def _profile(limit: str, **schedule: str) -> bytes:
    members = "".join(f',"{name}":{value}' for name, value in schedule.items())
    period = f'{{"limit":{limit},"startPeriod":0}}'
    rest = '"chargingProfileKind":"Absolute","chargingProfilePurpose":"TxDefaultProfile","stackLevel":1,"chargingProfileId":1'
    schedule_text = f'{{"chargingSchedulePeriod":[{period}],"chargingRateUnit":"A"{members}}}'
    return f'{{"csChargingProfiles":{{"chargingSchedule":{schedule_text},{rest}}},"connectorId":1}}'.encode()


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        ("21.4", b"21.4"),
        ("16", b"16.0"),
        ("16.0", b"16.0"),
        ("0", b"0.0"),
        ("8.10", b"8.1"),
        ("8.1", b"8.1"),
        ("-1", b"-1.0"),
    ],
)
def test_61_a_limit_with_one_decimal_goes_out_with_one(limit, sent):
    text = DIALECT.check_call("SetChargingProfile", _profile(limit))
    assert b'{"startPeriod":0,"limit":%s}' % sent in text
    assert text.startswith(b'{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":1,')


LIMIT = "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit"


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("6.25", f"{LIMIT}: must be a multiple of 0.1"),
        ("16.00001", f"{LIMIT}: must be a multiple of 0.1"),
        ('"16"', f"{LIMIT}: must be a number"),
        ("null", f"{LIMIT}: must be a number"),
        ("true", f"{LIMIT}: must be a number"),
        ("NaN", "payload: is not valid JSON"),
        ("1e400", "payload: is not valid JSON"),
        ("Infinity", "payload: is not valid JSON"),
    ],
)
def test_61_any_other_limit_is_refused(limit, message):
    with pytest.raises(Invalid) as caught:
        DIALECT.check_call("SetChargingProfile", _profile(limit))
    assert str(caught.value) == message


def test_a_time_of_ours_must_be_a_complete_one():
    start = "csChargingProfiles.chargingSchedule.startSchedule"
    assert DIALECT.check_call(
        "SetChargingProfile", _profile("6", startSchedule='"2024-05-01T12:00:00+02:00"')
    )
    for text in ("2024-05-01T12:00:00", "tomorrow", ""):
        with pytest.raises(Invalid, match=f"^{start}: must be a date and time"):
            DIALECT.check_call("SetChargingProfile", _profile("6", startSchedule=f'"{text}"'))


def test_what_only_a_station_can_send_is_refused():
    for action in INBOUND.keys() - OUTBOUND.keys():
        with pytest.raises(Invalid, match="no action that a central system can send"):
            DIALECT.check_call(action, b"{}")
