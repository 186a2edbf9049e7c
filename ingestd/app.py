"""The composition root: everything is made and wired here, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource as resource_limits
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from ingestd import ways, wiring
from ingestd.accounts.accounts import Accounts
from ingestd.accounts.failures import Failures
from ingestd.accounts.gate import Gate
from ingestd.accounts.model import Actor, Scope
from ingestd.accounts.private_files import replace
from ingestd.broadcast.load import memory_limit
from ingestd.broadcast.registry import Broadcasts
from ingestd.delivery.owners import Owners
from ingestd.errors import IngestdError, StartError
from ingestd.ingest.origin import Origins
from ingestd.ingest.websocket import Door, Ingest
from ingestd.lock import locked
from ingestd.log import Recent
from ingestd.monitor.monitor import Monitor
from ingestd.monitor.stat_reader import StatReader
from ingestd.nginx.config import resource
from ingestd.nginx.guard import close_all_but, open_all
from ingestd.nginx.launch import Launch, Ports
from ingestd.processes import end_orphans
from ingestd.push import allowed
from ingestd.push.allowed import Resolver
from ingestd.push.lookup import Lookups, own_addresses
from ingestd.push.pushes import Pushes
from ingestd.record import Record
from ingestd.safety import own_bind, unsafe
from ingestd.service import Service, listener, viewers_listener
from ingestd.settings import Settings, default_data_dir
from ingestd.settings.changes import change
from ingestd.tasks import Tasks
from ingestd.web.api.context import ApiContext
from ingestd.web.internal import Internal
from ingestd.web.site import Site
from ingestd.webrtc.webrtc import WebRtc
from ingestd.welcome import Addresses, discreet, welcome

log = structlog.get_logger("ingestd.app")

_CLOSE_SECONDS = 1.0  # for publishers to take their close code when the daemon stops
_MEMORY = 512 << 20  # bytes that a container should have: we, and an encoder or two
_BACKLOG = 1024  # connections that wait to be accepted
_DEMO = "demo"
_SERVER = Actor(None, "", "server")


class Daemon:
    """ingestd, with (``up``) or without (``serve``) an nginx of its own."""

    def __init__(
        self,
        settings: Settings,
        *,
        with_nginx: bool,
        say: Callable[[str], None],
        ready_file: Path | None = None,
        in_public: bool = False,
        reread: Callable[[], Settings] | None = None,
        lines: Recent,
    ) -> None:
        """``say`` gets the words for the operator; ``in_public``: where others read them, so no secrets.
        ``reread``: the settings as they are written now, for SIGHUP; raises IngestdError. ``lines``: the
        log's last, for diagnosis."""
        self._settings = settings
        self._in_public = in_public
        self._reread = reread
        self._with_nginx = with_nginx
        self._ready_file = ready_file
        self._say = say
        self._lines = lines  # the log's last, for diagnosis
        self._data = (settings.data.dir or default_data_dir()).absolute()
        self._stop = asyncio.Event()
        self._failures = Failures(settings.auth.failures)
        self._tasks = Tasks("daemon")

    async def run(self) -> None:
        """Start, serve until SIGINT or SIGTERM, end every child."""
        _take_descriptors()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        if self._reread:  # until there is something to change, the settings have just been read
            loop.add_signal_handler(signal.SIGHUP, lambda: None)
        with locked(self._data):
            async with contextlib.AsyncExitStack() as stack:
                await self._serve(stack)

    async def _serve(self, stack: contextlib.AsyncExitStack) -> None:
        settings, data = self._settings, self._data
        wiring.repeats(stack)  # first of all: what is logged while the rest ends is still told of
        await self._prepare()
        accounts = await Accounts.open(settings, data)
        stack.push_async_callback(accounts.close)
        owners = self._guard(accounts)
        host = own_bind(settings)
        port = stack.enter_context(listener(host, settings.http.port))
        port.listen(_BACKLOG)
        http_port = port.getsockname()[1]
        passed = viewers_listener(settings.viewers.listen)
        monitor = Monitor(wiring.viewer_log(settings, data, accounts, passed, own=self._with_nginx))
        stack.push_async_callback(monitor.close)
        secret, ports, record, digest = await self._nginx(stack, http_port, monitor)
        addresses = Addresses(settings, http_port, ports, self._with_nginx or wiring.configured(settings))
        broadcasts = Broadcasts(
            wiring.terms(settings, data, ports.internal, addresses.rtmp),
            wiring.limits(settings),
            data / "journal",
            wiring.room(settings),
        )
        owners.let_go = broadcasts.withdraw
        broadcasts.was_live = accounts.channels.was_live
        with _usable(data):
            broadcasts.start()
        stack.push_async_callback(broadcasts.close)
        monitor.start(broadcasts, StatReader(settings.rtmp.host, ports.stat, digest) if ports.stat else None)
        webrtc = await ways.webrtc(stack, settings, data)
        faces = self._faces(stack, accounts, broadcasts, addresses, secret, record, monitor, webrtc)
        ingest, server = await faces
        await accounts.start()
        serving = self._tasks.spawn(server.serve(sockets=[port]), "http")
        self._announce(addresses, accounts)  # the socket listens, so whoever comes now just waits
        service = self._service(stack, broadcasts, serving)
        await self._until_stopped(serving)
        service.stopping()
        broadcasts.refuse_publishers()
        await server.drain(_CLOSE_SECONDS)
        await ingest.drained(_CLOSE_SECONDS)
        server.should_exit = True
        await serving

    async def _prepare(self) -> None:
        """Directories, and nothing left of an earlier life."""
        with _usable(self._data):
            for name in ("hls/public", "hls/private", "scratch"):
                (self._data / name).mkdir(parents=True, exist_ok=True)
        limit = memory_limit()
        if limit is not None and limit < _MEMORY:
            log.warning("memory_limit_low", mib=limit >> 20, advised=_MEMORY >> 20)
        if orphans := await end_orphans([self._data / name for name in ("scratch", "nginx", "webrtc")]):
            log.warning("orphans_ended", pids=orphans)

    def _guard(self, accounts: Accounts) -> Owners:
        """What is not public is closed before nginx serves anything, and before a change is answered; and
        media of a channel that is no more are gone before another of its name is open."""
        hls = self._data / "hls"
        owners = Owners(hls)

        def write() -> None:
            channels = accounts.directory.channels.values()
            public = [channel.name for channel in channels if not channel.private]
            close_all_but(hls, public)
            owners.settle({channel.name: channel.id for channel in channels})
            open_all(hls, public)

        with _usable(hls):
            write()
        accounts.watch(write)
        return owners

    async def _nginx(
        self, stack: contextlib.AsyncExitStack, http_port: int, monitor: Monitor
    ) -> tuple[str, Ports, Record | None, str]:
        """The secret that nginx brings with its questions, its ports, and under ``up``, where it runs now,
        its record; else the digest of the configuration that it should have read."""
        settings = self._settings
        hls, rtmp, stat = settings.hls.port, settings.rtmp, settings.nginx.stat_port
        ports = Ports(hls, rtmp.port, rtmp.internal_port, rtmp.relay_port or rtmp.port, stat)
        if self._with_nginx:
            secret = wiring.nginx_secret()
            nginx, ports = await Launch(settings, self._data, secret, monitor.target).start(http_port)
            stack.push_async_callback(nginx.close)
            return secret, ports, nginx.record, ""
        if not all((ports.hls, ports.rtmp, ports.internal)):
            raise StartError(
                "`serve` has to know where nginx is: set --hls-port, --rtmp-port and"
                " rtmp.internal_port, not 0."
            )
        launch = wiring.beside(settings, self._data)
        if not wiring.configured(settings):
            return launch.secret, ports, None, ""
        if launch.certificate:
            following = Tasks("certificate")
            stack.push_async_callback(following.close)
            following.spawn(launch.certificate.follow(), "follow", eternal=True)
        return launch.secret, ports, None, launch.digest(http_port, ports)

    async def _faces(
        self,
        stack: contextlib.AsyncExitStack,
        accounts: Accounts,
        broadcasts: Broadcasts,
        addresses: Addresses,
        secret: str,
        record: Record | None,
        monitor: Monitor,
        webrtc: WebRtc,
    ) -> tuple[Ingest, wiring.Server]:
        """Everything that is talked to from outside."""
        settings, data = self._settings, self._data
        gate, failures = Gate(accounts), self._failures
        door = Door(accounts, gate, failures, origins := Origins(settings.http.origins))
        ingest = Ingest(broadcasts, door, wiring.patience(settings))
        relays = wiring.relays(settings, data, addresses.nginx.relay)
        rtmp = ways.rtmp(stack, settings, broadcasts, gate, failures, accounts, relays, secret)
        whip = ways.whip(stack, settings, broadcasts, door, webrtc, relays)

        def publishers() -> int:
            return len(ingest) + len(rtmp) + len(whip)

        resolver = _resolver(accounts)
        pushes = self._pushes(stack, accounts, broadcasts, resolver)
        health = wiring.health(settings, data, broadcasts, addresses.nginx, record, webrtc)
        context = ApiContext(
            accounts=accounts,
            gate=gate,
            broadcasts=broadcasts,
            pictures=wiring.pictures(settings, data, accounts),
            diagnosis=wiring.diagnosis(stack, lambda: self._settings, data, broadcasts, self._lines),
            overview=wiring.overview(stack, broadcasts, monitor, publishers, data),
            feed=wiring.feed(stack, settings, broadcasts),
            failures=failures,
            origins=origins,
            session_lifetime=settings.auth.session_lifetime,
            token_lifetime=settings.ingest.token_lifetime,
            tls=addresses.tls,
            rtmp=addresses.rtmp,
            source=rtmp.source,
            pushing=lambda target: pushes.states().get(target),
            target_address=lambda *target: _check(settings, resolver, *target),
            lacking=health.reasons,
            monitor=monitor,
        )
        whep = ways.whep(stack, settings, context, webrtc, whip, relays.ffmpeg)
        site = Site(
            api=context,
            ingest=ingest,
            health=health,
            metrics=wiring.metrics(stack, settings, data, accounts, broadcasts, publishers, monitor, health),
            pages=resource(Path("web") / "dist"),
            hls_port=addresses.nginx.hls,
            webrtc=(*whip.routes(), *whep),
            trusted_proxies=(*settings.http.trusted_proxies, *_own_nginx(settings)),
            internal=(*rtmp.routes(), *Internal(context, secret).routes()),
            access_log=settings.log.access,
        )
        return ingest, wiring.server(settings, site.app())

    def _pushes(
        self,
        stack: contextlib.AsyncExitStack,
        accounts: Accounts,
        broadcasts: Broadcasts,
        resolver: Callable[[str], Resolver],
    ) -> Pushes:
        settings = self._settings
        pushes = Pushes(
            broadcasts,
            lambda: accounts.directory.targets,
            accounts.targets.secret,
            wiring.children(settings, self._data),
            resolver,
            settings.push.allow,
        )
        pushes.start()
        stack.push_async_callback(pushes.close)
        accounts.watch(pushes.changed)
        return pushes

    def _service(
        self, stack: contextlib.AsyncExitStack, broadcasts: Broadcasts, serving: asyncio.Task[None]
    ) -> Service:
        service = Service(lambda: wiring.state(broadcasts), lambda: not serving.done())
        if self._reread:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload, service, broadcasts)
        service.start()
        stack.push_async_callback(service.close)
        return service

    def _reload(self, service: Service, broadcasts: Broadcasts) -> None:
        """Take over what can be changed while we run; a configuration with a fault changes nothing."""
        assert self._reread
        service.reloading()
        try:
            new = self._reread()
            if reason := unsafe(new):
                raise StartError(reason)
            made = change(self._settings, new)
            self._settings = settings = made.settings
            self._failures.limit(settings.auth.failures)
            broadcasts.limit(wiring.limits(settings), settings.ingest.max_load)
            logging.getLogger().setLevel(logging.INFO)  # who has asked is answered, at any level
            log.info("configuration_reloaded", applied=made.applied, restart_needed_for=made.restart)
            logging.getLogger().setLevel(settings.log.level.upper())
        except IngestdError as error:
            log.error("configuration_not_reloaded", reason=str(error))
        finally:
            service.reloaded()

    async def _until_stopped(self, serving: asyncio.Task[None]) -> None:
        stop = self._tasks.spawn(self._stop.wait(), "stop")
        await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not self._stop.is_set():
            raise StartError("The HTTP server ended by itself; the log says why.")
        log.info("stopping")

    def _announce(self, addresses: Addresses, accounts: Accounts) -> None:
        """Say where to go; write the ready file."""
        key = accounts.demo_key
        found = accounts.directory.by_key(key)
        channel = found[0].name if found else _DEMO
        token = accounts.tokens.mint(_SERVER, Scope.PUBLISH, channel, self._settings.ingest.token_lifetime)
        if self._ready_file:
            try:
                replace(
                    self._ready_file, json.dumps(addresses.ready(channel, key, token) | {"pid": os.getpid()})
                )
            except OSError as error:
                words = f"The ready file {self._ready_file} cannot be written: {error.strerror}."
                raise StartError(words) from None
        log.info("ready", http=addresses.http, hls=addresses.nginx.hls, rtmp=addresses.nginx.rtmp)
        secret = f"channel={channel}&streamKey={key}&token={token}" if key else ""
        first = accounts.first
        if self._in_public:
            self._say(discreet(addresses, first, os.environ.get("INGESTD_COMMAND", "ingestd")))
        else:
            self._say(welcome(addresses, channel, secret, first))


