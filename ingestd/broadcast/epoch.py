"""One recording inside a broadcast: its init segment, its replay buffer, its commit point.

The ack is counted at the playlist, not at the socket, the pipe or the encoder: whatever lies between
the publisher and the playlist is memory of processes that can die, and only what stands in the
playlist (and in the journal that it is made from) is there when all of them have died at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ingestd.broadcast.latency import Trace
from ingestd.broadcast.replay import ReplayBuffer
from ingestd.container.model import Fragment, InitSegment
from ingestd.encoder.ladder import Rendition
from ingestd.journal.journal import EpochRow

_REMEMBERED = 9  # beginnings of units, for whoever wants to know how far apart they are
_LAST_FRAME = 1.0  # seconds that what is encoded may last beyond the last time stamp that was received


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes of media that one epoch may hold, and that may wait for its encoder; ``span``: seconds
    that the encoder needs to make a segment."""

    held: int
    ahead: int
    span: float = 0.0


class Epoch:
    """Filled by the publisher, read by the encoder of each generation in turn.

    ``wall`` is the wall clock (Unix time, s) at its start, and ``date`` what follows for media
    time 0. ``on_arrival`` is the running encoder's pump. Backpressure: :meth:`has_room` is asked
    before another message is read.
    """

    def __init__(
        self, number: int, init: InitSegment, renditions: tuple[Rendition, ...], bounds: Bounds, wall: float
    ) -> None:
        self.number = number
        self.init = init
        self.renditions = renditions
        self.active = renditions  # those that are encoded now
        self.buffer = ReplayBuffer(bounds.held, bounds.span)
        self.date = wall
        self.start = 0.0  # media time of the first unit
        self.commits: dict[str, float] = {}  # rendition: media time that stands in the playlist
        self.unit_times: deque[float] = deque(maxlen=_REMEMBERED)  # media times at which the last ones begin
        self.changed = asyncio.Event()  # something arrived, was encoded, or the epoch is complete
        self.on_arrival: Callable[[], None] | None = None
        self.taps: set[Callable[[], None]] = set()  # whoever else wants to know, and holds nobody up
        self.received = 0  # bytes of the whole recording, once it is complete
        self.fed = 0  # the encoder has all fragments before this number
        self.sound_ends: float | None = None  # media time, where the last generation found it so
        self.trace = Trace()
        self._bounds = bounds
        self._wall = wall
        self._begun = False

    @classmethod
    def restore(
        cls, row: EpochRow, init: InitSegment, renditions: tuple[Rendition, ...], bounds: Bounds
    ) -> Epoch:
        """One that an earlier process did not bring to its end; its units come again from ``row.offset``."""
        epoch = cls(row.number, init, renditions, bounds, 0.0)
        epoch._begun = True
        epoch.date, epoch.start = row.date, row.start
        least = min(row.commits.values(), default=row.start)
        epoch.commits = {made.name: row.commits.get(made.name, least) for made in renditions}
        epoch.buffer.offset, epoch.buffer.prefix = row.offset, row.prefix
        epoch.buffer.end_time = least
        return epoch

    def row(self, total: int | None = None) -> EpochRow:
        """For the journal; ``total`` are its bytes when all of it stands in the playlist.

        A rendition that is left out at present has no commit point: it comes back where the others are.
        """
        return EpochRow(
            self.number,
            self.init.data,
            self.date,
            self.start,
            self.buffer.offset,
            self.buffer.prefix,
            {made.name: self.commits.get(made.name, self.start) for made in self.active},
            total,
        )

    def encode(self, renditions: tuple[Rendition, ...]) -> None:
        """From the next generation on only these are encoded, or these again.

        One that comes back begins where the others are: until then its playlist shows the next
        rung's segments.
        """
        now = self.commit
        for made in renditions:
            if made not in self.active:
                self.commits[made.name] = now
        self.active = renditions

    def follow(self, listed: float) -> None:
        """None of it is listed yet: it is dated from the end of what is (Unix time), not into it.

        How long the last frame of a recording lasts stands nowhere in it; in the playlist it has the
        length that the encoder gave it.
        """
        if 0 < listed - self.date - self.start < _LAST_FRAME:
            self.date = listed - self.start

    def append(self, fragment: Fragment) -> None:
        """Take the next fragment and hand it to the encoder at once."""
        if not self._begun:
            self._begun = True
            self.start = fragment.media_time
            self.date = self._wall - fragment.media_time
            self.commits = {made.name: fragment.media_time for made in self.renditions}
        if fragment.starts_unit:
            self.unit_times.append(fragment.media_time)
        self.trace.received(self.buffer.end, fragment.media_time, time.monotonic())
        self.buffer.append(fragment)
        self._tell()
        if not self.on_arrival:
            self.changed.set()

    def fed_to(self, number: int) -> None:
        """The encoder has all fragments before this number now."""
        self.fed = number
        self.trace.fed(number, time.monotonic())
        self.changed.set()

    def has_room(self) -> bool:
        """Whether another message may be read from the publisher's socket."""
        waiting = self.buffer.ahead(self.fed)
        return waiting < self._bounds.ahead and self.buffer.make_room(self.fed)

    @property
    def full(self) -> bool:
        """Whether as much waits for the encoder as may: until it takes some, nothing more is read."""
        return self.buffer.ahead(self.fed) >= min(self._bounds.ahead, self._bounds.held)

    def finish(self, received: int | None = None) -> None:
        """No more of this recording will come; ``received`` are its bytes, where they are counted."""
        self.received = received or 0
        self.buffer.complete = True
        self._tell()
        self.changed.set()

    def _tell(self) -> None:
        if self.on_arrival:
            self.on_arrival()
        for tap in list(self.taps):
            tap()

    async def first_to_replay(self) -> int | None:
        """The fragment that the next generation starts from; waits until there is one.

        None: the epoch is complete and there is none, because nothing came, or because the rest
        was given up by the buffer's bound.
        """
        while (first := self.buffer.seek(self.commit)) is None and not self.buffer.complete:
            self.changed.clear()
            await self.changed.wait()
        if first is not None and (fragment := self.buffer.get(first)):
            # later than the commit point only where media was given up: nothing fills that gap
            self.commits = {name: max(done, fragment.media_time) for name, done in self.commits.items()}
        return first

    @property
    def commit(self) -> float:
        """Media time (s) up to which every rendition stands in the playlist."""
        return min((self.commits.get(made.name, 0.0) for made in self.active), default=0.0)

    def commit_to(self, commits: dict[str, float]) -> None:
        """Note what stands in the playlist and in the journal; let go of what no restart will need."""
        self.commits.update(commits)
        self.buffer.commit(self.commit)
        self.changed.set()

    @property
    def end_date(self) -> float:
        """Wall clock (Unix time, s) of the newest media."""
        return self.date + self.buffer.end_time

    @property
    def lag(self) -> float:
        """Seconds that were received but do not stand in the playlist yet."""
        return max(0.0, self.buffer.end_time - self.commit) if self._begun else 0.0
