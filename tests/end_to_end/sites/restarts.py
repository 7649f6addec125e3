"""What happens at a site while the server ends, by a kill or by a signal, and begins again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.end_to_end.sites.places import CAR, Place, Plan
from tests.end_to_end.sites.stories import PAUSED_A, all_draw, busy, fill, none_was_paused, used

SETTLE_S = 2.0
"""For so long, in machine seconds, a charger that connected is left alone (the setting `settle_s`)."""

KILLED = Plan(id="killed", chargers=6, rating_a=60.0, base_a=6.0, fallback_a=24.0)


async def killed(place: Place, restart: Callable[..., Awaitable[None]]) -> None:
    """The server is killed in mid-load while a car leaves and another one comes, and later ended by a signal."""
    await fill(place, 4)
    await all_draw(place, 4, 12.0)
    since_s = place.now_s()
    restarting = asyncio.create_task(restart(down_s=40.0))
    await place.wait(20.0)
    place.leave(4)
    place.arrive(5)
    await restarting
    await back(place)
    await place.until("who came meanwhile charges", lambda: place.drawn_a(5) > 12.0, within_s=place.rise_s)
    await used(place, "all is used again")
    none_was_paused(place, 3, since_s)
    place.load((20.0, 12.0, 16.0))
    await place.wait(place.prompt_s)
    await used(place, "what others leave is used")
    await restart(gently=True)
    await back(place)
    place.load((20.0, 24.0, 16.0))
    await place.wait(place.prompt_s)
    await used(place, "what others leave is used after the second start too")
    none_was_paused(place, 3, since_s)


IDLE = Plan(id="idle", chargers=3, rating_a=60.0, measures=None)


async def idle(place: Place, restart: Callable[..., Awaitable[None]]) -> None:
    """All goes on as it was over a restart where nothing else happens; not even a limit moves."""
    await fill(place, 2)
    since_s = place.now_s()
    await restart(down_s=30.0)
    await back(place)
    await place.wait(place.late_s)
    place.now_s()
    for number in busy(2):
        assert place.least_drawn_a(number, since_s) > CAR.max_a - PAUSED_A, place.picture()


LEASED = Plan(id="leased", chargers=3, rating_a=40.0, measures=None)
LEASE_S = 900.0


async def leased(
    place: Place, end: Callable[[], Awaitable[None]], begin: Callable[[], Awaitable[None]]
) -> None:
    """The server is gone for longer than a lease: all stop by themselves, and go on once it is back."""
    await fill(place, 3)
    await end()
    ended_s = place.now_s()
    await place.wait(LEASE_S / 2)
    await all_draw(place, 3)
    left_s = ended_s + LEASE_S + place.reaction_s - place.now_s()
    await place.until("all stop by themselves", lambda: place.drawing() == 0, within_s=left_s)
    await begin()
    await back(place)
    await used(place, "all is used again")
    await all_draw(place, 3)


async def back(place: Place) -> None:
    """Wait until all chargers are connected again and are told things; they dial at least every three minutes."""
    await place.until(
        "all are back",
        lambda: all(one.messenger.online for one in place.stations),
        within_s=200.0 + 4 * place.latency_s,
    )
    await place.wait(SETTLE_S * place.clock.speed)
