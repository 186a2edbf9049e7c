"""The publisher's side of a broadcast: its epochs as they arrive, and how a publisher goes on.

A publisher that was cut off is told what to send: the number of an epoch and the byte to go on from.
While the daemon lives that is the byte after the last one received; the recording, with half an
element in it perhaps, waits here. After a restart of the daemon it is the unit that holds the
commit point, from the journal.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.recording import Recording
from ingestd.broadcast.source import Source, measure
from ingestd.container.model import InitSegment
from ingestd.container.splitter import parse_init
from ingestd.encoder.ladder import Rendition
from ingestd.errors import Code, Refusal, Refused
from ingestd.journal.journal import Damaged, EpochRow, Kept

_AHEAD = 3600.0  # seconds that the dates of a recording may run ahead of the clock
_WAITING_EPOCHS = 8  # recordings that wait behind the one that is being encoded, until no more is read

Ladder = Callable[[InitSegment], tuple[Rendition, ...]]


def ladder_for(usual: Ladder, made: Callable[[bool], Ladder] | None, kept: Kept | None) -> Ladder:
    """That of a broadcast. One that goes on keeps to separate sound, or to none: so do its players.

    ``made`` gives a ladder with separate sound (True), or without.
    """
    if made is None or kept is None or not kept.renditions:
        return usual
    return made(any(one.get("separate", False) for one in kept.renditions))


class Reception:
    """The epochs of one broadcast from its publisher to the encoder's queue."""

    def __init__(self, bounds: Bounds, ladder: Ladder, *, resumable: bool) -> None:
        self.resumable = resumable  # its publisher keeps what is not acked
        self.number = 0  # of the epoch that is being received
        self.recording = Recording()  # of that epoch, where the publisher is resumable
        self.newest: Epoch | None = None  # that epoch, as soon as its init segment is here
        self.waiting: deque[Epoch] = deque()  # for the encoder
        self.taken = asyncio.Event()  # one of those went to the encoder
        self.source: InitSegment | None = None
        self._bounds = bounds
        self._ladder = ladder
        self._date = 0.0  # Unix time at which the next epoch may begin at the earliest

    def restore(self, rows: list[EpochRow]) -> None:
        """Go on with the first epoch that the journal does not call delivered.

        Raises :class:`Damaged`.
        """
        row = next((row for row in rows if row.total is None), None)
        if row:
            init = parse_init(row.init)
            if init is None:
                raise Damaged("an init segment cannot be read")
            epoch = Epoch.restore(row, init, self._ladder(init), self._bounds)
            self.number, self.newest, self.source = row.number, epoch, init
            self.recording = Recording.resume(init, row.offset, row.prefix)
            self.waiting.append(epoch)
        elif rows:
            self.number = rows[-1].number
            self._date = rows[-1].date + max(rows[-1].commits.values(), default=0.0)
            self.recording = Recording(received=rows[-1].total or 0)
            self.recording.finish()

    def measured(self) -> Source | None:
        """What the publisher sends now; None before anything has come."""
        epoch = self.newest
        return measure(epoch.init, list(epoch.buffer), epoch.unit_times) if epoch else None

    def begin(self, init: InitSegment) -> Epoch:
        """The init segment of the epoch under way has come."""
        wall = max(time.time(), self._date)
        epoch = Epoch(self.number, init, self._ladder(init), self._bounds, wall)
        self.newest = epoch
        self.source = init
        self.waiting.append(epoch)
        return epoch

    @property
    def has_room(self) -> bool:
        """Whether more may be read.

        Recordings that come faster than they can be encoded wait at their publisher, as bytes do.
        """
        return len(self.waiting) < _WAITING_EPOCHS

    def take(self) -> Epoch:
        """The next one, for the encoder; there must be one."""
        self.taken.set()
        return self.waiting.popleft()

    def clear(self) -> None:
        """The broadcast is over: let go of all media."""
        for epoch in [*self.waiting, *([self.newest] if self.newest else [])]:
            epoch.buffer.clear()
        self.waiting.clear()

    def finish(self) -> None:
        """Nothing more of the epoch under way will come."""
        if self.newest and not self.newest.buffer.complete:
            self.newest.finish(self.recording.received if self.resumable else None)
            # dates never go back, and a client's time stamps do not reach far into the future
            self._date = min(self.newest.end_date, time.time() + _AHEAD)

    def advance(self, recording: Recording | None = None) -> None:
        """The next epoch begins."""
        self.finish()
        self.number += 1
        self.recording = recording or Recording()
        self.newest = None

    def resume(self, epoch: int, held_from: int | None) -> None:
        """A publisher comes back that holds its recording from byte ``held_from`` of ``epoch`` on.

        Afterwards ``number`` and ``recording.received`` say what it has to send. Raises
        :class:`Refused` when the two do not meet.
        """
        if not self.resumable:
            raise Refused(Refusal(Code.NO_SUCH_BROADCAST, "Another program went on with this broadcast."))
        if epoch == self.number + 1 and self.recording.complete:
            self.advance()
        if epoch > self.number:
            words = f"Epoch {epoch} is not known here: the recording is known up to epoch {self.number}."
            raise Refused(Refusal(Code.NO_SUCH_BROADCAST, words))
        received = self.recording.received
        if epoch == self.number and (held_from or 0) > received:
            words = f"Epoch {epoch} is needed from byte {received} on; it comes from {held_from} on."
            raise Refused(Refusal(Code.NO_SUCH_BROADCAST, words))
