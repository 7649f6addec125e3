"""Records for the store's tests: plain ones with a few fields said, and any that hypothesis can think of."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec import structs

from csms.domain.records import (
    CapSaved,
    CommandRecorded,
    ConnectorStatusRecorded,
    DecisionLogged,
    EventRecorded,
    ExposureSaved,
    ForeignSaved,
    RawKept,
    Record,
    SampleRecorded,
    SignedValueRecorded,
    SiteSaved,
    StationBooted,
    StationConnected,
    StationDisconnected,
    StationRegistered,
    StationSeen,
    TokenSeen,
    TransactionClosed,
    TransactionOpened,
)
from csms.domain.told_records import (
    DeviceModelBounded,
    DeviceVariableReported,
    TransactionEventRecorded,
    TransactionUpdated,
)
from csms.storage.secrets import token_hmac
from tests.csms.storage.engines import NOW_US, SECRET

TOKEN = token_hmac(SECRET, "04A2B3C4", "ISO14443")

STATION = StationRegistered("CP-1", NOW_US)
TOKEN_SEEN = TokenSeen("tok-1", "04A2B3C4", "ISO14443", TOKEN, NOW_US)
OPENED = TransactionOpened(
    id="tx-1",
    ocpp_id="17",
    station_id="CP-1",
    site_id=None,
    evse=1,
    connector=1,
    token_hmac=TOKEN,
    token_verdict="Accepted",
    started_at_us=NOW_US,
    device_started_at="2025-06-15T15:06:40Z",
    received_at_us=NOW_US,
    meter_start_wh=1000.0,
    reservation_id=None,
    orphan=0,
)
CLOSED = TransactionClosed(
    ended_at_us=NOW_US + 60_000_000,
    device_ended_at="2025-06-15T15:07:40Z",
    end_received_at_us=NOW_US + 61_000_000,
    meter_stop_wh=2000.0,
    stop_reason="Local",
    stop_token_hmac=TOKEN,
    closed_by="station",
    id="tx-1",
)
TOLD_JSON = '{"last_seq_no":3,"start":[0,0,1750000000000000,"2025-06-15T15:06:40Z"],"place":[0,0,1,1]}'
TOLD = structs.replace(OPENED, id="tx-2", ocpp_id="a-b-c", told=TOLD_JSON)
UPDATED = TransactionUpdated(
    evse=2,
    connector=1,
    token_hmac=TOKEN,
    token_verdict="Accepted",
    started_at_us=NOW_US,
    device_started_at="2025-06-15T15:06:40Z",
    meter_start_wh=1000.0,
    reservation_id=None,
    orphan=0,
    charging_state="Charging",
    phases_used=3,
    remote_start_id=7,
    told=TOLD_JSON,
    id="tx-2",
    station_id="CP-1",
    ocpp_id="a-b-c",
    active=1,
)
TRANSACTION_EVENT = TransactionEventRecorded(
    station_id="CP-1",
    site_id=None,
    ocpp_id="a-b-c",
    seq_no=3,
    stage="Updated",
    device_at="2025-06-15T15:06:43Z",
    transaction_id="tx-2",
    trigger="MeterValuePeriodic",
    offline=0,
    charging_state=None,
    at_us=NOW_US,
    received_at_us=NOW_US,
)
VARIABLE = DeviceVariableReported(
    station_id="CP-1",
    component="EVSE",
    component_instance="",
    evse=1,
    connector=0,
    variable="Power",
    variable_instance="",
    attribute="Actual",
    value="11000",
    mutability="ReadOnly",
    characteristics='{"unit":"W"}',
    at_us=NOW_US,
)
STATUS = ConnectorStatusRecorded(
    station_id="CP-1",
    site_id=None,
    evse=1,
    connector=1,
    status="Charging",
    error=None,
    info=None,
    vendor_error=None,
    at_us=NOW_US,
    device_at_us=NOW_US,
    received_at_us=NOW_US,
)
SAMPLE = SampleRecorded(
    station_id="CP-1",
    site_id=None,
    evse=1,
    connector=1,
    transaction_id="tx-1",
    at_us=NOW_US,
    device_at_us=NOW_US,
    received_at_us=NOW_US,
    context="Sample.Periodic",
    energy_wh=1234.5,
    power_w=None,
    current_l1_a=None,
    current_l2_a=None,
    current_l3_a=None,
    voltage_l1_v=None,
    voltage_l2_v=None,
    voltage_l3_v=None,
    soc_ratio=None,
    frequency_hz=None,
    temperature_c=None,
    extra="{}",
    quality=0,
)
SIGNED = SignedValueRecorded(
    station_id="CP-1",
    site_id=None,
    evse=1,
    transaction_id="tx-1",
    at_us=NOW_US,
    received_at_us=NOW_US,
    context="Transaction.End",
    measurand="Energy.Active.Import.Register",
    encoding="OCMF",
    data=b"OCMF|{}|{}",
    device_at_us=NOW_US,
)
EVENT = EventRecorded("station.connected", "CP-1", None, NOW_US, b"{}")
COMMAND = CommandRecorded(
    id="cmd-1",
    station_id="CP-1",
    site_id=None,
    name="reset",
    action="Reset",
    state="queued",
    request=b'{"type":"Soft"}',
    response=None,
    error=None,
    created_at_us=NOW_US,
    sent_at_us=None,
    final_at_us=None,
)
SITE = SiteSaved("depot", 1, b'{"id": "depot"}', NOW_US)
CAP = CapSaved("depot", "main", "rest", 40.0, 40.0, 32.5, None, NOW_US + 60_000_000, "works", NOW_US)
EXPOSURE = ExposureSaved("CP-1", 1, "depot", "tx-1", 16.0, 1_750_000_900.5, 6.0, None, NOW_US)
FOREIGN = ForeignSaved("CP-1", 1, 7, 10.0, 0, 1, NOW_US, 2300.0)
DECISION = DecisionLogged("depot", NOW_US, "step", b"packed")
RAW = RawKept("CP-1", None, NOW_US, "StopTransaction", b"{", "not JSON")


def but(record: Any, **fields: Any) -> Any:
    """Return the record with some fields said otherwise."""
    return structs.replace(record, **fields)


_texts = st.text(st.characters(codec="utf-8"), max_size=40)
_ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
_integers = st.integers(-(2**63), 2**63 - 1)
_times = st.integers(0, 2**53)
_numbers = st.floats(allow_nan=False)
_blobs = st.binary(max_size=60)
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "hmac": st.binary(min_size=32, max_size=32),
    "token_hmac": st.sampled_from([None, TOKEN]),
    "stop_token_hmac": st.sampled_from([None, TOKEN]),
    "orphan": st.sampled_from([0, 1]),
    "closed_by": st.sampled_from(["station", "next-start"]),
}
_BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "str": _texts,
    "str | None": st.none() | _texts,
    "int": _integers,
    "int | None": st.none() | _integers,
    "float": _numbers,
    "float | None": st.none() | _numbers,
    "bytes": _blobs,
    "bytes | None": st.none() | _blobs,
}


def any_of(kind: type[Any], **said: Any) -> st.SearchStrategy[Any]:
    """Any record of a type, with the fields of `said` fixed; NaN apart, which JSON can't bring here."""
    fields = {
        name: st.just(said[name])
        if name in said
        else _BY_NAME.get(name, _BY_TYPE[kind.__annotations__[name]])
        for name in kind.__struct_fields__
    }
    return st.builds(kind, **fields)


any_record: st.SearchStrategy[Record] = st.one_of(
    *(
        any_of(kind)
        for kind in (
            StationRegistered,
            StationConnected,
            StationDisconnected,
            StationSeen,
            StationBooted,
            ConnectorStatusRecorded,
            TokenSeen,
            TransactionOpened,
            TransactionUpdated,
            TransactionClosed,
            TransactionEventRecorded,
            SampleRecorded,
            DeviceVariableReported,
            DeviceModelBounded,
            SignedValueRecorded,
            EventRecorded,
            RawKept,
            CommandRecorded,
        )
    )
)
