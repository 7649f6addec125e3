from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Struct

from csms.domain.answers import Acknowledged, Forbidden, HeartbeatAnswer, StopAnswer
from csms.domain.errors import Invalid
from csms.domain.events import AuthorizationRequested, NoticeReceived, UnreadableReceived
from csms.ocpp.dialect import Decoded
from csms.ocpp.repair import Repairs
from csms.ocpp.rpc.errors import ERROR_CODES_V16, ErrorKind, Refusal
from csms.ocpp.schemas import Fault
from csms.ocpp.tables import (
    REPAIRED_BYTES_MAX,
    Inbound,
    Outbound,
    Reading,
    TableDialect,
    Untranslatable,
    notice,
)
from csms.ocpp.v16.commands import word
from csms.ocpp.v16.control import CONTROL


class AuthorizeRequest(Struct, forbid_unknown_fields=True, rename="camel"):
    id_tag: str


class Empty(Struct):
    pass


readings: list[Reading] = []


def _never(_request: Any, _reading: Reading) -> AuthorizationRequested:
    raise AssertionError


def _authorize(request: AuthorizeRequest, reading: Reading) -> AuthorizationRequested:
    if request.id_tag == "untranslatable":
        raise Untranslatable(Fault(ErrorKind.PROPERTY, "idTag", "means nothing"))
    readings.append(reading)
    return AuthorizationRequested(uid=request.id_tag, token_type="ISO14443")


def _row(unreadable: str | None = None) -> Inbound[Any, Any]:
    return Inbound(
        request=AuthorizeRequest,
        translate=_authorize,
        answer=Acknowledged,
        shape=lambda _: AuthorizeRequest("x"),
        unreadable=unreadable,
    )


DIALECT = TableDialect(
    version="1.6",
    subprotocol="ocpp1.6",
    package="v16",
    error_codes=ERROR_CODES_V16,
    # Authorize under its own name and, to have a transaction message of the same shape, under another's.
    inbound={
        "Authorize": _row(),
        "CancelReservation": _row("samples"),
        "Heartbeat": notice("beat", Empty, Empty()),
    },
    outbound={"Authorize": Outbound(AuthorizeRequest, Empty), "Reset": Outbound(Empty, Empty)},
    repairs=Repairs(
        first={},
        missing={},
        unknown={},
        defining=frozenset(),
        rounded=frozenset(),
        whole=frozenset(),
        verbatim=frozenset(),
    ),
    control=CONTROL,
    word=word,
)


def test_what_fits_is_read_without_a_word():
    readings.clear()
    decoded = DIALECT.decode("Authorize", b'{"idTag":"A"}', 5)
    assert decoded == Decoded(AuthorizationRequested(uid="A", token_type="ISO14443"))
    assert readings == [Reading(5, repaired=False, dropped=False)]


def test_what_almost_fits_is_read_with_its_deviations():
    readings.clear()
    decoded = DIALECT.decode("Authorize", b'{"idTag":7}', 5)
    assert decoded == Decoded(
        AuthorizationRequested(uid="7", token_type="ISO14443"), ("idTag: number read as a string",)
    )
    assert readings == [Reading(5, repaired=True, dropped=False)]


def test_what_only_strict_decoding_minds_is_read_with_a_deviation_too():
    decoded = DIALECT.decode("Authorize", b'{"idTag":1,"idTag":"A"}', 5)
    assert isinstance(decoded, Decoded)
    assert decoded.deviations == ("payload: read leniently",)


