from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from csms.ocpp.schemas import request_schema, response_schema
from tests.csms.ocpp import payloads
from tools import generate_messages

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("version", ["v16", "v201"])
def test_the_messages_are_what_the_schemas_say(version):
    committed = (ROOT / "csms/ocpp" / version / "messages.py").read_text("utf-8")
    assert committed == generate_messages.render(version)


@pytest.mark.parametrize("version", ["v201", "v21"])
def test_later_versions_can_be_generated_and_judge_as_jsonschema_does(version, tmp_path, scaled):
    messages = _imported(tmp_path / f"generated_{version}.py", generate_messages.render(version))
    tables = (
        (messages.REQUESTS, request_schema, "Request"),
        (messages.RESPONSES, response_schema, "Response"),
    )
    for table, read, suffix in tables:
        for action, struct in table.items():
            schema, random = read(version, action), Random(action)
            lonely = action == "NotifyPeriodicEventStream"
            validator = payloads.validator(version, action if lonely else action + suffix)
            for _ in range(scaled(3, 150)):
                for make in (payloads.valid, payloads.mutated):
                    text = json.dumps(make(schema, random))
                    assert _allows(struct, text) == payloads.allows(validator, text), (
                        action,
                        text,
                    )


def _imported(file: Path, text: str) -> Any:
    file.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
        for struct in (*module.REQUESTS.values(), *module.RESPONSES.values()):
            msgspec.json.Decoder(struct)  # resolves the annotations while the module can be found
    finally:
        del sys.modules[file.stem]
    return module


def _allows(struct: type[msgspec.Struct], text: str) -> bool:
    try:
        msgspec.json.decode(text, type=struct)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("version", sorted(generate_messages.VERSIONS))
def test_what_is_generated_is_already_formatted(version):
    ruff = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "format",
            "--check",
            "--stdin-filename",
            f"csms/ocpp/{version}/messages.py",
            "-",
        ],
        input=generate_messages.render(version),
        text=True,
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert ruff.returncode == 0, ruff.stdout + ruff.stderr


def test_the_program_prints_what_it_would_write(capsys):
    assert generate_messages.main(["v16", "-"]) == 0
    assert capsys.readouterr().out == generate_messages.render("v16")


def test_the_program_explains_itself_when_asked_for_nothing(capsys):
    assert generate_messages.main([]) == 2
    assert "generate_messages v16" in capsys.readouterr().err


def test_the_program_writes_where_the_package_is(tmp_path, monkeypatch):
    (tmp_path / "csms/ocpp/v16").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert generate_messages.main(["v16"]) == 0
    assert (tmp_path / "csms/ocpp/v16/messages.py").read_text("utf-8") == generate_messages.render("v16")
