"""OCPP 2.0.1: `DIALECT`, put together from the functional blocks of the standard."""

from __future__ import annotations

from csms.ocpp.v201.dialect import DIALECT

__all__ = ["DIALECT"]
