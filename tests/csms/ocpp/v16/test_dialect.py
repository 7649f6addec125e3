from __future__ import annotations

import pytest

from csms.domain.errors import Invalid
from csms.ocpp.rpc.errors import ErrorKind
from csms.ocpp.v16 import DIALECT


def test_the_dialect_says_who_it_is():
    assert (DIALECT.version, DIALECT.subprotocol) == ("1.6", "ocpp1.6")
    assert set(DIALECT.error_codes) == set(ErrorKind)
    assert DIALECT.transaction_messages == {
        "StartTransaction": "transaction.start",
        "StopTransaction": "transaction.stop",
        "MeterValues": "samples",
    }


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
