"""nginx-rtmp's side of a generation: the private playlist and segments of each rendition.

What may be listed is decided here. While a generation runs, a segment shorter than the others at
the end of its playlist may be a torn one, closed because the encoder died; it waits until another
follows. Of a generation that was cut off the torn one is dropped and the next generation makes it
again, whole: so every restart happens on the common clock of the forced keyframes, at the same
place in all renditions.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ingestd.delivery import playlist, transport_stream
from ingestd.delivery.playlist import PrivateSegment
from ingestd.delivery.transport_stream import Facts
from ingestd.encoder.ladder import Rendition

_LATE = 0.5  # of a segment: later the first picture of a generation cannot come
_OFF = 2.5  # frames by which a segment may seem to begin early or late; time stamps are whole milliseconds
_AUDIO_FRAME = 0.1  # seconds: sound is packed several frames at a time
BASE = 0.7  # seconds: nginx-rtmp's first time stamp
_AUDIO_SLACK = 0.005  # seconds: time stamps in RTMP are whole milliseconds


class Spoiled(Exception):
    """A segment is not what its playlist says: nothing of this generation can be listed any more."""


@dataclass(slots=True)
class Output:
    """One rendition of one generation; ``fresh``: it begins where its epoch begins."""

    rendition: Rendition
    directory: Path
    origin: float  # media time (s) of the epoch at which this generation began
    segment: float  # seconds between forced keyframes
    fresh: bool = True
    total: float = 0.0  # seconds listed
    pictures: int = 0  # listed
    reach: float = 0.0  # where the segment that was moved last ends: media time (s) of the epoch
    waiting: deque[PrivateSegment] = field(default_factory=deque)  # closed, not yet listed
    closed: deque[float] = field(default_factory=deque)  # when each of those was
    _next: int = 0
    _stamp: tuple[int, ...] = ()
    _looked: float | None = None
    _first: float | None = None  # the first time stamp

    @property
    def commit(self) -> float:
        """Media time of the epoch up to which this rendition stands in the playlist."""
        return self.origin + self.total

    @property
    def frame(self) -> float:
        """Seconds of a frame; of sound alone none."""
        return 1 / self.rendition.frame_rate if self.rendition.video_bitrate else 0.0

    @property
    def number(self) -> int:
        """Of the next waiting segment."""
        return self.waiting[0].number

    @property
    def closed_at(self) -> float:
        """When that one was closed."""
        return self.closed[0]

    def took(self, pictures: int, duration: float) -> None:
        """The next waiting segment, of so many pictures and seconds, is listed."""
        self.waiting.popleft()
        self.closed.popleft()
        self.pictures += pictures
        self.total += duration

    def look(self, now: float) -> None:
        """Read the private playlist if it has changed. ``now``: any clock's seconds."""
        path = self.directory / "index.m3u8"
        before, self._looked = self._looked, now
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if stamp == self._stamp:
                return
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        # the file's clock may have been set since, but at the last look it was not closed
        ago = min(max(0.0, time.time() - found.st_mtime), now - (now if before is None else before))
        for segment in playlist.parse_private(text):
            if segment.number >= self._next:
                self.waiting.append(segment)
                self.closed.append(now - ago)
                self._next = segment.number + 1
        self._stamp = stamp

    def ready(self, final: bool) -> int:
        """How many of those that wait may be listed; all of them when the generation ended well."""
        slack = self.frame / 2 or _AUDIO_SLACK
        torn = bool(self.waiting) and self.waiting[-1].duration < self.segment - slack
        return len(self.waiting) - (torn and not final)

    def duration(self, number: int) -> float:
        """Seconds of the waiting segment of that index, a frame at least.

        nginx-rtmp gives the last one the time from its first to its last packet: 0 for one frame.
        """
        return max(self.waiting[number].duration, self.frame, 0.001)

    def lasts(self, pictures: int) -> float:
        """Seconds of the next waiting segment, in which there are so many pictures.

        They decide where they can: sound may end a little before or after the last one, and a commit
        point half a frame off would bring a frame twice. The last one of all is a frame longer than
        nginx-rtmp says, and as much more as whole milliseconds cut off.
        """
        given, exact = self.duration(0), pictures * self.frame
        return exact if exact and -self.frame < exact - given < 1.5 * self.frame else given

    def move(self, target: Path) -> tuple[int, int]:
        """Move the next waiting segment into the public directory; its bytes, and its pictures.

        Done before, it is left as it is. Raises FileNotFoundError when it is nowhere, and
        :class:`Spoiled`.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        source = self.directory / self.waiting[0].file
        there = source if source.exists() or not target.exists() else target
        facts = transport_stream.examine(there.read_bytes())
        if fault := self._fault(facts):
            raise Spoiled(fault)
        if there is source:
            self._declare_streams(source)
            source.rename(target)
        self.reach = self.commit + self.lasts(facts.pictures)
        return target.stat().st_size, facts.pictures

    def _fault(self, facts: Facts) -> str | None:
        """What is wrong with the next waiting segment; it is known where it has to begin.

        nginx-rtmp leaves a whole segment out when it cannot open its file, and tells nobody.
        """
        if not facts.whole or facts.first is None:
            return "a part of it was not written"
        slack = _OFF * self.frame or _AUDIO_FRAME
        if self._first is None:
            late = transport_stream.elapsed(BASE, facts.first)
            if not self.fresh and late > _LATE * self.segment:
                return f"what comes before was not written: it begins {late:.3f} s too late"
            self._first = facts.first
        late = transport_stream.elapsed(self._first, facts.first) - self.total
        return f"it begins {late:.3f} s too late" if abs(late) > slack else None

    @property
    def expected(self) -> int:
        """Pictures that were listed, and that wait to be."""
        waiting = sum(self.duration(number) for number in range(len(self.waiting)))
        return self.pictures + round(waiting / self.frame) if self.frame else 0

    def _declare_streams(self, segment: Path) -> None:
        """Let a segment without picture, or without sound, say so."""
        video, audio = bool(self.rendition.video_bitrate), bool(self.rendition.audio_bitrate)
        if video and audio:
            return
        with segment.open("r+b") as file:
            head = transport_stream.prune(file.read(transport_stream.HEAD), video=video, audio=audio)
            file.seek(0)
            file.write(head)

    @property
    def settled(self) -> bool:
        """Whether nginx-rtmp has no segment under way: each file there is one that waits."""
        known = {segment.file for segment in self.waiting}
        try:
            return all(path.name in known for path in self.directory.glob("*.ts"))
        except OSError:  # no descriptors are left: nobody knows
            return False


class _Track(Protocol):
    def ready(self, final: bool) -> int: ...


def listable(outputs: Iterable[_Track], final: bool) -> int:
    """Segments that every rendition has: they are listed together, so that playlists stay aligned.

    When the generation ended well each lists all that it has.
    """
    counts = [output.ready(final) for output in outputs]
    return max(counts, default=0) if final else min(counts, default=0)
