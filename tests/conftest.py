"""What every test stands on: hypothesis profiles, longer forms under `make soak`, and one kind of event loop."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

# Deadlines and health checks on speed would make a slow machine a failing one.
_COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("default", _COMMON)
# The same examples at every run: a red gate is about the change, the search for the unknown is soak's.
settings.register_profile("ci", _COMMON, derandomize=True, database=None)
settings.register_profile("soak", _COMMON, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))


@pytest.fixture(scope="session")
def scaled() -> Callable[[int, int], int]:
    """Pick a test's size: `scaled(50, 5000)` is 50 in `make test` and 5000 in `make soak` (mark the test `soak`)."""
    soaking = os.environ.get("HEADROOM_SOAK") == "1"
    return lambda usual, soak: soak if soaking else usual


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run tests marked `anyio` on asyncio, which is what the server runs on; `asyncio.run` in a test is as good."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_settings_from_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("CSMS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """For tests in which `csms.logs.configure` runs: afterwards logging is as it was."""
    root = logging.getLogger()
    names = [name for name, logger in root.manager.loggerDict.items() if isinstance(logger, logging.Logger)]
    loggers = [root, *map(logging.getLogger, names)]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    yield
    for logger in map(logging.getLogger, root.manager.loggerDict):
        logger.setLevel(logging.NOTSET)
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
