"""A station presents itself and asks whether it may work here."""

from __future__ import annotations

from csms.domain.answers import BootAnswer, HeartbeatAnswer
from csms.domain.events import Booted, HeartbeatReceived
from csms.domain.records import StationBooted
from csms.domain.station import StationState
from csms.domain.times import format_utc
from csms.ports import Context, Outcome
from csms.usecases import event_log


def boot(state: StationState, event: Booted, context: Context) -> Outcome:
    """Answer with the registration that the operator decided; it binds this connection from now on."""
    now_us = context.received_at_us
    state.boot_answer = state.registration
    booted = StationBooted(
        vendor=event.vendor,
        model=event.model,
        serial=event.serial,
        firmware=event.firmware,
        boot_details=event.details,
        boot_status=state.registration.value,
        booted_at_us=now_us,
        station_id=state.id,
    )
    data = {
        "id": state.id,
        "vendor": event.vendor,
        "model": event.model,
        "serial": event.serial,
        "firmware": event.firmware,
        "boot_status": state.registration.value,
        "booted_at": format_utc(now_us),
    }
    answer = BootAnswer(state.registration, now_us, context.policy.heartbeat_interval_s)
    return Outcome(answer, (booted, event_log.line("station.booted", state, now_us, data)))


def heartbeat(_state: StationState, _event: HeartbeatReceived, context: Context) -> Outcome:
    """Tell the time; that the station lives, the connection notes by itself."""
    return Outcome(HeartbeatAnswer(context.received_at_us))
