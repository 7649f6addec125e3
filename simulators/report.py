"""What truly happened in a run, as JSON: sessions and energies, and each circuit's account."""

from __future__ import annotations

import dataclasses
from typing import Any

from simulators.fleet import Fleet, Progress
from simulators.site import Overload, SimulatedSite
from simulators.site_clock import format_utc
from simulators.staging import Stage
from simulators.station import Delivered, Station

Members = dict[str, Any]

_PHASES = ("L1", "L2", "L3")


def report(
    fleet: Fleet, site: SimulatedSite, stage: Stage, *, title: str, at_end: Progress, draws: bool = False
) -> Members:
    """Return the account of a run until now; `draws`: with every current that flowed, as lines and jumps."""
    for station in fleet.stations:
        station.catch_up()
    to_s = min(station.model.now_s for station in fleet.stations)
    reaction_s = stated_reaction_s(stage)
    accounts = site.overloads(stage.begins_s, to_s, reaction_s=reaction_s) if stage.nodes else []
    return {
        "title": title,
        "speed": fleet.clock.speed,
        "seed": fleet.seed,
        "site_from": format_utc(stage.begins_s),
        "site_to": format_utc(to_s),
        "progress": dataclasses.asdict(at_end),
        "reaction_s": reaction_s,
        "overload_ampere_seconds": sum(one.ampere_s for one in accounts),
        "overload_caused_ampere_seconds": sum(one.caused_ampere_s for one in accounts),
        "circuits": [_account(one) for one in accounts],
        "stations": [_station(station, draws=draws) for station in fleet.stations],
    }


def stated_reaction_s(stage: Stage) -> float:
    """Return how long after a new limit the old current may flow at worst: the chargers' time and the cars'."""
    chargers_s = [evse.reaction_s for cast in stage.casts for evse in cast.spec.charger.evses]
    cars_s = [visit.vehicle.settles_s for cast in stage.casts for visit in cast.visits]
    return max(chargers_s, default=0.0) + max(cars_s, default=0.0)


def _account(account: Overload) -> Members:
    return {
        "node": account.node,
        "phase": _PHASES[account.phase],
        "overload_ampere_seconds": account.ampere_s,
        "overload_caused_ampere_seconds": account.caused_ampere_s,
        "overloaded_s": account.overloaded_s,
        "peak_a": account.peak_a,
        "peak_at": format_utc(account.peak_at_s),
        "peak_limit_a": account.peak_limit_a,
        "worst_over_a": account.worst_over_a,
    }


def _station(station: Station, *, draws: bool) -> Members:
    members: Members = {
        "id": station.id,
        "version": station.spec.charger.rules.version.value,
        "connections": station.messenger.link.connected,
        "messages": station.journal.counts,
        "queued": len(station.messenger.queue),
        "given_up": len(station.messenger.queue.given_up),
        "energy_wh": station.energy_wh,
        "sessions": [_session(one) for one in station.delivered],
    }
    if draws:
        members["draws"] = {
            str(evse): [[at_s, *current_a] for at_s, current_a in one.points]
            for evse, one in station.model.draws.items()
        }
    return members


def _session(delivered: Delivered) -> Members:
    session = delivered.session
    return {
        "evse": session.evse,
        "token": session.token,
        "transaction": session.transaction,
        "started_at": format_utc(session.started_s),
        "ended_at": None if session.ended_s is None else format_utc(session.ended_s),
        "meter_start_wh": session.meter_start_wh,
        "meter_stop_wh": session.meter_stop_wh,
        "energy_wh": delivered.energy_wh,
        "reason": session.reason,
        "offline": session.offline,
    }
