"""OCPP-J's framing and call matching as a value: text in, events and text out; no I/O, no clock, no logger."""
