"""A stored configuration as the balancing reads it."""

from __future__ import annotations

import json

from balancer import Site, SiteError
from csms.domain.errors import FieldProblem, Invalid

__all__ = ["Site", "read"]


def read(config: bytes) -> Site:
    """Return the site that was stored as JSON. Raises `Invalid` with every problem: other versions had other rules."""
    try:
        return Site.parse(json.loads(config))
    except SiteError as error:
        raise Invalid(str(error), (FieldProblem(*problem) for problem in error.problems)) from error
