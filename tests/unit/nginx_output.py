"""What nginx-rtmp 1.2.2 leaves in a directory, written by hand: segments and a private playlist."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path

from ingestd.delivery.delivery import stream_name
from ingestd.delivery.transport_stream import Facts
from ingestd.encoder.ladder import AUDIO_ONLY, Rendition

LISTED = 120  # segments: hls_playlist_length over hls_fragment
BYTES_A_MILLISECOND = 2
BEGIN = 0.7  # seconds: nginx-rtmp's first time stamp

_stamps = itertools.count(1_700_000_000_000_000_000, 1_000_000)  # no two writes at the same time

R1080 = Rendition("1080p", 1920, 1080, 30, 5_000_000, 96_000)
R720 = Rendition("720p", 1280, 720, 30, 2_500_000, 96_000)
R480 = Rendition("480p", 854, 480, 30, 1_200_000, 96_000)
R360 = Rendition("360p", 640, 360, 30, 700_000, 96_000)
SOUND = Rendition(AUDIO_ONLY, 0, 0, 0, 0, 96_000)


@dataclass
class Stream:
    """One RTMP stream: a rendition of one generation."""

    directory: Path
    durations: list[float] = field(default_factory=list)

    def cut(self, duration: float, size: int = 0) -> Path:
        """Close a segment and list it; its size in bytes is as its duration, unless told."""
        file = self.write(size or round(duration * 1000) * BYTES_A_MILLISECOND)
        self.durations.append(duration)
        self.list()
        return file

    def write(self, size: int = 1000) -> Path:
        """The segment under way: on disk, not listed."""
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / f"{len(self.durations)}.ts"
        begins = b"%.6f;" % (BEGIN + sum(self.durations))
        file.write_bytes(begins.ljust(size, b"\0"))
        return file

    def list(self, stamp: int = 0) -> None:
        """Write the playlist anew, as nginx-rtmp does: to another file, and renamed."""
        first = max(0, len(self.durations) - LISTED)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-MEDIA-SEQUENCE:{first}", "#EXT-X-TARGETDURATION:1"]
        for number, duration in enumerate(self.durations[first:], first):
            lines += ["#EXT-X-DISCONTINUITY"] if number == 0 else []
            lines += [f"#EXTINF:{duration:.3f},", f"{number}.ts"]
        scratch = self.directory / "index.m3u8.bak"
        scratch.write_text("\n".join(lines) + "\n")
        stamp = stamp or next(_stamps)
        os.utime(scratch, ns=(stamp, stamp))
        scratch.rename(self.directory / "index.m3u8")


def examine(data: bytes) -> Facts:
    """What is in a segment of these streams: in the place of a look at real packets."""
    begins, _, rest = data.partition(b";")
    return Facts(b"hole" not in rest, 0, float(begins))


def streams(root: Path, broadcast: str, generation: int, *renditions: Rendition) -> dict[str, Stream]:
    """The streams that a generation pushes."""
    return {
        made.name: Stream(root / "private" / stream_name(broadcast, generation, made.name))
        for made in renditions
    }
