from __future__ import annotations

from typing import Any

import pytest

from csms.ocpp.meter_labels import SCALED_UNITS, UNIT_SYNONYMS, Labels, listed
from csms.ocpp.metering import UNITS
from csms.ocpp.repair import Notes

LABELS = Labels(["Energy.Active.Import.Register", "Voltage", "SoC"], ["L1", "L2", "L1-L2", "N"])


@pytest.mark.parametrize(
    ("sampled", "mended", "notes"),
    [
        ({"measurand": "Voltage", "phase": "L1"}, {"measurand": "Voltage", "phase": "L1"}, ()),
        ({"measurand": "state of charge"}, {"measurand": "SoC"}, ("x.measurand: read as SoC",)),
        (
            {"measurand": "Voltage.L1"},
            {"measurand": "Voltage", "phase": "L1"},
            ("x.measurand: read as Voltage",),
        ),
        (
            {"measurand": "voltage.l1", "phase": "L2"},
            {"measurand": "Voltage", "phase": "L2"},
            ("x.measurand: read as Voltage",),
        ),
        ({"phase": "l2-l1"}, {"phase": "L1-L2"}, ("x.phase: read as L1-L2",)),
        ({"phase": " All "}, {}, ("x.phase: read as no phase",)),
        ({"measurand": "Weather", "phase": "L7"}, {"measurand": "Weather", "phase": "L7"}, ()),
        ({"measurand": 7, "phase": None}, {"measurand": 7, "phase": None}, ()),
    ],
)
def test_a_label_is_known_under_other_names(sampled: dict[str, Any], mended: Any, notes: tuple[str, ...]):
    noted = Notes()
    LABELS.mend(sampled, "x", noted)
    assert (sampled, noted.texts()) == (mended, notes)


def test_what_stands_for_a_unit_is_one():
    assert {*UNIT_SYNONYMS.values(), *(unit for unit, _ in SCALED_UNITS.values())} <= UNITS.keys()


@pytest.mark.parametrize(
    ("holder", "values"),
    [({}, []), ({"x": [1, {}]}, [1, {}]), ({"x": {"a": 1}}, [{"a": 1}]), ({"x": "a"}, []), ({"x": None}, [])],
)
def test_a_lone_object_is_a_list_of_one(holder, values):
    assert listed(holder, "x") == values
