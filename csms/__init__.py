"""Headroom's central system: OCPP edge, domain, store and site loop."""

__version__ = "0.1.0.dev0"
