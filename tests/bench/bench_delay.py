"""How old a picture is when a viewer has it: by WebRTC of both kinds of publishers, and by HLS.

Each picture (720p30) says when it was made (tests/support/timecode.py). Chromium's are read from the watch
page's player when they are shown; aiortc's once they are decoded. The newest in the playlist is the least
that any player could reach by HLS. All of it on one machine, in a network of its own (root).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
from playwright.sync_api import Browser, sync_playwright

from tests.bench.table import Row
from tests.browser.conftest import CHROMIUM, QUIET
from tests.support import http
from tests.support.network import own_network, why_none
from tests.support.recorder import broadcasting
from tests.support.server import Server, running, wait_for
from tests.support.timecode import HD, Source, age, pipe
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
# Luma of each picture that the player shows, small, and the clock (ms) then.
_SHOWN = """
const video = document.getElementById('player');
const canvas = document.createElement('canvas');
const [width, height] = [canvas.width, canvas.height] = [40, 24];
const context = canvas.getContext('2d', { willReadFrequently: true });
window.shown = [];
const look = () => {
  const at = Date.now();
  context.drawImage(video, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  window.shown.push([at, Array.from({ length: width * height }, (_, pixel) => data[4 * pixel])]);
  video.requestVideoFrameCallback(look);
};
video.requestVideoFrameCallback(look);
"""


def run(quick: bool = False) -> list[Row]:
    if reason := why_none():
        raise RuntimeError(reason)
    seconds = _QUICK_SECONDS if quick else _SECONDS
    with own_network(), running(channels=4, webrtc_enabled=True) as server:
        whip, web = server.on("demo1"), server.on("demo2")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            with _by_whip(whip):
                rows = _rows("WHIP to WHEP, decoded", _whep(whip, seconds), 0.15)
                rows += _rows("WHIP to WHEP, in Chromium", _page(browser, whip, "webrtc", seconds), None)
            with broadcasting(web, size=HD):
                rows += _rows("WebSocket to WHEP, decoded", _whep(web, seconds), 0.8)
                rows += _rows("WebSocket to WHEP, in Chromium", _page(browser, web, "webrtc", seconds), None)
                rows += _rows("WebSocket to HLS, newest in the playlist", _hls(web, seconds), None)
                rows += _rows("WebSocket to HLS, in Chromium", _page(browser, web, "playlist", seconds), None)
            browser.close()
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
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", *pipe(HD)]
    to = ["-authorization", server.stream_key, "-whip_flags", "dtls_active", url(server)]
    source = Source([*program, *_WHIP, *to], size=HD)
    try:
        server.wait_state("live")
        yield
    finally:
        source.close()


def _whep(server: Server, seconds: int) -> list[float]:
    with watching(server) as viewer:
        wait_for("pictures", lambda: len(viewer.ages) > _SETTLED + seconds * 30, seconds + _PATIENCE)
        return viewer.ages[_SETTLED:]


def _page(browser: Browser, server: Server, way: str, seconds: int) -> list[float]:
    """On the watch page, as it plays by itself, or by the playlist."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    if way == "playlist":
        page.add_init_script("localStorage.setItem('ingestd.delay', 'normal')")
    page.goto(f"{server.hls}/watch/{server.channel}")
    playing = page.locator(f'#theatre[data-way="{way}"][data-state="playing"]')
    playing.wait_for(state="attached", timeout=_PATIENCE * 1000)
    page.evaluate(_SHOWN)
    found: list[float] = []

    def seen() -> bool:
        shown: list[Any] = page.evaluate("window.shown.splice(0)")
        found.extend(age(np.array(luma).reshape(24, 40), 40, 24, at) for at, luma in shown)
        return len(found) > _SETTLED + seconds * 20

    wait_for("pictures", seen, seconds * 3 + _PATIENCE)
    page.close()
    return found[_SETTLED:]


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
    found = age(last.to_ndarray()[: last.height], last.width, last.height)
    return found - (time.monotonic() - began)
