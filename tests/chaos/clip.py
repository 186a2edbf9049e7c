"""Recordings in which every frame says its number and every second has a flash and a beep.

Made as MediaRecorder would make them: live, a keyframe every two seconds that starts a cluster,
sound between the pictures, 30 frames a second with times in milliseconds.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tests.chaos.cells import FLASH_AT, FRAME_RATE, picture

BEEP = 0.1  # seconds
_HERTZ = 1000
_KEYFRAMES = 2 * FRAME_RATE
_BITS_OF_A_PIXEL = 0.2  # in each frame

_VIDEO = {
    "vp8": ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "16"],
    "vp9": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
    "h264": ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline"],
}
CODECS = tuple(_VIDEO)
RTMP = "rtmp"
"""What OBS sends: H.264 with B-frames; and AAC, in its rarer form of 44.1 kHz and one channel."""
_VIDEO[RTMP] = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-profile:v", "main"]
WHIP = "whip"
"""What FFmpeg can publish by WebRTC as it is: H.264 without B-frames; and Opus in stereo."""
_VIDEO[WHIP] = _VIDEO["h264"]

_OPUS = ["-c:a", "libopus", "-b:a", "64k"]
_AUDIO = dict.fromkeys(CODECS, _OPUS) | {
    RTMP: ["-c:a", "aac", "-b:a", "64k", "-ar", "44100", "-ac", "1"],
    WHIP: [*_OPUS, "-ac", "2"],
}
_LIVE = ["-live", "1", "-cluster_time_limit", "500"]
_CONTAINER = {
    "vp8": ["-f", "webm", *_LIVE],
    "vp9": ["-f", "webm", *_LIVE],
    "h264": ["-f", "matroska", *_LIVE],
    RTMP: ["-f", "flv"],
    WHIP: ["-f", "matroska", *_LIVE],
}


@dataclass(frozen=True, slots=True)
class Clip:
    """A file with the frames ``first`` to ``first + frames - 1``, each once."""

    path: Path
    codec: str
    first: int
    frames: int

    @property
    def seconds(self) -> float:
        return self.frames / FRAME_RATE

    @property
    def late(self) -> int:
        """Frames that may be over before the server listens: by WebRTC it begins with a keyframe, and none
        is made for it of a recording."""
        return 2 * _KEYFRAMES if self.codec == WHIP else 0

    @property
    def bytes_per_second(self) -> float:
        return self.path.stat().st_size / self.seconds


@cache
def clip(codec: str, width: int, height: int, seconds: int, first: int = 0) -> Clip:
    """Made once in a run. ``first`` has to be a whole second, so that flash and beep stay together."""
    if first % FRAME_RATE:
        raise ValueError(f"frame {first} begins no second")
    made = Clip(
        _directory() / f"{codec}-{width}x{height}-{seconds}-{first}", codec, first, seconds * FRAME_RATE
    )
    encoder = subprocess.Popen(_argv(made, width, height), stdin=subprocess.PIPE)
    assert encoder.stdin
    with encoder.stdin as pipe:
        for frame in _pictures(made, width, height):
            pipe.write(frame)
    if encoder.wait():
        raise RuntimeError(f"FFmpeg made no {codec} clip: exit code {encoder.returncode}")
    return made


def joined(*clips: Clip) -> Clip:
    """One recording after the other in one file, as when the source is switched."""
    head = clips[0]
    path = _directory() / "+".join(one.path.name for one in clips)
    path.write_bytes(b"".join(one.path.read_bytes() for one in clips))
    codec = ">".join(dict.fromkeys(one.codec for one in clips))
    return Clip(path, codec, head.first, sum(one.frames for one in clips))


def _pictures(made: Clip, width: int, height: int) -> Iterator[bytes]:
    chance = np.random.default_rng(made.first)
    for number in range(made.first, made.first + made.frames):
        yield picture(number, width, height, chance).tobytes()


def _argv(made: Clip, width: int, height: int) -> list[str]:
    kbps = f"{max(100, round(width * height * FRAME_RATE * _BITS_OF_A_PIXEL / 1000))}k"
    on = f"lt(mod(t+{1 - FLASH_AT / FRAME_RATE}\\,1)\\,{BEEP})"
    beeps = f"aevalsrc=0.5*sin(2*PI*{_HERTZ}*t)*{on}:s=48000:d={made.seconds}"
    return [
        *["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y"],
        *["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}", "-r", str(FRAME_RATE), "-i", "-"],
        *["-f", "lavfi", "-i", beeps, "-map", "0:v", "-map", "1:a"],
        *[*_VIDEO[made.codec], "-pix_fmt", "yuv420p", "-b:v", kbps, "-maxrate", kbps, "-bufsize", kbps],
        *["-g", str(_KEYFRAMES), "-keyint_min", str(_KEYFRAMES), "-threads", "1"],
        *[*_AUDIO[made.codec], *_CONTAINER[made.codec]],
        str(made.path),
    ]


@cache
def _directory() -> Path:
    made = Path(tempfile.mkdtemp(prefix="ingestd-chaos-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
