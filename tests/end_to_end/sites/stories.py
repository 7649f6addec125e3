"""What happens at each site; each story waits for what must come in time, the witness judges every ampere besides."""

from __future__ import annotations

from dataclasses import replace

from simulators.draws import Amperes
from tests.end_to_end.sites.places import CAR, MAIN, SAMPLED_EVERY_S, Board, Place, Plan

ROUNDING_A = 2.0
"""What may stay unused for good where all want more: steps, the margin of measurements, …"""
DEADBAND_A = 0.5
"""… and so much for each car that charges: a smaller increase is not worth a message (`balancer.settings`)."""
PAUSED_A = 0.1
TRUSTED_AFTER_S = 300.0
"""For so long a charger that disobeyed is reserved its maximum after it obeys again (`balancer.settings`)."""


def busy(chargers: int) -> list[int]:
    """Return the numbers of so many chargers, from the first."""
    return list(range(1, chargers + 1))


async def fill(place: Place, chargers: int) -> None:
    """Let cars arrive at the first chargers and wait until all that there is is used, or all have all they want."""
    await place.ready()
    for number in busy(chargers):
        place.arrive(number)
    await begun(place, busy(chargers))
    await used(place, "the cars get what there is")


async def begun(place: Place, numbers: list[int]) -> None:
    """Wait until the cars at these chargers have their sessions."""
    await place.until(
        "the sessions begin",
        lambda: all(place.stations[number - 1].model.session(1) is not None for number in numbers),
        within_s=30.0 + 4 * place.latency_s,
    )


async def used(place: Place, what: str, node: str = MAIN, *, besides_s: float = 0.0) -> None:
    """Wait until no more is left on some phase than rounding leaves, or nobody wants more."""

    def is_used() -> bool:
        wanting = [
            number
            for number, station in enumerate(place.stations, start=1)
            if station.model.session(1) is not None and place.drawn_a(number) < CAR.max_a - PAUSED_A
        ]
        return not wanting or min(place.free_a(node)) < ROUNDING_A + DEADBAND_A * place.drawing()

    await place.until(what, is_used, within_s=besides_s + place.rise_s)


async def all_draw(place: Place, chargers: int, at_least_a: float = CAR.min_a - PAUSED_A) -> None:
    """Wait until each of the first chargers draws so much: what is free goes to them step by step, and on a ramp."""
    await place.until(
        f"{chargers} chargers draw {at_least_a:.1f} A",
        lambda: all(place.drawn_a(number) >= at_least_a for number in busy(chargers)),
        within_s=place.rise_s,
    )


def none_was_paused(place: Place, chargers: int, since_s: float) -> None:
    """Check that each of the first chargers has drawn something ever since."""
    place.now_s()
    paused = [
        number for number in busy(chargers) if place.least_drawn_a(number, since_s) < CAR.min_a - PAUSED_A
    ]
    assert not paused, f"{place.id}: chargers {paused} were paused\n{place.picture()}"


# --- thirty chargers

THIRTY = Plan(
    id="thirty",
    chargers=30,
    rating_a=63.0,
    base_a=8.0,
    boards=(Board(id="east", rating_a=40.0, chargers=12), Board(id="west", rating_a=32.0, chargers=12)),
    fallback_a=40.0,
)


LOADS: tuple[Amperes, ...] = (
    (25.0, 10.0, 18.0),
    (30.0, 33.0, 30.0),
    (12.0, 33.0, 8.0),
    (4.0, 6.0, 5.0),
)


async def thirty(place: Place, rounds: int = 1) -> None:
    """Cars of one, two and three phases arrive everywhere while the load of others goes up and down; some leave."""
    await place.ready()
    for turn in range(rounds):
        for number in busy(30):
            if place.stations[number - 1].model.session(1) is None:
                place.arrive(number, phases=1 + (number + turn) % 3)
                await place.wait(2.0)
        await begun(place, busy(30))
        await used(place, "the cars get what there is")
        for base_a in LOADS:
            # Thirty are asked at once: on a busy machine some answers come late, and the others make up for them.
            place.load(base_a, within_s=place.late_s)
            await place.wait(place.late_s)
            await used(place, f"what others leave at {base_a} is used")
        for number in range(1 + turn % 3, 31, 3):
            place.leave(number)
        await used(place, "what ten cars leave behind is used")


# --- a full site

FULL = Plan(id="full", chargers=6, rating_a=33.0, measures=None)


