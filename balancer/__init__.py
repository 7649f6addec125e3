"""Shares what a site's circuits leave among the cars: pure, without I/O, clock, OCPP or logging."""
