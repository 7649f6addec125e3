from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.storage.redaction import (
    CHARACTERS_MAX,
    HIDDEN,
    UNREADABLE_CHARACTERS_MAX,
    redact,
    redact_json,
    redact_text,
)

SECRET = "S3CRET-4711-XYZ"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


def frame(payload: Any, action: str = "DataTransfer") -> str:
    return json.dumps([2, "id-1", action, payload], separators=(",", ":"))


# --- what must not survive

MEMBERS = [
    *(
        "idTag",
        "parentIdTag",
        "idToken",
        "groupIdToken",
        "additionalIdToken",
        "emaid",
        "evccId",
        "IDTAG",
        "id_tag",
    ),
    *(
        "password",
        "apnPassword",
        "basicAuthPassword",
        "BasicAuthPassword",
        "AuthorizationKey",
        "simPin",
        "apiKey",
    ),
    *(
        "csr",
        "certificate",
        "certificateChain",
        "exiRequest",
        "signedMeterData",
        "clientSecret",
        "private_key",
    ),
]
SETTINGS = [
    "AuthorizationKey",
    "authorizationkey",
    "BasicAuthPassword",
    "WifiPassword",
    "Vendor.ApiKey",
    "MySecret",
]


def _around(value: Any) -> st.SearchStrategy[Any]:
    """Anything that the value may stand in."""
    return st.recursive(
        st.just(value),
        lambda inner: (
            st.tuples(TEXTS, inner, TEXTS).map(list)
            | st.tuples(TEXTS, inner).map(lambda pair: {"vendorId": "x", pair[0] or "a": pair[1]})
        ),
        max_leaves=4,
    )


def _hidden_in_member() -> st.SearchStrategy[Any]:
    values = st.sampled_from(
        [
            SECRET,
            [SECRET],
            {"idToken": SECRET, "type": "ISO14443"},
            {"idToken": "x", "type": SECRET},
            {"idToken": "x", "additionalInfo": [{"additionalIdToken": SECRET, "type": "y"}]},
            {"deep": [{"deeper": SECRET}]},
        ]
    )
    return st.builds(lambda name, value: {name: value}, st.sampled_from(MEMBERS), values)


def _hidden_setting() -> st.SearchStrategy[Any]:
    return st.sampled_from(SETTINGS).flatmap(
        lambda name: st.sampled_from(
            [
                {"key": name, "value": SECRET},
                {"value": SECRET, "key": name},
                {"configurationKey": [{"key": name, "readonly": False, "value": SECRET}]},
                {
                    "attributeValue": SECRET,
                    "component": {"name": "SecurityCtrlr"},
                    "variable": {"name": name},
                },
                {"variable": {"name": name}, "variableAttribute": [{"type": "Actual", "value": SECRET}]},
                {"variable": {"name": name}, "actualValue": SECRET},
                {"connectionData": {"vpn": {"user": SECRET, "key": SECRET}}},
                {"connectionData": {"apn": {"apnUserName": SECRET}}},
            ]
        )
    )


def _hidden_in_text() -> st.SearchStrategy[Any]:
    return st.sampled_from(
        [
            f"ftp://user:{SECRET}@example.com/x",
            f"see https://{SECRET}@example.com?a=b or not",
            f"-----BEGIN CERTIFICATE-----\n{SECRET}\n-----END CERTIFICATE-----",
            f"x-----BEGIN RSA PRIVATE KEY-----{SECRET}",
            json.dumps({"idTag": SECRET}),
            json.dumps(json.dumps({"idTag": SECRET, "other": 1})),
            f"idTag={SECRET}&x=1",
            f"password: {SECRET}",
            f"AuthorizationKey = '{SECRET}'",
            f'OCMF|{{"FV":"1.0","ID":"{SECRET}"}}|{{"SD":"00"}}',
        ]
    )


def _signed() -> st.SearchStrategy[Any]:
    return st.just({"value": SECRET, "format": "SignedData", "context": "Transaction.End"})


