"""What the documents say, the tree has; and what must not be written anywhere, isn't."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from csms.settings import Settings, effective
from tests.architecture.tree import ROOT, configuration, files, relative

DOCUMENTS = [path for path in files() if path.suffix == ".md"]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_make_target_that_is_named_exists(document):
    named = re.findall(r"(?:^|`)make ([a-z][a-z-]*)", document.read_text("utf-8"), re.MULTILINE)
    assert set(named) <= TARGETS


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_link_to_a_file_leads_somewhere(document):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_path_of_the_map_exists():
    tree = (ROOT / "README.md").read_text("utf-8").partition("## The map")[2].split("```")[1]
    folder = ""
    for line in tree.strip().splitlines():
        name = line.split()[0]
        folder = name if not line.startswith(" ") else folder
        assert (ROOT / (name if line == line.lstrip() else folder + name)).exists(), line


def test_help_lists_every_target_for_people():
    told = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
    assert {"help", "setup", "demo", "test", "test-all", "lint", "bench", "soak", "lock", "clean"} <= told


def test_continuous_integration_runs_make_test_and_nothing_else():
    commands = [
        line
        for line in (ROOT / ".ci/run").read_text("utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    assert commands == ["exec make test"]


def test_the_operator_guide_lists_every_setting_with_its_default():
    guide = (ROOT / "docs/operator-guide.md").read_text("utf-8")
    (settings,) = re.findall(r"^## Settings$(.*?)^## ", guide, re.MULTILINE | re.DOTALL)
    told = dict(re.findall(r"^\| `([a-z_]+)` \| `?([^|]*?)`? \|", settings, re.MULTILINE))
    assert told == dict(effective(Settings()))


def test_every_setting_says_what_it_is_for():
    silent = [name for name, field in Settings.model_fields.items() if not field.description]
    assert silent == []


def test_every_secret_setting_is_of_the_type_that_hides_it():
    named = {name for name in Settings.model_fields if re.search(r"_(token|password|key)$", name)}
    hidden = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert named == hidden


def test_every_lint_rule_that_is_ignored_says_why():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    section = text.partition("[tool.ruff.lint]")[2].partition("[tool.ruff.lint.flake8-tidy-imports]")[0]
    rules = [line for line in section.splitlines() if re.match(r'\s+"[A-Z]+\d*"', line)]
    assert rules
    assert [line for line in rules if "#" not in line] == []


# --- requirements

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def _pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=relative)
def test_every_requirement_is_pinned_with_hashes(lock):
    lines = [
        line
        for line in lock.read_text("utf-8").replace("\\\n", " ").splitlines()
        if line[:1] not in {"#", ""}
    ]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9-]+==\S+ ", line), line
        assert "--hash=sha256:" in line, line


@pytest.mark.parametrize("lock", LOCKS, ids=relative)
def test_a_lock_does_not_say_where_packages_come_from(lock):
    text = lock.read_text("utf-8")
    assert (
        re.findall(r"https?:|file:/|--(?:index|extra-index|find-links|trusted)|^-[efr]|/", text, re.MULTILINE)
        == []
    )


def test_the_locks_agree_with_each_other_and_hold_what_is_asked_for():
    main, test = (_pins((ROOT / f"requirements/{name}.txt").read_text("utf-8")) for name in ("main", "test"))
    assert main.items() <= test.items()
    project = configuration()["project"]
    assert _names(project["dependencies"]) <= main.keys()
    assert (
        _names(project["optional-dependencies"]["test"] + project["optional-dependencies"]["lint"])
        <= test.keys()
    )


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^a-z0-9-]", line)[0] for line in requirements}


# --- what must not be written anywhere

FORBIDDEN = [
    # In pieces, so that this file is not found.
    "pypi" + r"\.org",
    "python" + "hosted",
    "registry" + r"\.npm",
    "npm" + r"js\.(?:org|com)",
    "deb" + r"\.debian\.org",
    r"(?<![\w.])/wo" + r"rk/",
    "bash" + "_jobs",
]


def test_no_file_names_a_registry_or_a_path_of_somebodys_machine():
    pattern = re.compile("|".join(FORBIDDEN))
    found = []
    for path in files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{relative(path)}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []


def test_the_table_of_actions_in_the_readme_is_up_to_date():
    run = subprocess.run([sys.executable, ROOT / "tools/actions_table.py", "--check"], check=False)
    assert run.returncode == 0, "run: python tools/actions_table.py"
