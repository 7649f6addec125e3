"""A copy of the balancer and its tests with one line changed, and the tests run against it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.sabotage.faults import Fault

ROOT = Path(__file__).resolve().parents[2]
PYTEST_FOUND_FAILURES = 1
"""pytest's exit code for "some tests failed"; 2 and above are usage, collection and internal errors."""
SECONDS_MAX = 300
"""A run takes a few seconds; this is for a machine that does other things besides."""


class FaultOutdated(AssertionError):
    """The line that a fault replaces is not (or not only once) in the source."""


def sabotaged(text: str, fault: Fault) -> str:
    """Return the module's text with the fault in it; raises FaultOutdated."""
    found = text.count(f"\n{fault.before}\n")
    if found != 1:
        raise FaultOutdated(
            f"{fault.file} has {found} lines like {fault.before!r}: maintain tests/sabotage/faults.py"
        )
    return text.replace(f"\n{fault.before}\n", f"\n{fault.after}\n")


def copy_to(folder: Path) -> None:
    """Copy what the balancer's tests need; nothing of it leads back to the original."""
    made = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(ROOT / "balancer", folder / "balancer", ignore=made)
    shutil.copytree(ROOT / "tests" / "balancer", folder / "tests" / "balancer", ignore=made)
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)


def run_tests(folder: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run some of the copied tests, until the first failure; the same examples at every run."""
    # pytest's options and the coverage of the outer run are none of its business.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    # Explaining assertions would cost as much time as all the rest: it rewrites each module of hypothesis too.
    options = ["-x", "-q", "--assert=plain", "-p", "no:randomly", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=folder,
        env={**kept, "HYPOTHESIS_PROFILE": "ci", "HEADROOM_SOAK": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
