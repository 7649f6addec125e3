from __future__ import annotations

from datetime import timedelta

import pytest
from ocpp.exceptions import NotImplementedError as NotKnown
from ocpp.exceptions import NotSupportedError, PropertyConstraintViolationError

from simulators.faults import Faults
from tests.simulators.at_work import at_work, car, online
from tests.simulators.central import START

pytestmark = pytest.mark.anyio

OFFLINE_STARTS = "AllowOfflineTxForUnknownId"


def profile(amperes: float, **other: object) -> dict[str, object]:
    """A TxDefaultProfile that holds for good."""
    schedule = {
        "charging_rate_unit": "A",
        "start_schedule": (START - timedelta(minutes=1)).isoformat().replace("+00:00", "Z"),
        "charging_schedule_period": [{"start_period": 0, "limit": amperes}],
    }
    return {
        "charging_profile_id": 1,
        "stack_level": 0,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Absolute",
        "charging_schedule": schedule,
        **other,
    }


# Boot and states


async def test_a_station_boots_and_tells_the_state_of_each_connector():
    async with online(evses=2) as scene:
        assert scene.central.calls[0][0] == "BootNotification"
        told = scene.central.told("StatusNotification")
        assert [(one["connectorId"], one["status"]) for one in told] == [
            (number, "Available") for number in (0, 1, 2)
        ]


async def test_a_boot_that_is_not_accepted_is_repeated_after_the_interval_and_nothing_else_is_said():
    answers = iter(["Rejected", "Pending", "Accepted"])

    def reply(_payload):
        return {"status": next(answers), "interval": 30}

    async with at_work(replies={"BootNotification": reply}) as scene:
        await scene.central.first("StatusNotification", connectorId=1)
        told = [action for action, _ in scene.central.calls[:4]]
        assert told == ["BootNotification"] * 3 + ["StatusNotification"]


async def test_heartbeats_come_in_the_interval_that_the_boot_was_told():
    async with online(replies={"BootNotification": {"status": "Accepted", "interval": 60}}) as scene:
        await scene.central.until(lambda: len(scene.central.told("Heartbeat")) >= 2)
        assert scene.station.dialect.heartbeat_interval_s == 60


async def test_the_station_sets_its_clock_by_the_central_system():
    async with online() as scene:
        scene.central.now = lambda: START + timedelta(days=1)
        await scene.central.ask("TriggerMessage", requested_message="Heartbeat")
        await scene.until(lambda: scene.station.model.skew.offset_s)
        await scene.central.ask("TriggerMessage", requested_message="StatusNotification", connector_id=1)
        told = await scene.central.until(lambda: scene.central.told("StatusNotification")[2:])
        assert told[0]["timestamp"].startswith("2026-03-03T07:0")


async def test_a_wrong_clock_stays_wrong():
    async with online(faults=Faults(clock_offset_s=-7200)) as scene:
        assert scene.central.told("StatusNotification")[0]["timestamp"].startswith("2026-03-02T05:0")


async def test_the_key_is_presented_by_basic_authentication():
    async with online(key="0123456789abcdef") as scene:
        assert scene.central.headers == ["Basic Q1AtMTowMTIzNDU2Nzg5YWJjZGVm"]


# Sessions


async def test_a_session_is_authorized_started_metered_and_stopped_in_order():
    async with online() as scene:
        transaction = await scene.charging()
        await scene.central.until(lambda: len(scene.central.told("MeterValues")) >= 2)
        scene.station.unplug(1)
        stop = await scene.central.first("StopTransaction")
        await scene.central.until(
            lambda: scene.central.told("StatusNotification")[-1]["status"] == "Available"
        )
        told = [
            payload.get("status", action)
            for action, payload in scene.central.calls
            if action not in {"Heartbeat", "MeterValues"}
        ]
        assert told[3:] == [
            "Preparing",
            "Authorize",
            "StartTransaction",
            "SuspendedEVSE",
            "Charging",
            "StopTransaction",
            "Finishing",
            "Available",
        ]
        assert (stop["transactionId"], stop["reason"]) == (int(transaction), "EVDisconnected")
        (delivered,) = scene.station.delivered
        assert stop["meterStop"] == int(delivered.energy_wh) > 0


