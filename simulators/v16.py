"""What a 1.6 station does when its central system calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.dialect import Call
from simulators.ocpp_adapter import Payload, answers, refusal
from simulators.profile_wire import read_profile, read_purpose, write_composite_16
from simulators.profiles import Criteria
from simulators.schedules import Profile, Version
from simulators.site_clock import format_utc
from simulators.v16_facts import Facts16

_ENERGY = "Energy.Active.Import.Register"
_INTERVALS = {"metervaluesampleinterval", "clockaligneddatainterval", "heartbeatinterval"}


class Dialect16(Facts16):
    """OCPP 1.6 at one station."""

    # Calls of the central system: control

    @answers("RemoteStartTransaction")
    def remote_start(
        self,
        id_tag: str,
        connector_id: int | None = None,
        charging_profile: Mapping[str, Any] | None = None,
    ) -> Payload:
        """1.6 §5.11."""
        evse = self.station.orders.free_evse(connector_id)
        profile = None if charging_profile is None else self._profile(charging_profile)
        if evse is None:
            return {"status": "Rejected"}
        authorize = self.configuration.flag("AuthorizeRemoteTxRequests")
        self.afterwards(lambda: self.station.orders.start(evse, id_tag, profile, authorize=authorize))
        return {"status": "Accepted"}

    @answers("RemoteStopTransaction")
    def remote_stop(self, transaction_id: int) -> Payload:
        """1.6 §5.12."""
        evse = self.station.orders.evse_of(str(transaction_id))
        if evse is None:
            return {"status": "Rejected"}
        self.afterwards(lambda: self.station.stop(evse, "Remote"))
        return {"status": "Accepted"}

    @answers("Reset")
    def reset(self, type: str) -> Payload:  # noqa: A002 - the member's name
        """1.6 §5.14."""
        self.afterwards(lambda: self.station.reset(f"{type}Reset", boot_reason="RemoteReset"))
        return {"status": "Accepted"}

    @answers("ChangeAvailability")
    def change_availability(self, connector_id: int, type: str) -> Payload:  # noqa: A002 - the member's name
        """1.6 §5.2."""
        if not self.station.orders.knows(connector_id):
            return {"status": "Rejected"}
        done = self.station.orders.set_operative(connector_id, operative=type == "Operative")
        return {"status": "Accepted" if done else "Scheduled"}

    @answers("UnlockConnector")
    def unlock_connector(self, connector_id: int) -> Payload:
        """1.6 §5.18: a transaction on it ends first."""
        if connector_id not in self.station.model.connectors:
            return {"status": "NotSupported"}
        self.afterwards(lambda: self.station.stop(connector_id, "UnlockCommand"))
        return {"status": "Unlocked"}

    @answers("TriggerMessage")
    def trigger_message(self, requested_message: str, connector_id: int | None = None) -> Payload:
        """1.6 §5.17."""
        station = self.station
        if connector_id is not None and not station.orders.knows(connector_id):
            return {"status": "Rejected"}
        connectors = [connector_id] if connector_id else list(station.model.connectors)
        triggers = {
            "BootNotification": station.messenger.boot_again,
            "Heartbeat": station.messenger.beat,
            "MeterValues": lambda: self._triggered_meter(connectors),
            "StatusNotification": lambda: self._triggered_status(connectors),
            "FirmwareStatusNotification": lambda: station.messenger.tell(
                Call("FirmwareStatusNotification", {"status": "Idle"})
            ),
            "DiagnosticsStatusNotification": lambda: station.messenger.tell(
                Call("DiagnosticsStatusNotification", {"status": "Idle"})
            ),
        }
        if requested_message not in triggers:
            return {"status": "NotImplemented"}
        self.afterwards(triggers[requested_message])
        return {"status": "Accepted"}

    @answers("ClearCache")
    def clear_cache(self) -> Payload:
        """1.6 §5.4."""
        self.station.tokens.clear_cache()
        return {"status": "Accepted"}

    @answers("DataTransfer")
    def data_transfer(self, vendor_id: str, message_id: str | None = None, data: object = None) -> Payload:
        """1.6 §5.6: nobody's extensions are known here."""
        del vendor_id, message_id, data
        return {"status": "UnknownVendorId"}

    # Calls of the central system: configuration and charging profiles

    @answers("GetConfiguration")
    def get_configuration(self, key: list[str] | None = None) -> Payload:
        """1.6 §5.8."""
        known, unknown = self.configuration.read(key)
        told = [{"key": one.key, "readonly": one.readonly, "value": one.value} for one in known]
        return {"configuration_key": told, "unknown_key": unknown}

    @answers("ChangeConfiguration")
    def change_configuration(self, key: str, value: str) -> Payload:
        """1.6 §5.3."""
        status = self.configuration.change(key, value)
        if key.lower() in _INTERVALS:
            self.afterwards(self.station.settings_changed)
        return {"status": status}

    @answers("SetChargingProfile")
    def set_charging_profile(self, connector_id: int, cs_charging_profiles: Mapping[str, Any]) -> Payload:
        """1.6 §5.16."""
        answer = self.station.orders.set_profile(connector_id, self._profile(cs_charging_profiles))
        if answer.error is not None:
            raise refusal(answer.error, answer.reason or "")
        return {"status": answer.status}

    @answers("ClearChargingProfile")
    def clear_charging_profile(
        self,
        id: int | None = None,  # noqa: A002 - the member's name
        connector_id: int | None = None,
        charging_profile_purpose: str | None = None,
        stack_level: int | None = None,
    ) -> Payload:
        """1.6 §5.5."""
        criteria = Criteria(
            ids=None if id is None else frozenset({id}),
            evse=connector_id,
            purpose=None if charging_profile_purpose is None else read_purpose(charging_profile_purpose),
            stack_level=stack_level,
        )
        gone = self.station.orders.clear_profiles(criteria)
        return {"status": "Accepted" if gone else "Unknown"}

    @answers("GetCompositeSchedule")
    def get_composite_schedule(
        self, connector_id: int, duration: int, charging_rate_unit: str | None = None
    ) -> Payload:
        """1.6 §5.7."""
        composite = self.station.orders.composite(connector_id, duration, charging_rate_unit)
        if composite is None:
            return {"status": "Rejected"}
        return {
            "status": "Accepted",
            "connector_id": connector_id,
            "schedule_start": format_utc(composite.start_s),
            "charging_schedule": write_composite_16(composite),
        }

    def _profile(self, members: Mapping[str, Any]) -> Profile:
        try:
            return read_profile(members, Version.V16)
        except ValueError as error:
            raise refusal("PropertyConstraintViolation", str(error)) from error

    def _triggered_meter(self, connectors: list[int]) -> None:
        self.station.catch_up()
        for connector in connectors:
            self.tell_meter(
                connector, self.configuration.list("MeterValuesSampledData") or (_ENERGY,), "Trigger"
            )

    def _triggered_status(self, connectors: list[int]) -> None:
        self.station.catch_up()
        for connector in connectors:
            self.station.messenger.tell(self.status(connector))
