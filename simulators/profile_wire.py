"""Charging profiles as they travel: the payloads of both versions, members in snake case, moments by the station's clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.profiles import Composite
from simulators.schedules import Kind, Period, Profile, Purpose, Recurrency, Schedule, Unit, Version
from simulators.site_clock import format_utc, parse_utc

Members = Mapping[str, Any]

_STATION_MAX_16 = "ChargePointMaxProfile"


def read_purpose(text: str) -> Purpose:
    """Return the purpose that either version means."""
    return Purpose.STATION_MAX if text == _STATION_MAX_16 else Purpose(text)


def read_profile(members: Members, version: Version) -> Profile:
    """Read a profile; raises `ValueError` where a moment or a word is none."""
    schedules = members["charging_schedule"] if version is Version.V201 else [members["charging_schedule"]]
    transaction = members.get("transaction_id")
    recurrency = members.get("recurrency_kind")
    return Profile(
        id=members["id" if version is Version.V201 else "charging_profile_id"],
        purpose=read_purpose(members["charging_profile_purpose"]),
        stack_level=members["stack_level"],
        kind=Kind(members["charging_profile_kind"]),
        schedules=tuple(map(_read_schedule, schedules)),
        recurrency=None if recurrency is None else Recurrency(recurrency),
        valid_from_s=_moment(members.get("valid_from")),
        valid_to_s=_moment(members.get("valid_to")),
        transaction=None if transaction is None else str(transaction),
    )


def write_profile(profile: Profile) -> dict[str, Any]:
    """Write a profile as 2.0.1 reports it."""
    members: dict[str, Any] = {
        "id": profile.id,
        "stack_level": profile.stack_level,
        "charging_profile_purpose": profile.purpose.value,
        "charging_profile_kind": profile.kind.value,
        "charging_schedule": [write_schedule(schedule) for schedule in profile.schedules],
    }
    if profile.recurrency is not None:
        members["recurrency_kind"] = profile.recurrency.value
    if profile.valid_from_s is not None:
        members["valid_from"] = format_utc(profile.valid_from_s)
    if profile.valid_to_s is not None:
        members["valid_to"] = format_utc(profile.valid_to_s)
    if profile.transaction is not None:
        members["transaction_id"] = profile.transaction
    return members


def write_composite_16(composite: Composite) -> dict[str, Any]:
    """Write the `chargingSchedule` of GetCompositeSchedule.conf."""
    return {
        "duration": round(composite.duration_s),
        "start_schedule": format_utc(composite.start_s),
        "charging_rate_unit": composite.unit,
        "charging_schedule_period": _write_periods(composite.periods),
    }


def write_composite_201(composite: Composite) -> dict[str, Any]:
    """Write the `schedule` of GetCompositeScheduleResponse."""
    return {
        "evse_id": composite.evse,
        "duration": round(composite.duration_s),
        "schedule_start": format_utc(composite.start_s),
        "charging_rate_unit": composite.unit,
        "charging_schedule_period": _write_periods(composite.periods),
    }


def _read_schedule(members: Members) -> Schedule:
    unit: Unit = "W" if members["charging_rate_unit"] == "W" else "A"
    return Schedule(
        unit=unit,
        periods=tuple(map(_read_period, members["charging_schedule_period"])),
        start_s=_moment(members.get("start_schedule")),
        duration_s=members.get("duration"),
        min_rate=members.get("min_charging_rate"),
        id=members.get("id", 0),
    )


def _read_period(members: Members) -> Period:
    return Period(
        start_s=members["start_period"],
        limit=float(members["limit"]),
        phases=members.get("number_phases"),
        phase_to_use=members.get("phase_to_use"),
    )


def write_schedule(schedule: Schedule) -> dict[str, Any]:
    """Write a schedule as 2.0.1 has it."""
    members: dict[str, Any] = {
        "id": schedule.id,
        "charging_rate_unit": schedule.unit,
        "charging_schedule_period": _write_periods(schedule.periods),
    }
    if schedule.start_s is not None:
        members["start_schedule"] = format_utc(schedule.start_s)
    if schedule.duration_s is not None:
        members["duration"] = round(schedule.duration_s)
    if schedule.min_rate is not None:
        members["min_charging_rate"] = schedule.min_rate
    return members


def _write_periods(periods: tuple[Period, ...]) -> list[dict[str, Any]]:
    return [_write_period(period) for period in periods]


def _write_period(period: Period) -> dict[str, Any]:
    members: dict[str, Any] = {"start_period": round(period.start_s), "limit": round(period.limit, 1)}
    if period.phases is not None:
        members["number_phases"] = period.phases
    if period.phase_to_use is not None:
        members["phase_to_use"] = period.phase_to_use
    return members


def _moment(text: str | None) -> float | None:
    return None if text is None else parse_utc(text)
