from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from csms import ocpp
from csms.ocpp.schemas import actions
from csms.ocpp.v16 import dialect as v16

ACTIONS = tomllib.loads(Path(ocpp.__file__).with_name("actions.toml").read_text("utf-8"))
VERSIONS = {"1.6": ("v16", v16)}


@pytest.mark.parametrize("version", ACTIONS)
def test_every_action_of_the_schemas_is_accounted_for(version):
    package, _ = VERSIONS[version]
    named = ACTIONS[version]["from_station"].keys() | ACTIONS[version]["to_station"].keys()
    assert named == set(actions(package))


@pytest.mark.parametrize("version", ACTIONS)
@pytest.mark.parametrize(("direction", "table"), [("from_station", "INBOUND"), ("to_station", "OUTBOUND")])
def test_what_is_called_done_has_its_row_and_all_else_its_reason(version, direction, table):
    claims = ACTIONS[version][direction]
    done = {action for action, claim in claims.items() if claim == "done"}
    assert done == getattr(VERSIONS[version][1], table).keys()
    assert all(len(claim) > 20 for claim in claims.values() if claim != "done")


def test_only_vendor_data_goes_both_ways_in_1_6():
    assert v16.INBOUND.keys() & v16.OUTBOUND.keys() == {"DataTransfer"}


def test_no_profile_of_1_6_hides_a_row_of_another():
    rows = [action for profile in v16.PROFILES for action in profile.INBOUND]
    assert len(rows) == len(set(rows)) == len(v16.INBOUND)
    rows = [action for profile in v16.PROFILES for action in profile.OUTBOUND]
    assert len(rows) == len(set(rows)) == len(v16.OUTBOUND)
