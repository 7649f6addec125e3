"""What a 2.0.1 station tells: its facts as messages, and what their answers mean."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.device_model import DeviceModel, Place, Variable
from simulators.dialect import Boot, Call
from simulators.events import Event, Session, SessionEnded, SessionStarted, State, StateChanged
from simulators.ocpp_adapter import Dialogue201, Payload, camel
from simulators.orders import Served
from simulators.profile_rules import LimitSource
from simulators.profile_wire import write_schedule
from simulators.queue import Queued
from simulators.samples import write_201
from simulators.schedules import Schedule
from simulators.site_clock import parse_utc

_CONNECTOR = 1
"""Each EVSE has one."""
_OCCUPIED = {
    State.PREPARING,
    State.CHARGING,
    State.SUSPENDED_EV,
    State.SUSPENDED_EVSE,
    State.FINISHING,
}
_CHARGING_STATES = {
    State.CHARGING: "Charging",
    State.SUSPENDED_EV: "SuspendedEV",
    State.SUSPENDED_EVSE: "SuspendedEVSE",
}
_ENDS = {
    "EVDisconnected": ("EVCommunicationLost", "EVDisconnected"),
    "Local": ("StopAuthorized", "Local"),
    "Remote": ("RemoteStop", "Remote"),
    "DeAuthorized": ("Deauthorized", "DeAuthorized"),
    "UnlockCommand": ("UnlockCommand", "Remote"),
    "ImmediateReset": ("ResetCommand", "ImmediateReset"),
    "OnIdleReset": ("ResetCommand", "ImmediateReset"),
    "PowerLoss": ("AbnormalCondition", "PowerLoss"),
    "Reboot": ("AbnormalCondition", "Reboot"),
}
"""Why a session ended: the event's triggerReason and the transaction's stoppedReason."""
_OTHER_END = ("AbnormalCondition", "Other")


class Facts201(Dialogue201):
    """The telling half of OCPP 2.0.1 at one station."""

    subprotocol = "ocpp2.0.1"

    def __init__(self, station: Served, variables: Mapping[Place, Variable]) -> None:
        """`variables`: the device model as delivered."""
        spec = station.spec
        super().__init__(
            spec.id,
            heard=station.heard,
            think_s=station.think_s,
            answer_timeout_s=spec.answer_timeout_s,
            checked=spec.checked,
        )
        self.device_model = DeviceModel(variables)
        self.station = station
        self.token_types: dict[str, str] = {}
        """What kind a token is that somebody else has named."""
        self._told: dict[int, str] = {}
        """Each EVSE's status as it was told last."""

    # Messages and their answers

    def boot_call(self, reason: str) -> Call:
        """See `Dialect`."""
        spec = self.station.spec
        station = {
            "vendorName": spec.vendor[:50],
            "model": spec.model[:20],
            "serialNumber": spec.id[:25],
            "firmwareVersion": spec.firmware[:50],
        }
        return Call("BootNotification", {"reason": reason, "chargingStation": station})

    def read_boot(self, answer: Payload) -> Boot:
        """See `Dialect`."""
        return Boot(answer["status"], answer["interval"], self.read_time(answer))

    def heartbeat_call(self) -> Call:
        """See `Dialect`."""
        return Call("Heartbeat", {})

    def read_time(self, answer: Payload) -> float | None:
        """See `Dialect`."""
        try:
            return parse_utc(answer["currentTime"])
        except ValueError:
            return None

    def authorize_call(self, token: str) -> Call:
        """See `Dialect`."""
        return Call("Authorize", {"idToken": self._token(token)})

    def read_verdict(self, answer: Payload) -> str:
        """See `Dialect`."""
        return answer["idTokenInfo"]["status"]

    def greetings(self) -> list[Call]:
        """See `Dialect`."""
        return [self.status(evse) for evse in self.station.model.connectors]

    # What happens

    def happened(self, event: Event) -> None:
        """See `Dialect`."""
        if isinstance(event, StateChanged):
            self._changed(event)
        elif isinstance(event, SessionStarted):
            self._began(event)
        elif isinstance(event, SessionEnded):
            self._ended(event)

    def sample(self, evse: int, *, aligned: bool = False) -> None:
        """See `Dialect`."""
        trigger = "MeterValueClock" if aligned else "MeterValuePeriodic"
        context = "Sample.Clock" if aligned else "Sample.Periodic"
        self.tell_meter(evse, trigger, context)

    def tell_meter(self, evse: int, trigger: str, context: str) -> None:
        """Tell what an EVSE's meter shows now, as part of its transaction where there is one."""
        reading = self.station.model.reading(evse)
        measurands = self.device_model.list("SampledDataCtrlr", "TxUpdatedMeasurands")
        value = write_201(reading, measurands, self.station.stamp(reading.at_s), context)
        if value is None:
            return
        session = self.station.model.session(evse)
        if session is None:
            self.station.messenger.tell(Call("MeterValues", {"evseId": evse, "meterValue": [value]}))
        else:
            self.update(session, reading.at_s, trigger, {"meterValue": [value]})

    def update(self, session: Session, at_s: float, trigger: str, more: Payload | None = None) -> None:
        """Tell something about a transaction that goes on."""
        self._record(session, "Updated", at_s, trigger, more or {})

    def limited(self, evse: int, schedule: Schedule | None, source: LimitSource) -> None:
        """See `Dialect`; K12, K13."""
        place: Payload = {"evseId": evse} if evse else {}
        if schedule is None:
            self.station.messenger.tell(
                Call("ClearedChargingLimit", {"chargingLimitSource": source, **place})
            )
            return
        payload: Payload = {
            "chargingLimit": {"chargingLimitSource": source, "isGridCritical": source == "SO"},
            "chargingSchedule": [camel(write_schedule(schedule))],
            **place,
        }
        self.station.messenger.tell(Call("NotifyChargingLimit", payload))

    def acknowledged(self, queued: Queued, answer: Payload) -> None:
        """See `Dialect`."""
        token = queued.payload.get("idToken")
        verdict = answer.get("idTokenInfo", {}).get("status")
        if token is None or verdict is None:
            return
        if verdict == "Accepted":
            self.station.tokens.is_good(token["idToken"])
            return
        evse = self.station.orders.evse_of(queued.payload["transactionInfo"]["transactionId"])
        session = None if evse is None else self.station.model.session(evse)
        if session is not None:
            self.station.tokens.is_bad(session)

    def given_up(self, queued: Queued) -> None:
        """See `Dialect`; the gap in its numbers tells that something is missing."""

    def booted(self, *, forget: bool) -> None:
        """See `Dialect`."""
        self.device_model.boot(forget=forget)

    def status(self, evse: int, at_s: float | None = None) -> Call:
        """Return the state of an EVSE's connector as of now."""
        state = self.station.model.state(evse)
        self._told[evse] = word = "Occupied" if state in _OCCUPIED else state.value
        at = self.station.stamp(self.station.model.now_s if at_s is None else at_s)
        return Call(
            "StatusNotification",
            {"timestamp": at, "connectorStatus": word, "evseId": evse, "connectorId": _CONNECTOR},
        )

    def _changed(self, event: StateChanged) -> None:
        before = self._told.get(event.evse)
        status = self.status(event.evse, event.at_s)
        if self._told[event.evse] != before:
            self.station.messenger.tell(status, at_s=event.at_s)
        session = self.station.model.session(event.evse)
        if session is not None and event.state in _CHARGING_STATES and session.sequence > 0:
            self.update(session, event.at_s, "ChargingStateChanged")

    def _began(self, event: SessionStarted) -> None:
        session = event.session
        measurands = self.device_model.list("SampledDataCtrlr", "TxStartedMeasurands")
        at = self.station.stamp(event.at_s)
        value = write_201(event.reading, measurands, at, "Transaction.Begin")
        more: Payload = {"idToken": self._token(session.token)}
        if value is not None:
            more["meterValue"] = [value]
        trigger = "Authorized" if session.remote_start_id is None else "RemoteStart"
        self._record(session, "Started", event.at_s, trigger, more)

    def _ended(self, event: SessionEnded) -> None:
        session = event.session
        trigger, _ = _ENDS.get(session.reason or "", _OTHER_END)
        measurands = self.device_model.list("SampledDataCtrlr", "TxEndedMeasurands")
        value = write_201(event.reading, measurands, self.station.stamp(event.at_s), "Transaction.End")
        more: Payload = {} if value is None else {"meterValue": [value]}
        if session.reason == "Local":
            more["idToken"] = self._token(session.token)
        self._record(session, "Ended", event.at_s, trigger, more)

    def _record(self, session: Session, kind: str, at_s: float, trigger: str, more: Payload) -> None:
        info: Payload = {"transactionId": session.transaction}
        if kind == "Ended":
            info["stoppedReason"] = _ENDS.get(session.reason or "", _OTHER_END)[1]
        else:
            state = self.station.model.connectors[session.evse].state_now()
            info["chargingState"] = _CHARGING_STATES.get(state, "EVConnected")
        if session.remote_start_id is not None and kind == "Started":
            info["remoteStartId"] = session.remote_start_id
        payload: Payload = {
            "eventType": kind,
            "timestamp": self.station.stamp(at_s),
            "triggerReason": trigger,
            "seqNo": session.sequence,
            "transactionInfo": info,
            "evse": {"id": session.evse, "connectorId": _CONNECTOR},
            **more,
        }
        if not self.station.messenger.online:
            payload["offline"] = True
        session.sequence += 1
        self.station.messenger.record("TransactionEvent", payload, at_s)

    def _token(self, token: str) -> Payload:
        return {"idToken": token, "type": self.token_types.get(token, "ISO14443")}

    # Settings

    @property
    def heartbeat_interval_s(self) -> float:
        """See `Dialect`."""
        return self.device_model.number("OCPPCommCtrlr", "HeartbeatInterval")

    @heartbeat_interval_s.setter
    def heartbeat_interval_s(self, interval_s: float) -> None:
        self.device_model.set(Place("OCPPCommCtrlr", "HeartbeatInterval"), str(round(interval_s)), None)

    @property
    def sample_interval_s(self) -> float:
        """See `Dialect`."""
        return self.device_model.number("SampledDataCtrlr", "TxUpdatedInterval")

    @property
    def aligned_interval_s(self) -> float:
        """See `Dialect`."""
        return self.device_model.number("AlignedDataCtrlr", "Interval")

    @property
    def connection_timeout_s(self) -> float:
        """See `Dialect`."""
        return self.device_model.number("TxCtrlr", "EVConnectionTimeOut")

    @property
    def message_attempts(self) -> int:
        """See `Dialect`."""
        return self.device_model.number("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent")

    @property
    def message_retry_s(self) -> float:
        """See `Dialect`."""
        return self.device_model.number("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent")

    @property
    def pre_authorizes(self) -> bool:
        """See `Dialect`."""
        return self.device_model.flag("AuthCtrlr", "LocalPreAuthorize")

    @property
    def caches(self) -> bool:
        """See `Dialect`."""
        return self.device_model.flag("AuthCacheCtrlr", "Enabled")

    @property
    def stops_when_invalid(self) -> bool:
        """See `Dialect`."""
        return self.device_model.flag("TxCtrlr", "StopTxOnInvalidId")

    def starts_offline(self, *, known: bool) -> bool:
        """See `Dialect`; 2.0.1 C13, C15."""
        variable = "LocalAuthorizeOffline" if known else "OfflineTxForUnknownIdEnabled"
        return self.device_model.flag("AuthCtrlr", variable)
