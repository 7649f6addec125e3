from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ocpp.exceptions import NotSupportedError, OccurenceConstraintViolationError

from simulators.faults import Faults
from simulators.schedules import Version
from tests.simulators.at_work import Scene, at_work, car
from tests.simulators.at_work import online as online_in
from tests.simulators.central import START

pytestmark = pytest.mark.anyio

V201 = Version.V201


def online(**options: Any):
    return online_in(V201, **options)


def profile(amperes: float, **other: object) -> dict[str, object]:
    """A TxDefaultProfile that holds for good."""
    schedule = {
        "id": 1,
        "charging_rate_unit": "A",
        "start_schedule": (START - timedelta(minutes=1)).isoformat().replace("+00:00", "Z"),
        "charging_schedule_period": [{"start_period": 0, "limit": amperes}],
    }
    return {
        "id": 1,
        "stack_level": 0,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Absolute",
        "charging_schedule": [schedule],
        **other,
    }


def events(scene: Scene) -> list[dict[str, Any]]:
    return scene.central.told("TransactionEvent")


async def test_a_station_boots_with_its_reason_and_tells_each_connector():
    async with online(evses=2) as scene:
        (boot,) = scene.central.told("BootNotification")
        assert boot["reason"] == "PowerUp"
        told = scene.central.told("StatusNotification")
        assert [(one["evseId"], one["connectorId"], one["connectorStatus"]) for one in told] == [
            (1, 1, "Available"),
            (2, 1, "Available"),
        ]


async def test_a_session_is_told_by_events_that_are_numbered_without_a_gap():
    async with online() as scene:
        transaction = await scene.charging()
        await scene.central.first("TransactionEvent", triggerReason="MeterValuePeriodic")
        scene.station.unplug(1)
        ended = await scene.central.first("TransactionEvent", eventType="Ended")
        told = events(scene)
        assert [one["seqNo"] for one in told] == list(range(len(told)))
        assert {one["transactionInfo"]["transactionId"] for one in told} == {transaction}
        assert told[0]["idToken"] == {"idToken": "TAG", "type": "ISO14443"}
        assert told[0]["meterValue"][0]["sampledValue"][0]["context"] == "Transaction.Begin"
        states = [one["transactionInfo"].get("chargingState") for one in told[1:3]]
        assert states == ["SuspendedEVSE", "Charging"]
        assert ended["triggerReason"] == "EVCommunicationLost"
        assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"
        (delivered,) = scene.station.delivered
        (value,) = ended["meterValue"][0]["sampledValue"]
        assert value["value"] == int(delivered.energy_wh) > 0
        assert not any("offline" in one for one in told)


async def test_only_changes_of_the_connectors_status_are_told():
    async with online() as scene:
        await scene.charging()
        scene.station.unplug(1)
        await scene.central.until(
            lambda: (
                scene.central.told("StatusNotification")[1:]
                and scene.central.told("StatusNotification")[-1]["connectorStatus"] == "Available"
            )
        )
        told = [one["connectorStatus"] for one in scene.central.told("StatusNotification")]
        assert told == ["Available", "Occupied", "Available"]


async def test_events_of_a_time_without_connection_say_so():
    async with online() as scene:
        await scene.charging()
        await scene.offline(for_s=200)
        scene.station.unplug(1)
        ended = await scene.central.first("TransactionEvent", eventType="Ended")
        assert ended["offline"] is True
        numbers = [one["seqNo"] for one in events(scene)]
        assert sorted(set(numbers)) == list(range(max(numbers) + 1))


async def test_a_session_whose_token_turns_out_bad_is_stopped():
    reply = {"idTokenInfo": {"status": "Blocked"}}
    async with online(replies={"TransactionEvent": reply}) as scene:
        scene.station.plug(1, car())
        scene.station.present(1, "TAG")
        ended = await scene.central.first("TransactionEvent", eventType="Ended")
        assert ended["triggerReason"] == "Deauthorized"


