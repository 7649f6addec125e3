"""OCPP 2.0.1, put together from the functional blocks of the standard."""
