"""Runs `csms` with a site clock that agrees with the simulators', whenever the process begins.

`site_clock_start` says what time it is when a process begins; a server that is killed and started again has to begin
where the chargers' time is by then. Arguments: the simulators' offset and speed (see `simulators.site_clock`; all
processes of a machine share its monotonic time), then those of `csms`.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta

from csms import app
from csms.cli import main

LOADED = app
"""Now, and not between the look at the clock and the server's."""


def begin(offset_s: float, speed: float) -> None:
    """Set the clock of the process that begins now."""
    now_s = time.monotonic() * speed + offset_s
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=now_s)
    os.environ |= {
        "CSMS_DEMO": "true",
        "CSMS_SITE_CLOCK_SPEED": str(speed),
        "CSMS_SITE_CLOCK_START": moment.isoformat(),
    }


if __name__ == "__main__":
    begin(float(sys.argv[1]), float(sys.argv[2]))
    main(sys.argv[3:])
