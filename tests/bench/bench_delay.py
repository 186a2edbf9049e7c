"""How old a picture is when a viewer has it: by WebRTC of both kinds of publishers, and by HLS.

Each picture says when it was made (tests/support/timecode.py). WebRTC's are looked at once aiortc has decoded
them; browsers wait some 40 ms more, to show them at an even pace. HLS's is the newest one of each segment,
once the playlist names it; players stay two or three segments behind that. All of it on one machine, in a
network of its own (root).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import av
import imageio_ffmpeg

from tests.bench.table import Row
from tests.support import http
from tests.support.network import own_network, why_none
from tests.support.recorder import broadcasting
from tests.support.server import Server, running, wait_for
from tests.support.timecode import Source, age
from tests.support.whep import watching
from tests.support.whip import url

_SECONDS, _QUICK_SECONDS = 30, 8
_SETTLED = 60  # pictures at the beginning that do not count: the newest keyframe is a while ago then
_PATIENCE = 60.0  # seconds
_WHIP = [
    *["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-map", "0:v", "-map", "1:a"],
    *["-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-tune", "zerolatency"],
    *["-g", "60", "-c:a", "libopus", "-b:a", "64k", "-ac", "2", "-f", "whip"],
]


def run(quick: bool = False) -> list[Row]:
    if reason := why_none():
        raise RuntimeError(reason)
    seconds = _QUICK_SECONDS if quick else _SECONDS
    with own_network(), running(channels=4, webrtc_enabled=True) as server:
        whip, web = server.on("demo1"), server.on("demo2")
        with _by_whip(whip):
            rows = _rows("WHIP to WHEP", _whep(whip, seconds), 0.15)
        with broadcasting(web):
            rows += _rows("WebSocket to WHEP", _whep(web, seconds), 0.8)
            rows += _rows("WebSocket to HLS, newest in the playlist", _hls(web, seconds), None)
    return rows


def _rows(what: str, ages: list[float], target: float | None) -> list[Row]:
    found = sorted(ages)
    middle, late = found[len(found) // 2], found[int(len(found) * 0.95)]
    words, reached = (f"≤ {target:g} s", late <= target) if target else ("", None)
    return [
        Row(f"delay, {what}, p50", middle, "s"),
        Row(f"delay, {what}, p95", late, "s", "", None, words, reached),
    ]


@contextmanager
def _by_whip(server: Server) -> Iterator[None]:
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", *Source.INPUT]
    to = ["-authorization", server.stream_key, "-whip_flags", "dtls_active", url(server)]
    source = Source([*program, *_WHIP, *to])
    try:
        server.wait_state("live")
        yield
    finally:
        source.close()


def _whep(server: Server, seconds: int) -> list[float]:
    with watching(server) as viewer:
        wait_for("pictures", lambda: len(viewer.ages) > _SETTLED + seconds * 30, seconds + _PATIENCE)
        return viewer.ages[_SETTLED:]


def _hls(server: Server, seconds: int) -> list[float]:
    base = f"/hls/{server.channel}/"
    newest = server.fetch(base + "index.m3u8").strip().splitlines()[-1]
    folder, known, ages = (base + newest).rpartition("/")[0], "", list[float]()
    until = time.monotonic() + seconds
    while time.monotonic() < until or not ages:
        segment = server.fetch(base + newest).strip().splitlines()[-1]
        if segment not in ("", known):
            if known:
                ages.append(_newest(f"{server.hls}{folder}/{segment}"))
            known = segment
        time.sleep(0.02)
    return ages


def _newest(segment: str) -> float:
    """The age of its last picture; without what it takes to decode it."""
    content, began = http.get(segment).content, time.monotonic()
    with av.open(BytesIO(content), "r") as container:
        *_, last = container.decode(video=0)
    found = age(last.to_ndarray()[: last.height], last.width)
    return found - (time.monotonic() - began)
