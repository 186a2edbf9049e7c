"""The composition root: everything is made and wired here, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import resource as resource_limits
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn

from ingestd.broadcast.broadcast import Terms
from ingestd.broadcast.epoch import Bounds
from ingestd.broadcast.generation import Works
from ingestd.broadcast.load import ladder_cost
from ingestd.broadcast.registry import Broadcasts, Limits
from ingestd.broadcast.room import Room
from ingestd.container.model import InitSegment
from ingestd.encoder.encoder import EncoderSettings
from ingestd.encoder.ladder import Rendition, ladder
from ingestd.errors import StartError
from ingestd.ingest.credentials import Credentials
from ingestd.ingest.session import Patience
from ingestd.ingest.transport import IngestTransport
from ingestd.ingest.websocket import Ingest
from ingestd.metrics import registry
from ingestd.nginx.config import NginxValues, find_rtmp_module, render, resource
from ingestd.nginx.record import Record
from ingestd.nginx.server import Nginx, free_port, worker_user
from ingestd.processes import end_orphans
from ingestd.settings import Settings, default_data_dir
from ingestd.tasks import Tasks
from ingestd.web.health import Health
from ingestd.web.site import Site
from ingestd.web.transport import HttpTransport

log = structlog.get_logger("ingestd.app")

_MIB = 1024 * 1024
_LOOPBACK = "127.0.0.1"
_HTTP_SHUTDOWN = 3  # seconds that requests under way get when the daemon stops
_CLOSE_SECONDS = 1.0  # for publishers to take their close code when the daemon stops
_BACKLOG = 1024  # connections that wait to be accepted
_SEGMENTS_HELD = 4  # so many the replay buffer has to hold before the encoder can have made one
_NGINX_TRIES = 5  # with port 0: another program may take the port between our look and nginx's


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are reached; ``host`` is what people type."""

    host: str
    http: int
    hls: int
    rtmp: int

    def ready(self, channel: str, stream_key: str, token: str) -> dict[str, object]:
        """The contents of the ready file."""
        return {
            "http": f"http://{self.host}:{self.http}",
            "hls": f"http://{self.host}:{self.hls}",
            "rtmp": f"rtmp://{_LOOPBACK}:{self.rtmp}/live",
            "channel": channel,
            "stream_key": stream_key,
            "token": token,
            "pid": os.getpid(),
        }


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
            await self._serve()

    async def _serve(self) -> None:
        settings = self._settings
        credentials = Credentials.open(self._data)
        hls_root = self._data / "hls"
        for directory in (hls_root / "public", hls_root / "private", self._data / "scratch"):
            directory.mkdir(parents=True, exist_ok=True)
        if orphans := await end_orphans([self._data / name for name in ("scratch", "nginx")]):
            log.warning("orphans_ended", pids=orphans)
        async with contextlib.AsyncExitStack() as stack:
            listener = stack.enter_context(_bind(settings.http.bind, settings.http.port, "--http-port"))
            listener.listen(_BACKLOG)
            http_port = listener.getsockname()[1]
            hls_port, rtmp_port = settings.hls.port, settings.rtmp.port
            if not (self._with_nginx or (hls_port and rtmp_port)):
                raise StartError("`serve` has to know where nginx is: set --hls-port and --rtmp-port, not 0.")
            record = None
            if self._with_nginx:
                nginx, hls_port, rtmp_port = await self._start_nginx(hls_root, http_port)
                stack.push_async_callback(nginx.close)
                record = nginx.record
            broadcasts = Broadcasts(
                _terms(settings, self._data, rtmp_port),
                _limits(settings),
                self._data / "journal",
                _room(settings),
            )
            broadcasts.start()
            stack.push_async_callback(broadcasts.close)
            addresses = Addresses(_public_host(settings), http_port, hls_port, rtmp_port)
            ingest = _ingest(settings, broadcasts, credentials)
            server = _server(settings, _site(settings, broadcasts, credentials, addresses, ingest, record))
            serving = self._tasks.spawn(server.serve(sockets=[listener]), "http")
            self._announce(addresses, credentials)  # the socket listens, so whoever comes now just waits
            await self._until_stopped(serving)
            broadcasts.refuse_publishers()
            await ingest.drained(_CLOSE_SECONDS)
            server.should_exit = True
            await serving

    async def _until_stopped(self, serving: asyncio.Task[None]) -> None:
        stop = self._tasks.spawn(self._stop.wait(), "stop")
        await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not self._stop.is_set():
            raise StartError("The HTTP server ended by itself; the log says why.")
        log.info("stopping")

    async def _start_nginx(self, hls_root: Path, http_port: int) -> tuple[Nginx, int, int]:
        """nginx on the configured ports; with port 0 on free ones, tried again if one was just taken."""
        settings, tries = self._settings, _NGINX_TRIES
        for host, port, flag in (
            (settings.http.bind, settings.hls.port, "hls"),
            (_LOOPBACK, settings.rtmp.port, "rtmp"),
        ):
            if port:
                _bind(host, port, f"--{flag}-port").close()
        while True:
            hls_port = settings.hls.port or free_port(settings.http.bind)
            rtmp_port = settings.rtmp.port or free_port(_LOOPBACK)
            nginx = self._nginx(hls_root, http_port, hls_port, rtmp_port)
            try:
                await nginx.start()
            except StartError:
                tries -= 1
                if tries == 0 or (settings.hls.port and settings.rtmp.port):
                    raise
            else:
                return nginx, hls_port, rtmp_port

    def _nginx(self, hls_root: Path, http_port: int, hls_port: int, rtmp_port: int) -> Nginx:
        settings, bind = self._settings, self._settings.http.bind
        module = find_rtmp_module(settings.nginx.rtmp_module)
        if module is None:
            raise StartError(
                "nginx's rtmp module was not found: install libnginx-mod-rtmp, or set nginx.rtmp_module."
                " `ingestd doctor` checks everything."
            )
        directory = self._data / "nginx"
        directory.mkdir(exist_ok=True)
        values = NginxValues(
            directory=directory,
            hls=hls_root,
            rtmp_module=module,
            rtmp_listen=f"{_LOOPBACK}:{rtmp_port}",
            rtmp_publishers=_LOOPBACK,
            hls_listen=_authority(bind, hls_port),
            http_address=_authority(_reachable(bind), http_port),
            segment_ms=round(settings.hls.segment * 1000),
            user=worker_user(self._data, hls_root / "private"),
        )
        config = directory / "nginx.conf"
        config.write_text(render(values), encoding="utf-8")
        ports = [(_reachable(bind), hls_port), (_LOOPBACK, rtmp_port)]
        return Nginx(
            settings.nginx.program,
            config,
            ports,
            settings.nginx.stop_timeout,
            hang_timeout=settings.nginx.hang_timeout,
        )

    def _announce(self, addresses: Addresses, credentials: Credentials) -> None:
        """Say where to go; write the ready file."""
        channel = next(iter(credentials.channels.values()))
        token = credentials.token(channel.name, self._settings.ingest.token_lifetime)
        entry = addresses.http if not self._with_nginx else addresses.hls
        link = f"http://{addresses.host}:{entry}"
        secret = f"channel={channel.name}&streamKey={channel.stream_key}&token={token}"
        if self._ready_file:
            facts = addresses.ready(channel.name, channel.stream_key, token)
            try:
                _write_ready(self._ready_file, facts)
            except OSError as error:
                words = f"The ready file {self._ready_file} cannot be written: {error.strerror}."
                raise StartError(words) from None
        log.info("ready", http=addresses.http, hls=addresses.hls, rtmp=addresses.rtmp)
        self._say(
            f"\ningestd is ready.\n\n  Go live   {link}/broadcast#{secret}\n"
            f"  Watch     {link}/watch/{channel.name}\n  Who is on {link}/\n\n"
            "The first link carries the channel's secret: keep it to yourself. Ctrl-C ends everything.\n"
        )