async def test_a_remote_start_carries_its_number_token_and_profile():
    async with online() as scene:
        scene.station.plug(1, car())
        answer = await scene.central.ask(
            "RequestStartTransaction",
            id_token={"idToken": "REMOTE", "type": "Central"},
            remote_start_id=77,
            charging_profile=profile(9, charging_profile_purpose="TxProfile"),
        )
        assert answer.status == "Accepted"
        started = await scene.central.first("TransactionEvent", eventType="Started")
        assert started["triggerReason"] == "RemoteStart"
        assert started["transactionInfo"]["remoteStartId"] == 77
        assert started["idToken"] == {"idToken": "REMOTE", "type": "Central"}
        await scene.until(lambda: scene.station.model.offered_a(1) == 9)


async def test_a_remote_stop_ends_the_transaction_that_it_names():
    async with online() as scene:
        transaction = await scene.charging()
        wrong = await scene.central.ask("RequestStopTransaction", transaction_id="nonsense")
        right = await scene.central.ask("RequestStopTransaction", transaction_id=transaction)
        assert (wrong.status, right.status) == ("Rejected", "Accepted")
        ended = await scene.central.first("TransactionEvent", eventType="Ended")
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")


async def test_an_immediate_reset_ends_all_and_the_station_boots_anew():
    async with online() as scene:
        await scene.charging()
        assert (await scene.central.ask("Reset", type="Immediate")).status == "Accepted"
        ended = await scene.central.first("TransactionEvent", eventType="Ended")
        assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
        assert [one["reason"] for one in scene.central.told("BootNotification")] == ["PowerUp", "RemoteReset"]


async def test_a_reset_on_idle_waits_for_the_session():
    async with online() as scene:
        await scene.charging()
        assert (await scene.central.ask("Reset", type="OnIdle")).status == "Scheduled"
        assert scene.station.model.session(1) is not None
        scene.station.unplug(1)
        await scene.central.first("BootNotification", reason="ScheduledReset")


async def test_one_evse_can_be_reset_alone():
    async with online(evses=2) as scene:
        await scene.charging(2)
        assert (await scene.central.ask("Reset", type="Immediate", evse_id=9)).status == "Rejected"
        assert (await scene.central.ask("Reset", type="Immediate", evse_id=2)).status == "Accepted"
        await scene.central.first("TransactionEvent", eventType="Ended")
        assert len(scene.central.told("BootNotification")) == 1


async def test_availability_changes_at_once_or_after_the_session():
    async with online(evses=2) as scene:
        await scene.charging(1)
        answers = [
            await scene.central.ask("ChangeAvailability", operational_status="Inoperative", evse={"id": evse})
            for evse in (1, 2, 3)
        ]
        assert [answer.status for answer in answers] == ["Scheduled", "Accepted", "Rejected"]
        await scene.central.first("StatusNotification", evseId=2, connectorStatus="Unavailable")


async def test_a_connector_with_a_session_stays_locked():
    async with online() as scene:
        asked = [(1, 1), (1, 2), (5, 1)]
        answers = [
            await scene.central.ask("UnlockConnector", evse_id=evse, connector_id=connector)
            for evse, connector in asked
        ]
        assert [one.status for one in answers] == ["Unlocked", "UnknownConnector", "UnknownConnector"]
        await scene.charging()
        answer = await scene.central.ask("UnlockConnector", evse_id=1, connector_id=1)
        assert answer.status == "OngoingAuthorizedTransaction"


@pytest.mark.parametrize(
    "message",
    [
        "BootNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "StatusNotification",
    ],
)
async def test_every_message_can_be_triggered_after_the_answer(message):
    async with online() as scene:
        before = len(scene.central.told(message))
        assert (await scene.central.ask("TriggerMessage", requested_message=message)).status == "Accepted"
        await scene.central.until(lambda: len(scene.central.told(message)) > before)


