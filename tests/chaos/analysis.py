"""A finished broadcast, fetched as a viewer gets it: every segment of every rendition, decoded in order."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from tests.chaos.cells import HEIGHT, WIDTH, read
from tests.chaos.transport import times
from tests.chaos.verdict import Run, Verdict, judge, loudness
from tests.hls.rfc8216 import check_aligned, check_dates, check_media, parse_media, parse_multivariant

_DECODE_SECONDS = 120.0

Fetch = Callable[[str], bytes]
"""A file below /hls/…, by its path; raises OSError when it is not there."""


@dataclass(frozen=True, slots=True)
class Autopsy:
    """What a broadcast's playlists hold. ``complaints``: what is wrong with them, or made FFmpeg complain."""

    renditions: dict[str, Verdict]
    complaints: tuple[str, ...]


def examine(fetch: Fetch, path: str, first: int, frames: int, late: int = 0) -> Autopsy:
    """The ended broadcast whose multivariant playlist is at ``path``; the rest as for :func:`judge`."""
    base = path.rpartition("/")[0]
    listed = parse_multivariant(fetch(path))
    names = [variant.uri for variant in listed.variants]
    sounds = [one.uri for one in listed.renditions if one.type == "AUDIO" and one.uri]
    texts = {name: fetch(f"{base}/{name}") for name in [*names, *sounds]}
    complaints = [] if names else ["no rendition is listed"]
    verdicts = {}

    def streams(name: str) -> list[bytes]:
        return [b"".join(fetch(f"{base}/{uri}") for uri in uris) for uris in unbroken(texts[name])]

    for name, text in texts.items():
        complaints += [f"{name}: {fault}" for fault in (*check_media(text, final=True), *check_dates(text))]
        complaints += [f"{name}: {fault}" for fault in check_aligned(texts[names[0]], text)]
    sound = streams(sounds[0]) if sounds else []
    for name in names:
        pairs = zip_longest(streams(name), sound, fillvalue=b"")
        runs = [decode(pictures, apart) for pictures, apart in pairs]
        complaints += [f"{name}: {words}" for _, said in runs for words in said]
        verdicts[name.removesuffix(".m3u8")] = judge([run for run, _ in runs], first, frames, late)
    return Autopsy(verdicts, tuple(complaints))


def unbroken(playlist: bytes | str) -> list[list[str]]:
    """The segments of a media playlist, by URI, in runs between discontinuities."""
    runs: list[list[str]] = []
    for segment in parse_media(playlist).segments:
        if segment.discontinuity or not runs:
            runs.append([])
        runs[-1].append(segment.uri)
    return runs


def decode(stream: bytes, apart: bytes = b"") -> tuple[Run, Sequence[str]]:
    """The segments of one run, put together; and what was wrong with them, in words.

    ``apart``: its sound, where that is a rendition of its own.
    """
    stamps, heard = times(stream), times(apart or stream)
    spoiled = stamps.spoiled + (heard.spoiled if apart else 0)
    complaints = [f"{spoiled} pieces of the transport stream are spoiled"] if spoiled else []
    if apart and (stamps.audio or heard.video):
        complaints.append("what is separate holds both")
    stamps = replace(stamps, audio=heard.audio, rate=heard.rate)
    with tempfile.TemporaryDirectory(prefix="ingestd-chaos-") as directory:
        said = _ffmpeg(stream, apart or stream, Path(directory), bool(stamps.audio))
        frames = np.fromfile(Path(directory) / "video", np.uint8)
        sound = np.fromfile(Path(directory) / "audio", np.int16) if stamps.audio else np.empty(0, np.int16)
    found = read(frames.reshape(-1, HEIGHT, WIDTH))
    loud = loudness(sound)
    if abs(len(sound) - len(stamps.audio) * 1024) > 0:
        complaints.append(f"{len(stamps.audio)} packets of sound decode to {len(sound)} samples")
        loud = np.zeros(0)
    # zerolatency: pictures are shown in the order in which they are sent, so both lists are parallel
    run = Run(found.numbers, found.flashes, sorted(stamps.video), stamps.audio, loud, stamps.rate)
    return run, [*complaints, *said]


def _ffmpeg(stream: bytes, sound: bytes, directory: Path, audible: bool) -> list[str]:
    """Decode into the files ``video`` and ``audio``: no frame is dropped or doubled, no sound stretched."""
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1", "-f", "mpegts"]
    command += ["-i", "source", *(["-f", "mpegts", "-i", "sound"] if audible else [])]
    command += ["-map", "0:v:0", "-fps_mode", "passthrough"]
    command += ["-vf", f"scale={WIDTH}:{HEIGHT}:flags=area,format=gray", "-f", "rawvideo", "video"]
    if audible:
        command += ["-map", "1:a:0", "-ac", "1", "-f", "s16le", "audio"]
    (directory / "source").write_bytes(stream)
    (directory / "sound").write_bytes(sound)
    ended = subprocess.run(command, cwd=directory, capture_output=True, timeout=_DECODE_SECONDS)
    for name in ("video", "audio"):
        (directory / name).touch()
    said = ended.stderr.decode(errors="replace").splitlines()
    # libgcrypt, inside of FFmpeg: root of a box may not lock memory
    return [line for line in said if "using insecure memory" not in line][:3]
