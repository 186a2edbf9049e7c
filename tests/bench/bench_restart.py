"""How long viewers wait for a new segment after the encoder was killed.

A recording made by a browser, live in real time with the default ladder; SIGKILL to its encoder;
then the public playlists are read every 10 ms until each of them lists a segment of the next
encoder: whatever its predecessor had still closed does not count as new. A segment cannot be made
before its media is there, so the seconds count from the kill, or, where the recorder had not handed
over the end of that segment by then, from the moment it did.

A replay goes back to a keyframe, and what is decoded in vain on the way is part of the figure: so
the kills are spread over the time from one keyframe to the next.

Twice: killed in mid-flight, and killed after it was held (SIGSTOP) until two seconds of media
waited for its successor. The latter is what the bare FFmpeg beside it is given, from its spawn to
the first private playlist of each rendition.

With the default ladder two cores take most of a second to encode a second; the last two
rows, with one small rendition, show what is left when the machine is not the limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from ingestd.settings import Rung, Settings
from tests.bench.bench_start import bare_ffmpeg
from tests.bench.sender import Course, Messages, Sender
from tests.bench.table import Row
from tests.support.publisher import STOP, blobs, dial
from tests.support.server import Server, running, wait_for

_RECORDING = "vp8-opus_ts250_kf2000.webm"
_TIMES, _QUICK_TIMES = 7, 2
_BACKLOG = 2.0  # seconds of media that wait
_TARGET = 1.0  # seconds
_KEYFRAMES = 2.0  # seconds between two in the recording
_DEFAULT = Settings().encoder.ladder
_SMALL = (Rung(height=360, bitrate=700),)
_LOOK = 0.01  # seconds between two looks
_PATIENCE = 30.0  # seconds

Line = tuple[int, float]  # of a media playlist: the segment's generation, and where it ends (s)
Playlists = list[list[Line]]  # of each rendition


@dataclass(frozen=True, slots=True)
class Restart:
    """``figure``: seconds from kill or media, whichever was later; ``kill``: from the kill in any case."""

    figure: float
    kill: float


def run(quick: bool = False) -> list[Row]:
    times, media = _QUICK_TIMES if quick else _TIMES, [blob for blob in blobs(_RECORDING) if blob[1]]
    return [row for ladder in (_DEFAULT, _SMALL) for row in _rows(times, media, ladder)]


def _rows(times: int, media: Messages, ladder: tuple[Rung, ...]) -> list[Row]:
    live, held, bare = [], [], []
    written = ",".join(f"{{height={rung.height},bitrate={rung.bitrate}}}" for rung in ladder)
    with running(channels=2 * times, hls_poster_every=0, encoder_ladder=f"[{written}]") as server:
        channels = [server.on(f"demo{number or ''}") for number in range(2 * times)]
        for number in range(times):
            phase = _KEYFRAMES * number / times
            live.append(restart(channels.pop(), media, phase, 0.0))
            held.append(restart(channels.pop(), media, phase, _BACKLOG))
            bare.append(bare_ffmpeg(server, f"bare-{number}", media, _BACKLOG, ladder))
    which = "one small rendition, " if ladder == _SMALL else ""
    return [
        _row(f"{which}encoder killed, live, to a new segment", live, bare),
        _row(f"{which}encoder killed with {_BACKLOG:g} s waiting, to a new segment", held, bare),
    ]


def _row(what: str, found: list[Restart], bare: list[float]) -> Row:
    figure, worst = median(one.figure for one in found), max(one.figure for one in found)
    from_kill = median(one.kill for one in found)
    return Row(
        f"{what} (worst of {len(found)}: {worst:.2f} s; from the kill in any case: {from_kill:.2f} s)",
        figure,
        "s",
        f"bare FFmpeg given {_BACKLOG:g} s, spawn to playlist: {median(bare):.2f}",
        figure / median(bare),
        f"≤ {_TARGET:.1f} s",
        figure <= _TARGET,
    )


def restart(server: Server, media: Messages, phase: float, backlog: float) -> Restart:
    """One broadcast on a channel of its own, whose encoder is killed once, ``phase`` seconds after it
    has two segments and as soon as enough media waits."""
    course = Course(media)
    with dial(server) as connection:
        sender = Sender(media, connection.send)
        sender.start()
        try:
            wait_for("two segments", lambda: _listed(playlists(server)) >= 2 * Settings().hls.segment)
            time.sleep(phase)
            (encoder,) = server.children("ffmpeg")
            _await_media(server, encoder, lambda: course.media(len(sender.sent)), backlog)
            before = max(generation for lines in playlists(server) for generation, _ in lines)
            killed = time.monotonic()
            encoder.kill()
            end, seen = _next_segment(server, before)
        finally:
            sender.stop()
            connection.close(STOP)
        server.wait_state("ended")
    there = course.moment(end, sender.sent)
    return Restart(seen - max(killed, there), seen - killed)


def _await_media(server: Server, encoder: psutil.Process, media: Callable[[], float], backlog: float) -> None:
    """Until a segment's worth is not in the playlist yet; with a backlog, until the encoder has missed it."""
    if not backlog:
        _until(lambda: media() - _listed(playlists(server)) >= Settings().hls.segment)
        return
    encoder.suspend()
    enough = media() + backlog
    _until(lambda: media() >= enough)


def _next_segment(server: Server, before: int) -> tuple[float, float]:
    """Where the first segment of a later generation ends, and when every rendition had one."""
    found: list[list[float]] = []

    def everywhere() -> bool:
        found[:] = [[end for number, end in lines if number > before] for lines in playlists(server)]
        return bool(found) and all(found)

    _until(everywhere)
    return max(ends[0] for ends in found), time.monotonic()


def _until(probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not probe():
        assert time.monotonic() < deadline, f"waited {_PATIENCE:g} s in vain for media, or for a new segment"
        time.sleep(_LOOK)


def playlists(server: Server) -> Playlists:
    """The public media playlists of a channel that has had one broadcast."""
    there = (server.data / "hls" / "public" / server.channel).glob("*/*.m3u8")
    return [_lines(path) for path in there if path.name != "index.m3u8"]


def _lines(path: Path) -> list[Line]:
    """Segments are named after the generation that made them: ``720p/0-7.ts``."""
    found: list[Line] = []
    end = 0.0
    for line in path.read_text().splitlines():
        if line.startswith("#EXTINF:"):
            end += float(line.removeprefix("#EXTINF:").rstrip(","))
        elif line and not line.startswith("#"):
            found.append((int(line.rpartition("/")[2].partition("-")[0]), end))
    return found


def _listed(found: Playlists) -> float:
    """Seconds that every rendition lists; 0 without any."""
    return min((lines[-1][1] if lines else 0.0 for lines in found), default=0.0)