async def test_a_trigger_in_a_session_is_told_as_part_of_it():
    async with online() as scene:
        await scene.charging()
        await scene.central.ask("TriggerMessage", requested_message="TransactionEvent", evse={"id": 1})
        await scene.central.first("TransactionEvent", triggerReason="Trigger")
        answer = await scene.central.ask("TriggerMessage", requested_message="SignCombinedCertificate")
        assert answer.status == "NotImplemented"
        answer = await scene.central.ask("TriggerMessage", requested_message="Heartbeat", evse={"id": 8})
        assert answer.status == "Rejected"


async def test_a_transactions_status_can_be_asked():
    async with online() as scene:
        transaction = await scene.charging()
        await scene.until(lambda: not len(scene.station.messenger.queue))
        one = await scene.central.ask("GetTransactionStatus", transaction_id=transaction)
        other = await scene.central.ask("GetTransactionStatus", transaction_id="nonsense")
        any_at_all = await scene.central.ask("GetTransactionStatus")
        assert (one.ongoing_indicator, one.messages_in_queue) == (True, False)
        assert (other.ongoing_indicator, any_at_all.messages_in_queue) == (False, False)


async def test_vendor_data_the_cache_and_what_is_not_built_are_answered():
    async with online() as scene:
        assert (await scene.central.ask("DataTransfer", vendor_id="V")).status == "UnknownVendorId"
        assert (await scene.central.ask("ClearCache")).status == "Accepted"
        with pytest.raises(NotSupportedError):
            await scene.central.ask("GetLocalListVersion")


# The device model


async def test_variables_tell_what_a_balancer_wants_to_know():
    async with online(rules={"max_periods": 3, "units": frozenset("W")}) as scene:
        wanted = [
            ("SmartChargingCtrlr", "RateUnit"),
            ("SmartChargingCtrlr", "PeriodsPerSchedule"),
            ("X", "Y"),
        ]
        answer = await scene.central.ask(
            "GetVariables",
            get_variable_data=[
                {"component": {"name": one}, "variable": {"name": two}} for one, two in wanted
            ],
        )
        told = [(one["attribute_status"], one.get("attribute_value")) for one in answer.get_variable_result]
        assert told == [("Accepted", "W"), ("Accepted", "3"), ("UnknownComponent", None)]


async def test_more_variables_than_fit_are_refused():
    async with online() as scene:
        one = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
        with pytest.raises(OccurenceConstraintViolationError):
            await scene.central.ask("GetVariables", get_variable_data=[one] * 21)


async def test_a_variable_that_is_set_counts_from_then_on():
    async with online() as scene:
        asked = {
            "component": {"name": "SampledDataCtrlr"},
            "variable": {"name": "TxUpdatedInterval"},
            "attribute_value": "10",
        }
        answer = await scene.central.ask("SetVariables", set_variable_data=[asked])
        assert [one["attribute_status"] for one in answer.set_variable_result] == ["Accepted"]
        await scene.charging()
        await scene.central.until(
            lambda: sum(one["triggerReason"] == "MeterValuePeriodic" for one in events(scene)) > 2
        )


async def test_a_base_report_comes_in_numbered_parts_after_the_answer():
    async with online() as scene:
        answer = await scene.central.ask("GetBaseReport", request_id=5, report_base="FullInventory")
        assert answer.status == "Accepted"
        await scene.central.first("NotifyReport", tbc=False)
        parts = scene.central.told("NotifyReport")
        assert [part["seqNo"] for part in parts] == list(range(len(parts)))
        rows = [row for part in parts for row in part["reportData"]]
        assert len(parts) > 1
        names = {(row["component"]["name"], row["variable"]["name"]) for row in rows}
        assert ("SmartChargingCtrlr", "ProfileStackLevel") in names
        answer = await scene.central.ask("GetBaseReport", request_id=6, report_base="SummaryInventory")
        assert answer.status == "NotSupported"


# Charging profiles


