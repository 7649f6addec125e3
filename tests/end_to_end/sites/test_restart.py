"""The server ends in mid-load and begins again: nobody is paused by it, and nothing flows that may not."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from tests.end_to_end.conftest import finish
from tests.end_to_end.sites import restarts
from tests.end_to_end.sites.places import Place
from tests.end_to_end.sites.world import World

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]


def test_a_server_that_is_killed_and_started_again_pauses_nobody_and_knows_what_flows(tmp_path):
    world = World(tmp_path, speed=10.0, plans=[restarts.KILLED], by_command=True)

    async def story(place: Place) -> None:
        await restarts.killed(place, world.restart)

    judge(world, story)


def test_a_restart_in_which_nothing_else_happens_moves_no_limit(tmp_path):
    world = World(tmp_path, speed=10.0, plans=[restarts.IDLE], by_command=True)
    judge(world, partial(restarts.idle, restart=world.restart))


def test_leases_that_run_out_while_the_server_is_gone_stop_all_until_it_is_back(tmp_path):
    world = World(tmp_path, speed=30.0, plans=[restarts.LEASED])

    async def end() -> None:
        await asyncio.to_thread(world.server.kill)

    async def begin() -> None:
        await asyncio.to_thread(world.server.start)

    judge(world, partial(restarts.leased, end=end, begin=begin))


def judge(world, story) -> None:
    """Play the one place of a world and judge it, by its decision log too."""
    world.start()
    try:
        (played,) = world.play({world.plans[0].id: story}).values()
        assert world.server.stop() == 0
        problems = [*played.problems(), *played.log_problems(whole=False)]
        assert not problems, "\n".join(problems)
    finally:
        finish(world.server)