async def test_meter_values_have_the_measurands_phases_and_interval_that_were_configured():
    async with online() as scene:
        measurands = "Current.Import,Voltage,SoC,Power.Offered,Current.Offered"
        for key, value in (("MeterValuesSampledData", measurands), ("MeterValueSampleInterval", "10")):
            assert (await scene.central.ask("ChangeConfiguration", key=key, value=value)).status == "Accepted"
        await scene.charging(phases=1, max_a=20)
        await scene.central.until(lambda: len(scene.central.told("MeterValues")) > 2)
        values = scene.central.told("MeterValues")[2]["meterValue"][0]["sampledValue"]
        assert [(one["measurand"], one.get("phase")) for one in values] == [
            ("Current.Import", "L1"),
            ("Current.Import", "L2"),
            ("Current.Import", "L3"),
            ("Voltage", "L1-N"),
            ("Voltage", "L2-N"),
            ("Voltage", "L3-N"),
            ("SoC", None),
            ("Power.Offered", None),
            ("Current.Offered", None),
        ]
        assert [one["value"] for one in values[:3]] == ["20", "0", "0"]


async def test_all_connectors_are_read_when_the_clock_strikes():
    async with online(evses=2) as scene:
        await scene.central.ask("ChangeConfiguration", key="ClockAlignedDataInterval", value="60")
        await scene.central.first("MeterValues", connectorId=2)
        (value,) = scene.central.told("MeterValues")[0]["meterValue"]
        assert value["timestamp"].endswith(":00.000Z")
        assert value["sampledValue"][0]["context"] == "Sample.Clock"


async def test_a_token_that_is_not_accepted_charges_nothing():
    async with online(replies={"Authorize": {"idTagInfo": {"status": "Blocked"}}}) as scene:
        scene.station.plug(1, car())
        scene.station.present(1, "TAG")
        await scene.central.first("Authorize")
        await scene.central.ask("TriggerMessage", requested_message="Heartbeat")
        await scene.central.first("Heartbeat")
        assert scene.station.model.session(1) is None
        assert not scene.central.told("StartTransaction")


async def test_a_session_whose_token_turns_out_bad_is_stopped():
    reply = {"idTagInfo": {"status": "Invalid"}, "transactionId": 9}
    async with online(replies={"StartTransaction": reply}) as scene:
        scene.station.plug(1, car())
        scene.station.present(1, "TAG")
        stop = await scene.central.first("StopTransaction")
        assert (stop["transactionId"], stop["reason"]) == (9, "DeAuthorized")


async def test_a_session_whose_token_turns_out_bad_may_go_on_without_energy():
    reply = {"idTagInfo": {"status": "Invalid"}, "transactionId": 9}
    async with online(replies={"StartTransaction": reply}) as scene:
        await scene.central.ask("ChangeConfiguration", key="StopTransactionOnInvalidId", value="false")
        scene.station.plug(1, car())
        scene.station.present(1, "TAG")
        await scene.central.until(
            lambda: scene.central.told("StatusNotification")[-1]["status"] == "SuspendedEVSE"
        )
        await scene.central.first("MeterValues")
        assert scene.station.model.current_a(1) == (0, 0, 0)
        scene.station.unplug(1)
        assert scene.station.model.connectors[1].disobeys_a is None


async def test_the_same_token_ends_the_session():
    async with online() as scene:
        await scene.charging(token="TAG")
        scene.station.present(1, "OTHER")
        scene.station.present(1, "TAG")
        stop = await scene.central.first("StopTransaction")
        assert (stop["idTag"], stop["reason"]) == ("TAG", "Local")


# Offline


async def test_what_happened_offline_is_told_later_in_order_with_its_own_times():
    async with online() as scene:
        transaction = await scene.charging()
        await scene.central.first("MeterValues")
        await scene.until(lambda: not len(scene.station.messenger.queue))
        await scene.offline(for_s=300)
        assert scene.station.model.current_a(1) == (16, 16, 16)
        await scene.central.until(lambda: len(scene.central.peers) > 1)
        scene.station.unplug(1)
        await scene.central.first("StopTransaction", transactionId=int(transaction))
        readings = scene.central.told("MeterValues")
        times = [one["meterValue"][0]["timestamp"] for one in readings]
        assert times == sorted(set(times))
        assert len(times) >= 4, "one a minute, also while it was offline"
        assert {one["transactionId"] for one in readings} == {int(transaction)}
        assert len(scene.central.told("BootNotification")) == 1


