"""Typed settings from one TOML file and the environment; whatever can't be meant is refused with its place and remedy."""

from __future__ import annotations

import datetime as dt
import difflib
import ipaddress
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from csms.domain.errors import ConfigurationError
from csms.settings_text import SettingsFile, as_toml, rule_of, shown, without_password

ENVIRONMENT_PREFIX = "CSMS_"
CONFIG_VARIABLE = "CSMS_CONFIG"
"""Names the settings file itself (the commands' `--config`); every other `CSMS_…` is a setting."""

SLOWEST_REASONABLE_HEARTBEAT_S = 30
_SQLITE = "sqlite+aiosqlite:///"
_TOKEN_BYTES = 24
_TOKEN_LENGTH_MIN = 16
_DAYS_MAX = 36_500
_THIS_CENTURY = range(2020, 2100)

_T = TypeVar("_T")

Port = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Days = Annotated[int, Field(ge=1, le=_DAYS_MAX)]


class Settings(BaseSettings):
    """What an operator may decide; fields that others are judged by come first."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )

    ocpp_host: str = "0.0.0.0"  # noqa: S104 - chargers are on the network, never on this machine
    """Address on which chargers are listened for."""
    ocpp_port: Port = 9000
    """Port for chargers; 0 takes any free one."""
    http_host: str = "127.0.0.1"
    """Address of the HTTP side; any but a loopback address needs `api_token`."""
    http_port: Port = 8080
    """Port of the HTTP side; 0 takes any free one."""
    api_token: SecretStr | None = None
    """What HTTP clients must present; always asked for where it is set. At least 16 characters."""
    http_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names (`name` or `name:port`) by which a proxy on this machine reaches the HTTP side without a token."""

    database_url: str = "sqlite+aiosqlite:///headroom.sqlite3"
    """The store; a relative path is taken from the working folder."""
    secret_file: Path = Path("headroom.secret")
    """The secret behind charger keys and token look-ups; made at the first start, readable by its owner only."""

    station_policy: Literal["known", "accept-all"] = "known"
    """`accept-all` registers unknown chargers, unmanaged and without a key."""
    token_policy: Literal["known", "accept-all"] = "known"  # noqa: S105 - no secret
    """`accept-all` lets unknown tokens charge."""
    missing_subprotocol: Literal["1.6", "refuse"] = "1.6"
    """The OCPP version of a charger that names none; `refuse` turns it away."""

    allow_fast_heartbeat: bool = False
    """Permit a `heartbeat_interval_s` under 30; for tests and benches."""
    heartbeat_interval_s: Annotated[int, Field(ge=1, le=86_400)] = 300
    """How often a charger is asked to say that it lives."""
    call_timeout_s: Seconds = 30.0
    """How long a charger may take to answer a call of ours."""
    start_gate_timeout_s: Seconds = 20.0
    """How long somebody waits for room at a charger that can't be told 0 A, before being told to try again."""
    handshake_timeout_s: Seconds = 10.0
    """How long a new connection may take to become a WebSocket."""
    ping_interval_s: Seconds = 20.0
    """A connection that was silent for so long is pinged."""
    ping_timeout_s: Seconds = 20.0
    """A connection that stays silent for so long after the ping is closed."""
    drain_timeout_s: Seconds = 20.0
    """How long a stop waits for what is under way."""

    max_frame_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 1024 * 1024
    """A longer message closes its connection (1009)."""
    max_nesting: Annotated[int, Field(ge=8, le=256)] = 64
    """JSON nested deeper is refused."""

    sample_interval_s: Annotated[int, Field(ge=1, le=3600)] = 10
    """How often a managed charger is told to say what it draws while a car charges; site time."""
    settle_s: Annotated[float, Field(ge=0, le=600)] = 2.0
    """How long a charger is left alone after it connected or booted, before it is told its limits."""

    demo: bool = False
    """Permit what is only for trying out, such as a site clock of its own."""
    site_clock_speed: Annotated[float, Field(gt=0, le=3600)] = 1.0
    """How much faster than the machine's time the site's passes; other than 1 with `demo` only."""
    site_clock_start: dt.datetime | None = None
    """The moment at which the site's time begins, with its zone; with `demo` only."""
    site_clock_anchor: dt.datetime | None = None
    """When it was `site_clock_start`, by the machine's clock; not set: when the process began. With `demo` only."""

    message_log: Literal["all", "errors", "off"] = "all"
    """Which raw messages are kept of a charger that registers itself by connecting."""
    message_log_days: Days = 14
    """Raw messages older than this are deleted."""
    message_log_bytes: Annotated[int, Field(ge=1024 * 1024, le=1024**4)] = 1024**3
    """The oldest raw messages are deleted above this size."""
    samples_retention_days: Days = 90
    """Meter samples older than this are deleted."""
    decisions_retention_days: Days = 30
    """Lines of the sites' decision logs older than this are deleted."""
    events_retention_days: Days = 90
    """Events (what `GET /api/v1/events` tells) older than this are deleted."""
    events_clients_max: Annotated[int, Field(ge=1, le=10_000)] = 500
    """So many clients may follow events at once."""

    log_format: Literal["json", "console", "auto"] = "auto"
    """`auto` is console on a terminal and JSON elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe log line that is written."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the base class's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, and nothing else speak."""
        return env_settings, init_settings

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and info.field_name not in {"allow_fast_heartbeat", "demo"}:
            raise _refused("can't be true or false")  # pydantic would read 1 or 0
        return value

    @field_validator("ocpp_host", "http_host")
    @classmethod
    def _named_address(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9.:_%-]+", value):
            raise _refused("must be an address or a host name, without a port or a scheme")
        return value

    @field_validator("http_allowed_hosts", mode="before")
    @classmethod
    def _names_with_commas(cls, value: object) -> object:
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value

    @field_validator("http_allowed_hosts")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in value if not re.fullmatch(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?", name)]
        if wrong:
            raise _refused("takes names as a browser sends them: name or name:port, without a scheme")
        return value

    @field_validator("http_port")
    @classmethod
    def _port_of_its_own(cls, value: int, info: ValidationInfo) -> int:
        if value != 0 and value == info.data.get("ocpp_port"):
            raise _refused("is the same as ocpp_port; give each its own")
        return value

    @field_validator("api_token")
    @classmethod
    def _token_guards_the_network(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        host = info.data.get("http_host", "127.0.0.1")
        if value is None and not is_loopback(host):
            raise _refused(
                f"{host} can be reached by others, and no api_token is set. Keep http_host at 127.0.0.1, "
                f'or add this line (made for you just now): api_token = "{secrets.token_urlsafe(_TOKEN_BYTES)}"',
                blame="http_host",
            )
        if value is not None and len(value.get_secret_value()) < _TOKEN_LENGTH_MIN:
            raise _refused(
                f"must have at least {_TOKEN_LENGTH_MIN} characters; one made for you just now: "
                f"{secrets.token_urlsafe(_TOKEN_BYTES)}"
            )
        return value

    @field_validator("database_url")
    @classmethod
    def _engine_that_exists(cls, value: str) -> str:
        if value.startswith("postgresql"):
            raise _refused(f"PostgreSQL is not supported yet; use {_SQLITE}FILE")
        file = re.fullmatch(r"sqlite(?:\+aiosqlite)?:///(/*[^/?][^?]*)", value)
        if file is None:
            raise _refused(
                f"must be {_SQLITE}FILE (three slashes and a relative path, four and an absolute one)"
            )
        if file[1].startswith((":memory:", "file:")):
            raise _refused("a store in memory forgets what was acknowledged; name a file")
        return value

    @field_validator("heartbeat_interval_s")
    @classmethod
    def _heartbeat_with_measure(cls, value: int, info: ValidationInfo) -> int:
        if value < SLOWEST_REASONABLE_HEARTBEAT_S and not info.data.get("allow_fast_heartbeat", False):
            raise _refused(
                f"must be at least {SLOWEST_REASONABLE_HEARTBEAT_S} (or set allow_fast_heartbeat = true, for a bench)"
            )
        return value

    @field_validator("site_clock_start", "site_clock_anchor", mode="before")
    @classmethod
    def _moment_with_a_zone(cls, value: object) -> object:
        moment = value
        if isinstance(moment, str):
            try:
                moment = dt.datetime.fromisoformat(moment)
            except ValueError:
                moment = None
        elif value is None:
            return None
        if not isinstance(moment, dt.datetime) or moment.tzinfo is None or moment.year not in _THIS_CENTURY:
            raise _refused("must be a moment of this century with its zone, as 2027-01-01T00:00:00Z")
        return moment.astimezone(dt.UTC)

    @field_validator("site_clock_speed", "site_clock_start", "site_clock_anchor")
    @classmethod
    def _time_is_real_outside_the_demo(cls, value: _T, info: ValidationInfo) -> _T:
        if value not in {None, 1.0} and not info.data.get("demo", False):
            raise _refused(
                "is for trying out: chargers and the store would take that time for real. "
                "Remove it, or set demo = true beside a database_url that holds nothing else"
            )
        return value

    @field_validator("site_clock_anchor")
    @classmethod
    def _anchor_of_a_start(cls, value: dt.datetime | None, info: ValidationInfo) -> dt.datetime | None:
        if value is not None and info.data.get("site_clock_start") is None:
            raise _refused("says when the site's time was site_clock_start: set that too")
        return value


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def load(path: Path | None) -> Settings:
    """Return the settings of the file at `path` (None: the built-in ones) with the environment's on top.

    Raises `ConfigurationError` naming every problem at once, each with its line or variable and its remedy.
    """
    source = SettingsFile.of(path)
    problems = [*_unknown_in_file(source), *_unknown_in_environment(os.environ)]
    values = {name: value for name, value in source.values.items() if name in Settings.model_fields}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += [_explained(detail, source) for detail in error.errors(include_url=False)]
    else:
        if not problems:
            return settings
    raise ConfigurationError("\n".join(problems))


def effective(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each setting's name and its value as TOML writes it, secrets hidden."""
    for name in Settings.model_fields:
        value = getattr(settings, name)
        yield name, "(set, hidden)" if isinstance(value, SecretStr) else without_password(as_toml(value))


def environment_name(setting: str) -> str:
    """Return the variable that overrides a setting."""
    return ENVIRONMENT_PREFIX + setting.upper()


def _unknown_in_file(source: SettingsFile) -> Iterator[str]:
    for name, value in source.values.items():
        if name in Settings.model_fields:
            continue
        if isinstance(value, dict):
            yield f"{source.place(name)}: there are no tables; write its settings without the heading [{name}]"
        else:
            yield f"{source.place(name)}: {name} is not a setting{_meant(name, list(Settings.model_fields))}"


def _unknown_in_environment(environment: Mapping[str, str]) -> Iterator[str]:
    known = [environment_name(name) for name in Settings.model_fields]
    for name in environment:
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name.upper() not in {*known, CONFIG_VARIABLE}:
            yield f"environment, {name}: is not a setting{_meant(name.upper(), known)}"


def _meant(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else "; remove it (docs/operator-guide.md lists all settings)"


def _explained(detail: ErrorDetails, source: SettingsFile) -> str:
    context = detail.get("ctx", {})
    name = str(context.get("blame") or detail["loc"][0])
    variable = next((key for key in os.environ if key.upper() == environment_name(name)), None)
    if variable is not None and os.environ[variable] != "":
        place = f"environment, {variable}"
    elif name in source.values:
        place = source.place(name)
    else:
        place = "built-in default"
    if "blame" in context:
        return f"{place}: {name}: {detail['msg']}"
    return f"{place}: {name} = {shown(name, detail['input'])}: {rule_of(detail)}"


def _refused(problem: str, **context: str) -> PydanticCustomError:
    # The text goes in as a value: braces in it are no placeholders.
    return PydanticCustomError("refused", "{problem}", {"problem": problem, **context})
