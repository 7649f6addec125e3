"""Writes docs/openapi.json, the description of the REST API, from the routes as they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from csms.api import Resources, build
from csms.http.security import Security

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "openapi.json"


def main() -> int:
    """Write it."""
    nobody: Any = None  # the routes are described, and never asked
    app = build(
        not_ready=lambda: None,
        sites=nobody,
        resources=Resources(stations=nobody, tokens=nobody, transactions=nobody),
        events=nobody,
        security=Security(),
        machine_s=lambda: 0.0,
    )
    text = json.dumps(app.openapi(), indent=2, ensure_ascii=False, allow_nan=False)
    DOCUMENT.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
