"""The commands, as somebody types and reads them."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from csms import __version__, cli
from tests.csms.cli.typing_commands import Run, Said


def commands() -> list[tuple[str, ...]]:
    return [
        ("serve",), ("check",), ("station", "add"), ("station", "list"), ("station", "manage"), ("token", "add"),
        ("token", "list"), ("site", "add"), ("site", "show"), ("site", "check"), ("site", "remove"),
    ]  # fmt: skip


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_each_command_shows_an_example_in_its_help(run: Run, command: tuple[str, ...]):
    said = run(*command, "--help")
    assert said.code == 0
    assert f"Example: csms {' '.join(command)}" in said.out


def test_alone_it_lists_its_commands(run: Run):
    said = run()
    assert all(name in said.out + said.err for name in ("serve", "check", "station", "site", "token"))


def test_it_tells_its_version(run: Run):
    assert run("--version") == Said(0, f"csms {__version__}\n", "")


def test_an_unknown_command_is_a_usage_error(run: Run):
    said = run("sevre")
    assert said.code == 2
    assert "No such command 'sevre'" in said.err


# --- check


def test_a_right_file_is_told_with_what_is_in_effect(run: Run, monkeypatch):
    Path("headroom.toml").write_text('ocpp_port = 9001\napi_token = "correct-horse-battery"\n')
    monkeypatch.setenv("CSMS_HTTP_PORT", "8081")
    said = run("check", "headroom.toml")
    assert said.code == 0
    assert "headroom.toml is right" in said.out
    assert "\nocpp_port = 9001\n" in said.out
    assert "\nhttp_port = 8081\n" in said.out
    assert "correct-horse-battery" not in said.out + said.err


def test_a_wrong_file_is_refused_with_every_problem(run: Run):
    Path("headroom.toml").write_text("ocpp_prot = 9001\nhttp_port = 70000\n")
    said = run("check", "headroom.toml")
    assert (said.code, said.out) == (2, "")
    assert "line 1: ocpp_prot is not a setting; did you mean ocpp_port?" in said.err
    assert "line 2: http_port = 70000" in said.err


def test_checking_leaves_nothing_behind(run: Run, tmp_path: Path):
    run("check")
    assert list(tmp_path.iterdir()) == []


# --- stations


def key_in(said: Said) -> str:
    found = re.search(r"shown only now: (\S+)", said.out)
    assert found
    return found[1]


def test_an_empty_list_of_stations_says_how_to_add_one(run: Run):
    assert run("station", "list") == Said(0, "No stations yet. Add one: csms station add CP-1\n", "")


def test_a_station_is_added_with_a_key_of_its_own_that_is_shown_once(run: Run):
    first, second = run("station", "add", "CP-1", "--site", "depot"), run("station", "add", "CP-2")
    assert (first.code, second.code) == (0, 0)
    assert key_in(first) != key_in(second)
    listed = run("station", "list")
    assert re.search(r"^CP-1 +depot +yes +yes", listed.out, re.MULTILINE)
    assert key_in(first) not in listed.out


def test_neither_store_nor_secret_can_be_read_by_others_nor_holds_the_key(run: Run, tmp_path: Path):
    key = key_in(run("station", "add", "CP-1"))
    for path in tmp_path.iterdir():
        assert key.encode() not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_given_key_is_not_shown_again(run: Run):
    said = run("station", "add", "CP-1", "--key", "0123456789abcdef")
    assert said.code == 0
    assert "0123456789abcdef" not in said.out + said.err


def test_a_key_can_be_read_from_standard_input(run: Run, monkeypatch):
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        pipe.write("too-short\n")
    with os.fdopen(reading) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        said = run("station", "add", "CP-1", "--key", "-")
    assert said.code == 2
    assert "too short" in said.err


def test_a_station_can_be_added_without_a_key_and_unmanaged(run: Run):
    said = run("station", "add", "CP-1", "--no-key", "--unmanaged")
    assert "shown only now" not in said.out
    assert re.search(r"^CP-1 +no +no", run("station", "list").out, re.MULTILINE)


def test_a_station_is_added_with_the_message_log_that_it_shall_have(run: Run, tmp_path: Path):
    run("station", "add", "QUIET", "--message-log", "errors")
    run("station", "add", "PLAIN")
    with closing(sqlite3.connect(tmp_path / "headroom.sqlite3")) as store:
        kept = dict(store.execute("SELECT id, message_log FROM stations"))
    assert kept == {"QUIET": "errors", "PLAIN": "all"}


def test_a_key_and_no_key_exclude_each_other(run: Run):
    said = run("station", "add", "CP-1", "--key", "0123456789abcdef", "--no-key")
    assert said.code == 2
    assert "exclude each other" in said.err


@pytest.mark.parametrize("station_id", ["", ".", "..", "a/b", "a b", "x" * 49, "ü"])
def test_what_can_not_be_a_stations_id_is_refused(run: Run, station_id: str):
    said = run("station", "add", "--", station_id)
    assert said.code == 2
    assert "Traceback" not in said.err


def test_a_station_is_added_once_whatever_its_case(run: Run):
    run("station", "add", "CP-1")
    said = run("station", "add", "cp-1")
    assert (said.code, said.out) == (2, "")
    assert "already" in said.err


def test_the_file_named_by_the_option_or_the_variable_is_used(run: Run, monkeypatch):
    Path("other.toml").write_text('database_url = "sqlite+aiosqlite:///other.sqlite3"')
    run("station", "add", "CP-1", "--config", "other.toml")
    assert run("station", "list").out.startswith("No stations yet")
    monkeypatch.setenv("CSMS_CONFIG", "other.toml")
    assert "CP-1" in run("station", "list").out


def test_a_store_without_its_secret_is_not_opened_with_a_new_one(run: Run):
    run("station", "add", "CP-1")
    Path("headroom.secret").unlink()
    said = run("station", "list")
    assert said.code == 2
    assert "secret" in said.err
    assert not Path("headroom.secret").exists()


def test_a_file_that_is_no_store_is_refused_and_stays_as_it_was(run: Run):
    Path("headroom.sqlite3").write_text("my diary, which is long enough to look like something\n" * 100)
    said = run("station", "list")
    assert said.code == 2
    assert "Traceback" not in said.err
    assert Path("headroom.sqlite3").read_text().startswith("my diary")


@pytest.mark.parametrize(("option", "managed"), [([], "yes"), (["--off"], "no")])
def test_whether_a_station_is_managed_can_be_changed(run: Run, option: list[str], managed: str):
    run("station", "add", "CP-1", *(["--unmanaged"] if not option else []))
    said = run("station", "manage", "cp-1", *option)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Station CP-1 is {'managed' if managed == 'yes' else 'unmanaged'};")
    assert re.search(rf"^CP-1 +{managed}", run("station", "list").out, re.MULTILINE)


def test_an_unknown_station_can_not_be_managed(run: Run):
    said = run("station", "manage", "CP-1")
    assert (said.code, said.out) == (2, "")
    assert "there is no station CP-1" in said.err


# --- tokens


def test_an_empty_list_of_tokens_says_how_to_add_one(run: Run):
    assert run("token", "list").out == "No tokens yet. Add one: csms token add 04A2B3C4\n"


def test_a_token_is_added_with_all_that_can_be_said_of_it(run: Run):
    said = run(
        "token", "add", "04A2B3C4", "--status", "blocked", "--expires", "2027-01-01T01:00:00+01:00",
        "--group", "family", "--max-concurrent", "1", "--note", "Front [bold]desk",
    )  # fmt: skip
    assert said.code == 0
    (row,) = run("token", "list").out.splitlines()[1:]
    assert re.match(
        r"04A2B3C4 +ISO14443 +Blocked +2027-01-01T00:00:00.000Z +family +1 +Front \[bold\]desk +\w+", row
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--expires", "tomorrow"), "is no moment"),
        (("--expires", "2027-01-01T00:00:00"), "in which zone"),
        (("--max-concurrent", "0"), "max-concurrent"),
        (("--status", "expired"), "status"),
        (("--type", "Sticker"), "Sticker"),
    ],
)
def test_what_makes_no_sense_of_a_token_is_refused(run: Run, arguments: tuple[str, ...], complaint: str):
    said = run("token", "add", "04A2B3C4", *arguments)
    assert said.code == 2
    assert complaint in said.err
    assert run("token", "list").out.startswith("No tokens yet")


def test_a_token_is_added_once_whatever_its_case(run: Run):
    assert run("token", "add", "04a2b3c4").code == 0
    assert run("token", "add", "04A2B3C4").code == 2


# --- as a process


def test_the_package_runs_as_a_module_and_serving_refuses_a_wrong_configuration(tmp_path: Path):
    environment = {
        **os.environ,
        "CSMS_HTTP_HOST": "0.0.0.0",
        "PYTHONPATH": str(Path(cli.__file__).parents[2]),
    }
    said = subprocess.run(
        [sys.executable, "-m", "csms", "serve"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert said.returncode == 2
    assert "api_token" in said.stderr
    assert "Traceback" not in said.stderr
    assert list(tmp_path.iterdir()) == []
