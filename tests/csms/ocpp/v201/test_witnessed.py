"""What simulated chargers, which share no code with the server, make of its orders on 2.0.1."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp.charge_point import camel_to_snake_case, snake_to_camel_case

from csms.domain.commands import CommandResult, CommandState
from csms.domain.control import (
    ClearOwnProfiles,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    Placement,
    ProfileForm,
    RateUnit,
    ReadConfiguration,
    Setting,
    StationOrder,
    WriteConfiguration,
)
from csms.ocpp.v201 import DIALECT
from simulators.profile_rules import ProfileRules
from simulators.profile_wire import read_profile
from simulators.profiles import Criteria, ProfileStore
from simulators.schedules import Version
from tests.simulators.at_work import Scene
from tests.simulators.at_work import online as online_in

NOW_S = 1_790_000_000.0
START_US = int((NOW_S - 60) * 1e6)
LEASE_S = 900.0

pytestmark = pytest.mark.anyio

FORMS = [
    ProfileForm(placement=placement, unit=unit, stack_level=stack_level)
    for placement in Placement
    for unit in RateUnit
    for stack_level in (0, 1)
]


def _station(evses: int = 2, **rules: Any) -> ProfileStore:
    return ProfileStore(ProfileRules(version=Version.V201, **rules), dict.fromkeys(range(1, evses + 1), 3))


def _in_snake_case(payload: bytes) -> dict[str, Any]:
    members: Any = camel_to_snake_case(json.loads(payload))
    return members


def _tell(station: ProfileStore, order: StationOrder) -> str:
    action, payload = DIALECT.shape_order(order)
    members = _in_snake_case(payload)
    if action == "SetChargingProfile":
        profile = read_profile(members["charging_profile"], Version.V201)
        answer = station.set(members["evse_id"], profile, NOW_S)
        return answer.reason or answer.status
    number, criteria = members.get("charging_profile_id"), members.get("charging_profile_criteria", {})
    gone = station.clear(
        Criteria(
            ids=None if number is None else frozenset({number}),
            evse=criteria.get("evse_id"),
            stack_level=criteria.get("stack_level"),
        )
    )
    return "Accepted" if gone else "Unknown"


def _failsafe(form: ProfileForm, limit: float = 6.0, evse: int = 1) -> FailsafeOrder:
    return FailsafeOrder(evse=evse, limit=limit, form=form, start_us=START_US)


def _limit(form: ProfileForm, limit: float, failsafe: float, evse: int = 1) -> LimitOrder:
    return LimitOrder(
        evse=evse,
        ocpp_transaction_id="t1",
        limit=limit,
        failsafe=failsafe,
        lease_s=LEASE_S if form.periods_max > 1 else None,
        form=form,
        start_us=START_US,
    )


@pytest.mark.parametrize("form", FORMS)
def test_current_follows_the_limit_during_its_lease_and_the_failsafe_before_and_after(form):
    per_ampere = 1.0 if form.unit is RateUnit.AMPERE else 230.0 * 3
    station = _station(evses=1)
    assert _tell(station, _failsafe(form, 6 * per_ampere)) == "Accepted"
    assert station.limit_a(1, NOW_S) == pytest.approx(6.0)
    station.begin(1, NOW_S, "t1")
    assert station.limit_a(1, NOW_S) == pytest.approx(6.0)
    for limit_a in (16.0, 10.0, 0.0, 32.0):
        assert _tell(station, _limit(form, limit_a * per_ampere, 6 * per_ampere)) == "Accepted"
        assert station.limit_a(1, NOW_S) == pytest.approx(limit_a)
    assert station.limit_a(1, NOW_S - 60 + LEASE_S - 0.001) == pytest.approx(32.0)
    assert station.limit_a(1, NOW_S - 60 + LEASE_S) == pytest.approx(6.0)
    assert station.limit_a(1, NOW_S + 1e6) == pytest.approx(6.0)
    assert len(station.installed) == (2 if form.placement is Placement.TRANSACTION else 1)


def test_the_next_car_starts_at_the_failsafe():
    form, station = ProfileForm(stack_level=1), _station()
    _tell(station, _failsafe(form))
    station.begin(1, NOW_S, "t1")
    _tell(station, _limit(form, 32.0, 6.0))
    station.end(1)
    station.begin(1, NOW_S, "t2")
    assert station.limit_a(1, NOW_S) == 6.0
    # A limit that comes too late for its car harms nobody.
    assert _tell(station, _limit(form, 32.0, 6.0)) == "TxNotFound"
    assert station.limit_a(1, NOW_S) == 6.0


def test_each_evse_has_its_own():
    form, station = ProfileForm(stack_level=1), _station()
    for evse, failsafe_a in ((1, 6.0), (2, 0.0)):
        assert _tell(station, _failsafe(form, failsafe_a, evse)) == "Accepted"
        station.begin(evse, NOW_S, f"t{evse}")
    assert _tell(station, _limit(form, 16.0, 6.0)) == "Accepted"
    assert (station.limit_a(1, NOW_S), station.limit_a(2, NOW_S)) == (16.0, 0.0)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_cleared_is_all_that_was_ours(form):
    station = _station(evses=1)
    station.begin(1, NOW_S, "t1")
    _tell(station, _failsafe(form))
    _tell(station, _limit(form, 16.0, 6.0))
    assert _tell(station, ClearOwnProfiles(1, form)) == "Accepted"
    assert station.installed == []
    assert _tell(station, ClearOwnProfiles(1, form)) == "Unknown"


@given(
    forms=st.lists(st.sampled_from(FORMS), min_size=1, max_size=6),
    limits=st.lists(st.floats(0, 63), min_size=6, max_size=6),
)
def test_whatever_form_came_before_no_order_of_ours_stands_in_the_way_of_the_next(forms, limits):
    """The ladder: a form is cleared where the next one has another purpose, and else simply replaced."""
    station = _station(evses=1)
    station.begin(1, NOW_S, "t1")
    before: ProfileForm | None = None
    for form, limit_a in zip(forms, limits, strict=False):
        if before is not None and before.placement is not form.placement:
            _tell(station, ClearOwnProfiles(1, before))
        before = form
        assert _tell(station, _failsafe(form, 0.0)) == "Accepted"
        assert _tell(station, _limit(form, limit_a, 0.0)) == "Accepted"
        at_most_a = limit_a if form.unit is RateUnit.AMPERE else limit_a / 230.0 / 3
        drawn_a = station.limit_a(1, NOW_S)
        assert drawn_a is not None
        assert drawn_a <= at_most_a + 1e-6
        assert station.limit_a(1, NOW_S + LEASE_S) == 0.0


# --- a whole station, on the wire


def online(**options: Any):
    return online_in(Version.V201, **options)


async def _carry(scene: Scene, order: StationOrder) -> OrderOutcome:
    action, payload = DIALECT.shape_order(order)
    answer = await scene.central.ask(action, **_in_snake_case(payload))
    response = json.dumps(snake_to_camel_case(dataclasses.asdict(answer))).encode()
    return DIALECT.read_outcome(order, CommandResult(CommandState.ANSWERED, response=response))


async def _read(scene: Scene, order: ReadConfiguration) -> OrderOutcome:
    while not (outcome := await _carry(scene, order)).complete:
        order = ReadConfiguration(order.keys, outcome)
    return outcome


async def test_a_station_is_read_whole_part_by_part():
    async with online(evses=3, rules={"max_stack_level": 7, "units": frozenset({"A"})}) as scene:
        said = (await _read(scene, ReadConfiguration())).smart_charging
        assert said is not None
        assert (said.supported, said.units, said.evses) == (True, (RateUnit.AMPERE,), 3)
        assert (said.stack_level_max, said.periods_max, said.sample_interval_s) == (7, 24, 60)
        assert "Current.Import" in said.measurands


async def test_what_is_measured_is_written_and_read_back():
    async with online() as scene:
        for setting, value in ((Setting.SAMPLE_INTERVAL, "10"), (Setting.MEASURANDS, "Current.Import,SoC")):
            assert (await _carry(scene, WriteConfiguration(setting, value))).verdict is OrderVerdict.ACCEPTED
        refused = await _carry(scene, WriteConfiguration(Setting.MEASURANDS, "Current.Import,Nonsense"))
        assert refused.verdict is OrderVerdict.REJECTED
        said = (await _read(scene, ReadConfiguration())).smart_charging
        assert said is not None
        assert (said.measurands, said.sample_interval_s) == (("Current.Import", "SoC"), 10)


async def test_a_start_gate_is_shut_and_read_back():
    keys = (Setting.LOCAL_PRE_AUTHORIZE, Setting.LOCAL_AUTHORIZE_OFFLINE, Setting.AUTHORIZATION_CACHE)
    async with online() as scene:
        before = await _read(scene, ReadConfiguration(keys))
        assert before.values[Setting.LOCAL_AUTHORIZE_OFFLINE] == "true"
        for key in keys:
            assert (await _carry(scene, WriteConfiguration(key, "false"))).verdict is OrderVerdict.ACCEPTED
        after = await _read(scene, ReadConfiguration(keys))
        assert [after.values[key] for key in keys] == ["false"] * 3


async def test_a_charging_car_follows_its_limit():
    async with online() as scene:
        transaction = await scene.charging()
        form = ProfileForm(stack_level=1)
        now_us = int(scene.station.model.now_s * 1e6)
        limit = LimitOrder(
            evse=1,
            ocpp_transaction_id=transaction,
            limit=10.0,
            failsafe=6.0,
            lease_s=None,
            form=form,
            start_us=now_us - 60_000_000,
        )
        for order in (_failsafe(form), limit):
            assert (await _carry(scene, order)).verdict is OrderVerdict.ACCEPTED
        assert scene.station.model.profiles.limit_a(1, scene.station.model.now_s) == 10.0
