"""Where things lie: a folder that nobody placed, or a name that says nothing, fails."""

from __future__ import annotations

from tests.architecture.tree import ROOT, configuration, files, is_made, packages, relative

PLACES = {
    ".ci": "what continuous integration runs",
    "balancer": "shares what the breakers leave; a pure library",
    "benchmarks": "programs that measure; docs/benchmarks keeps what they found",
    "csms": "the central system",
    "docs": "for people",
    "requirements": "the pinned requirements",
    "simulators": "independent witnesses: stations, vehicles, meters",
    "tests": "mirror the tree",
    "tools": "programs for building and checking",
}
HARNESSES = {"tests/balancer/virtual"}
"""Folders of tests that mirror nothing: worlds in which the package is tried."""
SAYS_NOTHING = {"common", "helpers", "misc", "util", "utils"}
FOLDERS_BELOW_TOP_MAX = 3


def test_every_top_level_folder_is_placed():
    assert {path.name for path in ROOT.iterdir() if path.is_dir() and not is_made(path)} == PLACES.keys()


def test_every_top_level_package_is_shipped_linted_and_measured():
    found = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    tool = configuration()["tool"]
    assert found == sorted(packages())
    assert found == sorted(tool["importlinter"]["root_packages"])
    assert found == sorted(tool["coverage"]["run"]["source"])
    assert set(found) <= set(tool["pyright"]["include"])


def test_no_module_has_a_name_that_says_nothing():
    assert [relative(path) for path in files() if path.stem in SAYS_NOTHING] == []


def test_packages_are_at_most_three_folders_deep():
    deep = [path for path in files() if len(path.relative_to(ROOT).parts) - 2 > FOLDERS_BELOW_TOP_MAX]
    assert [relative(path) for path in deep] == []


def test_tests_mirror_the_tree():
    strays = [
        relative(folder)
        for package in packages()
        for folder in (ROOT / "tests" / package).rglob("*")
        if folder.is_dir()
        and any(folder.glob("*.py"))  # data files lie as they like
        and not is_made(folder)
        and not (ROOT / folder.relative_to(ROOT / "tests")).is_dir()
        and relative(folder) not in HARNESSES
    ]
    assert strays == []


def test_every_shipped_folder_with_modules_is_a_package():
    folders = {
        path.parent for package in packages() for path in files(ROOT / package) if path.suffix == ".py"
    }
    loaded_by_path = {"csms/storage/migrations", "csms/storage/migrations/versions"}  # by alembic
    lacking = {relative(folder) for folder in folders if not (folder / "__init__.py").exists()}
    assert lacking <= loaded_by_path
