"""What is only kept."""

from __future__ import annotations

from csms.domain.answers import (
    Acknowledged,
    CertificateAnswer,
    StartAnswer,
    StopAnswer,
    TransactionEventAnswer,
    VendorDataAnswer,
)
from csms.domain.events import CertificateRequested, NoticeReceived, UnreadableReceived, VendorDataReceived
from csms.domain.records import RawKept
from csms.domain.token import Verdict
from tests.csms.usecases.world import NOON, World, start


def _unreadable(kind: str) -> UnreadableReceived:
    return UnreadableReceived(kind=kind, action="Some", payload=b'{"a":', problem="cut off")


def test_a_notice_is_logged_with_its_own_members(world: World) -> None:
    event = NoticeReceived(kind="security.event", data='{"type":"TamperDetectionActivated"}')
    assert world.send(event) == Acknowledged()
    assert world.events("station.notice") == [
        {"station_id": "CP-1", "kind": "security.event", "data": {"type": "TamperDetectionActivated"}}
    ]


def test_a_vendors_message_is_logged_untouched(world: World) -> None:
    event = VendorDataReceived(vendor_id="com.acme", message_id="m", data='{"fooBar":1,"ID":2}')
    assert world.send(event) == VendorDataAnswer()
    assert world.events("station.vendor-data") == [
        {"station_id": "CP-1", "vendor_id": "com.acme", "message_id": "m", "data": '{"fooBar":1,"ID":2}'}
    ]


def test_a_certificate_request_is_logged_and_declined(world: World) -> None:
    assert world.send(CertificateRequested(csr="-----BEGIN")) == CertificateAnswer(accepted=False)
    assert world.events("station.certificate-requested") == [{"station_id": "CP-1", "csr": "-----BEGIN"}]


def test_an_unreadable_message_is_kept_raw_and_its_event_holds_nothing_of_it(world: World) -> None:
    world.send(_unreadable("samples"))
    assert world.tables.of_type(RawKept) == [RawKept("CP-1", "depot", NOON, "Some", b'{"a":', "cut off")]
    assert world.events("station.unreadable") == [
        {"station_id": "CP-1", "kind": "samples", "action": "Some", "problem": "cut off"}
    ]


def test_an_unreadable_start_gets_an_id_of_its_own_and_the_verdict_invalid(world: World) -> None:
    first, second = world.send(_unreadable("transaction.start")), world.send(start())
    assert isinstance(first, StartAnswer)
    assert isinstance(second, StartAnswer)
    assert int(first.ocpp_id) > 0
    assert first.ocpp_id != second.ocpp_id
    assert first.judgement.verdict is Verdict.INVALID


def test_an_unreadable_stop_or_sample_is_answered_so_that_the_queue_drains(world: World) -> None:
    assert world.send(_unreadable("transaction.stop")) == StopAnswer(None)
    assert world.send(_unreadable("transaction.event")) == TransactionEventAnswer(None)
    assert world.send(_unreadable("samples")) == Acknowledged()