async def test_a_limit_is_obeyed_and_reported_and_cleared():
    async with online() as scene:
        transaction = await scene.charging()
        asked = profile(7.5, id=5, charging_profile_purpose="TxProfile", transaction_id=transaction)
        answer = await scene.central.ask("SetChargingProfile", evse_id=1, charging_profile=asked)
        assert answer.status == "Accepted"
        answer = await scene.central.ask(
            "GetChargingProfiles", request_id=3, charging_profile={"stackLevel": 0}
        )
        assert answer.status == "Accepted"
        report = await scene.central.first("ReportChargingProfiles", requestId=3)
        assert (report["evseId"], report["chargingLimitSource"], report["tbc"]) == (1, "CSO", False)
        (told,) = report["chargingProfile"]
        assert (told["id"], told["transactionId"]) == (5, transaction)
        assert told["chargingSchedule"][0]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 7.5}]
        composite = await scene.central.ask("GetCompositeSchedule", duration=60, evse_id=1)
        assert composite.schedule["charging_schedule_period"][0]["limit"] == 7.5
        criteria = {"evseId": 1, "chargingProfilePurpose": "TxProfile"}
        answer = await scene.central.ask("ClearChargingProfile", charging_profile_criteria=criteria)
        assert answer.status == "Accepted"
        answer = await scene.central.ask(
            "GetChargingProfiles", request_id=4, charging_profile={"stackLevel": 0}
        )
        assert answer.status == "NoProfiles"


async def test_a_profile_that_breaks_a_rule_is_rejected_with_a_reason():
    async with online() as scene:
        answer = await scene.central.ask("SetChargingProfile", evse_id=7, charging_profile=profile(8))
        assert (answer.status, answer.status_info["reason_code"]) == ("Rejected", "UnknownEvse")
        answer = await scene.central.ask("GetCompositeSchedule", duration=60, evse_id=7)
        assert answer.status == "Rejected"


async def test_a_slow_station_answers_late_and_a_silent_one_never():
    async with online(faults=Faults(slow=1, slow_s=30)) as scene:
        set_s = scene.station.clock.now_s()
        await scene.central.ask("SetChargingProfile", evse_id=1, charging_profile=profile(8))
        assert scene.station.clock.now_s() - set_s >= 30
    async with online(faults=Faults(never_answers=frozenset({"SetChargingProfile"}))) as scene:
        scene.central.peer._response_timeout = 0.2
        with pytest.raises(TimeoutError):
            await scene.central.ask("SetChargingProfile", evse_id=1, charging_profile=profile(8))
        assert (await scene.central.ask("ClearCache")).status == "Accepted"


async def test_an_unanswered_boot_is_repeated():
    answers = iter([None, {"status": "Accepted", "interval": 300}])
    async with at_work(
        V201, replies={"BootNotification": lambda _: next(answers)}, answer_timeout_s=0.2
    ) as scene:
        await scene.central.first("StatusNotification")
        assert len(scene.central.told("BootNotification")) == 2


# Limits of others


async def test_a_local_limit_holds_is_told_and_is_reported_until_it_is_lifted():
    async with online() as scene:
        await scene.charging()
        scene.station.external.limit(0, 9.0, "SO")
        told = await scene.central.first("NotifyChargingLimit")
        assert told["chargingLimit"] == {"chargingLimitSource": "SO", "isGridCritical": True}
        assert told["chargingSchedule"][0]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 9.0}]
        await scene.until(lambda: scene.station.catch_up() and scene.station.model.offered_a(1) == 9)
        asked = {"chargingLimitSource": ["SO"]}
        answer = await scene.central.ask("GetChargingProfiles", request_id=1, charging_profile=asked)
        assert answer.status == "Accepted"
        report = await scene.central.first("ReportChargingProfiles")
        assert report["chargingProfile"][0]["chargingProfilePurpose"] == "ChargingStationExternalConstraints"
        scene.station.external.lift(0, "SO")
        assert (await scene.central.first("ClearedChargingLimit")) == {"chargingLimitSource": "SO"}
        assert scene.station.model.limit_a(1) is None
