"""What a 2.0.1 station does when its central system calls."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from simulators.device_model import ITEMS_PER_MESSAGE, Place
from simulators.dialect import Call
from simulators.events import Event, SessionEnded
from simulators.ocpp_adapter import Payload, answers, camel, refusal
from simulators.profile_wire import read_profile, read_purpose, write_composite_201, write_profile
from simulators.profiles import Criteria, Installed
from simulators.schedules import Profile, Version
from simulators.v201_facts import Facts201

Members = Mapping[str, Any]

_INTERVALS = {
    ("ocppcommctrlr", "heartbeatinterval"),
    ("sampleddatactrlr", "txupdatedinterval"),
    ("aligneddatactrlr", "interval"),
}
_PROFILES_PER_REPORT = 5


class Dialect201(Facts201):
    """OCPP 2.0.1 at one station."""

    _resets_when_idle = False

    def happened(self, event: Event) -> None:
        """See `Dialect`."""
        super().happened(event)
        if isinstance(event, SessionEnded) and self._resets_when_idle and not self._charging:
            self._resets_when_idle = False
            self._reset_now("OnIdle")

    # Remote control

    @answers("RequestStartTransaction")
    def request_start(
        self,
        id_token: Members,
        remote_start_id: int,
        evse_id: int | None = None,
        charging_profile: Members | None = None,
        group_id_token: Members | None = None,
    ) -> Payload:
        """F01, F02."""
        del group_id_token
        evse = self.station.orders.free_evse(evse_id)
        profile = None if charging_profile is None else self._profile(charging_profile)
        if evse is None:
            return {"status": "Rejected"}
        token = id_token["id_token"]
        self.token_types[token] = id_token["type"]
        authorize = self.device_model.flag("AuthCtrlr", "AuthorizeRemoteStart")
        self.afterwards(
            lambda: self.station.orders.start(
                evse, token, profile, authorize=authorize, remote_start_id=remote_start_id
            )
        )
        return {"status": "Accepted"}

    @answers("RequestStopTransaction")
    def request_stop(self, transaction_id: str) -> Payload:
        """F03."""
        evse = self.station.orders.evse_of(transaction_id)
        if evse is None:
            return {"status": "Rejected"}
        self.afterwards(lambda: self.station.stop(evse, "Remote"))
        return {"status": "Accepted"}

    @answers("Reset")
    def reset(self, type: str, evse_id: int | None = None) -> Payload:  # noqa: A002 - the member's name
        """B11, B12."""
        if evse_id:
            if not self.station.orders.knows(evse_id):
                return {"status": "Rejected"}
            self.afterwards(lambda: self.station.stop(evse_id, "ImmediateReset"))
            return {"status": "Accepted"}
        if type == "OnIdle" and self._charging:
            self._resets_when_idle = True
            return {"status": "Scheduled"}
        self.afterwards(lambda: self._reset_now(type))
        return {"status": "Accepted"}

    @answers("ChangeAvailability")
    def change_availability(self, operational_status: str, evse: Members | None = None) -> Payload:
        """G03, G04."""
        evse_id = 0 if evse is None else evse["id"]
        if not self.station.orders.knows(evse_id):
            return {"status": "Rejected"}
        done = self.station.orders.set_operative(evse_id, operative=operational_status == "Operative")
        return {"status": "Accepted" if done else "Scheduled"}

    @answers("UnlockConnector")
    def unlock_connector(self, evse_id: int, connector_id: int) -> Payload:
        """F05."""
        if evse_id not in self.station.model.connectors or connector_id != 1:
            return {"status": "UnknownConnector"}
        if self.station.model.session(evse_id) is not None:
            return {"status": "OngoingAuthorizedTransaction"}
        return {"status": "Unlocked"}

    @answers("TriggerMessage")
    def trigger_message(self, requested_message: str, evse: Members | None = None) -> Payload:
        """F06."""
        station = self.station
        if evse is not None and not station.orders.knows(evse["id"]):
            return {"status": "Rejected"}
        evses = [evse["id"]] if evse and evse["id"] else list(station.model.connectors)
        triggers = {
            "BootNotification": station.messenger.boot_again,
            "Heartbeat": station.messenger.beat,
            "MeterValues": lambda: self._triggered_meter(evses),
            "TransactionEvent": lambda: self._triggered_meter(evses),
            "StatusNotification": lambda: self._triggered_status(evses),
            "FirmwareStatusNotification": lambda: station.messenger.tell(
                Call("FirmwareStatusNotification", {"status": "Idle"})
            ),
            "LogStatusNotification": lambda: station.messenger.tell(
                Call("LogStatusNotification", {"status": "Idle"})
            ),
        }
        if requested_message not in triggers:
            return {"status": "NotImplemented"}
        self.afterwards(triggers[requested_message])
        return {"status": "Accepted"}

    @answers("ClearCache")
    def clear_cache(self) -> Payload:
        """C11."""
        self.station.tokens.clear_cache()
        return {"status": "Accepted"}

    @answers("DataTransfer")
    def data_transfer(self, vendor_id: str, message_id: str | None = None, data: object = None) -> Payload:
        """P01: nobody's extensions are known here."""
        del vendor_id, message_id, data
        return {"status": "UnknownVendorId"}

    @answers("GetTransactionStatus")
    def get_transaction_status(self, transaction_id: str | None = None) -> Payload:
        """E14."""
        waiting = self.station.messenger.queue.waiting
        if transaction_id is None:
            return {"messages_in_queue": bool(waiting)}
        mine = [one for one in waiting if _transaction_of(one.payload) == transaction_id]
        ongoing = self.station.orders.evse_of(transaction_id) is not None
        return {"messages_in_queue": bool(mine), "ongoing_indicator": ongoing}

    # The device model

    @answers("GetVariables")
    def get_variables(self, get_variable_data: list[Members]) -> Payload:
        """B06."""
        _refuse_too_many(get_variable_data)
        return {"get_variable_result": [self._get(one) for one in get_variable_data]}

    @answers("SetVariables")
    def set_variables(self, set_variable_data: list[Members]) -> Payload:
        """B05."""
        _refuse_too_many(set_variable_data)
        results = [self._set(one) for one in set_variable_data]
        asked = {
            (one["component"]["name"].lower(), one["variable"]["name"].lower()) for one in set_variable_data
        }
        if asked & _INTERVALS:
            self.afterwards(self.station.settings_changed)
        return {"set_variable_result": results}

    @answers("GetBaseReport")
    def get_base_report(self, request_id: int, report_base: str) -> Payload:
        """B07."""
        if report_base == "SummaryInventory":
            return {"status": "NotSupported"}
        settable_only = report_base == "ConfigurationInventory"
        report = [camel(one) for one in self.device_model.report(settable_only=settable_only)]
        self.afterwards(lambda: self._notify_report(request_id, report))
        return {"status": "Accepted"}

    # Charging profiles

    @answers("SetChargingProfile")
    def set_charging_profile(self, evse_id: int, charging_profile: Members) -> Payload:
        """K01."""
        answer = self.station.orders.set_profile(evse_id, self._profile(charging_profile))
        if answer.error is not None:
            raise refusal(answer.error, answer.reason or "")
        members: Payload = {"status": "Accepted" if answer.accepted else "Rejected"}
        if answer.reason is not None:
            members["status_info"] = {"reason_code": answer.reason[:20]}
        return members

    @answers("ClearChargingProfile")
    def clear_charging_profile(
        self, charging_profile_id: int | None = None, charging_profile_criteria: Members | None = None
    ) -> Payload:
        """K10."""
        criteria = charging_profile_criteria or {}
        purpose = criteria.get("charging_profile_purpose")
        gone = self.station.orders.clear_profiles(
            Criteria(
                ids=None if charging_profile_id is None else frozenset({charging_profile_id}),
                evse=criteria.get("evse_id"),
                purpose=None if purpose is None else read_purpose(purpose),
                stack_level=criteria.get("stack_level"),
            )
        )
        return {"status": "Accepted" if gone else "Unknown"}

    @answers("GetCompositeSchedule")
    def get_composite_schedule(
        self, duration: int, evse_id: int, charging_rate_unit: str | None = None
    ) -> Payload:
        """K08."""
        composite = self.station.orders.composite(evse_id, duration, charging_rate_unit)
        if composite is None:
            return {"status": "Rejected"}
        return {"status": "Accepted", "schedule": write_composite_201(composite)}

    @answers("GetChargingProfiles")
    def get_charging_profiles(
        self, request_id: int, charging_profile: Members, evse_id: int | None = None
    ) -> Payload:
        """K09."""
        ids, purpose = (
            charging_profile.get("charging_profile_id"),
            charging_profile.get("charging_profile_purpose"),
        )
        sources = charging_profile.get("charging_limit_source")
        found = self.station.model.profiles.matching(
            Criteria(
                ids=None if ids is None else frozenset(ids),
                evse=evse_id,
                purpose=None if purpose is None else read_purpose(purpose),
                stack_level=charging_profile.get("stack_level"),
                sources=None if sources is None else frozenset(sources),
            )
        )
        if not found:
            return {"status": "NoProfiles"}
        self.afterwards(lambda: self._report_profiles(request_id, found))
        return {"status": "Accepted"}

    # Inside

    @property
    def _charging(self) -> bool:
        return any(one.session is not None for one in self.station.model.connectors.values())

    def _reset_now(self, kind: str) -> None:
        boot_reason = "RemoteReset" if kind == "Immediate" else "ScheduledReset"
        self.station.reset(f"{kind}Reset", boot_reason=boot_reason)

    def _profile(self, members: Members) -> Profile:
        try:
            return read_profile(members, Version.V201)
        except ValueError as error:
            raise refusal("PropertyConstraintViolation", str(error)) from error

    def _triggered_meter(self, evses: list[int]) -> None:
        self.station.catch_up()
        for evse in evses:
            self.tell_meter(evse, "Trigger", "Trigger")

    def _triggered_status(self, evses: list[int]) -> None:
        self.station.catch_up()
        for evse in evses:
            self.station.messenger.tell(self.status(evse))

    def _get(self, asked: Members) -> Payload:
        place = _place(asked)
        status, value = self.device_model.get(place, asked.get("attribute_type"))
        members: Payload = {
            "attribute_status": status,
            "component": asked["component"],
            "variable": asked["variable"],
        }
        if asked.get("attribute_type") is not None:
            members["attribute_type"] = asked["attribute_type"]
        return members if value is None else {**members, "attribute_value": value}

    def _set(self, asked: Members) -> Payload:
        status = self.device_model.set(_place(asked), asked["attribute_value"], asked.get("attribute_type"))
        return {"attribute_status": status, "component": asked["component"], "variable": asked["variable"]}

    def _notify_report(self, request_id: int, report: list[Payload]) -> None:
        parts = [
            report[start : start + ITEMS_PER_MESSAGE] for start in range(0, len(report), ITEMS_PER_MESSAGE)
        ]
        for number, part in enumerate(parts):
            payload: Payload = {
                "requestId": request_id,
                "generatedAt": self.station.stamp(self.station.model.now_s),
                "tbc": number < len(parts) - 1,
                "seqNo": number,
                "reportData": part,
            }
            self.station.messenger.tell(Call("NotifyReport", payload))

    def _report_profiles(self, request_id: int, found: Iterable[Installed]) -> None:
        parts = list(_parts(found))
        for number, part in enumerate(parts):
            profiles = [camel(write_profile(one.profile)) for one in part]
            payload: Payload = {
                "requestId": request_id,
                "chargingLimitSource": part[0].source,
                "evseId": part[0].evse,
                "chargingProfile": profiles,
                "tbc": number < len(parts) - 1,
            }
            self.station.messenger.tell(Call("ReportChargingProfiles", payload))


def _parts(found: Iterable[Installed]) -> Iterable[list[Installed]]:
    """Yield profiles of one EVSE and one source each (K09.FR.02), a few at a time."""

    def place(one: Installed) -> tuple[int, str]:
        return one.evse, one.source

    for _, group in itertools.groupby(sorted(found, key=place), key=place):
        together = list(group)
        for start in range(0, len(together), _PROFILES_PER_REPORT):
            yield together[start : start + _PROFILES_PER_REPORT]


def _place(asked: Members) -> Place:
    component, variable = asked["component"], asked["variable"]
    evse: Members = component.get("evse") or {}
    return Place(
        component["name"],
        variable["name"],
        variable.get("instance"),
        evse.get("id"),
        evse.get("connector_id"),
    )


def _refuse_too_many(items: list[Members]) -> None:
    if len(items) > ITEMS_PER_MESSAGE:
        raise refusal("OccurenceConstraintViolation", f"at most {ITEMS_PER_MESSAGE} at a time")


def _transaction_of(payload: Payload) -> str | None:
    return payload.get("transactionInfo", {}).get("transactionId")
