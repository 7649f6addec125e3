"""The trade in its own words; free of OCPP, I/O and frameworks."""
