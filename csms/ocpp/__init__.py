"""The only place that knows OCPP: pure translation between frames and the trade's words, without await."""
