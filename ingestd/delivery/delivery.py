"""What viewers get of one broadcast: its playlists and segments on disk, served by nginx alone.

The HLS playlist is the commit log: a segment counts as delivered when nginx-rtmp has closed it
and listed it in the private playlist of its generation. It is then *moved* (rename(2), atomic)
into the broadcast's public directory, noted in the journal, and listed in the public playlists: in
this order, so that after a SIGKILL at any moment the playlists can be made again from the journal,
and a segment that was moved but not noted is nobody's and is encoded once more.

A generation pushes under stream names that no other generation ever has. An encoder that was given
up may live on for a moment, stopped or in the kernel's hands, and nginx-rtmp holds a stream for its
publisher until TCP says that it is gone: under one name the ghost would block its successor
("already publishing"), or overwrite its segments.

    <root>/private/<broadcast>-<generation>-<rendition>/index.m3u8, 0.ts …   nginx-rtmp's
    <root>/public/<channel>/index.m3u8                                       what is on now
    <root>/public/<channel>/<broadcast>/index.m3u8, <rendition>.m3u8         this broadcast's
    <root>/public/<channel>/<broadcast>/<rendition>/<generation>-<n>.ts

Where sound is a rendition of its own (:mod:`ingestd.delivery.sound`), that of a segment of pictures has the
same generation and number.
"""

from __future__ import annotations

import shutil
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

from ingestd.delivery import playlist
from ingestd.delivery.files import is_over, plays, to_disk, write_atomically
from ingestd.delivery.listed import Listed
from ingestd.delivery.playlist import MediaPlaylist, Segment, Variant
from ingestd.delivery.private import Output, Spoiled, listable
from ingestd.delivery.sound import Sound
from ingestd.encoder.ladder import Rendition
from ingestd.journal.journal import Kept, SegmentRow

log = structlog.get_logger("ingestd.delivery")


def stream_name(broadcast: str, generation: int, rendition: str) -> str:
    """The RTMP stream of a rendition: of one generation only, and no secret."""
    return f"{broadcast}-{generation}-{rendition}"


@dataclass(slots=True)
class Round:
    """What is about to be listed, for the journal.

    ``first`` are the media sequence numbers at which the playlists begin, ``renditions`` those that
    are new, ``commits`` the commit points (media time of the epoch, s) that come with the segments.
    """

    segments: list[SegmentRow] = field(default_factory=list)
    first: dict[str, int] = field(default_factory=dict)
    renditions: list[dict[str, object]] = field(default_factory=list)
    commits: dict[str, float] = field(default_factory=dict)


