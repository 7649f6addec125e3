"""Writes the table of OCPP actions in the README from csms/ocpp/actions.toml; `--check` only compares."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
_BLOCK = re.compile(r"(<!-- actions:.*?-->\n).*?(<!-- end -->)", re.DOTALL)
_SENDERS = {"from_station": "from chargers", "to_station": "to chargers"}


def table() -> str:
    """Return the table in Markdown: for each version and sender how many are done, which, and what is left out why."""
    versions = tomllib.loads((ROOT / "csms/ocpp/actions.toml").read_text("utf-8"))
    lines = ["| OCPP | | done | |", "|---|---|---|---|"]
    for version, senders in versions.items():
        for sender, actions in senders.items():
            done = [name for name, state in actions.items() if state == "done"]
            left_out = [f"{name} ({why})" for name, why in actions.items() if why != "done"]
            names = ", ".join(done) + (f". Not: {', '.join(left_out)}" if left_out else "")
            lines.append(f"| {version} | {_SENDERS[sender]} | {len(done)} of {len(actions)} | {names} |")
    return "\n".join(lines) + "\n"


def with_table(readme: str) -> str:
    """Return the README's text with the present table in it."""
    return _BLOCK.sub(lambda block: block[1] + table() + block[2], readme)


def main() -> int:
    """Write or compare; 1 where the README is out of date."""
    before = README.read_text("utf-8")
    after = with_table(before)
    if "--check" in sys.argv:
        return int(before != after)
    README.write_text(after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