async def test_a_session_that_begins_offline_gets_its_id_into_all_that_follows():
    async with online() as scene:
        await scene.offline(for_s=200)
        scene.station.plug(1, car())
        scene.station.present(1, "OFFLINE")
        assert scene.station.model.session(1).offline
        start = await scene.central.first("StartTransaction")
        assert start["idTag"] == "OFFLINE"
        assert (await scene.central.first("MeterValues"))["transactionId"] == 1


async def test_an_unknown_token_waits_offline_where_the_configuration_says_so():
    async with online() as scene:
        await scene.central.ask("ChangeConfiguration", key=OFFLINE_STARTS, value="false")
        await scene.offline(for_s=100)
        scene.station.plug(1, car())
        scene.station.present(1, "OFFLINE")
        assert scene.station.model.session(1) is None


async def test_a_start_that_is_refused_for_good_is_given_up_and_its_stop_has_no_id():
    async with online(replies={"StartTransaction": "InternalError"}) as scene:
        scene.station.plug(1, car())
        scene.station.present(1, "TAG")
        await scene.central.until(lambda: len(scene.central.told("StartTransaction")) == 3)
        scene.station.unplug(1)
        assert (await scene.central.first("StopTransaction"))["transactionId"] == -1
        assert [one.action for one in scene.station.messenger.queue.given_up] == ["StartTransaction"]


async def test_a_message_that_is_not_answered_is_sent_again_under_another_id():
    answers = iter([None, {"idTagInfo": {"status": "Accepted"}, "transactionId": 5}])
    async with online(replies={"StartTransaction": lambda _: next(answers)}, answer_timeout_s=0.3) as scene:
        assert await scene.charging() == "5"
        first, second = scene.central.told("StartTransaction")
        assert first == second
        entries = [one for one in scene.station.journal.entries if one.action == "StartTransaction"]
        assert [(one.fate, one.attempt) for one in entries] == [("unanswered", 1), ("answered", 2)]
        assert entries[0].fact == entries[1].fact
        assert entries[0].message_id != entries[1].message_id


# Remote control


async def test_a_remote_start_with_a_profile_charges_under_it():
    async with online() as scene:
        scene.station.plug(1, car())
        tx_profile = profile(10.5, charging_profile_purpose="TxProfile")
        answer = await scene.central.ask(
            "RemoteStartTransaction", id_tag="REMOTE", connector_id=1, charging_profile=tx_profile
        )
        assert answer.status == "Accepted"
        start = await scene.central.first("StartTransaction")
        assert start["idTag"] == "REMOTE"
        await scene.central.until(
            lambda: scene.central.told("StatusNotification")[-1]["status"] == "Charging"
        )
        assert scene.station.model.offered_a(1) == 10.5


async def test_a_remote_start_waits_for_a_car_and_not_for_ever():
    async with online() as scene:
        await scene.central.ask("ChangeConfiguration", key="ConnectionTimeOut", value="30")
        await scene.central.ask("RemoteStartTransaction", id_tag="REMOTE")
        await scene.central.first("StatusNotification", connectorId=1, status="Preparing")
        await scene.central.until(
            lambda: scene.central.told("StatusNotification")[-1]["status"] == "Available"
        )
        await scene.central.ask("RemoteStartTransaction", id_tag="REMOTE")
        await scene.until(lambda: scene.station.model.connectors[1].accepted_token)
        scene.station.plug(1, car())
        await scene.central.first("StartTransaction", idTag="REMOTE")


async def test_a_remote_start_may_have_to_be_authorized():
    async with online(replies={"Authorize": {"idTagInfo": {"status": "Expired"}}}) as scene:
        await scene.central.ask("ChangeConfiguration", key="AuthorizeRemoteTxRequests", value="true")
        scene.station.plug(1, car())
        await scene.central.ask("RemoteStartTransaction", id_tag="REMOTE")
        await scene.central.first("Authorize", idTag="REMOTE")
        assert not scene.central.told("StartTransaction")


async def test_a_remote_start_is_rejected_where_nothing_is_free():
    async with online() as scene:
        await scene.charging()
        for connector in (None, 1, 7):
            answer = await scene.central.ask(
                "RemoteStartTransaction", id_tag="REMOTE", connector_id=connector
            )
            assert answer.status == "Rejected"


