"""What a live picture for the pages costs: one every ten seconds, of a segment of the lightest rendition."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from ingestd.delivery.poster import make_poster
from ingestd.settings import Settings
from tests.bench.clip import clip
from tests.bench.table import Row

_MADE, _QUICK_MADE = 30, 10
_TARGET = 2.0  # percent of one core


def run(quick: bool = False) -> list[Row]:
    times, every = _QUICK_MADE if quick else _MADE, Settings().hls.poster_every
    with tempfile.TemporaryDirectory(prefix="ingestd-bench-") as directory:
        segment, poster = Path(directory) / "0.ts", Path(directory) / "poster.jpg"
        _cut(segment)

        async def make() -> None:
            for _ in range(times):
                assert await make_poster("ffmpeg", segment, poster)

        seconds = _cpu(lambda: asyncio.run(make())) / times
        size = poster.stat().st_size
    start = _cpu(lambda: _start(times)) / times
    percent = 100 * seconds / every
    baseline = f"{seconds:.3f} CPU-s and {size / 1000:.0f} kB each; FFmpeg alone, to start: {start:.3f}"
    what = f"live picture every {every:g} s, of a core"
    return [Row(what, percent, "%", baseline, seconds / start, f"≤ {_TARGET:g} %", percent <= _TARGET)]


def _cut(segment: Path) -> None:
    """A second of 360 lines, as the last of the default ladder's renditions has it."""
    made = "-vf scale=-2:360 -c:v libx264 -preset veryfast -b:v 700k -g 30 -c:a aac -t 1 -f mpegts".split()
    _ffmpeg("-i", str(clip(2)), *made, str(segment))


def _start(times: int) -> None:
    for _ in range(times):
        _ffmpeg("-version")


def _ffmpeg(*words: str) -> None:
    subprocess.run(["ffmpeg", "-hide_banner", "-nostdin", *words], check=True, capture_output=True)


def _cpu(work: Callable[[], object]) -> float:
    """CPU-seconds of the children that ended while it was done."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
