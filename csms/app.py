"""The composition root: builds the parts from the settings, joins them, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import gc
import resource
import signal
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable

import structlog

from csms.api import Resources, build
from csms.api.events import site_state
from csms.clock import SystemClock
from csms.domain.errors import ConfigurationError, StorageError
from csms.domain.station import MessageLogPolicy, StationIdentity
from csms.gateway.remote_control import RemoteControl
from csms.gateway.server import Gateway, GatewayOptions
from csms.gateway.services import Services
from csms.gateway.socket import SocketLimits
from csms.gateway.wheel import TimerWheel
from csms.http.security import Security
from csms.http.server import HttpServer
from csms.live import Broadcaster, BroadcasterOptions, FanOut
from csms.ocpp import v16, v201
from csms.ports import Clock, Connections, Feed, Policy
from csms.settings import Settings
from csms.sites import Sites, SitesOptions
from csms.storage import (
    MessageLogLimits,
    SqliteStorage,
    StoreOptions,
    claimed,
    http_key,
    load_secret,
    open_storage,
    path_of,
    station_key_matches,
    store_has_keys,
    token_hmac,
)
from csms.usecases.balancing.steps import LoopOptions
from csms.usecases.station_keeping import StationKeeping
from csms.usecases.token_keeping import TokenKeeping
from csms.usecases.transaction_keeping import TransactionKeeping

_log = structlog.get_logger(__name__)

REFRESH_S = 1.0
"""How soon a token or site changed by another process (the command line) counts here; machine seconds."""
SEEN_FLUSH_S = 30.0
"""How often "last heard" is written; machine seconds."""


async def serve(settings: Settings) -> int:
    """Run the server until SIGTERM or SIGINT and return the process's exit code.

    Raises `ConfigurationError` where it can't start: the message says what to change.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    clock = _clock(settings)
    _allow_many_sockets()
    async with (
        opened_storage(settings, clock, serving=True) as (storage, secret),
        contextlib.AsyncExitStack() as ending,
    ):
        wheel = TimerWheel(clock.machine_s)
        sites = _sites(settings, clock, storage)
        events = _events(settings, clock, storage, sites)
        services = _services(settings, clock, storage, secret, wheel, sites, FanOut(sites, events))
        gateway = _gateway(settings, services, secret)
        remote_control = RemoteControl(link=gateway.directory, store=storage, services=services)
        resources = _resources(clock, storage, sites, gateway.directory, remote_control)
        http = _bind_http(settings, clock, storage, secret, sites, resources, events)
        # Whatever ends the server, who writes ends before the store.
        ending.push_async_callback(sites.stop)
        await sites.start(gateway.directory)
        try:
            ocpp_port = await gateway.listen(settings.ocpp_host, settings.ocpp_port)
        except OSError as error:
            raise ConfigurationError(
                _port_problem("ocpp", settings.ocpp_host, settings.ocpp_port, error)
            ) from error
        async with asyncio.TaskGroup() as tasks:
            timers = tasks.create_task(wheel.run())
            telling = tasks.create_task(events.run())
            background = [
                tasks.create_task(_every(REFRESH_S, storage.refresh_tokens)),
                tasks.create_task(_every(REFRESH_S, sites.refresh)),
                tasks.create_task(_every(SEEN_FLUSH_S, _as_async(gateway.flush_seen))),
            ]
            tasks.create_task(http.run())
            gc.freeze()
            _log.info("server.ready", ocpp_port=ocpp_port, http_port=http.port)
            await stop.wait()
            _log.info("server.draining", stations=len(gateway.directory))
            for task in background:
                task.cancel()
            await sites.stop()
            gateway.flush_seen()
            await gateway.drain(settings.drain_timeout_s)
            await remote_control.stop()
            # Not before: who follows comes back at once, and must then find the next server.
            events.close()
            http.stop()
            telling.cancel()
            timers.cancel()
    _log.info("server.stopped")
    return 0


@contextlib.asynccontextmanager
async def opened_storage(
    settings: Settings, clock: Clock, *, serving: bool = False
) -> AsyncGenerator[tuple[SqliteStorage, bytes]]:
    """Open the store of `settings` with its secret, and close it at the end.

    Commands that only look or register something are not `serving`. Raises `ConfigurationError`.
    """
    url = settings.database_url
    options = StoreOptions(
        samples_keep_days=settings.samples_retention_days,
        decisions_keep_days=settings.decisions_retention_days,
        events_keep_days=settings.events_retention_days,
        message_log=MessageLogLimits(
            keep_days=settings.message_log_days, file_bytes=settings.message_log_bytes
        ),
    )
    with claimed(path_of(url)) if serving else contextlib.nullcontext():
        secret = load_secret(settings.secret_file, store_has_keys=store_has_keys(url))
        storage = await open_storage(url, clock=clock, secret=secret, serving=serving, options=options)
        try:
            yield storage, secret
        finally:
            await storage.close()


