"""What a 1.6 station tells: its facts as messages, and what their answers mean."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.configuration import Configuration, Key
from simulators.dialect import Boot, Call
from simulators.events import Event, Session, SessionEnded, SessionStarted, State, StateChanged
from simulators.ocpp_adapter import Dialogue16, Payload
from simulators.orders import Served
from simulators.profile_rules import LimitSource
from simulators.queue import Queued
from simulators.samples import write_16
from simulators.schedules import Schedule
from simulators.site_clock import parse_utc

_STATION = 0
"""The connector that stands for the whole station."""
_NO_ID = -1
"""For the transaction whose start the central system would not take, as many stations send it."""
_ONLY = "Energy.Active.Import.Register"
_INTERVALS = {"MeterValueSampleInterval", "ClockAlignedDataInterval", "HeartbeatInterval"}
_REASONS = {"ImmediateReset": "HardReset"}


class Facts16(Dialogue16):
    """The telling half of OCPP 1.6 at one station."""

    subprotocol = "ocpp1.6"

    def __init__(self, station: Served, keys: Mapping[str, Key]) -> None:
        """`keys`: the configuration as delivered."""
        spec = station.spec
        super().__init__(
            spec.id,
            heard=station.heard,
            think_s=station.think_s,
            answer_timeout_s=spec.answer_timeout_s,
            checked=spec.checked,
        )
        self.configuration = Configuration(keys)
        self.station = station
        self._waiting: dict[str, Session] = {}
        """Sessions whose transaction id is not known yet, by what stands in its place."""

    # Messages and their answers

    def boot_call(self, reason: str) -> Call:
        """See `Dialect`; 1.6 tells no reason."""
        del reason
        spec = self.station.spec
        return Call(
            "BootNotification",
            {
                "chargePointVendor": spec.vendor[:20],
                "chargePointModel": spec.model[:20],
                "chargePointSerialNumber": spec.id[:25],
                "firmwareVersion": spec.firmware[:50],
            },
        )

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
        return Call("Authorize", {"idTag": token})

    def read_verdict(self, answer: Payload) -> str:
        """See `Dialect`."""
        return answer["idTagInfo"]["status"]

    def greetings(self) -> list[Call]:
        """See `Dialect`."""
        return [self.status(connector) for connector in (_STATION, *self.station.model.connectors)]

    # What happens

    def happened(self, event: Event) -> None:
        """See `Dialect`."""
        if isinstance(event, StateChanged):
            status = self.status(event.evse, event.at_s, event.state, event.error)
            self.station.messenger.tell(status, at_s=event.at_s)
        elif isinstance(event, SessionStarted):
            self._began(event)
        elif isinstance(event, SessionEnded):
            self._ended(event)

    def sample(self, evse: int, *, aligned: bool = False) -> None:
        """See `Dialect`."""
        key = "MeterValuesAlignedData" if aligned else "MeterValuesSampledData"
        context = "Sample.Clock" if aligned else "Sample.Periodic"
        self.tell_meter(evse, self.configuration.list(key), context)

    def limited(self, evse: int, schedule: Schedule | None, source: LimitSource) -> None:
        """See `Dialect`; 1.6 has no words for it."""

    def acknowledged(self, queued: Queued, answer: Payload) -> None:
        """See `Dialect`."""
        if queued.action == "StartTransaction":
            session = self._waiting.pop(_stand_in(queued))
            self._identify(session, queued, answer["transactionId"])
            if answer["idTagInfo"]["status"] == "Accepted":
                self.station.tokens.is_good(session.token)
            else:
                self.station.tokens.is_bad(session)

    def given_up(self, queued: Queued) -> None:
        """See `Dialect`."""
        if queued.action == "StartTransaction":
            self._identify(self._waiting.pop(_stand_in(queued)), queued, _NO_ID)

    def booted(self, *, forget: bool) -> None:
        """See `Dialect`."""
        self.configuration.boot(forget=forget)

    def _began(self, event: SessionStarted) -> None:
        session = event.session
        payload: Payload = {
            "connectorId": event.evse,
            "idTag": session.token,
            "meterStart": session.meter_start_wh,
            "timestamp": self.station.stamp(session.started_s),
        }
        queued = self.station.messenger.record("StartTransaction", payload, event.at_s)
        self._waiting[_stand_in(queued)] = session
        session.transaction = None

    def _ended(self, event: SessionEnded) -> None:
        session = event.session
        at = self.station.stamp(event.at_s)
        payload: Payload = {
            "transactionId": self._id_of(session),
            "meterStop": session.meter_stop_wh,
            "timestamp": at,
            "reason": _REASONS.get(session.reason or "", session.reason),
        }
        if session.reason == "Local":
            payload["idTag"] = session.token
        measurands = self.configuration.list("StopTxnSampledData")
        value = write_16(event.reading, measurands, at, "Transaction.End")
        if value is not None:
            payload["transactionData"] = [value]
        self.station.messenger.record("StopTransaction", payload, event.at_s)

    def tell_meter(self, evse: int, measurands: tuple[str, ...], context: str) -> None:
        """Tell what a connector's meter shows now."""
        reading = self.station.model.reading(evse)
        value = write_16(reading, measurands, self.station.stamp(reading.at_s), context)
        if value is None:
            return
        payload: Payload = {"connectorId": evse, "meterValue": [value]}
        session = self.station.model.session(evse)
        if session is None:
            self.station.messenger.tell(Call("MeterValues", payload))
        else:
            payload["transactionId"] = self._id_of(session)
            self.station.messenger.record("MeterValues", payload, reading.at_s)

    def _id_of(self, session: Session) -> int | str:
        """Return the transaction's id, or what stands in its place until the start is answered."""
        if session.transaction is not None:
            return int(session.transaction)
        return next(stand_in for stand_in, one in self._waiting.items() if one is session)

    def _identify(self, session: Session, queued: Queued, transaction: int) -> None:
        stand_in = _stand_in(queued)
        for later in self.station.messenger.queue.waiting:
            if later.payload.get("transactionId") == stand_in:
                later.payload["transactionId"] = transaction
        session.transaction = str(transaction)
        if self.station.model.session(session.evse) is session:
            self.station.model.identify(session.evse, str(transaction))

    def status(
        self, connector: int, at_s: float | None = None, state: State | None = None, error: str = "NoError"
    ) -> Call:
        """Return a connector's state, by default the present one."""
        model = self.station.model
        if connector == _STATION:
            state = State.AVAILABLE
        elif state is None:
            state, error = model.state(connector), model.connectors[connector].fault or "NoError"
        return Call(
            "StatusNotification",
            {
                "connectorId": connector,
                "errorCode": error,
                "status": state.value,
                "timestamp": self.station.stamp(model.now_s if at_s is None else at_s),
            },
        )

    # Settings

    @property
    def heartbeat_interval_s(self) -> float:
        """See `Dialect`."""
        return self.configuration.number("HeartbeatInterval")

    @heartbeat_interval_s.setter
    def heartbeat_interval_s(self, interval_s: float) -> None:
        self.configuration.set("HeartbeatInterval", str(round(interval_s)))

    @property
    def sample_interval_s(self) -> float:
        """See `Dialect`."""
        return self.configuration.number("MeterValueSampleInterval")

    @property
    def aligned_interval_s(self) -> float:
        """See `Dialect`."""
        return self.configuration.number("ClockAlignedDataInterval")

    @property
    def connection_timeout_s(self) -> float:
        """See `Dialect`."""
        return self.configuration.number("ConnectionTimeOut")

    @property
    def message_attempts(self) -> int:
        """See `Dialect`."""
        return self.configuration.number("TransactionMessageAttempts")

    @property
    def message_retry_s(self) -> float:
        """See `Dialect`."""
        return self.configuration.number("TransactionMessageRetryInterval")

    @property
    def pre_authorizes(self) -> bool:
        """See `Dialect`."""
        return self.configuration.flag("LocalPreAuthorize")

    @property
    def caches(self) -> bool:
        """See `Dialect`."""
        return self.configuration.flag("AuthorizationCacheEnabled")

    @property
    def stops_when_invalid(self) -> bool:
        """See `Dialect`."""
        return self.configuration.flag("StopTransactionOnInvalidId")

    def starts_offline(self, *, known: bool) -> bool:
        """See `Dialect`; 1.6 §3.5.2."""
        if known:
            return self.configuration.flag("LocalAuthorizeOffline")
        return self.configuration.flag("AllowOfflineTxForUnknownId")


def _stand_in(start: Queued) -> str:
    """Return what stands for a transaction's id until its start is answered; it never leaves the station."""
    return start.fact
