"""What viewers get of one broadcast: its playlists and segments on disk, served by nginx alone.

The HLS playlist is the commit log: a segment counts as delivered when nginx-rtmp has closed it
and listed it in the private playlist of its generation. It is then *moved* (rename(2), atomic)
into the broadcast's public directory and listed in the public playlists. A generation pushes
under stream names that no other generation ever has, so a ghost of an old encoder can neither
block nor overwrite a new one.

    <root>/private/<broadcast>-<generation>-<rendition>/index.m3u8, 0.ts …   nginx-rtmp's
    <root>/public/<channel>/index.m3u8                                       what is on now
    <root>/public/<channel>/<broadcast>/index.m3u8, <rendition>.m3u8         this broadcast's
    <root>/public/<channel>/<broadcast>/<rendition>/<generation>-<n>.ts
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ingestd.delivery import playlist, transport_stream
from ingestd.delivery.playlist import MediaPlaylist, Segment, Variant
from ingestd.encoder.ladder import Rendition

log = structlog.get_logger("ingestd.delivery")


def stream_name(broadcast: str, generation: int, rendition: str) -> str:
    """The RTMP stream of a rendition: of one generation only, and no secret."""
    return f"{broadcast}-{generation}-{rendition}"


def write_atomically(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, never half of one."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


@dataclass(slots=True)
class Output:
    """One rendition of one generation: what of it stands in the playlist."""

    rendition: Rendition
    directory: Path
    origin: float  # media time (s) of the epoch at which this generation began
    total: float = 0.0  # seconds delivered
    next_number: int = 0
    stamp: int = 0  # mtime (ns) of the private playlist when it was last read

    @property
    def commit(self) -> float:
        """Media time of the epoch up to which this rendition stands in the playlist."""
        return self.origin + self.total


@dataclass(slots=True)
class Measured:
    """What the segments of a rendition really weigh."""

    size: int = 0  # bytes
    duration: float = 0.0  # seconds
    peak: float = 0.0  # bit/s of the heaviest segment of about a target duration

    def add(self, size: int, duration: float, target: int) -> None:
        self.size += size
        self.duration += duration
        if duration and 0.5 * target <= duration <= 1.5 * target:  # RFC 8216 §4.1
            self.peak = max(self.peak, size * 8 / duration)

    @property
    def average(self) -> float:
        return self.size * 8 / self.duration if self.duration else 0.0


@dataclass(slots=True)
class Listed:
    """A rendition that the multivariant playlist names, for as long as the broadcast lasts."""

    rendition: Rendition
    media: MediaPlaylist
    measured: Measured = field(default_factory=Measured)
    broken: bool = True  # the next segment does not go on where the last one ended


class Delivery:
    """The public side of one broadcast."""

    def __init__(self, root: Path, channel: str, broadcast: str, segment: float, window: float) -> None:
        self._root = root
        self._broadcast = broadcast
        self._channel_dir = root / "public" / channel
        self.directory = self._channel_dir / broadcast
        self._target = playlist.target_duration(segment)
        self._window = window
        self._listed: dict[str, Listed] = {}
        self._outputs: dict[str, Output] = {}
        self._epoch_date = 0.0
        self._multivariant = ""
        self._retired: deque[tuple[float, str]] = deque()  # when a segment may go, and which
        self._unwritten = False  # something is listed here but not yet on disk
        self.playable = False
        self.segments = 0  # moved into the public directory so far
        self.size = 0  # bytes of them

    @property
    def listed(self) -> list[Listed]:
        """What the multivariant playlist names, best first."""
        return list(self._listed.values())

    @property
    def commits(self) -> dict[str, float]:
        """Commit point (media time of the epoch, s) of each rendition that is encoded now."""
        return {name: output.commit for name, output in self._outputs.items()}

    @property
    def newest_file(self) -> Path | None:
        """The newest segment of the lightest rendition with a picture."""
        pictured = [listed for listed in self._listed.values() if listed.rendition.video_bitrate]
        if not pictured or not pictured[-1].media.segments:
            return None
        return self.directory / pictured[-1].media.segments[-1].uri

    def begin(
        self,
        generation: int,
        epoch_date: float,
        renditions: Sequence[Rendition],
        origins: Mapping[str, float],
    ) -> None:
        """A new generation: ``epoch_date`` is the wall clock (Unix time) of the epoch's media time 0."""
        self._epoch_date = epoch_date
        self._outputs = {
            made.name: Output(
                made,
                self._root / "private" / stream_name(self._broadcast, generation, made.name),
                origins.get(made.name, 0.0),
            )
            for made in renditions
        }
        self._list(renditions)
        for listed in self._listed.values():
            listed.broken = True

    def _list(self, renditions: Sequence[Rendition]) -> None:
        """Name new renditions: with the past of a listed one, so that all have one time line."""
        past = next(reversed(self._listed.values())).media if self._listed else None
        for made in renditions:
            media = past.copy() if past else MediaPlaylist(self._target, self._window)
            listed = self._listed.setdefault(made.name, Listed(made, media))
            listed.rendition = made
        best_first = sorted(
            self._listed.values(), key=lambda one: (-one.rendition.video_bitrate, -one.rendition.height)
        )
        self._listed = {one.rendition.name: one for one in best_first}

    def collect(self, generation: int, now: float) -> bool:
        """List whatever nginx-rtmp has closed since; whether anything was new.

        ``now`` is any clock in seconds. An OSError (disk full) leaves everything as it was; the
        next call tries again.
        """
        for output in self._outputs.values():
            for found in self._read(output):
                self._unwritten |= self._take(generation, output, found, now)
        fresh = self._unwritten
        if fresh:
            self._write_media()
            self._write_multivariant()
            self._unwritten = False
        self._sweep(now)
        return fresh

    @property
    def settled(self) -> bool:
        """Whether nginx-rtmp has no segment under way: every closed one has been moved away."""
        return not any(file for output in self._outputs.values() for file in output.directory.glob("*.ts"))

    def _read(self, output: Output) -> list[playlist.PrivateSegment]:
        path = output.directory / "index.m3u8"
        try:
            stamp = path.stat().st_mtime_ns
            if stamp == output.stamp:
                return []
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        output.stamp = stamp
        return [found for found in playlist.parse_private(text) if found.number >= output.next_number]

    def _take(self, generation: int, output: Output, found: playlist.PrivateSegment, now: float) -> bool:
        uri = f"{output.rendition.name}/{generation}-{found.number}.ts"
        target = self.directory / uri
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _declare_streams(output.directory / found.file, output.rendition)
            (output.directory / found.file).rename(target)
        except FileNotFoundError:
            # Not counted as delivered: the commit point stays, and a restart brings it again.
            log.error("segment_missing", file=str(output.directory / found.file))
            return False
        size = target.stat().st_size
        self.segments += 1
        self.size += size
        self._append(output, uri, found.duration, size, now)
        output.total += found.duration
        output.next_number = found.number + 1
        return True

    def _append(self, output: Output, uri: str, duration: float, size: int, now: float) -> None:
        for listed in self._fed_by(output.rendition.name):
            new = Segment(
                uri,
                duration,
                self._epoch_date + output.commit,
                discontinuity=listed.broken and (bool(listed.media.segments) or listed.media.sequence > 0),
            )
            listed.broken = False
            listed.media.append(new)
            listed.measured.add(size, duration, self._target)
            due = now + self._window + 2 * self._target + duration  # RFC 8216 §6.2.2
            self._retired += [(due, gone.uri) for gone in listed.media.slide()]

    def _fed_by(self, encoded: str) -> list[Listed]:
        """The listed renditions that show this encoded one: itself, and those not encoded now.

        A playlist that was once listed goes on until the end: it shows the next rung down.
        """
        return [listed for name, listed in self._listed.items() if self._shown(name) == encoded]

    def _shown(self, name: str) -> str:
        names = list(self._listed)
        below = [other for other in names[names.index(name) :] if other in self._outputs]
        above = [other for other in reversed(names[: names.index(name)]) if other in self._outputs]
        return (below + above)[0]

    def _write_media(self) -> None:
        for name, listed in self._listed.items():
            if listed.media.segments:
                write_atomically(self.directory / f"{name}.m3u8", listed.media.render())

    def _variants(self) -> list[Variant]:
        return [
            Variant(
                one.rendition,
                _ceil(
                    one.measured.peak
                    if one.media.ended and one.measured.peak
                    else max(one.rendition.bandwidth, one.measured.peak)
                ),
                _ceil(one.measured.average if one.media.ended else one.rendition.average_bandwidth),
            )
            for one in self._listed.values()
        ]

    def _write_multivariant(self) -> None:
        """Only once every rendition can be played; then again whenever what it says changes."""
        if not all(listed.media.segments for listed in self._listed.values()):
            return
        text = playlist.multivariant(self._variants())
        if text == self._multivariant:
            return
        self._multivariant = text
        write_atomically(self.directory / "index.m3u8", text)
        if not self.playable or plays(self._channel_dir, self._broadcast):
            for_channel = playlist.multivariant(self._variants(), prefix=f"{self._broadcast}/")
            write_atomically(self._channel_dir / "index.m3u8", for_channel)
        self.playable = True

    def _sweep(self, now: float) -> None:
        while self._retired and self._retired[0][0] <= now:
            uri = self._retired.popleft()[1]
            if not any(uri == segment.uri for one in self._listed.values() for segment in one.media.segments):
                (self.directory / uri).unlink(missing_ok=True)

    def close_generation(self) -> None:
        """The generation is over and its last segments are listed: clear its private directories."""
        for output in self._outputs.values():
            shutil.rmtree(output.directory, ignore_errors=True)

    def end(self) -> None:
        """Nothing more will come: ENDLIST, and bandwidths as they were measured."""
        self._listed = {name: one for name, one in self._listed.items() if one.media.segments}
        for listed in self._listed.values():
            listed.media.ended = True
        if self._listed:
            self._write_media()
            self._write_multivariant()


def _declare_streams(segment: Path, rendition: Rendition) -> None:
    """Let a segment without picture, or without sound, say so."""
    video, audio = bool(rendition.video_bitrate), bool(rendition.audio_bitrate)
    if video and audio:
        return
    with segment.open("r+b") as file:
        head = transport_stream.prune(file.read(transport_stream.HEAD), video=video, audio=audio)
        file.seek(0)
        file.write(head)


def plays(channel_dir: Path, broadcast: str) -> bool:
    """Whether the channel's address plays this broadcast now."""
    try:
        return f"\n{broadcast}/" in (channel_dir / "index.m3u8").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


def _ceil(bits: float) -> int:
    """Bandwidths in whole kilobits: a playlist that changes with every byte helps nobody."""
    return -(-int(bits) // 1000) * 1000
