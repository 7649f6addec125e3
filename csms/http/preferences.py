"""`Prefer: wait=SECONDS` (RFC 7240 §4.3): how long whoever asks would rather wait for the end than ask again."""

from __future__ import annotations

import re

from fastapi import Request

WAIT_MAX_S = 60
"""A longer wish is cut to this; the answer says so."""

_WAIT = re.compile(r'\s*wait\s*=\s*"?(?P<seconds>[0-9]{1,9})"?\s*(?:;.*)?', re.IGNORECASE)


def asked_wait_s(request: Request) -> int | None:
    """Return for how many seconds the answer may wait; None: not at all. What can't be read is no preference (§2)."""
    for preference in ",".join(request.headers.getlist("prefer")).split(","):
        found = _WAIT.fullmatch(preference)
        if found is not None:
            return min(int(found["seconds"]), WAIT_MAX_S)
    return None
