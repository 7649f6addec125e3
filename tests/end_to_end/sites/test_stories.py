"""The site loop over real sockets: what chargers truly draw while all kinds of things happen, against the limits."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests.end_to_end.conftest import finish
from tests.end_to_end.sites import gates, outside, stories
from tests.end_to_end.sites.places import Plan
from tests.end_to_end.sites.world import Story, World

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(900)]

SPEED = 10.0


def in_both(plan: Plan, story: Story, **special: tuple[int, int]) -> dict[str, tuple[Plan, Story]]:
    """Return a story twice: the chargers with a part of their own (1.6's number, 2.0.1's) are once of each version."""
    versions = {"16": 0, "201": 1}
    return {
        f"{plan.id}-{version}": (
            replace(plan, id=f"{plan.id}-{version}"),
            partial(story, **{part: numbers[place] for part, numbers in special.items()}),
        )
        for version, place in versions.items()
    }


PLAYED: dict[str, tuple[Plan, Story]] = {
    "thirty": (stories.THIRTY, stories.thirty),
    "full": (stories.FULL, stories.full),
    **in_both(stories.REBEL, stories.rebel, number=(1, 2)),
    **in_both(stories.SLOW, stories.slow, number=(1, 2)),
    **in_both(stories.LINE, stories.line, number=(3, 2)),
    **in_both(stories.BOOT, stories.boot, goes_on=(1, 2), resumes=(3, 4)),
    **in_both(outside.FOREIGN, outside.foreign, limited=(1, 2), by_hand=(3, 4)),
    **in_both(outside.COMMANDED, outside.commanded, number=(1, 2)),
    "reported": (outside.REPORTED, outside.reported),
    "meter": (stories.METER, stories.meter),
    "capped": (stories.CAPPED, stories.capped),
    "gated": (gates.GATED, gates.gated),
    "untold": (gates.UNTOLD, gates.untold),
    "watched": (stories.WATCHED, stories.watched),
}


class Verdict(msgspec.Struct):
    """What was wrong with a site, in words; nothing where all went well."""

    site: list[str]
    log: list[str]


@pytest.fixture(scope="module")
def verdicts(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    scaled: Callable[[int, int], int],
) -> dict[str, Verdict]:
    """Play at once the stories that the chosen tests ask for, and do so once for all processes that run tests."""
    chosen = {
        item.callspec.params["story"]
        for item in request.session.items
        if item.path == request.path and "story" in item.callspec.params
    }
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    file = shared / "verdicts.json"
    with (shared / "verdicts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            file.write_bytes(
                msgspec.json.encode(play(chosen, tmp_path_factory.mktemp("sites"), scaled(1, 12)))
            )
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Verdict])


def play(chosen: set[str], folder: Path, rounds: int) -> dict[str, Verdict]:
    plans = [plan for name, (plan, _) in PLAYED.items() if name in chosen]
    told = {name: story for name, (_, story) in PLAYED.items() if name in chosen}
    if "thirty" in told:
        told["thirty"] = partial(stories.thirty, rounds=rounds)
    world = World(folder, speed=SPEED, plans=plans)
    world.start()
    try:
        played = world.play(told)
        assert world.server.stop() == 0
        return {name: Verdict(one.problems(), one.log_problems()) for name, one in played.items()}
    finally:
        finish(world.server)


def about(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("story", names)


@pytest.mark.soak
@about("thirty")
def test_thirty_chargers_share_three_times_63_amperes_under_a_load_that_changes(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("full")
def test_who_arrives_at_a_full_site_gets_a_share_once_there_is_room(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("rebel-16", "rebel-201")
def test_the_others_make_room_for_a_charger_that_disobeys(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("slow-16", "slow-201")
def test_the_others_make_up_for_a_charger_that_answers_after_20_s(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("line-16", "line-201")
def test_a_charger_that_vanishes_in_mid_session_goes_on_and_is_counted(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("boot-16", "boot-201")
def test_a_charger_that_boots_and_forgets_is_told_again(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("foreign-16", "foreign-201")
def test_what_a_limit_from_outside_leaves_unused_goes_to_the_others(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("commanded-16", "commanded-201")
def test_what_an_operator_tells_a_charger_in_ocpps_words_is_counted(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("reported")
def test_a_limit_that_a_charger_tells_of_caps_it_until_it_is_cleared(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("gated")
def test_who_comes_to_a_full_site_of_chargers_that_refuse_0_a_is_let_start_once_there_is_room(
    verdicts, story
):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("untold")
def test_others_make_room_before_somebody_starts_at_a_charger_without_limits(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("meter")
def test_a_meter_that_falls_silent_is_replaced_by_its_fallback_until_it_is_back(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("capped")
def test_a_cap_below_what_is_drawn_is_obeyed_and_its_end_too(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about("watched")
def test_a_site_that_is_only_observed_never_hears_from_the_server(verdicts, story):
    assert not verdicts[story].site, "\n".join(verdicts[story].site)


@about(*PLAYED)
def test_the_decision_log_has_all_commands_and_run_again_gives_the_same(verdicts, story):
    assert not verdicts[story].log, "\n".join(verdicts[story].log)
