"""One-line faults in a copy of the balancer, each of which its own tests must catch (`faults.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sabotage.copies import (
    PYTEST_FOUND_FAILURES,
    ROOT,
    SECONDS_MAX,
    FaultOutdated,
    copy_to,
    run_tests,
    sabotaged,
)
from tests.sabotage.faults import FAULTS, Fault

# The run inside has its own guard, and must be the one that speaks.
pytestmark = pytest.mark.timeout(SECONDS_MAX + 20)

NAMES = [fault.name for fault in FAULTS]


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
def test_each_fault_is_caught(fault: Fault, tmp_path: Path):
    copy_to(tmp_path)
    module = tmp_path / fault.file
    module.write_text(sabotaged(module.read_text("utf-8"), fault), "utf-8")
    done = run_tests(tmp_path, fault.caught_by)
    assert done.returncode == PYTEST_FOUND_FAILURES, (
        f"nobody noticed: {fault.means}\n{done.stdout}\n{done.stderr}"
    )


def test_an_unharmed_copy_passes_so_that_what_fails_is_the_fault(tmp_path: Path):
    copy_to(tmp_path)
    tests = sorted({test for fault in FAULTS for test in fault.caught_by})
    done = run_tests(tmp_path, tests)
    assert done.returncode == 0, done.stdout


def test_the_copy_is_what_the_tests_import(tmp_path: Path):
    copy_to(tmp_path)
    (tmp_path / "balancer" / "units.py").write_text("raise RuntimeError('the copy')", "utf-8")
    done = run_tests(tmp_path, ["tests/balancer/test_units.py"])
    assert "the copy" in done.stdout
    assert done.returncode != PYTEST_FOUND_FAILURES


def test_a_fault_whose_line_is_gone_fails_loudly():
    outdated = Fault("outdated", "balancer/units.py", "x = 1", "x = 2", "nothing", ())
    with pytest.raises(FaultOutdated, match="maintain"):
        sabotaged((ROOT / outdated.file).read_text("utf-8"), outdated)


def test_there_are_enough_faults_and_no_two_are_the_same():
    assert len(FAULTS) >= 14
    assert (
        len({(fault.file, fault.before, fault.after) for fault in FAULTS}) == len(set(NAMES)) == len(FAULTS)
    )
