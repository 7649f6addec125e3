"""Limits that somebody beside the central system puts on chargers, told of or not: others use what they leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from simulators.schedules import Kind, Period, Profile, Purpose, Schedule, Version
from simulators.station import Station
from tests.end_to_end.sites.places import CAR, OPERATORS_ID, Place, Plan
from tests.end_to_end.sites.stories import PAUSED_A, all_draw, fill, used

FOREIGN = Plan(id="foreign", chargers=4, rating_a=40.0, measures=None, kind={"max_a": CAR.max_a})


async def foreign(place: Place, limited: int, by_hand: int) -> None:
    """Somebody limits a charger from beside the central system, and another one is let draw more than it was told."""
    await fill(place, 4)
    place.stations[limited - 1].external.limit(1, 6.5)
    await place.until("it obeys", lambda: place.drawn_a(limited) < 6.6, within_s=place.prompt_s)
    await used(place, "the others use what it can't")
    place.stations[limited - 1].external.lift(1)
    await place.until(
        "it gets its share back", lambda: place.drawn_a(limited) > 9.0, within_s=2 * place.rise_s
    )
    await all_draw(place, 4, 8.0)
    over_a = CAR.max_a - place.drawn_a(by_hand)
    place.excuse("somebody at the charger lets it draw more", by_hand, over_a, place.noticed_s)
    set_by_hand(place.stations[by_hand - 1], CAR.max_a)
    await place.wait(1.5 * place.noticed_s)
    assert place.drawn_a(by_hand) > CAR.max_a - PAUSED_A, place.picture()
    await all_draw(place, 4)


def set_by_hand(station: Station, limit_a: float) -> None:
    """Set a profile of the transaction as somebody does who stands before the charger: above all that it says it takes."""
    now_s = station.catch_up()
    session = station.model.session(1)
    assert session is not None
    store = station.model.profiles
    store.rules = replace(store.rules, max_stack_level=store.rules.max_stack_level + 1)
    schedule = Schedule(unit="A", periods=(Period(0.0, limit_a),), start_s=now_s - 60.0)
    profile = Profile(
        id=7,
        purpose=Purpose.TX,
        stack_level=store.rules.max_stack_level,
        kind=Kind.ABSOLUTE,
        schedules=(schedule,),
        transaction=session.transaction,
    )
    assert station.model.set_profile(1, profile, now_s).accepted
    station.touched()


REPORTED = Plan(id="reported", chargers=4, rating_a=40.0, measures=None, kind={"max_a": CAR.max_a})
LIMITED = 2
"""A charger of 2.0.1, which tells of such limits."""


async def reported(place: Place) -> None:
    """An energy manager, then the grid's operator, limits a charger that tells of it, and takes the limit back."""
    await fill(place, 4)
    await all_draw(place, 4, 8.0)
    station = place.stations[LIMITED - 1]
    station.external.limit(1, 6.5, "EMS")
    await granted(place, at_most_a=6.5, profiles=1)
    await place.until("it obeys", lambda: place.drawn_a(LIMITED) < 6.6, within_s=place.prompt_s)
    await used(place, "the others use what it can't")
    await others_draw(place, 10.0)
    station.external.lift(1, "EMS")
    await granted(place, at_least_a=8.0, profiles=0)
    await all_draw(place, 4, 8.0)
    station.external.limit(0, 0.0, "SO")
    await granted(place, at_most_a=0.0, profiles=1)
    await place.until("it stops", lambda: place.drawn_a(LIMITED) == 0.0, within_s=place.prompt_s)
    await others_draw(place, 12.0)
    station.external.lift(0, "SO")
    await granted(place, at_least_a=8.0, profiles=0)
    await all_draw(place, 4, 8.0)


COMMANDED = Plan(id="commanded", chargers=4, rating_a=40.0, measures=None, kind={"max_a": CAR.max_a})


