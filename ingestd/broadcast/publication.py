"""A publisher's hold on a channel, from its admission until its connection is gone.

There is one for a channel at most. A newcomer that takes over fences it off: from that moment
nothing of it reaches the broadcast any more, whatever its connection still reads, so bytes of two
connections never mix.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.epoch import Epoch
from ingestd.broadcast.recording import Recording
from ingestd.broadcast.story import Visit
from ingestd.container.model import Fragment, InitSegment
from ingestd.errors import Code, Refusal, Refused


class Registry(Protocol):
    """What a publication asks of the registry."""

    def open_plainly(self, channel: str, title: str) -> Broadcast: ...
    def release(self, publication: Publication) -> None: ...
    def count(self, size: int) -> None: ...


class Publication:
    """One connection's right to feed a broadcast.

    A resumable one has its ``broadcast`` from the start; a plain one makes it, or goes on with an
    interrupted one, when its first init segment comes.
    """

    def __init__(
        self, registry: Registry, channel: str, title: str, broadcast: Broadcast | None = None
    ) -> None:
        self.channel = channel
        self.broadcast = broadcast
        self.fenced = asyncio.Event()  # its connection has to go
        self.verdict: Refusal | None = None  # why
        self.visit = Visit(time.time())
        self._registry = registry
        self._title = title
        self._resumable = broadcast is not None
        self._epoch: Epoch | None = broadcast.reception.newest if broadcast else None
        self._uncounted = 0  # bytes that came before there was a broadcast to count them for
        self._heard = time.monotonic()
        self._blocked = False  # it is not read, so its silence is ours
        self._sign_due: float | None = None  # at the latest, from the server in front of us
        if broadcast:
            broadcast.story.visits.append(self.visit)

    # What arrives

    def begin(self, init: InitSegment) -> None:
        """An init segment: it makes the broadcast, or begins an epoch of it; raises :class:`Refused`."""
        if self.broadcast is None:
            self.broadcast = self._registry.open_plainly(self.channel, self._title)
            self.broadcast.continued_plainly()
            self.visit.epoch = self.broadcast.reception.number
            self.broadcast.story.visits.append(self.visit)
        elif not self._resumable:
            self.broadcast.next_epoch()
        self._epoch = self.broadcast.begin_epoch(init)

    def append(self, fragment: Fragment) -> None:
        assert self._epoch is not None, "a fragment before its init segment"
        self._epoch.append(fragment)

    def began(self, at: float | None) -> None:
        """What has media time 0 in this epoch was captured then (monotonic clock, s); None: nobody knows."""
        if self._epoch:
            self._epoch.trace.began = at

    def next_epoch(self, recording: Recording) -> None:
        """A resumable publisher starts another recording."""
        assert self.broadcast is not None
        self.broadcast.next_epoch(recording)
        self._epoch = None

    def count(self, size: int) -> None:
        """A message of ``size`` bytes came."""
        self._heard = time.monotonic()
        self._registry.count(size)
        self.visit.received += size
        self._uncounted += size
        if self.broadcast:
            self.broadcast.received += self._uncounted
            self._uncounted = 0

    def alive(self, due: float) -> None:
        """It has sent something to the server in front of us, which tells so every ``due`` seconds.

        From now on this alone says whether it is silent: what we read, and when, says how far we are.
        """
        self._sign_due = time.monotonic() + due

    def silent_for(self, now: float) -> float:
        """Seconds (monotonic clock) since anything came, while it was being read."""
        if self._sign_due is not None:
            return max(0.0, now - self._sign_due)
        return 0.0 if self._blocked else now - self._heard

    # Backpressure

    @property
    def has_room(self) -> bool:
        """Whether another message may be read at once."""
        return self._full is None

    @property
    def _full(self) -> asyncio.Event | None:
        """What has to happen until there is room; None: there is some."""
        if self._epoch and not self._epoch.has_room():
            return self._epoch.changed
        if self.broadcast and not self.broadcast.reception.has_room:
            return self.broadcast.reception.taken
        return None

    async def room(self) -> None:
        """Until another message may be read: the backpressure that reaches the publisher's TCP.

        Raises :class:`Refused` when the broadcast was given up.
        """
        self._blocked = True
        try:
            while self.broadcast and (full := self._full):
                if not self.broadcast.open:
                    raise Refused(Refusal(Code.INTERNAL, self.broadcast.failure or "The broadcast is over."))
                full.clear()
                await full.wait()
        finally:
            self._blocked = False
            self._heard = time.monotonic()

    # The end

    def fence(self, verdict: Refusal) -> None:
        """Take the channel away from it; its connection ends with ``verdict``."""
        if self.verdict is None:
            self._registry.release(self)
            self.verdict = verdict
            self.fenced.set()

    def stop(self) -> None:
        """The publisher says that this was all."""
        if self.broadcast and self.verdict is None:
            self.broadcast.stop()

    def close(self) -> None:
        """The connection is gone."""
        self.visit.until = self.visit.until or time.time()
        if self.verdict is None:
            self._registry.release(self)
            if self.broadcast and self.broadcast.open:
                self.broadcast.publisher_left()
