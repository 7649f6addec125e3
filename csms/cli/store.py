"""How commands come to the settings and the store, and run to their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from csms import logs
from csms.clock import SystemClock
from csms.settings import CONFIG_VARIABLE, load
from csms.storage import SqliteStorage

try:
    import uvloop
except ImportError:  # it has no build for every system; asyncio's own loop does the same, more slowly
    uvloop = None

_T = TypeVar("_T")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar=CONFIG_VARIABLE, help="Settings in TOML; without it the built-in ones."
    ),
]


def with_storage(config: Path | None, work: Callable[[SqliteStorage], Awaitable[_T]]) -> _T:
    """Open the store that the settings name, and return what `work` makes of it."""
    from csms import app  # noqa: PLC0415 - help and complaints come quickly without the server's parts

    settings = load(config)
    clock = SystemClock()
    logs.configure(log_format=settings.log_format, level="warning", now_us=clock.now_us)

    async def opened() -> _T:
        async with app.opened_storage(settings, clock) as (storage, _):
            return await work(storage)

    return run(opened())


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Return what `work` returns, on an event loop of its own."""
    with asyncio.Runner(loop_factory=None if uvloop is None else uvloop.new_event_loop) as runner:
        return runner.run(work)