class Delivery:
    """The public side of one broadcast.

    ``record`` writes the journal, and raises OSError when that was not possible; with ``fsync``
    segments are on disk before they are noted there.
    """

    def __init__(
        self,
        root: Path,
        channel: str,
        broadcast: str,
        segment: float,
        window: float,
        frame_rate: int,
        record: Callable[[Round], None] = lambda _: None,
        *,
        fsync: bool = False,
    ) -> None:
        self._root = root
        self._broadcast = broadcast
        self._channel_dir = root / "public" / channel
        self.directory = self._channel_dir / broadcast
        self._segment = segment
        self._target = playlist.target_duration(segment, frame_rate)
        self._window = window
        self._listed: dict[str, Listed] = {}
        self._outputs: dict[str, Output | Sound] = {}  # those of pictures first
        self._epoch_date = 0.0
        self._multivariant = ""
        self._retired: deque[tuple[float, str]] = deque()  # when a segment may go, and which
        self._record = record
        self._fsync = fsync
        self._round = Round()  # what is listed here but not yet in the journal
        self._unwritten = False  # something is listed here but not yet on disk
        self._slid: list[Segment] = []  # out of the playlists here, but not yet on disk
        self.spoiled = False  # a segment of this generation is damaged: it cannot go on
        self.playable = False
        self.withdrawn = False  # not to be seen by anybody any more
        self.segments = 0  # moved into the public directory so far
        self.size = 0  # bytes of them
        self.sizes: Counter[str] = Counter()  # the same by rendition
        self.discontinuities = 0  # written to playlists
        self._fresh: list[tuple[float, float]] = []

    def restore(self, kept: Kept, now: float) -> None:
        """Go on where an earlier process was cut off: with the playlists as the journal has them.

        Segments that stand in none are removed as if they had just left one. Raises OSError.
        """
        for definition in kept.renditions:
            made = Rendition(**definition)
            self._listed[made.name] = Listed(made, MediaPlaylist(self._target, self._window))
        for row in kept.segments:
            listed = self._listed[row.rendition]
            if not listed.media.segments:
                listed.media.sequence, listed.media.discontinuities = row.sequence, row.discontinuities
            listed.media.append(Segment(row.uri, row.duration, row.date, row.discontinuity))
            if row.size:  # else it is another rendition's, from before this one was listed
                listed.measured.add(row.size, row.duration, self._target)
        self._sort()
        there = {f"{path.parent.name}/{path.name}" for path in self.directory.glob("*/*.ts")}
        self._retired += [(now + self._longest, uri) for uri in there - {row.uri for row in kept.segments}]
        if kept.segments:
            self._write_media()
            self._write_multivariant()

    @property
    def _longest(self) -> float:
        """Seconds of the longest playlist that has listed a segment: so long it has to stay."""
        return max(self._window, 3 * self._target) + self._target

    @property
    def listed(self) -> list[Listed]:
        """What the multivariant playlist names, best first."""
        return list(self._listed.values())

    @property
    def commits(self) -> dict[str, float]:
        """Commit point (media time of the epoch, s) of each rendition that is encoded now."""
        return {name: output.commit for name, output in self._outputs.items()}

    @property
    def end_date(self) -> float:
        """Wall clock (Unix time, s) at which the longest playlist ends; 0 while nothing is listed."""
        return max((listed.media.end_date for listed in self._listed.values()), default=0.0)

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
        *,
        fresh: bool = True,
    ) -> None:
        """A new generation: ``epoch_date`` is the wall clock (Unix time) of the epoch's media time 0;
        ``fresh``: it begins where the epoch begins."""
        self._epoch_date = epoch_date
        self.spoiled = False
        self._outputs = {}
        lead: Output | None = None
        for made in renditions:
            directory = self._root / "private" / stream_name(self._broadcast, generation, made.name)
            origin = origins.get(made.name, 0.0)
            if lead and made.separate and not made.video_bitrate:
                self._outputs[made.name] = Sound(made, directory, origin, lead)
            else:
                output = Output(made, directory, origin, self._segment, fresh)
                lead = lead or output
                self._outputs[made.name] = output
        self._list(renditions)
        for listed in self._listed.values():
            listed.broken = True

    def _list(self, renditions: Sequence[Rendition]) -> None:
        """Name new renditions: with the past of a listed one, so that all have one time line."""
        pictured = [one for one in self._listed.values() if one.rendition.video_bitrate]
        past = next((one.media for one in reversed(pictured or list(self._listed.values()))), None)
        for made in renditions:
            media = past.copy() if past else MediaPlaylist(self._target, self._window)
            listed = self._listed.setdefault(made.name, Listed(made, media))
            if listed.media is media:
                self._round.segments += listed.rows()
            listed.rendition = made
            self._round.renditions.append(asdict(made))
        self._sort()

    def _sort(self) -> None:
        best_first = sorted(
            self._listed.values(), key=lambda one: (-one.rendition.video_bitrate, -one.rendition.height)
        )
        self._listed = {one.rendition.name: one for one in best_first}

    def collect(self, generation: int, now: float, *, final: bool = False) -> bool:
        """List whatever nginx-rtmp has closed since; whether anything was new.

        ``now`` is any clock in seconds; ``final``: the generation ended well, nothing of it will
        follow. An OSError (disk full) leaves everything as it was; the next call tries again.
        """
        outputs = list(self._outputs.values())
        for output in outputs:
            output.look(now)
        for _ in range(0 if self.spoiled else self._rounds(outputs, final)):
            if not self._take_round(generation, [one for one in outputs if one.waiting], now):
                break
        fresh = self._unwritten
        if fresh:
            self._note()
            self._write_media()
            self._write_multivariant()
            self._unwritten = False
            self._retired += [(now + self._longest + gone.duration, gone.uri) for gone in self._slid]
            self._slid.clear()
        self._sweep(now)
        return fresh

    def _rounds(self, outputs: list[Output | Sound], final: bool) -> int:
        """How many times every rendition has a segment; none where sound is spoiled."""
        for sound in outputs:
            if isinstance(sound, Sound) and sound.fault:
                self._spoil(sound.directory, sound.fault)
                return 0
        return listable(outputs, final)

    def _spoil(self, file: Path, reason: str) -> None:
        log.error("segment_spoiled", file=str(file), reason=reason)
        self.spoiled = True

    def _note(self) -> None:
        """In the journal first: what players have seen is never forgotten."""
        if self._round.segments:
            self._round.first = {name: listed.media.sequence for name, listed in self._listed.items()}
            self._round.commits = self.commits
            self._record(self._round)
            self._round = Round()

    def take_fresh(self) -> list[tuple[float, float]]:
        """Of what was listed since the last call: where each segment begins (media time of the epoch, s),
        and when nginx-rtmp had closed it in all renditions, by the clock of :meth:`collect`."""
        fresh, self._fresh = self._fresh, []
        return fresh

    @property
    def settled(self) -> bool:
        """Whether nginx-rtmp has no segment of this generation under way."""
        return all(output.settled for output in self._outputs.values())

    @property
    def pictures(self) -> int:
        """Of the best rendition of this generation: listed, and waiting to be."""
        return next((one.expected for one in self._outputs.values() if isinstance(one, Output)), 0)

    @property
    def sound(self) -> Sound | None:
        """Separate sound beside the pictures of this generation."""
        return next((one for one in self._outputs.values() if isinstance(one, Sound)), None)

    @property
    def all_listed(self) -> bool:
        """Whether nothing that nginx-rtmp has closed still waits to be listed."""
        return not any(output.waiting for output in self._outputs.values())

    def _take_round(self, generation: int, outputs: list[Output | Sound], now: float) -> bool:
        """The next segment of every rendition, or of none: moved first, then listed."""
        moved = []
        for output in outputs:
            uri = f"{output.rendition.name}/{generation}-{output.number}.ts"
            try:
                moved.append((output, uri, *output.move(self.directory / uri)))
            except Spoiled as fault:
                self._spoil(output.directory / f"{output.number}.ts", str(fault))
                self._retired += [(now, one) for _, one, _, _ in moved]
                return False
            except FileNotFoundError:
                # Nothing after it is listed: the commit point stays, and a restart brings it again.
                log.error("segment_missing", file=str(output.directory / f"{output.number}.ts"))
                return False
        if self._fsync:
            to_disk([self.directory / uri for _, uri, _, _ in moved])
        self._fresh.append((moved[0][0].commit, max(output.closed_at for output, *_ in moved)))
        for output, uri, size, pictures in moved:
            duration = output.lasts(pictures)
            self._append(output, uri, size, duration)
            output.took(pictures, duration)
        return True

    def _append(self, output: Output | Sound, uri: str, size: int, duration: float) -> None:
        for listed in self._fed_by(output.rendition.name):
            media = listed.media
            broken = listed.broken and (bool(media.segments) or media.sequence > 0)
            media.append(Segment(uri, duration, self._epoch_date + output.commit, broken))
            listed.broken = False
            self.discontinuities += broken
            listed.measured.add(size, duration, self._target)
            self._round.segments.append(listed.last_row(size))
            self._slid += media.slide()
        self.segments += 1
        self.size += size
        self.sizes[output.rendition.name] += size
        self._unwritten = True

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
            Variant(one.rendition, *map(_kilobits, one.bandwidths(one.media.ended)))
            for one in self._listed.values()
        ]

    def _write_multivariant(self) -> None:
        """Only once every rendition can be played; then again whenever what it says changes."""
        if not all(listed.media.segments for listed in self._listed.values()):
            return
        text = playlist.multivariant(self._variants())
        if text == self._multivariant:
            return
        write_atomically(self.directory / "index.m3u8", text)
        on_air = plays(self._channel_dir)
        newer = not self.playable and (on_air < self._broadcast or is_over(self._channel_dir / on_air))
        if on_air == self._broadcast or newer:
            for_channel = playlist.multivariant(self._variants(), prefix=f"{self._broadcast}/")
            write_atomically(self._channel_dir / "index.m3u8", for_channel)
        self._multivariant = text
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

    def withdraw(self) -> None:
        """The channel is no more: what is there, and what still comes, lies where nobody sees it, until
        the end. Raises OSError, and may then be called again."""
        away = self._root / "private" / self._broadcast
        away.mkdir(parents=True, exist_ok=True)
        if self.directory.exists():
            self.directory.rename(away / self._broadcast)
        self.withdrawn, self._channel_dir, self.directory = True, away, away / self._broadcast

    def end(self) -> None:
        """Nothing more will come: ENDLIST, and bandwidths as they were measured."""
        if self.withdrawn:
            shutil.rmtree(self._channel_dir, ignore_errors=True)
            return
        self._listed = {name: one for name, one in self._listed.items() if one.media.segments}
        for listed in self._listed.values():
            listed.media.ended = True
        if self._listed:
            self._write_media()
            self._write_multivariant()


def _kilobits(bits: float) -> int:
    """Bandwidths in whole kilobits, rounded up: what changes with every byte helps nobody."""
    return -(-int(bits) // 1000) * 1000
