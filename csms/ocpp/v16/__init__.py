"""OCPP 1.6J with the security extension: `DIALECT`, put together from the feature profiles of the standard."""

from __future__ import annotations

from csms.ocpp.v16.dialect import DIALECT

__all__ = ["DIALECT"]