@pytest.mark.parametrize(
    ("payload", "kind", "description"),
    [
        (b"{}", ErrorKind.OCCURRENCE, "idTag: is missing"),
        (b'{"idTag":null}', ErrorKind.OCCURRENCE, "idTag: is missing"),
        (b'{"idTag":{}}', ErrorKind.TYPE, "idTag: must be a string"),
        (b'{"idTag":"untranslatable"}', ErrorKind.PROPERTY, "idTag: means nothing"),
        (b'["A"]', ErrorKind.TYPE, "payload: must be an object"),
        (b'"secret"', ErrorKind.TYPE, "payload: must be an object"),
        (b"", ErrorKind.FORMAT, "payload: is not valid JSON"),
        (b'{"idTag":"\xff"}', ErrorKind.FORMAT, "payload: is not valid JSON"),
        (b'{"idTag":NaN}', ErrorKind.FORMAT, "payload: is not valid JSON"),
        (b'{"idTag":"\\ud800"}', ErrorKind.FORMAT, "payload: is not valid JSON"),
        (b'{"x":' * 10_000, ErrorKind.FORMAT, "payload: is not valid JSON"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_kind(payload, kind, description):
    assert DIALECT.decode("Authorize", payload, 5) == Refusal(kind, description)


def test_what_is_long_is_read_where_it_fits_and_not_repaired_where_it_does_not():
    blanks = b" " * REPAIRED_BYTES_MAX
    assert DIALECT.decode("Authorize", b'{"idTag":"A"' + blanks + b"}", 5) == DIALECT.decode(
        "Authorize", b'{"idTag":"A"}', 5
    )
    refusal = DIALECT.decode("Authorize", b'{"idTag":7' + blanks + b"}", 5)
    assert isinstance(refusal, Refusal)
    assert refusal.description == "payload: does not fit its schema and is too long to be repaired"


@pytest.mark.parametrize("payload", [b"{}", b"x", b'{"idTag":"untranslatable"}', b"[" * 100_000])
def test_a_transaction_message_is_kept_and_never_refused(payload):
    decoded = DIALECT.decode("CancelReservation", payload, 5)
    assert isinstance(decoded, Decoded)
    event = decoded.event
    assert isinstance(event, UnreadableReceived)
    assert (event.kind, event.action, event.payload) == ("samples", "CancelReservation", payload)
    assert decoded.deviations[-1] == event.problem


def test_transaction_messages_are_named_for_the_gateway():
    assert DIALECT.transaction_messages == {"CancelReservation": "samples"}


def test_an_unknown_action_is_not_implemented_and_ours_is_not_supported():
    for action in ("authorize", "AUTHORIZE", " Authorize", "CustomOperation", "", "x" * 1000):
        refusal = DIALECT.decode(action, b"{}", 5)
        assert refusal == Refusal(ErrorKind.NOT_IMPLEMENTED, "this action is unknown in OCPP 1.6")
    refusal = DIALECT.decode("Reset", b'{"type":"Soft"}', 5)
    assert isinstance(refusal, Refusal)
    assert refusal.kind is ErrorKind.NOT_SUPPORTED


def test_a_notice_is_kept_as_it_was_said_and_acknowledged():
    assert DIALECT.decode("Heartbeat", b"{}", 5) == Decoded(NoticeReceived(kind="beat", data="{}"))
    assert DIALECT.encode("Heartbeat", Acknowledged()) == b"{}"


def test_an_answer_is_shaped_by_its_row():
    assert DIALECT.encode("Authorize", Acknowledged()) == b'{"idTag":"x"}'


def test_a_station_that_may_not_speak_gets_a_security_error():
    assert DIALECT.encode("Authorize", Forbidden("not yet")) == Refusal(ErrorKind.SECURITY, "not yet")
    assert DIALECT.encode("Unknown", Forbidden("x" * 300)) == Refusal(ErrorKind.SECURITY, "x" * 255)


@pytest.mark.parametrize(
    ("action", "answer"), [("Authorize", StopAnswer(None)), ("Unknown", HeartbeatAnswer(0))]
)
def test_an_answer_that_does_not_belong_to_its_action_is_our_fault(action, answer):
    refusal = DIALECT.encode(action, answer)
    assert isinstance(refusal, Refusal)
    assert refusal.kind is ErrorKind.INTERNAL


def test_a_call_of_ours_is_sent_compact():
    assert DIALECT.check_call("Authorize", b' { "idTag" : "A" } ') == b'{"idTag":"A"}'


@pytest.mark.parametrize(
    ("action", "payload", "message"),
    [
        ("Authorize", b'{"idTag":7}', "idTag: must be a string"),
        ("Authorize", b'{"idTag":"A","x":1}', "payload: has a member that the standard does not know"),
        ("Authorize", b"[]", "payload: must be an object"),
        ("Authorize", b"{", "payload: is not valid JSON"),
        ("Authorize", b"[" * 100_000, "payload: is not valid JSON"),
        ("Heartbeat", b"{}", "Heartbeat is no action that a central system can send in OCPP 1.6"),
        ("Nonsense", b"{}", "Nonsense is no action that a central system can send in OCPP 1.6"),
    ],
)
def test_a_call_of_ours_that_does_not_fit_is_refused_with_the_place(action, payload, message):
    with pytest.raises(Invalid) as caught:
        DIALECT.check_call(action, payload)
    assert str(caught.value) == message


def test_a_class_that_is_stricter_than_its_schema_still_refuses_properly():
    # As long as classes and schemas agree this can't happen; no disagreement may end as a crash.
    class Stricter(Struct, rename="camel"):
        id_tag: int

    row: Inbound[Any, Any] = Inbound(
        request=Stricter, translate=_never, answer=Acknowledged, shape=lambda _: Empty()
    )
    dialect = TableDialect(
        version="1.6",
        subprotocol="ocpp1.6",
        package="v16",
        error_codes=ERROR_CODES_V16,
        inbound={"Authorize": row},
        outbound={"Authorize": Outbound(Stricter, Empty)},
        repairs=DIALECT._repairs,
        control=CONTROL,
        word=word,
    )
    payload = json.dumps({"idTag": "A"}).encode()
    assert dialect.decode("Authorize", payload, 5) == Refusal(
        ErrorKind.FORMAT, "payload: does not fit its schema"
    )
    with pytest.raises(Invalid, match="does not fit"):
        dialect.check_call("Authorize", payload)
