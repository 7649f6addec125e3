"""Limits that somebody outside puts on a station: an energy manager, the grid's operator (2.0.1 K11 to K14)."""

from __future__ import annotations

from csms.domain.answers import Acknowledged
from csms.domain.control import external_profile_id
from csms.domain.events import ExternalLimitReported
from csms.domain.records import ForeignRemoved, ForeignSaved, Record
from csms.domain.station import KEPT_CONNECTORS, StationState
from csms.ports import Context, Outcome
from csms.usecases import event_log


def report(state: StationState, event: ExternalLimitReported, context: Context) -> Outcome:
    """Log the limit, and let the balancing know that no more is drawn there, whatever it grants.

    One that names no EVSE holds for all of them together; its end is the end of all limits of its source. One on
    an EVSE that nobody knows is only logged where its number is beyond those that a station can have.
    """
    data = {
        "station_id": state.id,
        "evse": event.evse,
        "source": event.source,
        "limit_a": event.limit_a,
        "limit_w": event.limit_w,
        "ended": event.ended,
    }
    line = event_log.line("station.external-limit", state, context.received_at_us, data)
    if event.ended:
        return Outcome(Acknowledged(), (*_ended(state.id, event), line))
    if event.evse > KEPT_CONNECTORS and event.evse not in state.evses:
        return Outcome(Acknowledged(), (line,))
    return Outcome(Acknowledged(), (_begun(state.id, event, context.received_at_us), line))


def _begun(station_id: str, event: ExternalLimitReported, at_us: int) -> ForeignSaved:
    return ForeignSaved(
        station_id=station_id,
        evse=event.evse,
        profile_id=external_profile_id(event.source, whole_station=event.evse == 0),
        limit_a=event.limit_a,
        caps=1,
        of_transaction=0,
        at_us=at_us,
        limit_w=event.limit_w,
    )


def _ended(station_id: str, event: ExternalLimitReported) -> tuple[Record, ...]:
    of_evse = ForeignRemoved(station_id, event.evse, external_profile_id(event.source, whole_station=False))
    if event.evse != 0:
        return (of_evse,)
    return (of_evse, ForeignRemoved(station_id, 0, external_profile_id(event.source, whole_station=True)))
