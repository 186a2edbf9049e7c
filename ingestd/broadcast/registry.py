"""All broadcasts of this server: who may start one, who is told of changes, what was counted."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from ingestd.broadcast.broadcast import Broadcast, Terms
from ingestd.broadcast.epoch import Epoch
from ingestd.container.model import Fragment, InitSegment
from ingestd.delivery.retention import close_leftovers, remove_expired
from ingestd.errors import Code, Refusal, Refused
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.registry")

_RETENTION_SECONDS = 60.0  # between two looks for broadcasts whose time is over
_REMEMBERED = 20  # ended broadcasts that the API still lists
_DRAIN_SECONDS = 8.0  # what broadcasts get to finish when the daemon stops
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Broadcasts at one time; bytes of disk that must be free; seconds that ended ones are kept."""

    broadcasts: int
    free_disk: int
    keep_ended: float


@dataclass(slots=True)
class Totals:
    """What was counted since the start, for /metrics."""

    messages: int = 0
    received: int = 0  # bytes
    segments: int = 0  # of broadcasts that are no longer remembered
    refusals: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)  # by last state


class Publication:
    """A publisher's hold on a channel, from its admission until its connection is gone."""

    def __init__(self, registry: Broadcasts, channel: str, title: str) -> None:
        self.channel = channel
        self.broadcast: Broadcast | None = None
        self._registry = registry
        self._title = title
        self._uncounted = 0  # bytes that came before there was a broadcast to count them for
        self._epoch: Epoch | None = None

    def begin(self, init: InitSegment) -> None:
        """A recording starts: it makes the broadcast, or goes on with one as its next epoch."""
        if self._epoch:
            self._epoch.finish()
        if self.broadcast is None:
            self.broadcast = self._registry.open_broadcast(self.channel, self._title)
        self._epoch = self.broadcast.begin_epoch(init)

    def append(self, fragment: Fragment) -> None:
        assert self._epoch is not None, "a fragment before its init segment"
        self._epoch.append(fragment)

    @property
    def has_room(self) -> bool:
        """Whether another message may be read at once."""
        return self._epoch is None or self._epoch.has_room()

    async def room(self) -> None:
        """Until another message may be read: the backpressure that reaches the publisher's TCP.

        Raises :class:`Refused` when the broadcast was given up.
        """
        while self._epoch and self.broadcast:
            if not self.broadcast.open:
                raise Refused(Refusal(Code.INTERNAL, self.broadcast.failure or "The broadcast is over."))
            if self._epoch.has_room():
                return
            self._epoch.changed.clear()
            await self._epoch.changed.wait()

    def count(self, size: int) -> None:
        """A message of ``size`` bytes came."""
        self._registry.totals.messages += 1
        self._registry.totals.received += size
        self._uncounted += size
        if self.broadcast:
            self.broadcast.received += self._uncounted
            self._uncounted = 0

    def close(self, complete: bool) -> None:
        """The connection is gone; ``complete`` if the publisher said that this was all."""
        self._registry.release(self)
        if self._epoch:
            self._epoch.finish()
        if self.broadcast and self.broadcast.open:
            if complete:
                self.broadcast.stop()
            else:
                self.broadcast.publisher_left()