def _take_descriptors() -> None:
    """As many descriptors as the system allows: each connection, pipe and child takes some."""
    _, hard = resource_limits.getrlimit(resource_limits.RLIMIT_NOFILE)
    resource_limits.setrlimit(resource_limits.RLIMIT_NOFILE, (hard, hard))


def _public_host(settings: Settings) -> str:
    return settings.http.public_host or _reachable(settings.http.bind)


def _reachable(bind: str) -> str:
    """An address at which this machine reaches what listens on ``bind``."""
    return {"0.0.0.0": _LOOPBACK, "::": "::1", "": _LOOPBACK}.get(bind, bind)


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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


def _bind(host: str, port: int, flag: str) -> socket.socket:
    """A socket bound there; raises StartError that names the flag for another port."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        words = f"Port {port} on {host} cannot be taken: {error.strerror}. Choose another with {flag}."
        raise StartError(words) from None
    return bound


def _write_ready(path: Path, facts: dict[str, object]) -> None:
    """All of it or nothing, and never readable for others: it holds the stream key."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(facts, file)
    scratch.replace(path)


def _terms(settings: Settings, data: Path, rtmp_port: int) -> Terms:
    encoder, hls, ingest = settings.encoder, settings.hls, settings.ingest

    def rungs(init: InitSegment) -> tuple[Rendition, ...]:
        return ladder(init, encoder.ladder, encoder.frame_rate, encoder.audio_bitrate, encoder.preset)

    works = Works(
        encoder=EncoderSettings(encoder.ffmpeg, data / "scratch", encoder.nice, encoder.memory_limit),
        rtmp=f"rtmp://{_authority(settings.rtmp.host, rtmp_port)}/live",
        segment=hls.segment,
        frame_rate=encoder.frame_rate,
        preset=encoder.preset,
        poll=hls.poll,
        stall_timeout=encoder.stall_timeout,
        slow_timeout=encoder.slow_timeout,
        climb_after=encoder.climb_after,
    )
    return Terms(
        works=works,
        bounds=Bounds(
            held=ingest.replay_buffer * _MIB, ahead=ingest.ahead * _MIB, span=_SEGMENTS_HELD * hls.segment
        ),
        hls_root=data / "hls",
        window=hls.window,
        resume_window=ingest.resume_window,
        max_restarts=encoder.max_restarts,
        poster_every=hls.poster_every,
        ladder=rungs,
        fsync=settings.data.fsync,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.ingest.max_broadcasts,
        settings.data.min_free * _MIB,
        settings.hls.keep_ended,
        settings.ingest.silent_after,
    )


