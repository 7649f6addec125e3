"""A controller's settings on a site clock that runs fast: what hangs on the network takes machine time."""

from __future__ import annotations

import dataclasses

from balancer.settings import Settings

TRANSIT_S = 0.5
"""How long, in machine seconds, messages and samples may be under way besides what they are about."""


def at_speed(settings: Settings, speed: float) -> Settings:
    """Return settings for a site clock of `speed` site seconds in a machine second; of 1 the same."""
    if speed == 1:
        return settings
    later_s = TRANSIT_S * (speed - 1)
    return dataclasses.replace(
        settings,
        decrease_timeout_s=settings.decrease_timeout_s * speed,
        retry_s=settings.retry_s * speed,
        obeys_at_least_s=settings.obeys_at_least_s + later_s,
        obeys_at_most_s=settings.obeys_at_most_s + later_s,
        lease_margin_s=settings.lease_margin_s + later_s,
        clock_error_max_s=settings.clock_error_max_s + later_s,
        ahead_s=settings.ahead_s + later_s,
    )
