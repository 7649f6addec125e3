"""What a loop has found out since its last step: what the controller is to be told, and what is to be kept."""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from balancer.decision import Alarm
from balancer.observations import Answered, Observation, Verdict
from csms.domain.control import OrderVerdict
from csms.domain.records import EventRecorded, Record
from csms.domain.times import format_utc
from csms.usecases.balancing.desk import Job, Wanted
from csms.usecases.balancing.view import AlarmView

VERDICTS = {
    OrderVerdict.ACCEPTED: Verdict.ACCEPTED,
    OrderVerdict.REJECTED: Verdict.REJECTED,
    OrderVerdict.UNSUPPORTED: Verdict.REJECTED,
    OrderVerdict.UNKNOWN: Verdict.UNKNOWN,
    OrderVerdict.NOT_SENT: Verdict.NOT_SENT,
}


class Findings(Struct):
    """Filled while news are taken in; emptied by a step."""

    site_id: str
    observations: list[Observation] = field(default_factory=list[Observation])
    records: list[Record] = field(default_factory=list[Record])
    alarms: list[AlarmView] = field(default_factory=list[AlarmView])

    def observe(self, *observations: Observation) -> None:
        """Tell the controller in the next step."""
        self.observations += observations

    def keep(self, *records: Record) -> None:
        """Make durable."""
        self.records += records

    def answer(self, wanted: Wanted, verdict: OrderVerdict, at_us: int) -> None:
        """Tell the controller how an order ended, if it was one of its own."""
        order_id = getattr(wanted, "id", None)
        if order_id is not None:
            self.observe(Answered(order_id, VERDICTS[verdict], at_us / 1e6))

    def never_left(self, jobs: list[Job], at_us: int) -> None:
        """Tell the controller of orders that were taken back while they waited."""
        for job in jobs:
            self.answer(job.wanted, OrderVerdict.NOT_SENT, at_us)

    def alarm(
        self,
        kind: str,
        message: str,
        at_us: int,
        *,
        station: str | None = None,
        evse: int | None = None,
        node: str | None = None,
        meter: str | None = None,
    ) -> None:
        """Let people know."""
        alarm = AlarmView(
            kind=kind, message=message, at_us=at_us, station=station, evse=evse, node=node, meter=meter
        )
        self.alarms.append(alarm)
        data = {
            "kind": kind,
            "message": message,
            "at": format_utc(at_us),
            "site_id": self.site_id,
            "station_id": station,
            "evse": evse,
            "node": node,
            "meter": meter,
        }
        self.keep(
            EventRecorded(
                kind="alarm",
                station_id=station,
                site_id=self.site_id,
                at_us=at_us,
                data=msgspec.json.encode(data),
            )
        )

    def controller_alarm(self, alarm: Alarm, at_us: int) -> None:
        """Let people know what the controller says."""
        station, evse = (None, None) if alarm.evse is None else alarm.evse
        self.alarm(
            alarm.kind.value,
            alarm.message,
            at_us,
            station=station,
            evse=evse,
            node=alarm.node,
            meter=alarm.meter,
        )
