"""What the composition root gives to the parts, made from the settings: functions without a state."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path

import uvicorn
from prometheus_client.exposition import generate_latest
from starlette.types import ASGIApp

from ingestd.accounts.accounts import Accounts
from ingestd.accounts.private_files import kept
from ingestd.accounts.secrets import checked
from ingestd.addresses import LOOPBACK, authority
from ingestd.broadcast.broadcast import Broadcast, Terms
from ingestd.broadcast.epoch import Bounds
from ingestd.broadcast.generation import Works
from ingestd.broadcast.load import ladder_cost
from ingestd.broadcast.registry import Broadcasts, Limits
from ingestd.broadcast.room import Room
from ingestd.container.model import InitSegment
from ingestd.delivery.pictures import Pictures
from ingestd.encoder.encoder import EncoderSettings
from ingestd.encoder.ladder import Rendition, ladder
from ingestd.ingest.relay import RelaySettings
from ingestd.ingest.session import Patience
from ingestd.ingest.transport import IngestTransport
from ingestd.log import Recent, tell_of_repeats
from ingestd.metrics import ChannelLabels, registry
from ingestd.metrics.exposition import Exposition
from ingestd.monitor.diagnosis import Diagnosis
from ingestd.monitor.host import Host
from ingestd.monitor.monitor import Monitor
from ingestd.monitor.overview import Overview
from ingestd.monitor.versions import versions
from ingestd.monitor.viewer_log import ViewerLog, listen, new_tag
from ingestd.monitor.viewers import Viewers, window
from ingestd.nginx.launch import Launch, Ports, places
from ingestd.record import Record
from ingestd.safety import is_loopback
from ingestd.settings import Settings
from ingestd.settings.shown import shown
from ingestd.systemd import status
from ingestd.tasks import Tasks
from ingestd.web.api.models import Rtmp
from ingestd.web.feed import Feed
from ingestd.web.health import Health, Readiness
from ingestd.web.transport import HttpTransport, most_streams, unheard
from ingestd.webrtc.webrtc import WebRtc, unavailable

NGINX_SECRET = "nginx.secret"
"""The file below the data directory with what an nginx of somebody else's brings with its questions."""

VIEWERS_TAG = "viewers.tag"
"""The file below the data directory with the word that an nginx of somebody else's gives with its lines."""

_MIB = 1024 * 1024
_SECRET_BYTES = 24
_LOOK = 0.01  # seconds between two looks whether everybody was answered
_HTTP_SHUTDOWN = 3  # seconds that requests under way get when the daemon stops
_REPEATS_EVERY = 1.0  # seconds between two looks at what the log holds back
_SEGMENTS_HELD = 4  # so many the replay buffer has to hold before the encoder can have made one


def repeats(stack: contextlib.AsyncExitStack) -> None:
    """What the log holds back is told of in time; when ``stack`` ends, all of it."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(_REPEATS_EVERY)
            tell_of_repeats()

    tasks = Tasks("log")
    tasks.spawn(tell(), "repeats", eternal=True)
    stack.callback(tell_of_repeats, all_of_them=True)
    stack.push_async_callback(tasks.close)


def terms(settings: Settings, data: Path, rtmp_port: int, publish: Rtmp) -> Terms:
    """``rtmp_port``: where encoders push to; ``publish``: where publishers do."""
    encoder, hls, ingest = settings.encoder, settings.hls, settings.ingest

    def rungs(separate: bool, init: InitSegment) -> tuple[Rendition, ...]:
        kbps, preset = encoder.audio_bitrate, encoder.preset
        return ladder(init, encoder.ladder, encoder.frame_rate, kbps, preset, separate=separate)

    works = Works(
        encoder=children(settings, data),
        rtmp=f"rtmp://{authority(settings.rtmp.host, rtmp_port)}/renditions",
        segment=hls.segment,
        frame_rate=encoder.frame_rate,
        preset=encoder.preset,
        poll=hls.poll,
        stall_timeout=encoder.stall_timeout,
        slow_timeout=encoder.slow_timeout,
        climb_after=encoder.climb_after,
        sound=f"rtmp://{authority(settings.rtmp.host, rtmp_port)}/sound",
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
        ladder=partial(rungs, encoder.separate_audio),
        ladder_as=lambda separate: partial(rungs, separate),
        fsync=settings.data.fsync,
        whep=not unavailable(settings),
        rtmp=publish.model_dump(),
    )


def limits(settings: Settings) -> Limits:
    return Limits(
        settings.ingest.max_broadcasts,
        settings.data.min_free * _MIB,
        settings.hls.keep_ended,
        settings.ingest.silent_after,
    )


def room(settings: Settings) -> Room:
    encoder = settings.encoder
    sizes = [(rung.height * 16 // 9, rung.height) for rung in encoder.ladder]
    cost = ladder_cost(sizes, encoder.frame_rate, encoder.preset)
    return Room(cost, encoder.preset, settings.ingest.max_load)


def children(settings: Settings, data: Path) -> EncoderSettings:
    """How every FFmpeg is run."""
    encoder = settings.encoder
    return EncoderSettings(encoder.ffmpeg, data / "scratch", encoder.nice, encoder.memory_limit)


def pictures(settings: Settings, data: Path, accounts: Accounts) -> Pictures:
    """Those that belong to no channel any more are removed, now and after each change."""
    made = Pictures(data, settings.encoder.ffmpeg)

    def sweep() -> None:
        with contextlib.suppress(OSError):  # the next change is soon enough
            made.sweep(accounts.directory.channels.values())

    sweep()
    accounts.watch(sweep)
    return made


def nginx_secret() -> str:
    """It stands in addresses."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def configured(settings: Settings) -> bool:
    """Whether an nginx that we do not start has a configuration of ours: that one has a port for relays."""
    return bool(settings.rtmp.relay_port)


