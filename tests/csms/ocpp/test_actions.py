from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from csms import ocpp
from csms.ocpp.schemas import actions
from csms.ocpp.v16 import dialect as v16
from csms.ocpp.v201 import dialect as v201

ACTIONS = tomllib.loads(Path(ocpp.__file__).with_name("actions.toml").read_text("utf-8"))
VERSIONS = {"1.6": ("v16", v16, v16.PROFILES), "2.0.1": ("v201", v201, v201.BLOCKS)}
"""By version: its package, its dialect, and the modules that the dialect is put together from."""


@pytest.mark.parametrize("version", ACTIONS)
def test_every_action_of_the_schemas_is_accounted_for(version):
    package, _, _ = VERSIONS[version]
    named = ACTIONS[version]["from_station"].keys() | ACTIONS[version]["to_station"].keys()
    assert named == set(actions(package))


@pytest.mark.parametrize("version", ACTIONS)
@pytest.mark.parametrize(("direction", "table"), [("from_station", "INBOUND"), ("to_station", "OUTBOUND")])
def test_what_is_called_done_has_its_row_and_all_else_its_reason(version, direction, table):
    claims = ACTIONS[version][direction]
    done = {action for action, claim in claims.items() if claim == "done"}
    assert done == getattr(VERSIONS[version][1], table).keys()
    assert all(len(claim) > 20 for claim in claims.values() if claim != "done")


@pytest.mark.parametrize("version", ACTIONS)
def test_only_vendor_data_goes_both_ways(version):
    _, dialect, _ = VERSIONS[version]
    assert dialect.INBOUND.keys() & dialect.OUTBOUND.keys() == {"DataTransfer"}


@pytest.mark.parametrize("version", ACTIONS)
@pytest.mark.parametrize("table", ["INBOUND", "OUTBOUND"])
def test_no_part_of_a_version_hides_a_row_of_another(version, table):
    _, dialect, parts = VERSIONS[version]
    rows = [action for part in parts for action in getattr(part, table)]
    assert len(rows) == len(set(rows)) == len(getattr(dialect, table))