def _clock(settings: Settings) -> SystemClock:
    return SystemClock(
        speed=settings.site_clock_speed,
        start_us=_in_us(settings.site_clock_start),
        anchor_us=_in_us(settings.site_clock_anchor),
    )


def _in_us(moment: dt.datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1e6)


def _new_id() -> str:
    return uuid.uuid4().hex


def _sites(settings: Settings, clock: Clock, storage: SqliteStorage) -> Sites:
    loop = LoopOptions(
        speed=settings.site_clock_speed,
        settle_s=settings.settle_s,
        sample_interval_s=settings.sample_interval_s,
    )
    return Sites(storage=storage, clock=clock, new_id=_new_id, options=SitesOptions(loop=loop))


def _events(settings: Settings, clock: Clock, storage: SqliteStorage, sites: Sites) -> Broadcaster:
    options = BroadcasterOptions(followers_max=settings.events_clients_max)
    return Broadcaster(log=storage, clock=clock, sites=sites.tasks, show_site=site_state, options=options)


def _services(
    settings: Settings,
    clock: Clock,
    storage: SqliteStorage,
    secret: bytes,
    wheel: TimerWheel,
    sites: Sites,
    feed: Feed,
) -> Services:
    return Services(
        clock=clock,
        storage=storage,
        message_log=storage.message_log,
        wheel=wheel,
        policy=Policy(
            heartbeat_interval_s=settings.heartbeat_interval_s,
            accept_unknown_tokens=settings.token_policy == "accept-all",  # noqa: S105 - no secret
        ),
        tokens=storage.tokens,
        token_hmac=lambda uid, kind: token_hmac(secret, uid, kind),
        new_id=_new_id,
        next_ocpp_id=storage.next_ocpp_id,
        feed=feed,
        prepare=sites.prepare,
        start_gate=sites.start_gate,
        call_timeout_s=settings.call_timeout_s,
        start_gate_timeout_s=settings.start_gate_timeout_s,
    )


def _gateway(settings: Settings, services: Services, secret: bytes) -> Gateway:
    def key_matches(identity: StationIdentity | None, presented: bytes) -> bool:
        return station_key_matches(secret, identity, presented)

    return Gateway(
        services=services,
        # In our order of preference: the newest first.
        dialects={dialect.subprotocol: dialect for dialect in (v201.DIALECT, v16.DIALECT)},
        key_matches=key_matches,
        options=GatewayOptions(
            limits=SocketLimits(
                max_frame_bytes=settings.max_frame_bytes,
                handshake_timeout_s=settings.handshake_timeout_s,
                ping_interval_s=settings.ping_interval_s,
                ping_timeout_s=settings.ping_timeout_s,
            ),
            max_nesting=settings.max_nesting,
            accept_unknown_stations=settings.station_policy == "accept-all",
            missing_subprotocol=None
            if settings.missing_subprotocol == "refuse"
            else settings.missing_subprotocol,
            message_log=MessageLogPolicy(settings.message_log),
        ),
    )


def _resources(
    clock: Clock,
    storage: SqliteStorage,
    sites: Sites,
    connections: Connections,
    remote_control: RemoteControl,
) -> Resources:
    return Resources(
        stations=StationKeeping(
            register=storage,
            storage=storage,
            connections=connections,
            balancing=sites,
            messages=storage.message_log,
            clock=clock,
        ),
        tokens=TokenKeeping(register=storage, clock=clock),
        transactions=TransactionKeeping(history=storage.history, clock=clock),
        remote_control=remote_control,
    )


def _bind_http(
    settings: Settings,
    clock: Clock,
    storage: SqliteStorage,
    secret: bytes,
    sites: Sites,
    resources: Resources,
    events: Broadcaster,
) -> HttpServer:
    token = settings.api_token
    application = build(
        not_ready=storage.healthy,
        sites=sites,
        resources=resources,
        events=events,
        security=Security.of(
            api_token=None if token is None else token.get_secret_value(),
            allowed_hosts=settings.http_allowed_hosts,
            key=http_key(secret),
        ),
        clock=clock,
        store=storage,
    )
    try:
        return HttpServer(application, host=settings.http_host, port=settings.http_port)
    except OSError as error:
        raise ConfigurationError(
            _port_problem("http", settings.http_host, settings.http_port, error)
        ) from error


def _allow_many_sockets() -> None:
    """Open as many files as the system lets us: each station takes one, and most processes begin with 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _port_problem(name: str, host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        remedy = f"Another process holds the port; choose another one with {name}_port or CSMS_{name.upper()}_PORT."
    else:
        remedy = f"Let {name}_host be an address of this machine, and {name}_port one that you may open."
    return f"{name}_host {host}, {name}_port {port}: can't listen there ({error.strerror or error}). {remedy}"


async def _every(period_s: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(period_s)
        try:
            await work()
        except StorageError as error:
            _log.error("background.failed", problem=str(error))


def _as_async(work: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        work()

    return run