def _room(settings: Settings) -> Room:
    encoder = settings.encoder
    sizes = [(rung.height * 16 // 9, rung.height) for rung in encoder.ladder]
    cost = ladder_cost(sizes, encoder.frame_rate, encoder.preset)
    return Room(cost, encoder.preset, settings.ingest.max_load)


def _ingest(settings: Settings, broadcasts: Broadcasts, credentials: Credentials) -> Ingest:
    patience = Patience(settings.ingest.max_message * _MIB, settings.ingest.idle_timeout)
    return Ingest(broadcasts, credentials, patience)


def _site(
    settings: Settings,
    broadcasts: Broadcasts,
    credentials: Credentials,
    addresses: Addresses,
    ingest: Ingest,
    nginx: Record | None,
) -> Site:
    return Site(
        broadcasts=broadcasts,
        channels=credentials.channels,
        ingest=ingest,
        health=Health(broadcasts, settings.encoder.ffmpeg, settings.rtmp.host, addresses.rtmp, nginx),
        metrics=registry(broadcasts, ingest),
        pages=resource(Path("web") / "dist"),
        hls_port=addresses.hls,
    )


class _Server(uvicorn.Server):
    """uvicorn, without its own hands on the process's signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(settings: Settings, site: Site) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            site.app(),
            ws=IngestTransport,
            ws_max_size=settings.ingest.max_message * _MIB,
            ws_per_message_deflate=False,
            # A client that is held back by the encoder cannot have its pong read in time; who is
            # gone is known by the bytes that do not come.
            ws_ping_interval=None,
            http=HttpTransport,
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_HTTP_SHUTDOWN,
        )
    )