class Broadcasts:
    """The registry: open broadcasts, those that ended lately, and the publishers' claims."""

    def __init__(self, terms: Terms, limits: Limits) -> None:
        self.totals = Totals()
        self._terms = terms
        self._limits = limits
        self._open: dict[str, Broadcast] = {}
        self._ended: deque[Broadcast] = deque()
        self._claims: dict[str, Publication] = {}
        self._subscribers: set[Subscriber] = set()
        self._closing = False
        self._tasks = Tasks("broadcasts")

    def start(self) -> None:
        """End what an earlier process left open on disk, and begin to look after what is kept."""
        (self._terms.hls_root / "public").mkdir(parents=True, exist_ok=True)
        if closed := close_leftovers(self._terms.hls_root):
            log.warning("leftovers_closed", broadcasts=closed)
        self._tasks.spawn(self._expire(), "expire", eternal=True)

    # Publishers

    def refusal(self, channel: str) -> Refusal | None:
        """Why a publisher cannot be taken on this channel now."""
        if self._closing:
            return Refusal(Code.RESTARTING, "The server is restarting; come back in a moment.")
        if channel in self._claims:
            return Refusal(Code.CONFLICT, f"The channel {channel} is already live from another connection.")
        if self._resumable(channel):
            return None
        return self.no_room()

    def no_room(self) -> Refusal | None:
        """Why no new broadcast can be taken at all now."""
        if len(self._open) >= self._limits.broadcasts:
            words = f"The server is full: {self._limits.broadcasts} broadcasts are running. Try again later."
            return Refusal(Code.NO_CAPACITY, words)
        free = shutil.disk_usage(self._terms.hls_root).free
        if free < self._limits.free_disk:
            words = f"The server's disk is full: {free // _MIB} MiB are free, too little for a broadcast."
            return Refusal(Code.NO_CAPACITY, words)
        return None

    def claim(self, channel: str, title: str) -> Publication:
        """Take a channel for a publisher; raises :class:`Refused`."""
        if refusal := self.refusal(channel):
            raise Refused(refusal)
        self._claims[channel] = Publication(self, channel, title)
        return self._claims[channel]

    def release(self, publication: Publication) -> None:
        if self._claims.get(publication.channel) is publication:
            del self._claims[publication.channel]

    def _resumable(self, channel: str) -> Broadcast | None:
        mine = (one for one in self._open.values() if one.channel == channel and one.accepts_publisher)
        return next(mine, None)

    def open_broadcast(self, channel: str, title: str) -> Broadcast:
        """The interrupted broadcast of a channel, or a new one; raises :class:`Refused`."""
        if waiting := self._resumable(channel):
            waiting.publisher_back()
            return waiting
        if refusal := self.no_room():  # others may have come between the handshake and the first bytes
            raise Refused(refusal)
        made = Broadcast(new_id(), channel, title or channel, self._terms, self._changed)
        self._open[made.id] = made
        log.info("broadcast_started", broadcast=made.id, channel=channel)
        self._changed(made)
        return made

    # Readers

    def __iter__(self) -> Iterator[Broadcast]:
        """The open ones, oldest first."""
        return iter(list(self._open.values()))

    @property
    def ended(self) -> list[Broadcast]:
        """Those that ended lately, newest first."""
        return list(self._ended)

    def newest(self, channel: str) -> Broadcast | None:
        """The channel's open broadcast, or the one that ended last."""
        both = [*reversed(self._open.values()), *self._ended]
        return next((one for one in both if one.channel == channel), None)

    @contextmanager
    def subscribe(self) -> Iterator[Subscriber]:
        """Be told which broadcasts have changed."""
        subscriber = Subscriber()
        if self._closing:
            subscriber.close()
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    def _changed(self, broadcast: Broadcast) -> None:
        if not broadcast.open and broadcast.id in self._open:
            del self._open[broadcast.id]
            self._remember(broadcast)
        for subscriber in self._subscribers:
            subscriber.note(broadcast)

    def _remember(self, broadcast: Broadcast) -> None:
        self.totals.restarts.update(broadcast.restarts)
        self.totals.ended[broadcast.state.value] += 1
        self.totals.segments += broadcast.delivery.segments
        self._ended.appendleft(broadcast)
        while len(self._ended) > _REMEMBERED:
            self._ended.pop()

    # Life

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(min(_RETENTION_SECONDS, self._limits.keep_ended))
            try:
                gone = remove_expired(self._terms.hls_root, self._limits.keep_ended, time.time(), self._open)
            except OSError as error:
                log.error("expired_not_removed", error=str(error))
                continue
            self._ended = deque(one for one in self._ended if one.id not in gone)

    def refuse_publishers(self) -> None:
        """The daemon is stopping; whoever follows the changes is let go, too."""
        self._closing = True
        for subscriber in self._subscribers:
            subscriber.close()

    async def close(self) -> None:
        """End every broadcast: what was received goes into the playlist, as far as time allows."""
        self.refuse_publishers()
        broadcasts = list(self)
        for one in broadcasts:
            one.stop()
        waiters = [self._tasks.spawn(one.over.wait(), f"drain-{one.id}") for one in broadcasts]
        if waiters:
            await asyncio.wait(waiters, timeout=_DRAIN_SECONDS)
        await asyncio.gather(*(one.close() for one in broadcasts))
        await self._tasks.close()


class Subscriber:
    """Which broadcasts have changed since it last looked: a set, so a slow reader costs no memory."""

    def __init__(self) -> None:
        self._dirty: dict[str, Broadcast] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def note(self, broadcast: Broadcast) -> None:
        self._dirty[broadcast.id] = broadcast
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def changes(self) -> AsyncIterator[list[Broadcast]]:
        """Lists of broadcasts that have changed, until the server stops."""
        while not self._closed:
            await self._wake.wait()
            self._wake.clear()
            changed, self._dirty = list(self._dirty.values()), {}
            if changed:
                yield changed


def new_id() -> str:
    """An id that sorts by time and cannot be guessed: 8 hex digits of seconds, 8 of chance."""
    return f"{int(time.time()):08x}{secrets.token_hex(4)}"
