"""What real stations send, by the numbers of the list of charger quirks where it has one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csms.domain.events import (
    AuthorizationRequested,
    Booted,
    DeviceModelReported,
    ExternalLimitReported,
    SamplesReported,
    StatusReported,
    TransactionEventReported,
    UnreadableReceived,
)
from csms.domain.metering import Quality
from csms.ocpp.dialect import Decoded
from csms.ocpp.rpc.errors import ErrorKind, Refusal
from csms.ocpp.schemas import Schema, request_schema
from csms.ocpp.v201 import DIALECT
from csms.ocpp.v201.repairs import REPAIRS

AT = "2024-05-01T12:00:00Z"
NOW_US = 1_714_564_805_000_000

EVENT = {
    "eventType": "Started",
    "timestamp": AT,
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "tx-1"},
}


def decode(action: str, payload: Any) -> Decoded:
    decoded = DIALECT.decode(action, json.dumps(payload).encode(), NOW_US)
    assert isinstance(decoded, Decoded), decoded
    return decoded


def transaction(**members: Any) -> tuple[TransactionEventReported, tuple[str, ...]]:
    decoded = decode("TransactionEvent", EVENT | members)
    assert isinstance(decoded.event, TransactionEventReported), decoded
    return decoded.event, decoded.deviations


def samples(*sampled: Any, **members: Any) -> tuple[SamplesReported, tuple[str, ...]]:
    payload = {"evseId": 1, "meterValue": [{"timestamp": AT, "sampledValue": list(sampled)}], **members}
    decoded = decode("MeterValues", payload)
    assert isinstance(decoded.event, SamplesReported), decoded
    return decoded.event, decoded.deviations


@pytest.mark.parametrize(
    ("payload", "vendor", "model", "deviations"),
    [
        (
            {"reason": "PowerUp", "chargingStation": {"vendorName": None}},
            "",
            "",
            (
                "chargingStation.model: missing, a default stands in",
                "chargingStation.vendorName: missing, a default stands in",
            ),
        ),
        (
            {"chargePointVendor": "Fox", "chargePointModel": "One"},
            "",
            "",
            (
                "chargingStation: missing, a default stands in",
                "reason: missing, a default stands in",
                "payload: 2 unknown members left out",
            ),
        ),
        (
            {"reason": "Boredom", "chargingStation": {"vendorName": "V", "model": "M" * 30}},
            "V",
            "M" * 20,
            ("chargingStation.model: cut to 20 characters", "reason: unknown value, Unknown stands in"),
        ),
    ],
)
def test_2_14_a_boot_is_a_boot(payload, vendor, model, deviations):
    decoded = decode("BootNotification", payload)
    assert isinstance(decoded.event, Booted)
    assert (decoded.event.vendor, decoded.event.model) == (vendor, model)
    assert sorted(decoded.deviations) == sorted(deviations)


@pytest.mark.parametrize(
    "custom", [{}, {"vendorId": 1, "x": {}}, "V", None, [{"vendorId": "V"}], {"vendorId": "V" * 300}]
)
def test_17_custom_data_never_costs_a_message(custom):
    event, _ = transaction(customData=custom)
    assert event.ocpp_id == "tx-1"
    assert decode("Heartbeat", {"customData": custom})


def test_18_a_status_without_a_time_has_that_of_its_receipt():
    decoded = decode(
        "StatusNotification", {"connectorStatus": "available", "evseId": "1", "connectorId": 1.0}
    )
    assert decoded.event == StatusReported(evse=1, connector=1, status="Available", error=None)
    assert decoded.deviations == (
        "timestamp: missing, a default stands in",
        "connectorStatus: read as Available",
        "evseId: string read as a number",
        "connectorId: read as an integer",
    )


def test_a_status_of_1_6_is_refused_with_its_place():
    payload = {"timestamp": AT, "connectorStatus": "Preparing", "evseId": 1, "connectorId": 1}
    refusal = DIALECT.decode("StatusNotification", json.dumps(payload).encode(), NOW_US)
    assert refusal == Refusal(ErrorKind.PROPERTY, "connectorStatus: is not one of the allowed values")


@pytest.mark.parametrize("token_type", ["RFID", None, "", "iso14443", 7])
def test_a_token_of_a_kind_that_nobody_knows_is_a_card(token_type):
    token = {"idToken": "TAG", "type": token_type}
    assert transaction(idToken=token)[0].token_type == "ISO14443"
    decoded = decode("Authorize", {"idToken": token})
    assert decoded.event == AuthorizationRequested(uid="TAG", token_type="ISO14443")


def test_16_unknown_words_of_an_event_do_not_cost_it():
    event, deviations = transaction(
        triggerReason="FullMoon",
        timestamp="",
        offline="false",
        transactionInfo={"transactionId": 17, "chargingState": "Dreaming", "stoppedReason": "Boredom"},
    )
    assert (event.trigger, event.ocpp_id) == ("Trigger", "17")
    assert (event.charging_state, event.stop_reason, event.device_at_us) == (None, "Other", None)
    assert deviations == (
        "triggerReason: unknown value, Trigger stands in",
        "offline: string read as true or false",
        "transactionInfo.transactionId: number read as a string",
        "transactionInfo.chargingState: unusable, left out",
        "transactionInfo.stoppedReason: unknown value, Other stands in",
    )


def test_broken_meter_values_do_not_cost_the_event():
    event, _ = transaction(meterValue=[7, {"timestamp": AT, "sampledValue": []}])
    assert event.samples == ()
    event, _ = transaction(meterValue={"sampledValue": {"value": "5.5"}})
    (sample,) = event.samples
    assert (sample.energy_wh, sample.device_at_us) == (5.5, None)
    assert sample.quality == Quality.REPAIRED | Quality.RECEIVE_TIME


def test_15_numbers_may_come_as_texts():
    event, deviations = samples({"value": "230.5", "measurand": "Voltage", "phase": "L1"})
    assert event.samples[0].voltage_l1_v == 230.5
    assert deviations == ("meterValue[0].sampledValue[0].value: string read as a number",)


@pytest.mark.parametrize(
    ("measurement", "column", "value"),
    [
        ({"value": 7.4, "measurand": "Power.Active.Import", "unit": "kW"}, "power_w", 7400.0),
        ({"value": 7.4, "measurand": "Power.Active.Import", "unitOfMeasure": "kW"}, "power_w", 7400.0),
        ({"value": 230, "measurand": "Voltage.L1"}, "voltage_l1_v", 230.0),
        ({"value": 16, "measurand": "current.import", "phase": "1"}, "current_l1_a", 16.0),
        ({"value": 7, "measurand": "Power.Active.Import", "phase": "total"}, "power_w", 7.0),
        ({"value": 7, "context": "Whenever", "location": "Somewhere"}, "energy_wh", 7.0),
    ],
)
def test_16_52_labels_are_known_under_other_names(measurement, column, value):
    event, deviations = samples(measurement)
    assert getattr(event.samples[0], column) == value
    assert deviations


@pytest.mark.parametrize(
    "measurement",
    [
        {"value": 7, "measurand": "Request.Energy"},
        {"value": 7, "phase": "L9"},
        {"value": 7, "unitOfMeasure": 3},
        {"value": 7, "unitOfMeasure": {"unit": "x" * 21}},
        {"value": 7, "unitOfMeasure": {"multiplier": "many"}},
        {"value": "7 kWh"},
        {},
    ],
)
def test_a_value_that_would_be_another_is_dropped_and_told(measurement):
    event, deviations = samples({"value": 5}, measurement)
    (sample,) = event.samples
    assert (sample.energy_wh, sample.extra) == (5.0, "{}")
    assert sample.quality == Quality.REPAIRED | Quality.DROPPED_VALUES
    assert deviations


def test_a_signed_value_without_a_number_or_a_key_is_kept():
    event, _ = samples({"signedMeterValue": {"signedMeterData": "T0NNRg=="}})
    (signed,) = event.signed
    assert json.loads(signed.data) == {
        "signedMeterData": "T0NNRg==",
        "signingMethod": "",
        "encodingMethod": "",
        "publicKey": "",
    }


def test_a_signed_value_is_never_cut():
    event, deviations = samples(
        {"value": 5, "signedMeterValue": {"signedMeterData": "x" * 2501, "publicKey": "k"}}
    )
    assert (event.samples[0].energy_wh, event.signed) == (5.0, ())
    assert "meterValue[0].sampledValue[0].signedMeterValue: unusable, left out" in deviations


def test_meter_values_of_no_evse_are_the_main_meters():
    event, _ = samples({"value": 5}, evseId=None)
    assert (event.evse, event.connector) == (0, 0)


def test_meter_values_that_nobody_can_read_are_kept_raw():
    decoded = decode(
        "MeterValues", {"evseId": -1, "meterValue": [{"timestamp": AT, "sampledValue": [{"value": 1}]}]}
    )
    assert isinstance(decoded.event, UnreadableReceived)
    assert (decoded.event.kind, decoded.event.problem) == (
        "samples",
        "evseId: is no number of an EVSE or connector",
    )


@pytest.mark.parametrize("limit", [{"chargingLimitSource": "Neighbour"}, {}, None])
def test_a_limit_of_nobody_known_is_a_limit(limit):
    period = {"startPeriod": 0, "limit": "10"}
    payload = {
        "chargingLimit": limit,
        "chargingSchedule": {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
    }
    decoded = decode("NotifyChargingLimit", payload)
    assert decoded.event == ExternalLimitReported(evse=0, source="Other", limit_a=10.0)
    decoded = decode("ClearedChargingLimit", {"chargingLimitSource": "Neighbour"})
    assert decoded.event == ExternalLimitReported(evse=0, source="Other", ended=True)


def test_32_one_broken_variable_does_not_cost_the_report():
    payload = {
        "requestId": 1,
        "seqNo": 0,
        "reportData": [
            {"component": {"name": "A"}, "variable": {}, "variableAttribute": [{}]},
            {
                "component": {"name": "B"},
                "variable": {"name": "C"},
                "variableAttribute": {"value": 7},
                "variableCharacteristics": {"dataType": "prose"},
            },
        ],
    }
    decoded = decode("NotifyReport", payload)
    assert isinstance(decoded.event, DeviceModelReported)
    (variable,) = decoded.event.variables
    assert (variable.component, variable.variable, variable.value) == ("B", "C", "7")
    assert json.loads(variable.characteristics) == {"dataType": "string", "supportsMonitoring": False}


def _keys(schema: Schema, key: str) -> set[str]:
    found = {key}
    for name, member in schema.properties.items():
        found |= _keys(member, f"{key}.{name}")
    return found if schema.items is None else found | _keys(schema.items, f"{key}[]")


def test_every_row_names_a_member_that_there_is():
    rows = {*REPAIRS.missing, *REPAIRS.unknown, *REPAIRS.defining, *REPAIRS.rounded, *REPAIRS.whole}
    actions = {row.partition(".")[0] for row in rows}
    assert rows <= set().union(*(_keys(request_schema("v201", action), action) for action in actions))