PLANTED = st.one_of(_hidden_in_member(), _hidden_setting(), _hidden_in_text(), _signed()).flatmap(_around)


@given(PLANTED)
def test_no_secret_survives_wherever_it_is_planted(payload: Any):
    kept = redact(frame(payload))

    assert SECRET not in kept
    assert json.loads(kept)[:3] == [2, "id-1", "DataTransfer"]


@given(PLANTED)
def test_no_secret_survives_however_it_is_spelled(payload: Any):
    spelled = "".join(
        f"\\u{ord(letter):04x}" if letter.isalpha() else letter
        for letter in json.dumps(payload, ensure_ascii=False)
    )
    # Literals can't be spelled so; a payload of names and texts only is what this is about.
    text = f'[2,"1","DataTransfer",{spelled}]'
    try:
        json.loads(text)
    except ValueError:
        return

    assert SECRET not in redact(text)


@given(st.one_of(_hidden_in_member(), _hidden_setting(), _hidden_in_text()), st.data())
def test_no_secret_survives_in_a_frame_that_is_cut_off_or_damaged(payload: Any, data: st.DataObject):
    whole = frame(payload, data.draw(st.sampled_from(["ChangeConfiguration", "SetVariables", "Authorize"])))
    end = data.draw(st.integers(whole.index(SECRET), len(whole)))
    damaged = data.draw(st.sampled_from(["", "x", "{", "\x00", "\ufeff"])) + whole[:end]

    assert SECRET not in redact(damaged)


@given(st.one_of(_hidden_in_member(), _hidden_in_text()), TEXTS)
def test_no_secret_survives_in_a_description(payload: Any, before: str):
    assert SECRET not in redact_text(before + " " + json.dumps(payload))


# --- what must survive


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.sampled_from(["Accepted", "CP-1", "ä€😀"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "status"]), inner),
        max_leaves=10,
    )
)
def test_a_frame_without_secrets_is_kept_byte_for_byte(payload: Any):
    text = json.dumps([2, "1", "StatusNotification", payload], ensure_ascii=False)

    assert redact(text) == text


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"idTag": SECRET, "meterStart": 5}, {"idTag": HIDDEN, "meterStart": 5}),
        ({"idTag": None}, {"idTag": None}),
        (
            {"idToken": {"idToken": SECRET, "type": "eMAID"}},
            {"idToken": {"idToken": HIDDEN, "type": "eMAID"}},
        ),
        ({"key": "AuthorizationKey", "value": SECRET}, {"key": "AuthorizationKey", "value": HIDDEN}),
        ({"key": "HeartbeatInterval", "value": "300"}, {"key": "HeartbeatInterval", "value": "300"}),
        ({"status": "Accepted", "idTagInfo": {"status": "Blocked"}}, None),
        ({"certificateType": "V2GRootCertificate", "url": "https://example.com/a@b"}, None),
        ({"location": f"ftp://u:{SECRET}@host/x"}, {"location": "ftp://***@host/x"}),
        ({"a": "grüße 😀 idTag"}, {"a": "grüße 😀 idTag"}),
    ],
)
def test_what_is_no_secret_stays_readable(said: Any, kept: Any):
    if kept is None:
        assert SECRET not in redact(frame(said))
    else:
        assert json.loads(redact(frame(said)))[3] == kept


def test_the_status_beside_a_token_stays_readable():
    kept = json.loads(redact(frame({"idTagInfo": {"status": "Blocked", "parentIdTag": SECRET}})))

    assert kept[3] == {"idTagInfo": {"status": "Blocked", "parentIdTag": HIDDEN}}


def test_a_damaged_reading_stays_readable():
    text = '[2,"1","MeterValues",{"meterValue":[{"sampledValue":[{"value":"12.5","unit":"kWh"}'

    assert redact(text) == text


# --- what is no JSON, or too much of it


