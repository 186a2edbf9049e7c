"""The composition root: everything is made and wired here, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import resource as resource_limits
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
import uvicorn

from ingestd import wiring
from ingestd.accounts.accounts import Accounts
from ingestd.accounts.failures import Failures
from ingestd.accounts.gate import Gate
from ingestd.accounts.model import Actor, Scope
from ingestd.accounts.private_files import kept, replace
from ingestd.accounts.secrets import checked
from ingestd.addresses import bind
from ingestd.broadcast.registry import Broadcasts
from ingestd.delivery.owners import Owners
from ingestd.errors import StartError
from ingestd.ingest.origin import Origins
from ingestd.ingest.rtmp import Rtmp
from ingestd.ingest.websocket import Door, Ingest
from ingestd.metrics import registry
from ingestd.nginx.config import resource
from ingestd.nginx.guard import close_all_but, open_all
from ingestd.nginx.launch import Launch, Ports, own_bind
from ingestd.nginx.record import Record
from ingestd.processes import end_orphans
from ingestd.push import allowed
from ingestd.push.allowed import Resolver
from ingestd.push.lookup import Lookups, own_addresses
from ingestd.push.pushes import Pushes
from ingestd.settings import Settings, default_data_dir
from ingestd.tasks import Tasks
from ingestd.web.api.context import ApiContext
from ingestd.web.health import Health
from ingestd.web.internal import Internal
from ingestd.web.site import Site
from ingestd.welcome import Addresses, welcome

log = structlog.get_logger("ingestd.app")

_SECRET_BYTES = 24
_CLOSE_SECONDS = 1.0  # for publishers to take their close code when the daemon stops
_BACKLOG = 1024  # connections that wait to be accepted
_DEMO = "demo"
_OWN_NGINX = ("127.0.0.1/32", "::1/128")  # stands before us, whatever other proxies there are
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
    ) -> None:
        self._settings = settings
        self._with_nginx = with_nginx
        self._ready_file = ready_file
        self._say = say
        self._data = (settings.data.dir or default_data_dir()).absolute()
        self._stop = asyncio.Event()
        self._tasks = Tasks("daemon")

    async def run(self) -> None:
        """Start, serve until SIGINT or SIGTERM, end every child."""
        _take_descriptors()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        with _locked(self._data):
            async with contextlib.AsyncExitStack() as stack:
                await self._serve(stack)

    async def _serve(self, stack: contextlib.AsyncExitStack) -> None:
        settings, data = self._settings, self._data
        await self._prepare()
        accounts = await Accounts.open(settings, data)
        stack.push_async_callback(accounts.close)
        owners = self._guard(accounts)
        host = own_bind(settings) if self._with_nginx else settings.http.bind
        listener = stack.enter_context(bind(host, settings.http.port, "--http-port"))
        listener.listen(_BACKLOG)
        http_port = listener.getsockname()[1]
        secret, ports, record = await self._nginx(stack, http_port)
        addresses = Addresses(settings, http_port, ports, self._with_nginx)
        broadcasts = Broadcasts(
            wiring.terms(settings, data, ports.internal),
            wiring.limits(settings),
            data / "journal",
            wiring.room(settings),
        )
        owners.let_go = broadcasts.withdraw
        broadcasts.start()
        stack.push_async_callback(broadcasts.close)
        ingest, server = await self._faces(stack, accounts, broadcasts, addresses, secret, record)
        await accounts.start()
        serving = self._tasks.spawn(server.serve(sockets=[listener]), "http")
        self._announce(addresses, accounts)  # the socket listens, so whoever comes now just waits
        await self._until_stopped(serving)
        broadcasts.refuse_publishers()
        await ingest.drained(_CLOSE_SECONDS)
        server.should_exit = True
        await serving

    async def _prepare(self) -> None:
        """Directories, and nothing left of an earlier life."""
        for name in ("hls/public", "hls/private", "scratch"):
            (self._data / name).mkdir(parents=True, exist_ok=True)
        if orphans := await end_orphans([self._data / name for name in ("scratch", "nginx")]):
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

        try:
            write()
        except OSError as error:
            raise StartError(f"{error.filename or hls} cannot be written: {error.strerror}.") from None
        accounts.watch(write)
        return owners

    async def _nginx(
        self, stack: contextlib.AsyncExitStack, http_port: int
    ) -> tuple[str, Ports, Record | None]:
        """The secret that nginx brings with its questions, its ports, and under ``up``, where it runs now,
        its record."""
        settings = self._settings
        hls, rtmp = settings.hls.port, settings.rtmp
        ports = Ports(hls, rtmp.port, rtmp.internal_port, rtmp.relay_port or rtmp.port)
        if self._with_nginx:
            secret = _nginx_secret()
            nginx, ports = await Launch(settings, self._data, secret).start(http_port)
            stack.push_async_callback(nginx.close)
            return secret, ports, nginx.record
        if not all((ports.hls, ports.rtmp, ports.internal)):
            raise StartError(
                "`serve` has to know where nginx is: set --hls-port, --rtmp-port and"
                " rtmp.internal_port, not 0."
            )
        # it stands in that nginx's files as well
        path = self._data / "nginx.secret"
        return checked(kept(path, _nginx_secret), str(path)).decode(), ports, None

    async def _faces(
        self,
        stack: contextlib.AsyncExitStack,
        accounts: Accounts,
        broadcasts: Broadcasts,
        addresses: Addresses,
        secret: str,
        record: Record | None,
    ) -> tuple[Ingest, uvicorn.Server]:
        """Everything that is talked to from outside."""
        settings, data = self._settings, self._data
        gate, failures = Gate(accounts), Failures(settings.auth.failures)
        origins = Origins(settings.http.origins)
        ingest = Ingest(broadcasts, Door(accounts, gate, failures, origins), wiring.patience(settings))
        rtmp = Rtmp(
            broadcasts,
            gate,
            failures,
            wiring.relays(settings, data, addresses.nginx.relay),
            secret,
            settings.ingest.silent_after,
            accounts.keys.used,
        )
        stack.push_async_callback(rtmp.close)
        resolver = _resolver(accounts)
        pushes = self._pushes(stack, accounts, broadcasts, resolver)
        context = ApiContext(
            accounts=accounts,
            gate=gate,
            broadcasts=broadcasts,
            failures=failures,
            origins=origins,
            session_lifetime=settings.auth.session_lifetime,
            token_lifetime=settings.ingest.token_lifetime,
            tls=addresses.tls,
            rtmp=addresses.rtmp,
            source=rtmp.source,
            pushing=lambda target: pushes.states().get(target),
            target_address=lambda channel, url: allowed.check(
                url, settings.push.allow, resolver(channel), own_addresses
            ),
        )
        site = Site(
            api=context,
            ingest=ingest,
            health=Health(
                broadcasts, settings.encoder.ffmpeg, settings.rtmp.host, addresses.nginx.internal, record
            ),
            metrics=registry(broadcasts, lambda: len(ingest) + len(rtmp)),
            pages=resource(Path("web") / "dist"),
            hls_port=addresses.nginx.hls,
            trusted_proxies=(*settings.http.trusted_proxies, *_OWN_NGINX),
            internal=(*rtmp.routes(), *Internal(context, secret).routes()),
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
                replace(self._ready_file, json.dumps(addresses.ready(channel, key, token)))
            except OSError as error:
                words = f"The ready file {self._ready_file} cannot be written: {error.strerror}."
                raise StartError(words) from None
        log.info("ready", http=addresses.http, hls=addresses.nginx.hls, rtmp=addresses.nginx.rtmp)
        secret = f"channel={channel}&streamKey={key}&token={token}" if key else ""
        self._say(welcome(addresses, channel, secret, accounts.first))


def _resolver(accounts: Accounts) -> Callable[[str], Resolver]:
    """Looks up hosts for a channel: on the account of its owner, whose slow names hold up nobody else's."""
    lookups = Lookups()

    def resolver(channel: str) -> Resolver:
        found = accounts.directory.channels.get(channel)
        return lookups.of((found.owner if found else None) or "")

    return resolver


def _nginx_secret() -> str:
    """It stands in addresses."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def _take_descriptors() -> None:
    """As many descriptors as the system allows: each connection, pipe and child takes some."""
    _, hard = resource_limits.getrlimit(resource_limits.RLIMIT_NOFILE)
    resource_limits.setrlimit(resource_limits.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def _locked(data: Path) -> Iterator[None]:
    """One daemon for one data directory."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("a")
    except OSError as error:
        raise StartError(
            f"The data directory {data} cannot be used: {error.strerror}. Set --data-dir."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"Another ingestd runs with the data directory {data}.") from None
        yield
