"""What is shown of a site: numbers that JSON has, moments in UTC, amperes by phase."""

from __future__ import annotations

import json
import math
from typing import Any

from csms.api.site_views import Allocation
from csms.usecases.balancing.view import EvseView, NodeView, PendingView, ReasonView, SiteState

NOW_US = 1_798_700_400_000_000
NONE = (0.0, 0.0, 0.0)


def state() -> SiteState:
    node = NodeView(
        id="main",
        parent=None,
        rating_a=(63.0, 63.0, 63.0),
        limit_a=(40.0, 63.0, 63.0),
        limit_w=math.inf,
        cap_source="operator",
        allocated_a=NONE,
        exposure_a=NONE,
        measured_a=NONE,
        base_a=NONE,
        stale=False,
    )
    evse = EvseView(
        station="CP-1",
        evse=1,
        node="main",
        transaction_id=None,
        online=True,
        managed=True,
        movable=True,
        grant_a=6.0,
        reason=ReasonView(kind="node", text="main, L1", node="main", phase="L1", until_us=NOW_US),
        target_a=6.0,
        believed_a=6.0,
        ordered_a=6.0,
        demand_a=math.inf,
        exposure_a=(6.0, 0.0, 6.0),
        measured_a=NONE,
        phases=(True, False, True),
        doubtful=False,
        disobeys=False,
        foreign_profiles=0,
        pending=(PendingView(id=1, kind="limit", limit_a=6.0, since_us=NOW_US, sent=True),),
    )
    return SiteState(
        id="depot",
        revision=3,
        at_us=NOW_US,
        mode="enforce",
        strategy="fair",
        nodes=(node,),
        evses=(evse,),
        stations=(),
        alarms=(),
    )


def shown() -> dict[str, Any]:
    return Allocation.model_validate(state()).model_dump(mode="json")


def test_what_has_no_bound_is_null():
    view = shown()
    assert (view["nodes"][0]["limit_w"], view["evses"][0]["demand_a"]) == (None, None)
    json.dumps(view, allow_nan=False)


def test_moments_are_in_utc_with_a_z():
    view = shown()
    assert view["at"] == view["evses"][0]["reason"]["until"] == "2026-12-31T07:00:00.000Z"
    assert view["evses"][0]["pending"][0]["since"] == view["at"]


def test_amperes_and_phases_are_named():
    view = shown()
    assert view["nodes"][0]["limit_a"] == {"L1": 40.0, "L2": 63.0, "L3": 63.0}
    assert view["evses"][0]["phases"] == ["L1", "L3"]
