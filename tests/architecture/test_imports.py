"""The directions of imports that pyproject.toml draws hold."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT, modules, packages


def test_imports_go_only_where_the_contracts_let_them():
    program = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_shipped_code_never_imports_tests_or_tools():
    guilty = [
        path
        for package in packages()
        for path, module in modules(package)
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom | ast.Import)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
        if name.split(".")[0] in {"tests", "tools"}
    ]
    assert guilty == []
