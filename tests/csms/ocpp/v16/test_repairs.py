"""What real stations send, by the numbers of the list of charger quirks where it has one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csms.domain.events import (
    AuthorizationRequested,
    Booted,
    NoticeReceived,
    SamplesReported,
    StatusReported,
    TransactionStartReported,
    TransactionStopReported,
    UnreadableReceived,
    VendorDataReceived,
)
from csms.domain.metering import Quality
from csms.ocpp.dialect import Decoded
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.v16 import DIALECT

AT = "2024-05-01T12:00:00Z"
NOW_US = 1_714_564_805_000_000

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 100, "timestamp": AT}
STOP = {"transactionId": 17, "idTag": "TAG", "meterStop": 900, "timestamp": AT}


def decode(action: str, payload: Any) -> Decoded:
    decoded = DIALECT.decode(action, json.dumps(payload).encode(), NOW_US)
    assert isinstance(decoded, Decoded), decoded
    return decoded


def meter_values(*sampled: Any, **members: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": list(sampled)}], **members}


def samples(payload: Any) -> tuple[Any, tuple[str, ...]]:
    decoded = decode("MeterValues", payload)
    assert isinstance(decoded.event, SamplesReported), decoded
    return decoded.event, decoded.deviations


# --- boot and status


def test_14_a_serial_number_that_is_too_long_is_cut():
    decoded = decode(
        "BootNotification",
        {
            "chargePointVendor": "Schneider Electric",
            "chargePointModel": "EVlink",
            "chargePointSerialNumber": "3N" * 15,
        },
    )
    assert isinstance(decoded.event, Booted)
    assert decoded.event.serial == ("3N" * 15)[:25]
    assert decoded.deviations == ("chargePointSerialNumber: cut to 25 characters",)


def test_17_vendors_own_members_are_left_out():
    decoded = decode("Heartbeat", {"customData": {"x": 1}, "y": 2})
    assert decoded.deviations == ("payload: 2 unknown members left out",)


def test_a_boot_without_vendor_is_a_boot():
    event = decode("BootNotification", {"chargePointModel": None}).event
    assert isinstance(event, Booted)
    assert (event.vendor, event.model) == ("", "")


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        ({"status": "charging", "errorCode": "noError"}, "Charging", None),
        ({"status": " SuspendedEV ", "errorCode": "NoError"}, "SuspendedEV", None),
        ({"status": "Faulted", "errorCode": "E-17"}, "Faulted", "OtherError"),
        ({"status": "Available", "errorCode": ""}, "Available", None),
        ({"status": "Available"}, "Available", None),
        ({"status": "Finishing", "errorCode": "GroundFailure", "info": None}, "Finishing", "GroundFailure"),
    ],
)
def test_a_status_is_read_however_it_is_written(sent, status, error):
    event = decode("StatusNotification", {"connectorId": 1} | sent | {"vendor": 1}).event
    assert isinstance(event, StatusReported)
    assert (event.status, event.error) == (status, error)


@pytest.mark.parametrize("timestamp", [None, "", "1970-01-01", 0, {}, "x"])
def test_18_a_status_without_a_readable_time_is_still_a_status(timestamp):
    event = decode(
        "StatusNotification",
        {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": timestamp},
    ).event
    assert isinstance(event, StatusReported)
    assert event.device_at_us in {None, 0}


def test_a_status_that_means_nothing_is_refused_with_its_place():
    for action, sent, refusal in (
        (
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Occupied"},
            Refusal(ErrorKind.PROPERTY, "status: is not one of the allowed values"),
        ),
        (
            "StatusNotification",
            {"connectorId": -1, "errorCode": "NoError", "status": "Available"},
            Refusal(ErrorKind.PROPERTY, "connectorId: is no number of a connector"),
        ),
        ("Authorize", {}, Refusal(ErrorKind.OCCURRENCE, "idTag: is missing")),
        ("Authorize", {"idTag": ["x"]}, Refusal(ErrorKind.TYPE, "idTag: must be a string")),
    ):
        assert DIALECT.decode(action, json.dumps(sent).encode(), NOW_US) == refusal


# --- tokens


@pytest.mark.parametrize(("sent", "uid"), [(12345678, "12345678"), ("x" * 30, "x" * 20), (True, "true")])
def test_46_a_tag_is_read_whatever_its_type_and_length(sent, uid):
    event = decode("Authorize", {"idTag": sent}).event
    assert isinstance(event, AuthorizationRequested)
    assert event.uid == uid


# --- transactions are never stranded


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"meterStart": 100.6}, {"meter_wh": 101.0}),
        ({"meterStart": "100"}, {"meter_wh": 100.0}),
        ({"meterStart": "99.5 "}, {"meter_wh": 100.0}),
        ({"idTag": None}, {"uid": ""}),
        ({"idTag": 4711}, {"uid": "4711"}),
        ({"timestamp": None}, {"device_at": "", "device_at_us": None}),
        ({"timestamp": 1714564800}, {"device_at": "1714564800", "device_at_us": None}),
        ({"reservationId": None}, {"reservation_id": None}),
        ({"reservationId": "none"}, {"reservation_id": None}),
        ({"connectorId": "2"}, {"evse": 2, "connector": 1}),
    ],
)
def test_15_a_start_is_read_although_it_breaks_its_schema(changes, expected):
    decoded = decode("StartTransaction", START | changes)
    assert isinstance(decoded.event, TransactionStartReported)
    assert decoded.deviations
    assert {name: getattr(decoded.event, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"meterStop": 900.4}, {"meter_wh": 900.0}),
        ({"meterStop": None}, {"meter_wh": None}),
        ({"meterStop": "garbage"}, {"meter_wh": None}),
        ({"reason": "EvDisconnected"}, {"reason": "EVDisconnected"}),
        ({"reason": "Power loss"}, {"reason": "PowerLoss"}),
        ({"reason": "MeteoriteStrike"}, {"reason": "Other"}),
        ({"reason": None}, {"reason": None}),
        ({"idTag": None}, {"uid": None}),
        ({"transactionId": "17"}, {"ocpp_id": "17"}),
        ({"transactionId": 17.0}, {"ocpp_id": "17"}),
        ({"transactionData": None}, {"samples": ()}),
        ({"transactionData": "none"}, {"samples": ()}),
        ({"transactionData": {}}, {"samples": ()}),
    ],
)
def test_15_a_stop_is_read_although_it_breaks_its_schema(changes, expected):
    decoded = decode("StopTransaction", STOP | changes)
    assert isinstance(decoded.event, TransactionStopReported)
    assert decoded.deviations
    assert {name: getattr(decoded.event, name) for name in expected} == expected


@pytest.mark.parametrize(
    "payload", [STOP | {"transactionId": None}, {k: v for k, v in STOP.items() if k != "transactionId"}]
)
def test_13_a_stop_without_an_id_has_none_and_never_0(payload):
    event = decode("StopTransaction", payload).event
    assert isinstance(event, TransactionStopReported)
    assert event.ocpp_id is None


@pytest.mark.parametrize("sent", [0, -1, 2**31, -(2**40)])
def test_40_a_stop_with_an_odd_id_says_so(sent):
    event = decode("StopTransaction", STOP | {"transactionId": sent}).event
    assert isinstance(event, TransactionStopReported)
    assert event.ocpp_id == str(sent)


@pytest.mark.parametrize(
    ("action", "payload", "kind"),
    [
        ("StartTransaction", {**START, "meterStart": None}, "transaction.start"),
        ("StartTransaction", {**START, "meterStart": "much"}, "transaction.start"),
        ("StartTransaction", {**START, "connectorId": None}, "transaction.start"),
        ("StartTransaction", {**START, "connectorId": -1}, "transaction.start"),
        ("StartTransaction", {**START, "meterStart": 10**400}, "transaction.start"),
        ("StopTransaction", "stop", "transaction.stop"),
        ("StopTransaction", {**STOP, "meterStop": 10**400}, "transaction.stop"),
        ("MeterValues", {"connectorId": 1}, "samples"),
        ("MeterValues", {"connectorId": 1, "meterValue": []}, "samples"),
        (
            "MeterValues",
            {"connectorId": 99_999, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "1"}]}]},
            "samples",
        ),
    ],
)
def test_a_transaction_message_beyond_repair_is_kept_raw(action, payload, kind):
    text = json.dumps(payload).encode()
    decoded = DIALECT.decode(action, text, NOW_US)
    assert isinstance(decoded, Decoded)
    event = decoded.event
    assert isinstance(event, UnreadableReceived)
    assert (event.kind, event.action, event.payload) == (kind, action, text)
    assert event.problem == decoded.deviations[-1]


# --- meter values

ONE_ENERGY = {"energy_wh": 1500.0}

SAMPLED = [
    # what it shows, sampled value, what the sample holds, a deviation
    ("15: a number instead of a string", {"value": 1500}, ONE_ENERGY, "value: number read as a string"),
    ("15: a fraction too", {"value": 1500.0}, ONE_ENERGY, "value: number read as a string"),
    (
        "16: Hz is Hertz",
        {"value": "50", "measurand": "Frequency", "unit": "Hz"},
        {"frequency_hz": 50.0},
        "unit: read as Hertz",
    ),
    (
        "16: a measurand with one unit needs none",
        {"value": "50", "measurand": "SoC", "unit": "Prozent"},
        {"soc_ratio": 0.5},
        "unit: left out, the measurand says it",
    ),
    (
        "16: % is Percent",
        {"value": "50", "measurand": "SoC", "unit": "%"},
        {"soc_ratio": 0.5},
        "unit: read as Percent",
    ),
    ("units in any case", {"value": "1.5", "unit": "KWH"}, ONE_ENERGY, "unit: read as kWh"),
    ("units with blanks", {"value": "1.5", "unit": " kWh"}, ONE_ENERGY, "unit: read as kWh"),
    ("53: MWh", {"value": "0.0015", "unit": "MWh"}, ONE_ENERGY, "unit: MWh converted to Wh"),
    (
        "53: mA",
        {"value": "16000", "measurand": "Current.Import", "phase": "L1", "unit": "mA"},
        {"current_l1_a": 16.0},
        "unit: mA converted to A",
    ),
    (
        "1.5 says Amp",
        {"value": "16", "measurand": "Current.Import", "phase": "L1", "unit": "Amp"},
        {"current_l1_a": 16.0},
        "unit: read as A",
    ),
    (
        "16: an unknown context",
        {"value": "1500", "context": "Sample"},
        ONE_ENERGY,
        "context: unknown value, Sample.Periodic stands in",
    ),
    (
        "an unknown format",
        {"value": "1500", "format": "Decimal"},
        ONE_ENERGY,
        "format: unknown value, Raw stands in",
    ),
    (
        "an unknown location",
        {"value": "1500", "location": "Roof"},
        ONE_ENERGY,
        "location: unknown value, Outlet stands in",
    ),
    ("null is nothing", {"value": "1500", "unit": None, "phase": None}, ONE_ENERGY, "phase: empty, left out"),
    (
        "blank is nothing",
        {"value": "1500", "measurand": "", "unit": ""},
        ONE_ENERGY,
        "measurand: empty, left out",
    ),
    (
        "17: a measurand in quotes",
        {"value": "1500", "measurand": "'Energy.Active.Import.Register'"},
        ONE_ENERGY,
        "measurand: read as Energy.Active.Import.Register",
    ),
    (
        "52: a phase in the measurand",
        {"value": "230", "measurand": "Voltage.L1", "unit": "V"},
        {"voltage_l1_v": 230.0},
        "measurand: read as Voltage",
    ),
    (
        "a phase in the measurand and beside it",
        {"value": "230", "measurand": "voltage.L1-N", "phase": "L2"},
        {"voltage_l2_v": 230.0},
        "measurand: read as Voltage",
    ),
    (
        "a measurand by half its name",
        {"value": "1500", "measurand": "Energy.Active.Import"},
        ONE_ENERGY,
        "measurand: read as Energy.Active.Import.Register",
    ),
    (
        "a phase without a dash",
        {"value": "230", "measurand": "Voltage", "phase": "L1N"},
        {"voltage_l1_v": 230.0},
        "phase: read as L1-N",
    ),
    (
        "a phase by its number",
        {"value": "230", "measurand": "Voltage", "phase": "3"},
        {"voltage_l3_v": 230.0},
        "phase: read as L3",
    ),
    ("no phase, in a word", {"value": "1500", "phase": "Total"}, ONE_ENERGY, "phase: read as no phase"),
    (
        "17: vendors' own members",
        {"value": "1500", "signedMeterData": {}},
        ONE_ENERGY,
        ": 1 unknown member left out",
    ),
]


@pytest.mark.parametrize(
    ("sampled", "held", "deviation"), [row[1:] for row in SAMPLED], ids=[row[0] for row in SAMPLED]
)
def test_a_sampled_value_is_read_where_its_meaning_is_plain(sampled, held, deviation):
    event, deviations = samples(meter_values(sampled))
    (sample,) = event.samples
    assert {name: getattr(sample, name) for name in held} == held
    assert sample.quality == Quality.REPAIRED
    assert any(text.endswith(deviation) for text in deviations)


@pytest.mark.parametrize(
    "sampled",
    [
        {"value": "1", "measurand": "Request.Energy"},
        {"value": "1", "measurand": "Voltage.X"},
        {"value": "1", "measurand": ["Voltage"]},
        {"value": "1", "phase": "L4"},
        {"value": "1", "phase": {}},
        {"value": "1", "unit": "furlong"},
        {"value": "x", "unit": "mA"},
        {"value": None, "unit": "mA"},
        {"value": "1e999999999", "unit": "mA"},
        {"value": "1e99999999999999999999", "unit": "mA"},
        {"value": "nan", "unit": "mA"},
        {"measurand": "Voltage"},
        {"value": None},
        {"value": {"$": "1"}},
        {"value": "1", "measurand": {}, "unit": "Hz"},
        "1",
        None,
    ],
)
def test_a_sampled_value_that_could_mean_anything_is_left_out_and_told(sampled):
    event, deviations = samples(meter_values(sampled, {"value": "1500"}))
    (sample,) = event.samples
    assert sample.energy_wh == 1500.0
    assert sample.quality == Quality.REPAIRED | Quality.DROPPED_VALUES
    assert "meterValue[0].sampledValue[0]: unusable, left out" in deviations


def test_a_meter_value_of_which_nothing_is_left_is_left_out():
    payload = meter_values({"value": "1", "unit": "furlong"})
    payload["meterValue"].append({"timestamp": AT, "sampledValue": [{"value": "2"}]})
    event, deviations = samples(payload)
    assert [sample.energy_wh for sample in event.samples] == [2.0]
    assert "meterValue[0]: unusable, left out" in deviations


def test_18_a_meter_value_without_a_time_has_that_of_its_receipt():
    event, _ = samples({"connectorId": 1, "meterValue": [{"sampledValue": [{"value": "2"}]}]})
    (sample,) = event.samples
    assert (sample.at_us, sample.device_at_us) == (NOW_US, None)
    assert sample.quality == Quality.REPAIRED | Quality.RECEIVE_TIME


def test_51_meter_values_without_a_connector_are_the_stations():
    event, _ = samples(meter_values({"value": "2"}, connectorId=None, transactionId=17))
    assert (event.evse, event.connector, event.ocpp_id) == (0, 0, "17")


@pytest.mark.parametrize("sent", [None, "x", {}, 1.5])
def test_meter_values_with_an_unreadable_transaction_id_have_none(sent):
    event, _ = samples(meter_values({"value": "2"}, transactionId=sent))
    assert event.ocpp_id is None


OLD_SHAPES = [
    {"connectorId": 1, "values": [{"timestamp": AT, "values": [{"value": "1500", "unit": "Wh"}]}]},
    {"connectorId": 1, "values": [{"timestamp": AT, "value": "1500"}]},
    {"connectorId": 1, "meterValue": [{"timestamp": AT, "value": 1500, "unit": "Wh"}]},
    {"connectorId": 1, "meterValue": [{"timestamp": AT, "value": [{"value": "1500"}]}]},
    {"connectorId": 1, "meterValue": [{"timestamp": AT, "value": {"value": "1.5", "unit": "kWh"}}]},
    {"connectorId": 1, "meterValue": {"timestamp": AT, "sampledValue": {"value": "1500"}}},
    {"connectorId": 1, "meterValue": {"timestamp": AT, "sampledValue": {"value": "1.5", "unit": "kwh"}}},
]


@pytest.mark.parametrize("payload", OLD_SHAPES)
def test_17_meter_values_in_the_shape_of_1_5_are_read(payload):
    event, deviations = samples(payload)
    (sample,) = event.samples
    assert (sample.energy_wh, sample.context) == (1500.0, "Sample.Periodic")
    assert deviations


def test_17_transaction_data_in_the_shape_of_1_5_is_read():
    data = [{"values": [{"timestamp": AT, "values": [{"value": "1"}]}, {"timestamp": AT, "value": "2"}]}]
    event = decode("StopTransaction", STOP | {"transactionData": data}).event
    assert isinstance(event, TransactionStopReported)
    assert [sample.energy_wh for sample in event.samples] == [1.0, 2.0]


def test_a_frequency_in_transaction_data_needs_no_unit_although_only_the_schema_of_meter_values_has_one():
    data = [{"timestamp": AT, "sampledValue": [{"value": "50", "measurand": "Frequency", "unit": "Hertz"}]}]
    decoded = decode("StopTransaction", STOP | {"transactionData": data})
    assert isinstance(decoded.event, TransactionStopReported)
    assert decoded.event.samples[0].frequency_hz == 50.0
    assert decode("MeterValues", {"connectorId": 1, "meterValue": data}).deviations == ()


# --- vendor data


@pytest.mark.parametrize(
    ("sent", "data"),
    [
        ('{"fooBar": 1}', '{"fooBar": 1}'),
        ({"fooBar": 1, "ID": [2]}, '{"fooBar":1,"ID":[2]}'),
        (7, "7"),
        (None, None),
        ([], "[]"),
    ],
)
def test_vendor_data_is_kept_untouched_or_as_its_json(sent, data):
    event = decode("DataTransfer", {"vendorId": "V", "data": sent}).event
    assert isinstance(event, VendorDataReceived)
    assert event.data == data


def test_a_notice_is_kept_as_repaired():
    event = decode("FirmwareStatusNotification", {"status": "downloaded", "x": 1}).event
    assert event == NoticeReceived(kind="firmware.status", data='{"status":"Downloaded"}')


def test_a_security_event_without_a_time_is_kept():
    event = decode("SecurityEventNotification", {"type": "FirmwareUpdated"}).event
    assert event == NoticeReceived(kind="security.event", data='{"type":"FirmwareUpdated","timestamp":""}')


def test_a_certificate_request_is_never_cut():
    refusal = DIALECT.decode("SignCertificate", json.dumps({"csr": "x" * 5501}).encode(), NOW_US)
    assert refusal == Refusal(ErrorKind.PROPERTY, "csr: is longer than 5500 characters")