async def full(place: Place) -> None:
    """A site where four cars draw all there is: a fifth gets its share, a sixth waits until somebody leaves."""
    await fill(place, 4)
    await all_draw(place, 4, 7.0)
    place.arrive(5)
    await place.until(
        "the fifth gets its share", lambda: place.drawn_a(5) >= CAR.min_a, within_s=place.rise_s
    )
    await all_draw(place, 5)
    place.arrive(6)
    await place.wait(2 * place.prompt_s)
    assert place.drawing() == 5, place.picture()
    gone = next(number for number in busy(6) if place.drawn_a(number) >= CAR.min_a)
    waits = next(number for number in busy(6) if place.drawn_a(number) < CAR.min_a)
    place.leave(gone)
    await place.until(
        "who waited gets the free place", lambda: place.drawn_a(waits) >= CAR.min_a, within_s=place.rise_s
    )
    await used(place, "all is used")


# --- chargers that don't do as they are told

REBEL = Plan(id="rebel", chargers=4, rating_a=46.0, measures=None, kind={"max_a": CAR.max_a})
"""There is room for all besides one that is counted at its hardware's maximum."""


async def rebel(place: Place, number: int) -> None:
    """One offers its car the maximum whatever it is told; the others make room, until it obeys again."""
    await fill(place, 4)
    place.excuse("it disobeys", number, CAR.max_a - place.drawn_a(number), place.noticed_s)
    station = place.stations[number - 1]
    station.model.disobey(1, CAR.max_a, place.now_s())
    station.touched()
    since_s = place.now_s()
    await place.wait(1.5 * place.noticed_s)
    assert place.drawn_a(number) > CAR.max_a - PAUSED_A, place.picture()
    station.model.disobey(1, None, place.now_s())
    station.touched()
    await used(place, "all is used again", besides_s=TRUSTED_AFTER_S)
    none_was_paused(place, 4, since_s)


LATE_A = 2.0
"""A fourth of the 6 A by which the load of others rises there, and rounding."""
SLOW = Plan(id="slow", chargers=4, rating_a=60.0, base_a=10.0, fallback_a=16.0, kind={"max_a": CAR.max_a})


async def slow(place: Place, number: int) -> None:
    """One answers, and obeys, after 20 s (of the machine: calls time out in those); the others make up for it."""
    await fill(place, 4)
    await all_draw(place, 4, 11.0)
    since_s = place.now_s()
    slow_s = 20.0 * place.clock.speed
    station = place.stations[number - 1]
    sound, quick = station.faults.faults, station.model.connectors[1].spec
    station.faults.faults = replace(sound, slow=1.0, slow_s=slow_s)
    station.model.connectors[1].spec = replace(quick, reaction_s=slow_s)
    others_in_time_s = 1.5 * place.late_s
    # It states that it obeys so late; what it holds on to meanwhile is its own, and the others have to make room.
    place.excuse("it obeys late", number, LATE_A, others_in_time_s + 2 * slow_s)
    place.load((16.0, 16.0, 16.0), within_s=place.late_s)
    await place.wait(others_in_time_s)
    assert place.drawn_a(number) > 11.0 - PAUSED_A, place.picture()
    assert min(place.free_a()) >= 0.0, place.picture()
    station.faults.faults = sound
    station.model.connectors[1].spec = quick
    place.load((10.0, 10.0, 10.0))
    # What it still holds back ends with its own 20 s.
    await place.wait(slow_s)
    await used(place, "all is used again")
    none_was_paused(place, 4, since_s)


# --- lines and boots

LINE = Plan(id="line", chargers=4, rating_a=60.0, base_a=10.0, fallback_a=16.0)
"""Nobody need be paused, also where two more are late to confirm: a slow machine must not look like a fault."""


async def line(place: Place, number: int) -> None:
    """One vanishes in mid-session and goes on by its lease; the others bear what changes; nobody is paused by it."""
    await fill(place, 4)
    since_s = place.now_s()
    place.stations[number - 1].lose_line(120.0)
    await place.wait(20.0)
    place.load((16.0, 16.0, 16.0))
    await place.until(
        "it is back",
        lambda: place.stations[number - 1].messenger.online,
        within_s=240.0 + 4 * place.latency_s,
    )
    await place.wait(place.late_s)
    none_was_paused(place, 4, since_s)
    place.load((6.0, 6.0, 6.0))
    await used(place, "all is used again")
    await all_draw(place, 4, 9.0)


BOOT = Plan(
    id="boot",
    chargers=4,
    rating_a=46.0,
    measures=None,
    kind={"max_a": CAR.max_a, "keeps_profiles": False, "after_power_loss": "resume", "boot_s": 20.0},
)