@pytest.mark.parametrize(
    "text", ["", "\x00\x01", "hello", "[2,", "[" * 5_000, '{"a":1e999999999}', "NaN", "-" * 100]
)
def test_a_frame_that_is_no_json_is_kept_as_text(text: str):
    assert redact(text) == text or HIDDEN in redact(text)


def test_long_runs_in_an_unreadable_frame_are_hidden():
    key, certificate = "0123456789abcdef" * 3, "TUlJQ" * 30

    kept = redact(f"oops {key} and {certificate}")

    assert kept == f"oops {HIDDEN} and {HIDDEN}"


def test_an_unreadable_frame_is_cut():
    assert len(redact("? " * UNREADABLE_CHARACTERS_MAX)) == UNREADABLE_CHARACTERS_MAX


def test_an_overlong_frame_is_cut_and_redacted_all_the_same():
    text = frame({"idTag": SECRET, "data": "x " * CHARACTERS_MAX})

    kept = redact(text)

    assert len(kept) <= UNREADABLE_CHARACTERS_MAX + 100
    assert SECRET not in kept


@pytest.mark.parametrize(
    "unit",
    [
        "://",
        "idTag:",
        '"idTag":"',
        "-----BEGIN",
        "a-",
        "\\",
        "id_",
        "://a@",
        " value :",
        "OCMF|",
        "idTag:[",
        'idTag=\\"',
    ],
)
def test_no_frame_is_slow_to_search(unit: str):
    # Steps are not to be counted here; one that takes time in proportion to the square would run for minutes.
    text = unit * (UNREADABLE_CHARACTERS_MAX // len(unit))

    for _ in range(3):
        redact(text)
        redact(json.dumps([text]))


@given(st.text(max_size=200))
def test_whatever_comes_is_redacted_to_text_that_can_be_stored(text: str):
    redact(text).encode()


def test_msgspec_and_json_agree_on_what_is_kept_untouched():
    for text in ('[2,"1","x",{"a":NaN}]', '[2,"1","x",{"a":1,"a":2}]', "[1,]", '"\\ud800"'):
        kept = redact(text)
        assert kept == text or json.loads(kept) is not None
    assert msgspec.json.decode(redact('[3,"1",{}]')) == [3, "1", {}]


# --- payloads that must stay JSON


def test_an_overlong_payload_stays_json_and_keeps_no_secret():
    tags = [{"idTag": SECRET, "n": number} for number in range(5_000)]
    payload = json.dumps({"listVersion": 1, "localAuthorizationList": tags}).encode()
    assert len(payload) > CHARACTERS_MAX

    cleaned = json.loads(redact_json(payload))

    hidden = [{"idTag": HIDDEN, "n": number} for number in range(5_000)]
    assert cleaned == {"listVersion": 1, "localAuthorizationList": hidden}


@pytest.mark.parametrize("payload", [b"{ }", b'{"limit": 21.40}', b'[1e2, "\xc3\xa9"]'])
def test_a_payload_without_secrets_is_kept_byte_for_byte(payload: bytes):
    assert redact_json(payload) == payload


@pytest.mark.parametrize("payload", [b'{"idTag"', b'"key\xff', b"[" * 100_000 + b'"key"'])
def test_a_payload_that_is_no_json_and_may_hold_a_secret_is_hidden_whole(payload: bytes):
    assert redact_json(payload) == b'"***"'


def test_a_lone_surrogate_in_a_payload_can_be_stored():
    payload = b'{"key":"x","note":"\\ud800"}'
    assert redact_json(payload) == payload


def test_a_number_beyond_all_leaves_json():
    text = '{"idTag":"' + SECRET + '","limit":-1e999}'
    expected = {"idTag": HIDDEN, "limit": "-1e999"}
    assert msgspec.json.decode(redact_json(text.encode())) == expected
    assert msgspec.json.decode(redact(f'[2,"id-1","X",{text}]')) == [2, "id-1", "X", expected]
