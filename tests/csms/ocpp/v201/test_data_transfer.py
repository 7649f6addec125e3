from __future__ import annotations

import pytest

from csms.domain.errors import Invalid
from csms.domain.events import VendorDataReceived
from csms.ocpp.dialect import Decoded
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.v201 import DIALECT


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ('" plain "', " plain "),
        ('{"fooBar":1, "ID":[2.0]}', '{"fooBar":1, "ID":[2.0]}'),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("true", "true"),
        ("null", None),
    ],
)
def test_data_may_be_any_json_and_stays_as_it_was_written(data, text):
    payload = f'{{"vendorId":"V","messageId":"M","data":{data}}}'
    assert DIALECT.decode("DataTransfer", payload.encode(), 0) == Decoded(
        VendorDataReceived(vendor_id="V", message_id="M", data=text)
    )


def test_data_need_not_be_said():
    assert DIALECT.decode("DataTransfer", b'{"vendorId":"V"}', 0) == Decoded(
        VendorDataReceived(vendor_id="V", message_id=None, data=None)
    )


@pytest.mark.parametrize(("data", "text"), [('{"a":[1,"x"]}', '{"a":[1,"x"]}'), ('"x"', "x")])
def test_data_beside_what_had_to_be_repaired_stays_too(data, text):
    payload = f'{{"vendorId":7,"data":{data}}}'
    assert DIALECT.decode("DataTransfer", payload.encode(), 0) == Decoded(
        VendorDataReceived(vendor_id="7", message_id=None, data=text),
        ("vendorId: number read as a string",),
    )


@pytest.mark.parametrize("data", [b'"\\ud800"', b'{"x":"\xff"}'])
def test_data_that_is_no_text_is_refused(data):
    refusal = DIALECT.decode("DataTransfer", b'{"vendorId":"V","data":%s}' % data, 0)
    assert refusal == Refusal(ErrorKind.FORMAT, "payload: is not valid JSON")


@pytest.mark.parametrize("data", [b'{"a":[1,null]}', b'"x"', b"null", b"1.5"])
def test_data_of_ours_may_be_any_json_too(data):
    sent = DIALECT.check_call("DataTransfer", b'{"data": %s, "vendorId": "V"}' % data)
    assert sent == b'{"data":%s,"vendorId":"V"}' % data


def test_data_of_ours_needs_its_vendor():
    with pytest.raises(Invalid, match="vendorId: is missing"):
        DIALECT.check_call("DataTransfer", b'{"data":1}')