async def commanded(place: Place, number: int) -> None:
    """An operator caps a charger by a raw call, clears that, and (1.6) lets its car draw more in place of our limit."""
    await fill(place, 4)
    await all_draw(place, 4, 8.0)
    station = place.stations[number - 1]
    await place.rest.call(station.id, "SetChargingProfile", profile_call(place, station, "station", 6.5))
    await place.until("it obeys", lambda: place.drawn_a(number) < 6.6, within_s=place.prompt_s)
    await used(place, "the others use what it can't")
    await place.rest.call(station.id, "ClearChargingProfile", clearing_call(station))
    await all_draw(place, 4, 8.0)
    if not speaks_16(station):
        return  # 2.0.1 takes no second profile of a purpose at the same stack level
    over_a = CAR.max_a - place.drawn_a(number)
    place.excuse("an operator lets it draw more", number, over_a, place.late_s)
    call = profile_call(place, station, "transaction", CAR.max_a)
    await place.rest.call(station.id, "SetChargingProfile", call)
    await place.wait(place.late_s)
    await all_draw(place, 4)


def profile_call(place: Place, station: Station, of: str, limit_a: float) -> dict[str, Any]:
    """Return a call that sets a profile for the whole station, or for its transaction where ours stands."""
    begins = datetime.fromtimestamp(place.now_s() - 60.0, UTC).isoformat()
    session = station.model.session(1)
    assert session is not None
    periods = [{"startPeriod": 0, "limit": limit_a}]
    schedule = {"startSchedule": begins, "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    profile: dict[str, Any] = {
        "stackLevel": station.model.profiles.rules.max_stack_level if of == "transaction" else 0,
        "chargingProfileKind": "Absolute",
    }
    if speaks_16(station):
        purpose = {"station": "ChargePointMaxProfile", "transaction": "TxProfile"}[of]
        profile |= {"chargingProfileId": OPERATORS_ID, "chargingSchedule": schedule}
        profile |= {"transactionId": int(session.transaction or "0")} if of == "transaction" else {}
        evse = "connectorId"
    else:
        purpose = {"station": "ChargingStationMaxProfile", "transaction": "TxProfile"}[of]
        profile |= {"id": OPERATORS_ID, "chargingSchedule": [{"id": 1, **schedule}]}
        profile |= {"transactionId": session.transaction} if of == "transaction" else {}
        evse = "evseId"
    profile["chargingProfilePurpose"] = purpose
    member = "csChargingProfiles" if evse == "connectorId" else "chargingProfile"
    return {evse: 1 if of == "transaction" else 0, member: profile}


def speaks_16(station: Station) -> bool:
    """Tell whether it is a charger of 1.6."""
    return station.model.profiles.rules.version is Version.V16


def clearing_call(station: Station) -> dict[str, Any]:
    """Return a call that clears the operator's profile."""
    return {"id" if speaks_16(station) else "chargingProfileId": OPERATORS_ID}


async def granted(
    place: Place, *, at_most_a: float = CAR.max_a, at_least_a: float = 0.0, profiles: int
) -> None:
    """Wait until the server grants the limited charger so much, and knows of so many limits of others."""
    since_s = place.now_s()
    while True:
        (evse,) = (
            one
            for one in (await place.rest.allocation(place.id))["evses"]
            if one["station"] == place.stations[LIMITED - 1].id
        )
        if evse["foreign_profiles"] == profiles and at_least_a <= evse["grant_a"] <= at_most_a:
            return
        assert place.now_s() - since_s < place.rise_s, f"{evse}\n{place.picture()}"
        await place.wait(1.0)


async def others_draw(place: Place, at_least_a: float) -> None:
    """Wait until the three others each draw so much."""
    others = [number for number in range(1, 5) if number != LIMITED]
    await place.until(
        f"the others draw {at_least_a:.1f} A",
        lambda: all(place.drawn_a(number) >= at_least_a for number in others),
        within_s=place.rise_s,
    )
