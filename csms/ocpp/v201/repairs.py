"""What is known of the habits of 2.0.1 stations, as rows of `csms.ocpp.repair.Repairs`."""

from __future__ import annotations

from typing import get_args

from csms.ocpp.meter_labels import Labels, listed
from csms.ocpp.repair import Notes, Repairs
from csms.ocpp.schemas import Json
from csms.ocpp.v201.messages import MeasurandEnum, PhaseEnum
from csms.ocpp.v201.meter_values import NO_NUMBER

SAMPLED_VALUES = tuple(
    f"{action}.meterValue[].sampledValue[]" for action in ("MeterValues", "TransactionEvent")
)

_SPELLED = Labels(get_args(MeasurandEnum), get_args(PhaseEnum))


def mend_meter_values(payload: dict[str, Json], notes: Notes) -> None:
    """Bring the meter values of a request into the words of 2.0.1."""
    for index, value in enumerate(listed(payload, "meterValue")):
        for place, sampled in enumerate(listed(value, "sampledValue") if isinstance(value, dict) else []):
            if isinstance(sampled, dict):
                path = f"meterValue[{index}].sampledValue[{place}]"
                _SPELLED.mend(sampled, path, notes)
                _mend_unit(sampled, path, notes)


def _mend_unit(sampled: dict[str, Json], path: str, notes: Notes) -> None:
    """Know a unit that stands where 1.6 has it, or alone: left out, kilowatts would be read as watts."""
    unit = sampled.get("unitOfMeasure")
    if isinstance(unit, str):
        sampled["unitOfMeasure"] = {"unit": unit}
        notes.add(f"{path}.unitOfMeasure", "a string read as the unit")
    elif unit is None and isinstance(alone := sampled.get("unit"), str):
        sampled["unitOfMeasure"] = {"unit": alone}
        notes.add(f"{path}.unit", "read as unitOfMeasure, as in OCPP 1.6")


def _in_samples(*members: str) -> list[str]:
    return [f"{sampled}.{member}" for sampled in SAMPLED_VALUES for member in members]


REPAIRS = Repairs(
    first={"MeterValues": mend_meter_values, "TransactionEvent": mend_meter_values},
    missing={
        "BootNotification.chargingStation": {"model": "", "vendorName": ""},
        "BootNotification.chargingStation.model": "",
        "BootNotification.chargingStation.vendorName": "",
        "BootNotification.reason": "Unknown",
        # Without a time of its own a message has the time of its receipt.
        "NotifyEvent.eventData[].timestamp": "",
        "NotifyEvent.generatedAt": "",
        "NotifyReport.generatedAt": "",
        "SecurityEventNotification.timestamp": "",
        "StatusNotification.timestamp": "",
        "TransactionEvent.timestamp": "",
        "TransactionEvent.meterValue[].timestamp": "",
        "MeterValues.meterValue[].timestamp": "",
        # What kind of token it is most of the time, and always was in 1.6.
        "Authorize.idToken.type": "ISO14443",
        "TransactionEvent.idToken.type": "ISO14443",
        # The trigger that says least: it was asked for.
        "TransactionEvent.triggerReason": "Trigger",
        "MeterValues.evseId": 0,
        "NotifyChargingLimit.chargingLimit": {"chargingLimitSource": "Other"},
        "NotifyChargingLimit.chargingLimit.chargingLimitSource": "Other",
        "ClearedChargingLimit.chargingLimitSource": "Other",
        "NotifyReport.reportData[].variableCharacteristics.dataType": "string",
        "NotifyReport.reportData[].variableCharacteristics.supportsMonitoring": False,
        **dict.fromkeys(_in_samples("value"), NO_NUMBER),
        # The public key comes once a transaction, if the station is told so.
        **dict.fromkeys(
            _in_samples(
                "signedMeterValue.publicKey",
                "signedMeterValue.signingMethod",
                "signedMeterValue.encodingMethod",
            ),
            "",
        ),
    },
    unknown={
        "Authorize.idToken.type": "ISO14443",
        "BootNotification.reason": "Unknown",
        "ClearedChargingLimit.chargingLimitSource": "Other",
        "NotifyChargingLimit.chargingLimit.chargingLimitSource": "Other",
        "TransactionEvent.idToken.type": "ISO14443",
        "TransactionEvent.triggerReason": "Trigger",
        "TransactionEvent.transactionInfo.stoppedReason": "Other",
        **dict.fromkeys(_in_samples("context"), "Sample.Periodic"),
        **dict.fromkeys(_in_samples("location"), "Outlet"),
    },
    defining=frozenset(
        _in_samples("measurand", "phase", "unitOfMeasure", "unitOfMeasure.unit", "unitOfMeasure.multiplier")
    ),
    rounded=frozenset(),
    whole=frozenset(
        {
            "SignCertificate.csr",
            # Cut short it would be another transaction's.
            "TransactionEvent.transactionInfo.transactionId",
            *_in_samples(
                "unitOfMeasure.unit", "signedMeterValue.signedMeterData", "signedMeterValue.publicKey"
            ),
        }
    ),
    verbatim=frozenset(),
)
