"""Writes docs/openapi.json, the description of the REST API, from the routes as they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from csms.api import Resources, build
from csms.clock import SystemClock
from csms.http.security import Security

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "openapi.json"


def description() -> dict[str, Any]:
    """Return the description as JSON has it."""
    nobody: Any = None  # the routes are described, and never asked
    app = build(
        not_ready=lambda: None,
        sites=nobody,
        resources=Resources(stations=nobody, tokens=nobody, transactions=nobody, remote_control=nobody),
        events=nobody,
        security=Security(),
        clock=SystemClock(),
        store=nobody,
    )
    return json.loads(json.dumps(app.openapi(), allow_nan=False))


def main() -> int:
    """Write it."""
    text = json.dumps(description(), indent=2, ensure_ascii=False)
    DOCUMENT.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
