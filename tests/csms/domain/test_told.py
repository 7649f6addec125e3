"""What events tell of a transaction, joined in any order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from csms.domain.events import TransactionEventReported, TransactionStage
from csms.domain.metering import Sample
from csms.domain.told import KEPT_REGISTERS, MeterStart, Place, StartToken, StopToken, Told, joined, told_by


def sample(at_us: int, energy_wh: float | None, context: str = "Sample.Periodic") -> Sample:
    return Sample(at_us=at_us, device_at_us=at_us, received_at_us=0, context=context, energy_wh=energy_wh)


def telling(stage: str, seq_no: int, *, token_hmac: bytes | None = None, **said: Any) -> Told:
    event = TransactionEventReported(
        stage=TransactionStage(stage),
        ocpp_id="tx",
        seq_no=seq_no,
        **({"trigger": "Trigger", "device_at": str(seq_no), "device_at_us": seq_no} | said),
    )
    return told_by(event, at_us=seq_no, received_at_us=seq_no, token_hmac=token_hmac, verdict="Accepted")


NUMBERS = st.integers(0, 4)
ANY = st.builds(
    telling,
    st.sampled_from(["Started", "Updated", "Ended"]),
    NUMBERS,
    token_hmac=st.sampled_from([None, b"a", b"b"]),
    trigger=st.sampled_from(["Authorized", "StopAuthorized"]),
    evse=st.none() | st.integers(-1, 2),
    connector=st.none() | st.integers(-1, 2),
    charging_state=st.none() | st.text(max_size=1),
    stop_reason=st.none() | st.text(max_size=1),
    remote_start_id=st.none() | NUMBERS,
    reservation_id=st.none() | NUMBERS,
    phases_used=st.none() | NUMBERS,
    samples=st.lists(
        st.builds(
            sample,
            st.integers(0, 20),
            st.none() | st.floats(0, 9),
            st.sampled_from(["Transaction.Begin", "Transaction.End", "Sample.Clock"]),
        ),
        max_size=KEPT_REGISTERS + 2,
    ).map(tuple),
)


@given(one=ANY, other=ANY, third=ANY)
def test_any_order_of_any_tellings_is_the_same_and_twice_is_once(one: Told, other: Told, third: Told):
    both = joined(one, other)

    assert both == joined(other, one)
    assert joined(both, third) == joined(one, joined(other, third))
    assert joined(both, one) == both
    assert joined(one, one) == one


def test_a_started_is_the_start_whatever_its_number():
    late = joined(telling("Updated", 0), telling("Started", 3))

    assert late.started
    assert late.start.seq_no == 3
    assert not telling("Updated", 0).started


def test_the_station_itself_is_no_place():
    assert telling("Started", 0, evse=0, connector=1).place is None
    assert telling("Started", 0, connector=1).place is None


def test_the_first_place_counts_and_one_with_its_connector_before_one_without():
    first = joined(telling("Updated", 1, evse=1), telling("Updated", 2, evse=2))

    assert first.place == Place(1, 1, 1, 0)
    assert joined(first, telling("Updated", 3, evse=1, connector=2)).place == Place(0, 3, 1, 2)


def test_a_token_starts_or_stops():
    assert telling("Updated", 1, token_hmac=b"a").token == StartToken(1, b"a", "Accepted")
    stopping = telling("Updated", 4, token_hmac=b"b", trigger="StopAuthorized")
    assert (stopping.token, stopping.stop_token) == (None, StopToken(0, 4, b"b"))
    assert joined(stopping, telling("Ended", 3, token_hmac=b"c")).stop_token == StopToken(1, 3, b"c")


def test_the_register_at_the_beginning_is_said_so_or_the_starteds_or_the_oldest():
    oldest = telling("Updated", 1, samples=(sample(9, 2.0), sample(5, 1.0), sample(3, None)))
    assert oldest.meter_start == MeterStart(2, 5, 5, 1.0)
    of_started = joined(oldest, telling("Started", 2, samples=(sample(7, 3.0),)))
    assert of_started.meter_start == MeterStart(1, 2, 7, 3.0)
    said = joined(of_started, telling("Updated", 3, samples=(sample(8, 4.0, "Transaction.Begin"),)))
    assert said.meter_start == MeterStart(0, 3, 8, 4.0)


def test_the_register_at_the_end_is_said_so_or_the_newest_of_the_end():
    samples = (sample(9, 2.0), sample(5, 1.0), sample(20, 0.0, "Transaction.Begin"))
    newest = telling("Ended", 4, samples=samples).meter_stop
    assert newest is not None
    assert newest.energy_wh == 2.0
    said = telling("Ended", 4, samples=(*samples, sample(8, 7.0, "Transaction.End"))).meter_stop
    assert said is not None
    assert said.energy_wh == 7.0
    assert telling("Updated", 4, samples=samples).meter_stop is None


def test_only_the_newest_registers_are_kept():
    many = telling("Updated", 1, samples=tuple(sample(at, 1.0) for at in range(30)))

    assert [one.at_us for one in many.registers] == list(range(30 - KEPT_REGISTERS, 30))
