"""Orders of a loop: those that wait for records leave after the commit, and each ends exactly once."""

from __future__ import annotations

import asyncio

import pytest

from csms.domain.control import OrderOutcome, OrderVerdict
from csms.domain.errors import Invalid, RecordRefused, StorageError
from csms.sites.orders import Orders
from tests.csms.sites.scripted import (
    ACCEPTED,
    EVENT,
    Happenings,
    ScriptedLink,
    ScriptedStorage,
    World,
    decided,
    outgoing,
    play,
    reading,
    stored,
)

NOW = outgoing(1, after_records=False)
HELD = outgoing(2, after_records=True)


def holding() -> tuple[World, ScriptedStorage]:
    storage = ScriptedStorage(stored())
    storage.holding = True
    return World(storage), storage


def test_orders_that_wait_for_records_leave_after_the_commit_and_others_at_once() -> None:
    async def story() -> None:
        world, storage = holding()
        world.loops.plan(decided(HELD, NOW))
        async with world:
            await world.until(lambda: world.link.sent)
            await world.stepped(1.0)
            assert world.link.keys == ["Key1"]
            assert storage.units[0][0] == (EVENT,)
            storage.commit()
            await world.until(lambda: len(world.link.sent) == 2)
            assert world.link.keys == ["Key1", "Key2"]

    play(story)


def test_a_commit_lets_leave_only_what_waited_for_it() -> None:
    async def story() -> None:
        world, storage = holding()
        world.loops.plan(decided(HELD), decided(outgoing(3, after_records=True)))
        async with world:
            await world.life()
            await world.stepped(1.0)
            storage.commit()
            await world.until(lambda: world.link.sent)
            await world.stepped(2.0)
            assert world.link.keys == ["Key2"]
            storage.commit()
            await world.until(lambda: len(world.link.sent) == 2)

    play(story)


@pytest.mark.parametrize("error", [StorageError("the disk is full"), RecordRefused("a number out of range")])
def test_a_failed_commit_sends_none_of_its_orders_and_the_site_begins_anew(error: Exception) -> None:
    async def story() -> None:
        world, storage = holding()
        world.loops.plan(decided(HELD, outgoing(3, after_records=True)), decided(NOW))
        async with world:
            await world.life()
            storage.commit(error)
            await world.life(2)
            await world.until(lambda: world.link.sent)
            assert world.link.keys == ["Key1"]
            assert world.sites.tasks()["depot"].failures == 1

    play(story)


def test_later_commits_of_a_life_that_is_over_send_nothing() -> None:
    async def story() -> None:
        world, storage = holding()
        world.loops.plan(decided(HELD), decided(outgoing(3, after_records=True)), decided(NOW))
        async with world:
            await world.life()
            await world.stepped(1.0)
            storage.commit(StorageError("the disk is full"))
            storage.commit()
            await world.life(2)
            await world.until(lambda: world.link.sent)
            assert world.link.keys == ["Key1"]
            assert world.sites.tasks()["depot"].failures == 1

    play(story)


def test_the_end_of_an_order_is_told_once_and_in_its_place_among_the_news() -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored()))
        world.loops.plan(decided(NOW))
        async with world:
            loop = await world.life()
            await world.until(lambda: world.link.sent)
            world.link.sent[0].answer.set_result(ACCEPTED)
            await world.until(lambda: loop.ends)
            await world.stepped(1.0)
            assert loop.ends == [(1, OrderVerdict.ACCEPTED)]
            assert loop.order[0] == 1

    play(story)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [(Invalid("it breaks the schema"), OrderVerdict.NOT_SENT), (OSError("gone"), OrderVerdict.UNKNOWN)],
)
def test_an_order_that_the_link_refuses_did_not_leave_and_one_it_fails_at_may_have(
    error: Exception, verdict: OrderVerdict
) -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored()))
        world.link.refuses = error
        world.loops.plan(decided(NOW))
        async with world:
            loop = await world.life()
            await world.until(lambda: loop.ends)
            assert loop.ends == [(1, verdict)]

    play(story)


def test_an_order_taken_back_before_its_commit_never_leaves_and_ends_once() -> None:
    async def story() -> None:
        world, storage = holding()
        world.loops.plan(decided(HELD), decided(NOW, withdrawn=(2, 2)))
        async with world:
            loop = await world.life()
            await world.stepped(1.0)
            storage.commit()
            await world.until(lambda: loop.ends and world.link.sent)
            await world.stepped(2.0)
            assert loop.ends == [(2, OrderVerdict.NOT_SENT)]
            assert world.link.keys == ["Key1"]
            assert world.link.withdrawn == []

    play(story)


@pytest.mark.parametrize("waits", [True, False])
def test_an_order_taken_back_after_it_was_handed_over_ends_once_as_the_link_says(waits: bool) -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored()))
        world.link.may_withdraw = waits
        world.loops.plan(decided(NOW), decided(withdrawn=(1, 99)), decided(withdrawn=(1,)))
        async with world:
            loop = await world.life()
            await world.until(lambda: world.link.sent)
            await world.stepped(1.0)
            await world.stepped(2.0)
            assert world.link.withdrawn == [world.link.sent[0].id]
            if not waits:
                assert loop.ends == []
                world.link.sent[0].answer.set_result(ACCEPTED)
            await world.until(lambda: loop.ends)
            await world.stepped(3.0)
            assert loop.ends == [(1, OrderVerdict.NOT_SENT if waits else OrderVerdict.ACCEPTED)]

    play(story)


def test_an_order_taken_back_before_its_task_ran_is_not_handed_over() -> None:
    async def story() -> None:
        ends: asyncio.Queue[tuple[int, OrderOutcome]] = asyncio.Queue()
        link = ScriptedLink(Happenings())
        orders = Orders(
            link,
            new_id=lambda: "id",
            ended=lambda *end: ends.put_nowait(end),
            tasks=set[asyncio.Task[None]](),
        )
        orders.add([NOW])
        orders.withdraw(1)
        number, outcome = await ends.get()
        assert (number, outcome.verdict) == (1, OrderVerdict.NOT_SENT)
        assert (link.sent, link.withdrawn, ends.empty()) == ([], [], True)

    play(story)


def test_the_end_of_a_life_takes_back_what_may_raise_a_current_and_its_answers_go_nowhere() -> None:
    async def story() -> None:
        world = World(ScriptedStorage(stored()))
        world.loops.plan(decided(NOW, HELD), RuntimeError("a fault"))
        async with world:
            await world.life()
            await world.until(lambda: len(world.link.sent) == 2)
            now, held = world.link.sent
            world.sites.add_reading("depot", "grid", reading(1.0))
            second = await world.life(2)
            assert world.link.withdrawn == [held.id]
            now.answer.set_result(ACCEPTED)
            await world.stepped(2.0)
            await world.stepped(3.0)
            assert [loop.ends for loop in world.loops.of()] == [[], []]
            assert second.steps >= 2

    play(story)


def test_stopping_ends_what_is_under_way_and_lets_nothing_more_leave() -> None:
    async def story() -> None:
        world, storage = holding()
        world.loops.plan(decided(NOW, HELD))
        before = asyncio.all_tasks()
        async with world:
            await world.until(lambda: world.link.sent)
        assert world.link.sent[0].answer.cancelled()
        storage.commit()
        assert asyncio.all_tasks() == before
        assert world.link.keys == ["Key1"]
        assert world.sites.tasks() == {}

    play(story)
