"""Chargers that can't be told to stop: who comes there waits until there is room for him."""

from __future__ import annotations

from collections.abc import Callable

from tests.end_to_end.sites.places import CAR, Place, Plan
from tests.end_to_end.sites.stories import PAUSED_A, all_draw, busy, fill, none_was_paused, used

SHUT_S = 300.0
"""A gate counts once whoever was let start before it was shut can't come any more: `EVConnectionTimeOut`, and more."""
AGAIN_S = 30.0
"""How often somebody who waits shows his token again."""

GATED = Plan(
    id="gated",
    chargers=4,
    rating_a=20.0,
    measures=None,
    kind={"max_a": CAR.max_a, "refuses_zero": True},
)
"""All refuse 0 A, and there is room for the 6 A of three."""


async def gated(place: Place) -> None:
    """Three charge; who comes fourth is not let start, and nobody is paused for him, until somebody leaves."""
    await place.ready()
    await shut(place, {1, 2, 3, 4})
    for number in busy(3):
        place.arrive(number)
        await let_start(place, number)
    await all_draw(place, 3)
    since_s = place.now_s()
    place.arrive(4)
    await asking(place, 4, "the fourth is told to wait", lambda: was_refused(place, 4))
    assert place.stations[3].model.session(1) is None, place.picture()
    none_was_paused(place, 3, since_s)
    place.leave(2)
    await let_start(place, 4)
    await place.until("it charges", lambda: place.drawn_a(4) > CAR.min_a - PAUSED_A, within_s=place.rise_s)
    await used(place, "all is used")


UNTOLD = Plan(
    id="untold",
    chargers=5,
    rating_a=44.0,
    measures=None,
    kind={"max_a": CAR.max_a},
    unlike={4: {"smart_charging": False}, 5: {"smart_charging": False}},
)
"""Two take no limits, one of each version; beside one of them there is room for the others."""


async def untold(place: Place) -> None:
    """Others make room before somebody starts where nothing can be limited, and have it back when he leaves."""
    await fill(place, 3)
    await shut(place, {4, 5})
    await all_draw(place, 3, 12.0)
    since_s = place.now_s()
    for number in (4, 5):
        place.arrive(number)
        await let_start(place, number)
        await place.until(
            "it charges", lambda one=number: place.drawn_a(one) > CAR.max_a - PAUSED_A, within_s=place.rise_s
        )
        await used(place, "the others use what it leaves")
        place.leave(number)
        await all_draw(place, 3, 12.0)
    none_was_paused(place, 3, since_s)


async def shut(place: Place, numbers: set[int]) -> None:
    """Wait until these chargers count at nothing: their gates are shut, and nobody charges."""
    wanted = {place.stations[number - 1].id for number in numbers}
    since_s = place.now_s()
    while True:
        evses = (await place.rest.allocation(place.id))["evses"]
        exposed = {one["station"] for one in evses if max(one["exposure_a"].values()) > 0.0}
        if not exposed & wanted:
            return
        assert place.now_s() - since_s < SHUT_S + 10 * place.latency_s, f"{exposed}\n{place.picture()}"
        await place.wait(AGAIN_S)


async def let_start(place: Place, number: int) -> None:
    """Wait until the newest car's session begins."""
    model = place.stations[number - 1].model
    await asking(place, number, f"charger {number} is let start", lambda: model.session(1) is not None)


async def asking(place: Place, number: int, what: str, condition: Callable[[], bool]) -> None:
    """Wait for a condition; meanwhile the newest token is shown there again and again."""
    asked_s = place.now_s()

    def comes() -> bool:
        nonlocal asked_s
        if condition():
            return True
        if place.now_s() - asked_s > AGAIN_S:
            asked_s = place.now_s()
            place.ask_again(number)
        return False

    await place.until(what, comes, within_s=2 * place.rise_s)


def was_refused(place: Place, number: int) -> bool:
    """Tell whether a token was refused there because there is no room."""
    entries = place.stations[number - 1].journal.entries
    return any(one.action == "Authorize" and "ConcurrentTx" in (one.answer or "") for one in entries)
