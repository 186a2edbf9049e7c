"""What the composition root gives to the parts, made from the settings: functions without a state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from ingestd.addresses import authority
from ingestd.broadcast.broadcast import Terms
from ingestd.broadcast.epoch import Bounds
from ingestd.broadcast.generation import Works
from ingestd.broadcast.load import ladder_cost
from ingestd.broadcast.registry import Limits
from ingestd.broadcast.room import Room
from ingestd.container.model import InitSegment
from ingestd.encoder.encoder import EncoderSettings
from ingestd.encoder.ladder import Rendition, ladder
from ingestd.ingest.relay import RelaySettings
from ingestd.ingest.session import Patience
from ingestd.ingest.transport import IngestTransport
from ingestd.settings import Settings
from ingestd.web.transport import HttpTransport

_MIB = 1024 * 1024
_HTTP_SHUTDOWN = 3  # seconds that requests under way get when the daemon stops
_SEGMENTS_HELD = 4  # so many the replay buffer has to hold before the encoder can have made one


def terms(settings: Settings, data: Path, rtmp_port: int) -> Terms:
    encoder, hls, ingest = settings.encoder, settings.hls, settings.ingest

    def rungs(init: InitSegment) -> tuple[Rendition, ...]:
        return ladder(init, encoder.ladder, encoder.frame_rate, encoder.audio_bitrate, encoder.preset)

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


def patience(settings: Settings) -> Patience:
    return Patience(settings.ingest.max_message * _MIB, settings.ingest.idle_timeout)


def relays(settings: Settings, data: Path, rtmp_port: int) -> RelaySettings:
    live = f"rtmp://{authority(settings.rtmp.host, rtmp_port)}/live"
    return RelaySettings(children(settings, data), live, patience(settings))


class _Server(uvicorn.Server):
    """uvicorn, without its own hands on the process's signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server(settings: Settings, app: ASGIApp) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,
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