async def test_a_remote_stop_ends_the_transaction_that_it_names():
    async with online() as scene:
        transaction = int(await scene.charging())
        wrong = await scene.central.ask("RemoteStopTransaction", transaction_id=transaction + 1)
        right = await scene.central.ask("RemoteStopTransaction", transaction_id=transaction)
        assert (wrong.status, right.status) == ("Rejected", "Accepted")
        assert (await scene.central.first("StopTransaction"))["reason"] == "Remote"


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
async def test_a_reset_ends_all_and_the_station_boots_anew(kind):
    async with online() as scene:
        await scene.charging()
        assert (await scene.central.ask("Reset", type=kind)).status == "Accepted"
        stop = await scene.central.first("StopTransaction")
        assert stop["reason"] == f"{kind}Reset"
        assert len(scene.central.told("BootNotification")) == 2
        assert len(scene.central.peers) == 2


async def test_availability_changes_at_once_or_after_the_session():
    async with online(evses=2) as scene:
        await scene.charging(1)
        answers = [
            await scene.central.ask("ChangeAvailability", connector_id=connector, type="Inoperative")
            for connector in (1, 2, 3)
        ]
        assert [answer.status for answer in answers] == ["Scheduled", "Accepted", "Rejected"]
        await scene.central.first("StatusNotification", connectorId=2, status="Unavailable")
        scene.station.unplug(1)
        await scene.central.first("StatusNotification", connectorId=1, status="Unavailable")


async def test_unlocking_ends_the_session():
    async with online() as scene:
        await scene.charging()
        assert (await scene.central.ask("UnlockConnector", connector_id=2)).status == "NotSupported"
        assert (await scene.central.ask("UnlockConnector", connector_id=1)).status == "Unlocked"
        assert (await scene.central.first("StopTransaction"))["reason"] == "UnlockCommand"


@pytest.mark.parametrize(
    "message",
    [
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
    ],
)
async def test_every_message_can_be_triggered_after_the_answer(message):
    async with online() as scene:
        before = len(scene.central.told(message))
        answer = await scene.central.ask("TriggerMessage", requested_message=message)
        assert answer.status == "Accepted"
        await scene.central.until(lambda: len(scene.central.told(message)) > before)


async def test_a_trigger_for_an_unknown_connector_is_rejected():
    async with online() as scene:
        asked = {"requested_message": "MeterValues", "connector_id": 9}
        assert (await scene.central.ask("TriggerMessage", **asked)).status == "Rejected"


async def test_what_is_not_built_is_said_with_the_code_of_the_specification():
    async with online() as scene:
        with pytest.raises(NotSupportedError):
            await scene.central.ask("GetLocalListVersion")
        await scene.central.peer._connection.send('[2,"x","CustomOperation",{}]')
        frame = await scene.until(lambda: scene.station.journal.received[1:])
        assert '"NotImplemented"' in frame[0][2]
        assert NotKnown.code == "NotImplemented"


async def test_vendor_data_and_the_cache_are_answered():
    async with online() as scene:
        answer = await scene.central.ask("DataTransfer", vendor_id="V", data="x")
        assert answer.status == "UnknownVendorId"
        assert (await scene.central.ask("ClearCache")).status == "Accepted"


# Configuration


async def test_the_configuration_tells_what_a_balancer_wants_to_know():
    async with online(evses=2, rules={"units": frozenset("W"), "max_periods": 3}) as scene:
        answer = await scene.central.ask("GetConfiguration")
        told = {one["key"]: (one["value"], one["readonly"]) for one in answer.configuration_key}
        assert told["ChargingScheduleAllowedChargingRateUnit"] == ("Power", True)
        assert told["ChargingScheduleMaxPeriods"] == ("3", True)
        assert told["NumberOfConnectors"] == ("2", True)
        assert told["ConnectorPhaseRotation"] == ("1.RST,2.RST", False)
        assert told["SupportedFeatureProfiles"] == ("Core,SmartCharging,RemoteTrigger", True)
        assert "AuthorizationKey" not in told


