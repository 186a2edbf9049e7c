"""How long it takes until a broadcast can be watched.

From the first byte of media sent to a public multivariant playlist of which each rendition has a
segment that downloads. A recording made by a browser, handed over as the browser did: what is sent
first is already as old as its first blob is long. Beside it FFmpeg with the same command line,
started by hand at that same moment, into the same nginx: until the private playlist of each
rendition names a segment.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import httpx

from ingestd.encoder.argv import Plan, argv
from ingestd.encoder.ladder import ladder
from ingestd.settings import Rung, Settings
from tests.bench.clip import init_of
from tests.bench.processes import spawned
from tests.bench.sender import Messages, Sender
from tests.bench.table import Row
from tests.support import http
from tests.support.publisher import STOP, blobs, dial
from tests.support.server import Server, running

_RECORDING = "vp8-opus_ts250_kf2000.webm"
_TIMES, _QUICK_TIMES = 7, 2
_ALLOWED = 0.8  # seconds beside the segment itself
_PATIENCE = 30.0  # seconds
_LADDER = Settings().encoder.ladder
_LOOK = 0.01  # seconds between two looks


def run(quick: bool = False) -> list[Row]:
    times, media = _QUICK_TIMES if quick else _TIMES, [blob for blob in blobs(_RECORDING) if blob[1]]
    ours, bare = [], []
    with running(channels=times) as server:
        for number in range(times):
            ours.append(ingestd(server.on(f"demo{number or ''}"), media))
            bare.append(bare_ffmpeg(server, f"bare-{number}", media))
    target = Settings().hls.segment + _ALLOWED
    return [
        Row(
            f"start, first byte to playable (worst of {times}: {max(ours):.2f} s)",
            median(ours),
            "s",
            f"bare FFmpeg into nginx-rtmp: {median(bare):.2f}",
            median(ours) / median(bare),
            f"≤ {target:.1f} s",
            median(ours) <= target,
        )
    ]


def ingestd(server: Server, media: Messages) -> float:
    """Seconds, on a channel that has never been live."""
    with dial(server) as connection, http.Client(base_url=server.hls) as client:
        sender = Sender(media, connection.send)
        sender.start()
        try:
            return _seconds(sender.began, lambda: plays(client, server.channel))
        finally:
            sender.stop()
            connection.close(STOP)
            server.wait_state("ended")


def plays(client: httpx.Client, channel: str) -> bool:
    """Whether every rendition that the channel's playlist names has a segment that downloads."""
    base = f"/hls/{channel}/"
    answer = client.get(base + "index.m3u8")
    if answer.status_code != 200:
        return False
    media = _uris(answer.text)
    return bool(media) and all(_downloads(client, base + uri) for uri in media)


def _downloads(client: httpx.Client, url: str) -> bool:
    answer = client.get(url)
    segments = _uris(answer.text) if answer.status_code == 200 else []
    if not segments:
        return False
    segment = client.get(f"{url.rpartition('/')[0]}/{segments[0]}")
    return segment.status_code == 200 and len(segment.content) > 0


def _uris(playlist: str) -> list[str]:
    return [line for line in playlist.splitlines() if line and not line.startswith("#")]


def bare_ffmpeg(
    server: Server, name: str, media: Messages, backlog: float = 0.0, rungs: tuple[Rung, ...] = _LADDER
) -> float:
    """Seconds, of FFmpeg alone; ``name`` tells its streams from all others.

    With a ``backlog`` (s) of the recording waiting when it is spawned, as at a restart, they are
    counted from the spawn. ``rungs``: of the ladder.
    """
    encoder = Settings().encoder
    init = init_of(b"".join(data for _, data in media))
    renditions = ladder(init, rungs, encoder.frame_rate, encoder.audio_bitrate)
    streams = [f"{name}-{made.name}" for made in renditions]
    targets = {made.name: f"{server.rtmp}/{name}-{made.name}" for made in renditions}
    command = argv(encoder.ffmpeg, Plan(init, renditions, {}, targets, preset=encoder.preset))
    spawn = time.monotonic()
    with spawned(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        pipe = process.stdin.fileno()
        sender = Sender(media, lambda data: _write(pipe, data))
        began = spawn if backlog else sender.began
        sender.began -= backlog
        sender.start()
        try:
            private = server.data / "hls" / "private"
            return _seconds(began, lambda: all(_named(private / stream) for stream in streams))
        finally:
            sender.stop()


def _write(pipe: int, data: bytes) -> None:
    """All of it, also when the pipe is full: ``os.write`` alone may take less than it is given."""
    view = memoryview(data)
    while view:
        view = view[os.write(pipe, view) :]


def _named(directory: Path) -> bool:
    try:
        return bool(_uris((directory / "index.m3u8").read_text()))
    except FileNotFoundError:
        return False


def _seconds(began: float, probe: Callable[[], bool]) -> float:
    while not probe():
        if time.monotonic() - began > _PATIENCE:
            raise AssertionError(f"nothing to watch after {_PATIENCE:g} s")
        time.sleep(_LOOK)
    return time.monotonic() - began
