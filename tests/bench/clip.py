"""A recording for benchmarks of the encoder: VP8 and Opus, 720p30, about 2.5 Mb/s, with detail that moves."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from ingestd.container.model import Fragment, InitSegment
from ingestd.container.splitter import Splitter

PERIOD = 0.25  # seconds in a message
_PIECE = 2048  # bytes: how closely a time is known


@cache
def clip(seconds: int) -> Path:
    """Made once in a run, with a keyframe every two seconds; gone when the benchmark ends."""
    directory = Path(tempfile.mkdtemp(prefix="ingestd-bench-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    made = directory / "clip.webm"
    picture = f"testsrc2=size=1280x720:rate=30:duration={seconds},noise=alls=4:allf=t"
    subprocess.run(
        [
            *["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error"],
            *["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=f=440:r=48000:d={seconds}"],
            *["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p"],
            *["-b:v", "2500k", "-minrate", "2500k", "-maxrate", "2500k", "-bufsize", "2500k", "-g", "60"],
            *["-c:a", "libopus", "-b:a", "64k", "-f", "webm", "-live", "1", "-cluster_time_limit", "500"],
            str(made),
        ],
        check=True,
    )
    return made


def init_of(recording: bytes) -> InitSegment:
    events = Splitter().feed(recording)
    return next(event for event in events if isinstance(event, InitSegment))


def paced(recording: bytes) -> list[tuple[float, bytes]]:
    """The messages of a recorder, each with the second at which it would hand it over."""
    splitter, messages, start, due = Splitter(), [], 0, PERIOD
    for end in range(_PIECE, len(recording) + _PIECE, _PIECE):
        events = splitter.feed(recording[end - _PIECE : end])
        newest = max((event.end_time for event in events if isinstance(event, Fragment)), default=0.0)
        if newest >= due:
            messages.append((due, recording[start:end]))
            start, due = end, due + PERIOD
    return [*messages, (due, recording[start:])]