async def _check(settings: Settings, resolver: Callable[[str], Resolver], channel: str, url: str) -> None:
    """Whether the channel may push to that address; raises :class:`Refused`."""
    await allowed.check(url, settings.push.allow, resolver(channel), own_addresses)


def _resolver(accounts: Accounts) -> Callable[[str], Resolver]:
    """Looks up hosts for a channel: on the account of its owner, whose slow names hold up nobody else's."""
    lookups = Lookups()

    def resolver(channel: str) -> Resolver:
        found = accounts.directory.channels.get(channel)
        return lookups.of((found.owner if found else None) or "")

    return resolver


def _own_nginx(settings: Settings) -> tuple[str, ...]:
    """It stands before us, whatever other proxies there are."""
    return (settings.rtmp.host,) if settings.nginx.upstream else ("127.0.0.1/32", "::1/128")


@contextlib.contextmanager
def _usable(place: Path) -> Iterator[None]:
    """Says in plain words what the disk refuses at the start."""
    try:
        yield
    except OSError as error:
        words = f"{error.filename or place} cannot be used: {error.strerror or error}."
        raise StartError(f"{words} Look at the disk, at the owner, and at what lies there.") from None


def _take_descriptors() -> None:
    """As many descriptors as the system allows: each connection, pipe and child takes some."""
    _, hard = resource_limits.getrlimit(resource_limits.RLIMIT_NOFILE)
    resource_limits.setrlimit(resource_limits.RLIMIT_NOFILE, (hard, hard))