def beside(settings: Settings, data: Path) -> Launch:
    """For an nginx that we do not start: with the secret and the tag that it has to know. Raises
    StartError."""
    path, listen = data / NGINX_SECRET, settings.viewers.listen
    secret = checked(kept(path, nginx_secret), str(path)).decode()
    tag = kept(data / VIEWERS_TAG, new_tag) if listen else ""
    return Launch(settings, data, secret, (listen, tag))


def diagnosis(
    stack: contextlib.AsyncExitStack,
    settings: Callable[[], Settings],
    data: Path,
    broadcasts: Broadcasts,
    lines: Recent,
) -> Diagnosis:
    """Of the ``settings`` that hold when somebody asks. Started; ``stack`` ends it."""
    programs = settings().encoder.ffmpeg, settings().nginx.program
    made = Diagnosis(
        broadcasts,
        lines,
        lambda everything: shown(settings(), everything=everything),
        lambda: versions(*programs, data / "scratch"),
    )
    made.start()
    stack.push_async_callback(made.close)
    return made


def feed(stack: contextlib.AsyncExitStack, settings: Settings, broadcasts: Broadcasts) -> Feed:
    """Started; ``stack`` ends it."""
    made = Feed(broadcasts, most_streams(settings.http.max_streams))
    made.start()
    stack.push_async_callback(made.close)
    return made


def overview(
    stack: contextlib.AsyncExitStack,
    broadcasts: Broadcasts,
    monitor: Monitor,
    publishers: Callable[[], int],
    data: Path,
) -> Overview:
    """Started; ``stack`` ends it."""
    made = Overview(broadcasts, monitor, publishers, Host(data))
    made.start()
    stack.push_async_callback(made.close)
    return made


def viewer_log(
    settings: Settings, data: Path, accounts: Accounts, passed: socket.socket | None, *, own: bool
) -> ViewerLog | None:
    """Bound, so that nginx finds it when it starts; ``passed``: by somebody else. ``own``: to an nginx that
    is started with us."""
    where = settings.viewers.listen or (f"{LOOPBACK}:0" if own else "")
    if not where:
        return None
    bound = passed or listen(where)
    tag = new_tag() if own else kept(data / VIEWERS_TAG, new_tag)
    viewers = Viewers(
        window(settings.hls.segment),
        lambda name: name in accounts.directory.channels,
        os.urandom,
        time.monotonic(),
    )
    return ViewerLog(bound, tag, viewers)


def metrics(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    data: Path,
    accounts: Accounts,
    broadcasts: Broadcasts,
    publishers: Callable[[], int],
    monitor: Monitor,
    health: Health,
) -> Exposition:
    """What ``/metrics`` answers; ``stack`` ends what measures for it."""

    def known() -> Collection[str]:
        return accounts.directory.channels.keys()

    labels = ChannelLabels(known, on=settings.metrics.channel_label, most=settings.metrics.max_channels)
    host, readiness = Host(data), Readiness(health)
    for measures in (host, readiness):
        measures.start()
        stack.push_async_callback(measures.close)
    made = registry(broadcasts, publishers, monitor, host, labels, lambda: readiness.ready)
    return Exposition(lambda: generate_latest(made))


def health(
    settings: Settings,
    data: Path,
    broadcasts: Broadcasts,
    ports: Ports,
    record: Record | None,
    sfu: WebRtc | None = None,
) -> Health:
    written = (data, data / "journal", data / "hls")
    far = bool(settings.nginx.upstream) or not is_loopback(settings.rtmp.host)
    asked = places(settings, ports, far=far and record is None)
    if record is None and not configured(settings):  # somebody has done that as he likes
        asked = {"encoders": asked["encoders"]}
    return Health(broadcasts, settings.encoder.ffmpeg, asked, record, written, sfu)


def patience(settings: Settings) -> Patience:
    return Patience(settings.ingest.max_message * _MIB, settings.ingest.idle_timeout)


def relays(settings: Settings, data: Path, rtmp_port: int) -> RelaySettings:
    live = f"rtmp://{authority(settings.rtmp.host, rtmp_port)}/live"
    return RelaySettings(children(settings, data), live, patience(settings))


def state(broadcasts: Iterable[Broadcast]) -> str:
    """What ``systemctl status`` shows. Who watches a channel watches whatever is on there: one that ends
    beside its successor has the same viewers, and they count once."""
    every = list(broadcasts)
    watching = {one.channel: one.viewers for one in every if one.viewers is not None}
    return status(Counter(one.state.value for one in every), sum(watching.values()) if watching else None)


class Server(uvicorn.Server):
    """uvicorn, without its own hands on the process's signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def drain(self, seconds: float) -> None:
        """Let in nobody more, and hear whoever was let in: a connection that is closed before its request was
        read is reset, and its client cannot know what became of it. Who still says nothing after so many
        ``seconds`` is not heard.

        Where systemd has the socket, whoever comes from here on waits there for our successor.
        """
        for listening in self.servers:
            listening.close()
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        await asyncio.sleep(_LOOK)  # the last that were let in are made known
        while any(map(unheard, self.server_state.connections)) and loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)


def server(settings: Settings, app: ASGIApp) -> Server:
    return Server(
        uvicorn.Config(
            app,
            ws=IngestTransport,
            ws_max_size=settings.ingest.max_message * _MIB,
            ws_per_message_deflate=False,
            # A client that is held back by the encoder cannot have its pong read in time; who is
            # gone is known by the bytes that do not come.
            ws_ping_interval=None,
            http=type("HttpTransport", (HttpTransport,), {"streams": settings.http.max_streams}),
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_HTTP_SHUTDOWN,
        )
    )