async def boot(place: Place, goes_on: int, resumes: int) -> None:
    """Two boot and forget their limits: one lets current flow all the time, one resumes when it is up again."""
    await fill(place, 4)
    since_s = place.now_s()
    boot_s = place.stations[0].spec.boot_s
    back_s = boot_s + 10.0 + 4 * place.latency_s
    drew_a = place.drawn_a(goes_on)
    place.excuse("it forgot its limit", goes_on, CAR.max_a - drew_a, back_s + place.late_s)
    place.stations[goes_on - 1].model.forget_profiles(place.now_s())
    place.stations[goes_on - 1].reboot("Watchdog", keeps_sessions=True)
    await place.wait(back_s + place.late_s)
    await used(place, "all is used again")
    # What it drew before may be the others' by then.
    place.excuse("it resumes without a limit", resumes, CAR.max_a, back_s + place.late_s)
    place.stations[resumes - 1].reboot("PowerUp")
    await place.wait(back_s + place.late_s)
    await used(place, "all is used again")
    await all_draw(place, 4)
    none_was_paused(place, 2, since_s)


# --- the site's meter and its caps

METER = Plan(
    id="meter",
    chargers=4,
    rating_a=60.0,
    base_a=10.0,
    measures="other_loads",
    max_age_s=10.0,
    fallback_a=32.0,
)


async def meter(place: Place) -> None:
    """The meter falls silent: the fallback counts in time, so that what others really draw then does no harm."""
    await fill(place, 4)
    assert place.push is not None
    place.push.silent = True
    await place.wait(3 * place.plan.max_age_s + place.prompt_s)
    await all_draw(place, 4)
    # Nobody is excused: the fallback says that others may draw so much.
    place.base.step(place.now_s(), (32.0, 32.0, 32.0))
    await place.wait(60.0)
    place.base.step(place.now_s(), (10.0, 10.0, 10.0))
    place.push.silent = False
    await used(place, "what others leave is used again")
    await all_draw(place, 4, 11.0)


CAPPED = Plan(id="capped", chargers=4, rating_a=64.0, measures=None)


async def capped(place: Place) -> None:
    """A cap is set below what is drawn, then so low that not everybody may charge, then taken away."""
    await fill(place, 4)
    await all_draw(place, 4, 15.0)
    await place.cap(40.0)
    await used(place, "the cap is used")
    await all_draw(place, 4, 8.0)
    await place.cap(20.0)
    await place.wait(place.latency_s + place.reaction_s)
    assert place.drawing() == 3, place.picture()
    await used(place, "the lower cap is used")
    await place.uncap()
    await place.until(
        "three have all they want",
        lambda: sum(place.drawn_a(n) > 15.0 for n in busy(4)) >= 3,
        within_s=place.rise_s,
    )


# --- observing

WATCHED = Plan(id="watched", chargers=6, rating_a=20.0, base_a=5.0, mode="observe")


async def watched(place: Place) -> None:
    """A site that is only observed: cars come and go, loads, lines and limits change, and no charger hears of it."""
    await place.ready()
    for number in busy(4):
        place.arrive(number)
    await place.wait(4 * SAMPLED_EVERY_S)
    await all_draw(place, 4, CAR.max_a - PAUSED_A)
    place.base.step(place.now_s(), (15.0, 15.0, 15.0))
    await place.rest.cap(place.id, MAIN, 12.0)
    # Each to a charger of 1.6 and to one of 2.0.1.
    for station in place.stations[:2]:
        station.lose_line(30.0)
    for station in place.stations[2:4]:
        station.reboot("Watchdog", keeps_sessions=True)
    for station in place.stations[:2]:
        station.model.disobey(1, 10.0, place.now_s())
        station.touched()
    for station in place.stations[2:4]:
        station.external.limit(1, 12.0)
    place.arrive(5)
    await place.wait(60.0)
    (seen,) = (await place.rest.allocation(place.id))["nodes"]
    assert max(seen["allocated_a"].values()) <= 12.0 < min(seen["measured_a"].values()), seen
    place.leave(4)
    assert place.push is not None
    place.push.silent = True
    await place.wait(3 * place.plan.max_age_s + place.prompt_s)
    place.push.silent = False
    await place.rest.uncap(place.id, MAIN)
    await place.wait(60.0)
    heard = {one.id: one.journal.received for one in place.stations if one.journal.received}
    assert heard == {}
