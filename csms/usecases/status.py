"""Connectors tell their status; older reports never overwrite newer ones."""

from __future__ import annotations

import msgspec

from csms.domain.answers import Acknowledged
from csms.domain.events import DeviceEventsReported, StatusReported
from csms.domain.records import ConnectorStatusRecorded, Record
from csms.domain.station import KEPT_CONNECTORS, ConnectorState, StationState
from csms.domain.times import format_utc, trusted_at
from csms.ports import Context, Outcome
from csms.usecases import event_log


def report(state: StationState, event: StatusReported, context: Context) -> Outcome:
    """Keep a connector's status if it is the newest; log it unless it only repeats what is known.

    A stale report (replayed from a queue) is logged as such, so that nothing a station said is lost; and so is one
    of more connectors than are kept.
    """
    at_us, _ = trusted_at(event.device_at_us, context.received_at_us)
    known = state.connectors.get((event.evse, event.connector))
    beyond = known is None and len(state.connectors) >= KEPT_CONNECTORS
    stale = known is not None and at_us < known.at_us
    repeated = known is not None and (known.status, known.error) == (event.status, event.error)
    records: list[Record] = []
    if not stale and not beyond:
        state.connectors[event.evse, event.connector] = ConnectorState(event.status, event.error, at_us)
        records.append(_newest(state, event, at_us, context.received_at_us))
    if stale or not repeated:
        data: dict[str, object] = {
            "station_id": state.id,
            "evse": event.evse,
            "connector": event.connector,
            "status": event.status,
            "error": event.error,
            "info": event.info,
            "vendor_error": event.vendor_error,
            "status_at": format_utc(at_us),
        }
        if stale:
            data["stale"] = True
        if beyond:
            data["kept"] = False
        records.append(event_log.line("connector.status", state, context.received_at_us, data))
    return Outcome(Acknowledged(), tuple(records))


def report_events(state: StationState, event: DeviceEventsReported, context: Context) -> Outcome:
    """Log events of a station's device model, and keep the statuses among them as if they had come alone."""
    data = {"station_id": state.id, "kind": "device.events", "data": msgspec.Raw(event.data.encode())}
    records: list[Record] = [event_log.line("station.notice", state, context.received_at_us, data)]
    for told in event.statuses:
        records += report(state, told, context).records
    return Outcome(Acknowledged(), tuple(records))


def _newest(
    state: StationState, event: StatusReported, at_us: int, received_at_us: int
) -> ConnectorStatusRecorded:
    return ConnectorStatusRecorded(
        station_id=state.id,
        site_id=state.site_id,
        evse=event.evse,
        connector=event.connector,
        status=event.status,
        error=event.error,
        info=event.info,
        vendor_error=event.vendor_error,
        at_us=at_us,
        device_at_us=event.device_at_us,
        received_at_us=received_at_us,
    )
