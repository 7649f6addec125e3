"""What a meter said, in SI units, one wide value per moment."""

from __future__ import annotations

import enum

from msgspec import Struct


class Quality(enum.IntFlag):
    """What is doubtful about a sample; 0 means nothing is."""

    RECEIVE_TIME = 1
    """The device's clock was missing or outside the trusted window; the time of receipt stands in."""
    REPAIRED = 2
    """The message broke its schema and was repaired before it was read."""
    UNKNOWN_TRANSACTION = 4
    """It named a transaction that this store has never seen."""
    AFTER_END = 8
    """It came for a transaction that had already ended."""
    DROPPED_VALUES = 16
    """Some values of the same moment could not be read and were left out."""


class Sample(Struct, frozen=True, kw_only=True, gc=False):
    """All values of one meter at one moment; None is "not said".

    Powers and currents are import (towards the vehicle) unless they stand in `extra`.
    """

    at_us: int
    """UTC microseconds; the device's time where it is trusted, else the time of receipt."""
    device_at_us: int | None
    received_at_us: int
    context: str
    """As the standard names it: `Sample.Periodic`, `Transaction.Begin`, …"""
    energy_wh: float | None = None
    """The import register (ever growing), not the energy of the session."""
    power_w: float | None = None
    current_l1_a: float | None = None
    current_l2_a: float | None = None
    current_l3_a: float | None = None
    voltage_l1_v: float | None = None
    voltage_l2_v: float | None = None
    voltage_l3_v: float | None = None
    soc_ratio: float | None = None
    frequency_hz: float | None = None
    temperature_c: float | None = None
    extra: str = "{}"
    """JSON object of every other value: `"Measurand.Phase.Location"` to number, with its unit in the key."""
    quality: int = 0
    """Bits of `Quality`."""


class SignedValue(Struct, frozen=True, kw_only=True, gc=False):
    """A meter value signed by the meter, kept byte for byte as it was received."""

    at_us: int
    context: str
    measurand: str
    encoding: str
    data: bytes
    device_at_us: int | None = None
