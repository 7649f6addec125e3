"""What is common to the meter values of all versions; how each reads them is tested with the version."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from csms.ocpp.metering import BASE_UNITS, UNITS, Moment, Plan, plan_for, samples_of
from csms.ocpp.v16.messages import Measurand
from csms.ocpp.v201.messages import MeasurandEnum

NOW_US = 1_714_564_805_000_000


def test_every_measurand_of_every_version_has_its_unit():
    assert {*Measurand.__args__, *MeasurandEnum.__args__} == BASE_UNITS.keys()


def test_every_unit_of_a_measurand_can_be_written():
    assert {unit for unit in BASE_UNITS.values() if unit != "ratio"} <= {row[0] for row in UNITS.values()}


@pytest.mark.parametrize(
    ("labels", "plan"),
    [
        ((UNSET, UNSET, UNSET, UNSET), ("energy_wh", "Energy.Active.Import.Register_wh", 1.0)),
        (("Power.Active.Import", UNSET, "Outlet", "kW"), ("power_w", "Power.Active.Import_w", 1000.0)),
        (("Voltage", "L2-N", UNSET, "V"), ("voltage_l2_v", "Voltage.L2_v", 1.0)),
        (("Voltage", "L2", "Inlet", "V"), (None, "Voltage.L2.Inlet_v", 1.0)),
        (("SoC", UNSET, "EV", "Percent"), ("soc_ratio", "SoC.EV_percent", 0.01)),
        (("Voltage", "L2", UNSET, "cubits"), (None, "Voltage.L2_cubits", 1.0)),
    ],
)
def test_labels_say_where_a_number_goes(labels, plan):
    found = plan_for(*labels)
    assert (found.column, found.key, found.factor) == plan


def test_a_moment_of_which_nothing_was_kept_is_no_sample():
    moment = Moment(dropped=False)
    moment.take(Plan(column="soc_ratio", part=None, key="SoC_percent", factor=1.0, offset=0.0), 7.0)
    assert moment.dropped
    assert samples_of({"Trigger": moment}, (NOW_US, True), NOW_US, NOW_US, repaired=False) == []