async def test_unknown_keys_are_told_and_known_ones_found_without_regard_to_case():
    async with online() as scene:
        answer = await scene.central.ask("GetConfiguration", key=["HEARTBEATINTERVAL", "Nonsense"])
        assert [one["key"] for one in answer.configuration_key] == ["HeartbeatInterval"]
        assert answer.unknown_key == ["Nonsense"]


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "60", "Accepted"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("NumberOfConnectors", "3", "Rejected"),
        ("MeterValuesSampledData", "Current.Import,Frequency", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
    ],
)
async def test_configuration_is_changed_where_that_makes_sense(key, value, status):
    async with online() as scene:
        assert (await scene.central.ask("ChangeConfiguration", key=key, value=value)).status == status


# Charging profiles


async def test_a_limit_is_obeyed_within_the_reaction_time_and_physics_show_it():
    async with online() as scene:
        await scene.charging()
        await scene.central.first("MeterValues")
        asked = {"connector_id": 1, "cs_charging_profiles": profile(8.3)}
        assert (await scene.central.ask("SetChargingProfile", **asked)).status == "Accepted"
        set_s = scene.station.model.now_s
        await scene.central.until(
            lambda: any(
                one["value"] == "8.3"
                for told in scene.central.told("MeterValues")
                for one in told["meterValue"][0]["sampledValue"]
            )
        )
        draws = scene.station.model.draws[1]
        settles_s = scene.station.model.connectors[1].settles_s
        assert draws.at(set_s)[0] == 16
        assert draws.at(set_s + settles_s)[0] == pytest.approx(8.3)


async def test_zero_pauses_the_car_and_it_goes_on_afterwards():
    async with online() as scene:
        await scene.charging()
        await scene.central.ask("SetChargingProfile", connector_id=0, cs_charging_profiles=profile(0))
        await scene.central.until(
            lambda: scene.central.told("StatusNotification")[-1]["status"] == "SuspendedEVSE"
        )
        answer = await scene.central.ask("ClearChargingProfile", id=1)
        assert answer.status == "Accepted"
        await scene.central.until(
            lambda: scene.central.told("StatusNotification")[-1]["status"] == "Charging"
        )
        assert (await scene.central.ask("ClearChargingProfile", id=1)).status == "Unknown"


async def test_a_composite_schedule_shows_what_is_to_be_expected():
    async with online() as scene:
        await scene.central.ask("SetChargingProfile", connector_id=1, cs_charging_profiles=profile(21.4))
        answer = await scene.central.ask("GetCompositeSchedule", connector_id=1, duration=600)
        assert answer.status == "Accepted"
        (period,) = answer.charging_schedule["charging_schedule_period"]
        assert float(period["limit"]) == 21.4
        assert (
            await scene.central.ask("GetCompositeSchedule", connector_id=9, duration=600)
        ).status == "Rejected"


async def test_a_profile_for_an_unknown_connector_is_a_call_error():
    async with online() as scene:
        with pytest.raises(PropertyConstraintViolationError):
            await scene.central.ask("SetChargingProfile", connector_id=9, cs_charging_profiles=profile(8))


async def test_a_profile_may_be_rejected_or_accepted_without_effect():
    for faults, status in (
        (Faults(rejects_profiles=1), "Rejected"),
        (Faults(ignores_profiles=1), "Accepted"),
    ):
        async with online(faults=faults) as scene:
            asked = {"connector_id": 1, "cs_charging_profiles": profile(8)}
            assert (await scene.central.ask("SetChargingProfile", **asked)).status == status
            assert scene.station.model.limit_a(1) is None


async def test_a_local_limit_holds_and_1_6_has_no_words_for_it():
    async with online() as scene:
        await scene.charging()
        before = len(scene.central.calls)
        scene.station.external.limit(1, 7.0)
        assert scene.station.model.limit_a(1) == 7
        await scene.central.first("MeterValues")
        assert {action for action, _ in scene.central.calls[before:]} <= {"MeterValues", "Heartbeat"}


async def test_a_station_without_smart_charging_says_so():
    async with online(rules={"supported": False}) as scene:
        with pytest.raises(NotSupportedError):
            await scene.central.ask("SetChargingProfile", connector_id=1, cs_charging_profiles=profile(8))
        answer = await scene.central.ask("GetConfiguration", key=["SupportedFeatureProfiles"])
        assert answer.configuration_key[0]["value"] == "Core,RemoteTrigger"
