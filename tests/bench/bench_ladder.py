"""What the encoder costs under ingestd, compared with a bare FFmpeg that does the same work.

The same filters and x264 settings; but the bare one reads the file itself, probes it as FFmpeg does
when it is told nothing, and writes FLV to /dev/null instead of RTMP to nginx. Both as fast as they
can, in turn.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from statistics import median

from ingestd.encoder.argv import Plan, argv
from ingestd.encoder.ladder import ladder
from ingestd.settings import Encoder
from tests.bench.bench_overhead import broadcast
from tests.bench.clip import clip, init_of, paced
from tests.bench.table import Row
from tests.support.server import running

_SECONDS, _QUICK_SECONDS = 20, 8  # the same clip as for overhead
_TIMES, _QUICK_TIMES = 5, 2
_TARGET = 1.05


def run(quick: bool = False) -> list[Row]:
    seconds = _QUICK_SECONDS if quick else _SECONDS
    source = clip(seconds)
    messages = [(0.0, data) for _, data in paced(source.read_bytes())]
    ours, bare = [], []
    with running(hls_poster_every=0) as server:
        for _ in range(_QUICK_TIMES if quick else _TIMES):
            ours.append(broadcast(server, messages)[1] / seconds)
            bare.append(bare_ffmpeg(source) / seconds)
    ratio = median(ours) / median(bare)
    return [
        Row(
            "ladder 720/480/360 from VP8 720p30, a second of media",
            median(ours),
            "CPU-s",
            f"bare FFmpeg: {median(bare):.3f}",
            ratio,
            f"ratio ≤ {_TARGET}",
            ratio <= _TARGET,
        )
    ]


def bare_ffmpeg(source: Path) -> float:
    """CPU-seconds of an FFmpeg that nobody feeds and nobody listens to."""
    settings, init = Encoder(), init_of(source.read_bytes())
    renditions = ladder(init, settings.ladder, settings.frame_rate, settings.audio_bitrate)
    plan = Plan(init, renditions, {}, {made.name: os.devnull for made in renditions}, preset=settings.preset)
    ours = argv(settings.ffmpeg, plan)
    work = ours[ours.index("pipe:0") + 1 :]
    command = [settings.ffmpeg, "-nostdin", "-loglevel", "error", "-y", "-i", str(source), *work]
    process = subprocess.Popen(command)
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"FFmpeg: exit code {process.returncode}"
    return usage.ru_utime + usage.ru_stime
