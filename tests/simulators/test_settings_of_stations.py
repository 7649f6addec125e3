from __future__ import annotations

import pytest

from simulators.configuration import Configuration, Key, is_count, keys_of
from simulators.device_model import DeviceModel, Place, variables_of
from simulators.profile_rules import ProfileRules

HEARTBEAT = Place("OCPPCommCtrlr", "HeartbeatInterval")


@pytest.fixture
def model() -> DeviceModel:
    return DeviceModel(
        variables_of(evses={1: 22080.0, 2: 7360.0}, rules=ProfileRules(), model="M", vendor="V")
    )


def test_a_change_that_needs_a_boot_counts_after_it():
    configuration = Configuration({"A": Key("1", is_count, reboot=True), "B": Key("2", is_count)})
    assert configuration.change("A", "5") == "RebootRequired"
    assert configuration.change("B", "6") == "Accepted"
    assert (configuration.value("A"), configuration.value("B")) == ("1", "6")
    configuration.boot()
    assert (configuration.value("A"), configuration.value("B")) == ("5", "6")
    configuration.boot(forget=True)
    assert (configuration.value("A"), configuration.value("B")) == ("1", "2")


def test_a_secret_is_written_and_never_read():
    configuration = Configuration(keys_of(connectors=1, rules=ProfileRules(), rotations={1: "RST"}))
    assert configuration.change("AuthorizationKey", "0123456789abcdef") == "Accepted"
    assert configuration.change("AuthorizationKey", "short") == "Rejected"
    known, unknown = configuration.read(["AuthorizationKey"])
    assert (known, unknown) == ([], [])


def test_stations_of_one_kind_share_their_keys_and_not_what_they_are_set_to():
    keys = keys_of(connectors=1, rules=ProfileRules(), rotations={1: "RST"})
    first, second = Configuration(keys), Configuration(keys)
    first.set("HeartbeatInterval", "7")
    assert (first.number("HeartbeatInterval"), second.number("HeartbeatInterval")) == (7, 300)


def test_variables_are_found_by_component_and_instance_without_regard_to_case(model):
    assert model.get(Place("ocppcommctrlr", "heartbeatinterval"), None) == ("Accepted", "300")
    assert model.get(Place("DeviceDataCtrlr", "ItemsPerMessage", "GetVariables"), "Actual")[1] == "20"
    assert model.get(Place("OCPPCommCtrlr", "Nonsense"), None) == ("UnknownVariable", None)
    assert model.get(Place("EVSE", "Power", None, 3), None) == ("UnknownComponent", None)
    assert model.get(HEARTBEAT, "Target") == ("NotSupportedAttributeType", None)


def test_variables_are_set_where_that_makes_sense(model):
    assert model.set(HEARTBEAT, "60", None) == "Accepted"
    assert model.set(HEARTBEAT, "soon", None) == "Rejected"
    assert model.set(HEARTBEAT, "60", "MinSet") == "NotSupportedAttributeType"
    assert model.set(Place("SmartChargingCtrlr", "RateUnit"), "W", None) == "Rejected"
    assert model.set(Place("X", "Y"), "1", None) == "UnknownComponent"
    assert model.number("OCPPCommCtrlr", "HeartbeatInterval") == 60
    model.boot(forget=True)
    assert model.number("OCPPCommCtrlr", "HeartbeatInterval") == 300


def test_a_password_can_only_be_written(model):
    place = Place("SecurityCtrlr", "BasicAuthPassword")
    assert model.set(place, "secret", None) == "Accepted"
    assert model.get(place, None) == ("Rejected", None)
    (row,) = [
        row for row in model.report(settable_only=True) if row["variable"]["name"] == "BasicAuthPassword"
    ]
    assert row["variable_attribute"][0]["mutability"] == "WriteOnly"
    assert "value" not in row["variable_attribute"][0]


def test_a_report_has_every_evse_with_its_power(model):
    rows = list(model.report(settable_only=False))
    power = {
        row["component"]["evse"]["id"]: row["variable_characteristics"]["max_limit"]
        for row in rows
        if row["variable"]["name"] == "Power"
    }
    assert power == {1: 22080.0, 2: 7360.0}
