"""What a station does by itself: cars that come and go, and faults at set times."""

from __future__ import annotations

import pytest

from simulators.events import State
from simulators.faults import Disobedience, Faults, Forgetting, Outage, Reboot
from simulators.schedules import Version
from simulators.visits import Visit
from tests.simulators.at_work import VERSIONS, Scene, at_work, car, online
from tests.simulators.central import START
from tests.simulators.test_v16 import profile

pytestmark = pytest.mark.anyio

BEGIN_S = START.timestamp()


def after(seconds: float) -> float:
    return BEGIN_S + seconds


def ended(scene: Scene) -> list[dict]:
    """Return the ends of transactions that the central system was told."""
    events = [one for one in scene.central.told("TransactionEvent") if one["eventType"] == "Ended"]
    return events + scene.central.told("StopTransaction")


# Cars


@pytest.mark.parametrize("version", VERSIONS)
async def test_cars_come_charge_and_go_as_planned(version):
    async with online(version) as scene:
        visits = scene.station.visits
        now_s = scene.station.clock.now_s()
        visits.plan(Visit(arrives_s=now_s + 10, departs_s=now_s + 90))
        visits.plan(Visit(arrives_s=now_s + 30, departs_s=now_s + 60, token="TOO-LATE"))
        visits.plan(Visit(arrives_s=now_s + 120, departs_s=now_s + 180, token="SECOND", stops_first=True))
        await scene.until(lambda: visits.over and scene.station.idle)
        await scene.central.until(lambda: len(ended(scene)) == 2)
        assert [one.session.token for one in scene.station.delivered] == ["SIM", "SECOND"]
        assert [one.session.reason for one in scene.station.delivered] == ["EVDisconnected", "Local"]
        assert (visits.turned_away, visits.left) == (1, 2)
        assert all(one.energy_wh > 100 for one in scene.station.delivered)
        assert scene.station.energy_wh == pytest.approx(sum(one.energy_wh for one in scene.station.delivered))


async def test_a_car_that_nobody_has_a_token_for_waits_for_a_remote_start():
    async with online() as scene:
        now_s = scene.station.clock.now_s()
        scene.station.visits.plan(Visit(arrives_s=now_s + 1, departs_s=now_s + 1e6, token=None))
        await scene.central.first("StatusNotification", connectorId=1, status="Preparing")
        await scene.central.ask("RemoteStartTransaction", id_tag="REMOTE")
        await scene.central.first("StartTransaction", idTag="REMOTE")
        assert not scene.central.told("Authorize")


async def test_a_known_token_starts_at_once_where_the_station_may():
    async with online() as scene:
        await scene.charging(token="TAG")
        scene.station.present(1, "TAG")
        scene.station.unplug(1)
        await scene.central.ask("ChangeConfiguration", key="LocalPreAuthorize", value="true")
        scene.station.plug(1, car())
        scene.station.present(1, "TAG")
        assert scene.station.model.session(1) is not None
        assert len(scene.central.told("Authorize")) == 1


# Faults at set times


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_lost_line_comes_back_without_a_boot(version):
    faults = Faults(scheduled=(Outage(after(60), after(120)),))
    async with at_work(version, faults=faults) as scene:
        await scene.central.until(lambda: len(scene.central.peers) == 2)
        assert scene.station.clock.now_s() >= after(120)
        assert len(scene.central.told("BootNotification")) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_power_loss_ends_the_session_which_is_told_after_the_boot(version):
    faults = Faults(scheduled=(Outage(after(90), after(150), "power"),))
    async with at_work(version, faults=faults) as scene:
        scene.station.visits.plan(Visit(arrives_s=after(20), departs_s=after(1e6)))
        (end,) = await scene.central.until(lambda: ended(scene))
        reason = end.get("reason") or end["transactionInfo"]["stoppedReason"]
        assert reason == "PowerLoss"
        assert len(scene.central.told("BootNotification")) == 2
        assert scene.station.model.draws[1].at(after(120)) == (0, 0, 0)


async def test_a_boot_of_the_communication_board_ends_nothing_and_may_forget_the_profiles():
    faults = Faults(scheduled=(Reboot(after(100), keeps_profiles=False),))
    async with at_work(faults=faults) as scene:
        await scene.central.first("StatusNotification", connectorId=1)
        asked = {"connector_id": 1, "cs_charging_profiles": profile(8)}
        assert (await scene.central.ask("SetChargingProfile", **asked)).status == "Accepted"
        await scene.charging()
        assert scene.station.model.offered_a(1) == 8
        await scene.central.until(lambda: len(scene.central.told("BootNotification")) == 2)
        assert scene.station.model.state(1) is State.CHARGING
        scene.station.catch_up()
        assert scene.station.model.limit_a(1) is None
        assert not scene.central.told("StopTransaction")


async def test_forgetting_and_disobedience_come_and_go():
    faults = Faults(scheduled=(Disobedience(after(80), after(130), 32.0), Forgetting(after(150))))
    async with at_work(faults=faults) as scene:
        await scene.central.first("StatusNotification", connectorId=1)
        asked = {"connector_id": 1, "cs_charging_profiles": profile(8)}
        await scene.central.ask("SetChargingProfile", **asked)
        await scene.charging(max_a=32)
        await scene.until(
            lambda: scene.station.journal.counts.get("fault") == 3 and scene.station.model.now_s > after(170)
        )
        draws = scene.station.model.draws[1]
        assert [draws.at(after(at_s))[0] for at_s in (75, 120, 145)] == [8, 32, 8]
        assert draws.at(after(165))[0] == 32


async def test_a_station_may_boot_at_each_connection():
    async with online(boots_again=True) as scene:
        await scene.offline(for_s=10)
        await scene.central.until(lambda: len(scene.central.told("BootNotification")) == 2)


async def test_garbage_duplicates_and_delays_lose_nothing():
    faults = Faults(garbage=0.2, duplicate=0.3, delay=0.3, delay_s=3)
    async with online(Version.V201, faults=faults) as scene:
        await scene.charging()
        await scene.central.first("TransactionEvent", triggerReason="MeterValuePeriodic")
        scene.station.unplug(1)
        await scene.until(lambda: scene.station.idle)
        numbers = {one["seqNo"] for one in scene.central.told("TransactionEvent")}
        assert numbers == set(range(max(numbers) + 1))
        assert len(scene.central.frames) > len(scene.central.calls)
