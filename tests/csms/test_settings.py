"""Settings: built-in, from a file, from the environment; what can't be meant is refused with place and remedy."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.errors import ConfigurationError
from csms.settings import Settings, effective, environment_name, is_loopback, load


@pytest.fixture
def file(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "headroom.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def problems(path: Path | None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    return str(caught.value).splitlines()


def test_without_a_file_the_built_in_settings_hold():
    settings = load(None)
    assert (settings.ocpp_port, settings.http_host, settings.http_port) == (9000, "127.0.0.1", 8080)
    assert settings.station_policy == "known"
    assert settings.heartbeat_interval_s == 300
    assert settings.max_frame_bytes == 1_048_576
    assert settings.samples_retention_days == 90
    assert settings.message_log_days == 14


def test_the_file_overrides_what_is_built_in(file):
    settings = load(file('ocpp_port = 9001\nstation_policy = "accept-all"\n'))
    assert (settings.ocpp_port, settings.station_policy, settings.http_port) == (9001, "accept-all", 8080)


def test_the_environment_overrides_the_file(file, monkeypatch):
    monkeypatch.setenv("CSMS_OCPP_PORT", "9002")
    assert load(file("ocpp_port = 9001")).ocpp_port == 9002


def test_an_empty_variable_counts_as_not_set(file, monkeypatch):
    monkeypatch.setenv("CSMS_OCPP_PORT", "")
    assert load(file("ocpp_port = 9001")).ocpp_port == 9001


def test_every_setting_has_a_variable(monkeypatch):
    for name, value in {
        "ocpp_host": "::1",
        "ping_interval_s": "1.5",
        "allow_fast_heartbeat": "true",
        "api_token": "0123456789abcdef",
        "secret_file": "/var/lib/headroom/secret",
    }.items():
        monkeypatch.setenv(environment_name(name), value)
    settings = load(None)
    assert settings.ocpp_host == "::1"
    assert settings.ping_interval_s == 1.5
    assert settings.allow_fast_heartbeat is True
    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == "0123456789abcdef"
    assert settings.secret_file == Path("/var/lib/headroom/secret")


def test_the_variable_that_names_the_file_is_no_setting(monkeypatch):
    monkeypatch.setenv("CSMS_CONFIG", "headroom.toml")
    load(None)


def test_an_unknown_key_is_refused_with_its_line_and_the_key_that_was_meant(file):
    path = file("# ports\n\nocpp_prot = 9000\n")
    assert problems(path) == [f"{path}, line 3: ocpp_prot is not a setting; did you mean ocpp_port?"]


def test_an_unknown_key_like_no_other_is_to_be_removed(file):
    (problem,) = problems(file("xyzzy = 1"))
    assert "line 1: xyzzy is not a setting; remove it" in problem


def test_an_unknown_variable_is_refused_with_the_one_that_was_meant(monkeypatch):
    monkeypatch.setenv("CSMS_LOG_LEVL", "info")
    assert problems(None) == ["environment, CSMS_LOG_LEVL: is not a setting; did you mean CSMS_LOG_LEVEL?"]


def test_a_table_is_refused_with_its_line(file):
    (problem,) = problems(file("ocpp_port = 1\n[server]\nhost = 'x'\n"))
    assert "line 2: there are no tables" in problem


def test_all_problems_are_told_at_once(file, monkeypatch):
    monkeypatch.setenv("CSMS_HTTP_PORT", "http")
    told = problems(file("ocpp_port = 70000\nlog_level = 'loud'\nnonsense = 1\nheartbeat_interval_s = 5\n"))
    assert len(told) == 5
    for part in (
        "line 1: ocpp_port = 70000",
        "line 2: log_level",
        "line 3: nonsense",
        "line 4: heartbeat",
        "HTTP_PORT",
    ):
        assert any(part in problem for problem in told), part


def test_names_of_a_proxy_come_from_the_file_and_the_environment(file, monkeypatch):
    settings = load(file("http_allowed_hosts = ['depot.example', 'Depot:8443']"))
    assert settings.http_allowed_hosts == ("depot.example", "Depot:8443")
    assert dict(effective(settings))["http_allowed_hosts"] == '["depot.example", "Depot:8443"]'
    monkeypatch.setenv("CSMS_HTTP_ALLOWED_HOSTS", "depot.example, Depot:8443")
    assert load(None) == settings


def test_a_demo_has_a_clock_of_its_own(file):
    settings = load(
        file(
            "demo = true\nsite_clock_speed = 60\nsite_clock_start = 2027-01-04T07:00:00+01:00\n"
            "site_clock_anchor = 2026-11-24T09:30:00Z\n"
        )
    )
    assert settings.site_clock_speed == 60
    assert settings.site_clock_start == dt.datetime(2027, 1, 4, 6, tzinfo=dt.UTC)
    assert settings.site_clock_anchor == dt.datetime(2026, 11, 24, 9, 30, tzinfo=dt.UTC)


def test_an_anchor_needs_the_start_that_it_anchors(file):
    with pytest.raises(ConfigurationError, match="set that too"):
        load(file("demo = true\nsite_clock_anchor = 2026-11-24T09:30:00Z\n"))


def test_the_clock_of_a_demo_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("CSMS_DEMO", "true")
    monkeypatch.setenv("CSMS_SITE_CLOCK_SPEED", "12.5")
    monkeypatch.setenv("CSMS_SITE_CLOCK_START", "2027-01-04T06:00:00Z")
    settings = load(None)
    assert settings.site_clock_speed == 12.5
    assert settings.site_clock_start == dt.datetime(2027, 1, 4, 6, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("ocpp_port = 65536", "ocpp_port = 65536: must be at most 65535"),
        ("ocpp_port = -1", "must be at least 0"),
        ("ocpp_port = 'nine'", 'ocpp_port = "nine": must be a whole number'),
        ("ocpp_port = 9000.5", "must be a whole number"),
        ("ocpp_port = true", "ocpp_port = true: can't be true or false"),
        ("http_port = 9000", "is the same as ocpp_port"),
        ("ocpp_host = 'http://x'", "must be an address or a host name"),
        ("ocpp_host = ''", "must be an address or a host name"),
        ("http_host = 5", "must be text in quotes"),
        ("ping_interval_s = 0", "must be more than 0"),
        ("ping_interval_s = nan", "must be a finite number"),
        ("ping_interval_s = inf", "must be"),
        ("call_timeout_s = [1]", "must be a number"),
        ("allow_fast_heartbeat = 'perhaps'", "must be true or false"),
        ("station_policy = 'everyone'", "must be 'known' or 'accept-all'"),
        ("missing_subprotocol = '2.1'", "must be '1.6' or 'refuse'"),
        ("max_nesting = 100000", "must be at most 256"),
        ("samples_retention_days = 0", "must be at least 1"),
        ("heartbeat_interval_s = 29", "must be at least 30 (or set allow_fast_heartbeat = true"),
        ("database_url = 'postgresql+asyncpg://h/d'", "PostgreSQL is not supported yet"),
        ("database_url = 'mysql://h/d'", "must be sqlite+aiosqlite:///FILE"),
        ("database_url = 'sqlite+aiosqlite:///x?mode=ro'", "must be sqlite+aiosqlite:///FILE"),
        ("database_url = 'headroom.sqlite3'", "must be sqlite+aiosqlite:///FILE"),
        ("database_url = 'sqlite+aiosqlite:///'", "must be sqlite+aiosqlite:///FILE"),
        ("database_url = 'sqlite+aiosqlite:///:memory:'", "a store in memory forgets"),
        ("site_clock_speed = 60", "is for trying out"),
        ("site_clock_start = 2027-01-04T07:00:00Z", "set demo = true beside a database_url"),
        ("site_clock_start = 2027-01-04T07:00:00", "must be a moment of this century with its zone"),
        ("site_clock_start = 2027-01-04", "must be a moment"),
        ("site_clock_start = 1970-01-01T00:00:00Z", "must be a moment"),
        ("site_clock_start = 'soon'", "must be a moment"),
        ("site_clock_start = 1800000000", "must be a moment"),
        ("site_clock_anchor = 2026-11-24T09:30:00Z", "set demo = true beside a database_url"),
        ("site_clock_anchor = 'soon'", "must be a moment"),
        ("site_clock_speed = 0", "must be more than 0"),
        ("sample_interval_s = 0", "must be at least 1"),
        ("settle_s = -1", "must be at least 0"),
        ("demo = 1.5", "must be"),
        ("http_allowed_hosts = ['https://depot.example']", "takes names as a browser sends them"),
        ("http_allowed_hosts = ['a b']", "without a scheme"),
        ("http_allowed_hosts = 5", "http_allowed_hosts = 5"),
        ("http_allowed_hosts = [5]", "http_allowed_hosts"),
        ("api_token = 'short'", "must have at least 16 characters"),
        ("secret_file = 1", "must be a path in quotes"),
        ("api_token = 1979-05-27", "api_token = (hidden)"),
    ],
)
def test_an_impossible_value_is_refused_with_the_rule(file, line, rule):
    (problem,) = problems(file(line))
    assert ", line 1: " in problem
    assert rule in problem


def test_a_fast_heartbeat_needs_saying_so(file):
    assert load(file("heartbeat_interval_s = 5\nallow_fast_heartbeat = true")).heartbeat_interval_s == 5


def test_both_ports_may_be_any(file):
    settings = load(file("ocpp_port = 0\nhttp_port = 0"))
    assert (settings.ocpp_port, settings.http_port) == (0, 0)


def test_http_open_to_others_needs_a_token_and_one_is_proposed(file):
    (problem,) = problems(file('# where\nhttp_host = "0.0.0.0"'))
    assert "line 2: http_host: 0.0.0.0 can be reached by others" in problem
    proposed = problem.partition('api_token = "')[2].partition('"')[0]
    assert len(proposed) >= 32
    assert load(file(f'http_host = "0.0.0.0"\napi_token = "{proposed}"')).http_host == "0.0.0.0"


def test_each_proposed_token_is_another(file):
    assert problems(file('http_host = "::"')) != problems(file('http_host = "::"'))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_http_on_this_machine_needs_no_token(file, host):
    assert is_loopback(host)
    assert load(file(f'http_host = "{host}"')).api_token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "headroom.example", "127.0.0.1.example"])
def test_every_other_address_can_be_reached_by_others(host):
    assert not is_loopback(host)


def test_a_refused_value_that_is_secret_is_not_shown(file):
    told = "\n".join(problems(file('api_token = "hunter2"\ndatabase_url = "postgresql://me:hunter2@db/x"')))
    assert "hunter2" not in told


def test_effective_values_hide_secrets(file):
    shown = dict(effective(load(file('api_token = "correct-horse-battery"'))))
    assert shown["api_token"] == "(set, hidden)"
    assert shown["ocpp_port"] == "9000"
    assert shown["allow_fast_heartbeat"] == "false"
    assert shown["station_policy"] == '"known"'
    assert "correct-horse-battery" not in repr(load(file('api_token = "correct-horse-battery"')))
    assert shown.keys() == Settings.model_fields.keys()


def test_a_missing_file_is_told_by_name(tmp_path):
    (problem,) = problems(tmp_path / "none.toml")
    assert problem.startswith(f"{tmp_path / 'none.toml'}: can't be read")


def test_a_folder_is_no_file(tmp_path):
    (problem,) = problems(tmp_path)
    assert "can't be read" in problem


def test_what_is_not_toml_is_told_with_its_line(file):
    (problem,) = problems(file("ocpp_port = 9000\nhttp_port 8080\n"))
    assert "is not TOML" in problem
    assert "line 2" in problem


def test_a_key_given_twice_is_told_with_its_line(file):
    (problem,) = problems(file("ocpp_port = 9000\nocpp_port = 9001\n"))
    assert "line 2" in problem


def test_what_is_not_utf_8_is_told(tmp_path):
    path = tmp_path / "headroom.toml"
    path.write_bytes(b"ocpp_host = '\xff'")
    (problem,) = problems(path)
    assert "is not UTF-8" in problem


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "headroom.toml"
    path.write_bytes(b"\xef\xbb\xbfocpp_port = 9001")
    assert load(path).ocpp_port == 9001


@given(
    before=st.lists(
        st.sampled_from(
            ["", "# ocpp_port", "http_port = 1", 'ocpp_host = """\nocpp_prot = 1\n"""', 'log_level = "info"']
        ),
        unique=True,
    )
)
def test_the_line_of_a_key_is_right_whatever_stands_before_it(before, tmp_path_factory):
    text = "\n".join([*before, "ocpp_prot = 9000"])
    path = tmp_path_factory.mktemp("settings") / "headroom.toml"
    path.write_text(text, "utf-8")
    (problem,) = (one for one in problems(path) if "ocpp_prot" in one and "not a setting" in one)
    assert f", line {len(text.splitlines())}:" in problem


@given(
    st.dictionaries(
        st.sampled_from([*Settings.model_fields, "other"]),
        st.sampled_from(
            ["true", "-1", "0", "1e400", "nan", "''", "'\\x00'", "[]", "{}", "1979-05-27", "'{0} %s'"]
        ),
    )
)
def test_any_file_is_either_read_or_refused_with_a_reason_for_each_key(lines):
    text = "\n".join(f"{name} = {value}" for name, value in lines.items())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "headroom.toml"
        path.write_text(text, "utf-8")
        try:
            load(path)
        except ConfigurationError as error:
            assert str(error).strip()  # noqa: PT017 - either way is right
