"""All broadcasts of this server: who may start one, who is told of changes, what was counted."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from ingestd.broadcast import disk
from ingestd.broadcast.broadcast import Broadcast, Terms
from ingestd.broadcast.lifecycle import Order
from ingestd.broadcast.publication import Publication
from ingestd.broadcast.room import Room
from ingestd.broadcast.subscriber import Subscriber
from ingestd.broadcast.totals import Counts, Totals
from ingestd.delivery.retention import close_leftovers, remove_expired
from ingestd.errors import Code, Refusal, Refused
from ingestd.journal.journal import SUFFIX, BroadcastRow, Damaged, Journal, JournalFull, remove
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.registry")

_AGAIN_SECONDS = 2.0  # between two tries to restore what the disk had no room for
_RETENTION_SECONDS = 60.0  # between two looks for broadcasts whose time is over
_REMEMBERED = 20  # ended broadcasts that the API still lists

_COME_BACK = 15  # seconds, for those that find no room
_NO_ROOM = f"Try again in {_COME_BACK} s."

PENDING = Refusal(
    Code.RESTARTING,
    "The server could not yet go on with this channel's broadcast: its disk is full, or cannot be used."
    " Come back in a moment: nothing is lost.",
)
DELETED = Refusal(Code.FORBIDDEN, "The channel was deleted.")
RESTARTING = Refusal(Code.RESTARTING, "The server is restarting; come back in a moment.")


@dataclass(frozen=True, slots=True)
class Limits:
    """Broadcasts at one time; bytes of disk that must be free; seconds that ended ones are kept;
    seconds of silence after which a connection may be taken for dead."""

    broadcasts: int
    free_disk: int
    keep_ended: float
    silent_after: float = 3.0


class Broadcasts:
    """The registry: open broadcasts, those that ended lately, and the publishers' claims."""

    def __init__(self, terms: Terms, limits: Limits, journals: Path, room: Room | None = None) -> None:
        self.totals = Totals()
        self._room = room
        self._terms = terms
        self.limits = limits
        self._journals = journals
        self._open: dict[str, Broadcast] = {}
        self._pending: dict[str, str] = {}  # broadcasts yet to be restored: their channels, "": not known
        self._ended: deque[Broadcast] = deque()
        self._claims: dict[str, Publication] = {}
        self._subscribers: set[Subscriber] = set()
        self.closing = False  # no publisher is taken any more
        self.was_live: Callable[[str, float], None] = lambda _channel, _until: None
        self._tasks = Tasks("broadcasts")

    def start(self) -> None:
        """Go on with what an earlier process left open, and begin to look after what is kept."""
        for directory in (self._terms.hls_root / "public", self._journals):
            directory.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._journals.glob(f"*{SUFFIX}"), reverse=True):
            self._restore(path)
        if self._pending:
            self._tasks.spawn(self._restore_later(), "restore")
        if closed := close_leftovers(self._terms.hls_root, {*self._open, *self._pending}):
            log.warning("leftovers_closed", broadcasts=closed)
        self._tasks.spawn(self._expire(), "expire", eternal=True)
        if self._room:
            self._tasks.spawn(self._room.watch(lambda: self._open.values()), "load", eternal=True)

    def _restore(self, path: Path) -> None:
        """One broadcast of an earlier process. What is damaged is ended, and stops no other.

        What a full disk keeps from being restored is pending: until then its publisher is asked to come
        back, and its channel takes no other broadcast, beside which it would come to life.
        """
        identity = path.name.removesuffix(SUFFIX)
        journal, channel = None, self._pending.pop(identity, "")
        try:
            channel = channel or _played_on(self._terms.hls_root, identity)
            journal, kept = Journal.open(path, fsync=self._terms.fsync)
            channel = kept.broadcast.channel
            found = Broadcast(kept.broadcast, self._terms, journal, self._changed, kept)
        except (Damaged, OSError, ValueError, TypeError) as error:
            # whose playlists somebody has deleted will not find them later
            passing = isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
            log.error("broadcast_not_restored", journal=path.name, reason=str(error), again=passing)
            if journal:
                journal.close()
            if passing:
                self._pending[identity] = channel
            else:
                remove(path)
            return
        self._open = {found.id: found, **self._open}  # it is older than whatever is there
        log.info("broadcast_restored", broadcast=found.id, channel=found.channel)
        self._changed(found)
        self._leave_one(found.channel)

    async def _restore_later(self) -> None:
        """Until there is room for all that are pending."""
        while self._pending:
            await asyncio.sleep(_AGAIN_SECONDS)
            for identity in list(self._pending):
                self._restore(self._journals / f"{identity}{SUFFIX}")

    def _leave_one(self, channel: str) -> None:
        """A channel has one broadcast: those that had been replaced when the daemon died end again."""
        live = [one for one in self if one.channel == channel and one.order is Order.LIVE]
        for old in live[:-1]:
            old.abandon()

    # Publishers

    def refusal(self, channel: str, takeover: bool = False) -> Refusal | None:
        """Why a publisher cannot be taken on this channel now."""
        if self.closing:
            return RESTARTING
        if channel in self._pending.values():
            return PENDING
        holder = self._claims.get(channel)
        if holder and not takeover and holder.silent_for(time.monotonic()) < self.limits.silent_after:
            return Refusal(Code.CONFLICT, f"The channel {channel} is already live from another connection.")
        return None if holder or self._resumable(channel) else self.no_room()

    def limit(self, limits: Limits, max_load: float) -> None:
        """From now on these count for whoever comes; what is there stays."""
        self.limits = limits
        if self._room:
            self._room.limit(max_load)

    def no_room(self) -> Refusal | None:
        """Why no new broadcast can be taken at all now."""
        if len(self._open) >= self.limits.broadcasts:
            words = f"The server is full: {self.limits.broadcasts} broadcasts are running. {_NO_ROOM}"
            return Refusal(Code.NO_CAPACITY, words, _COME_BACK)
        if lack := disk.lack(self._terms.hls_root, self.limits.free_disk):
            return Refusal(Code.NO_CAPACITY, f"{lack} {_NO_ROOM}", _COME_BACK)
        return self._room.refusal() if self._room else None

    def beside(self, cost: float) -> bool:
        """Whether something beside the encoders may use so many cores, from now on."""
        return cost <= 0 or self._room is None or self._room.beside(cost)

    def claim(self, channel: str, title: str, takeover: bool = False) -> Publication:
        """Take a channel for a plain publisher; raises :class:`Refused`."""
        if refusal := self.refusal(channel, takeover):
            raise Refused(refusal)
        self._fence(channel)
        if waiting := self._resumable(channel):
            waiting.publisher_expected()
        return self._hold(Publication(self, channel, title))

    def begin(self, channel: str, title: str, takeover: bool = False) -> Publication:
        """A new broadcast for a resumable publisher; whatever was open on the channel ends.

        Raises :class:`Refused`.
        """
        if refusal := self.refusal(channel, takeover):
            raise Refused(refusal)
        replaced = [old for old in self if old.channel == channel and old.order is Order.LIVE]
        # those that are still ending count: else whoever starts again and again takes the whole machine
        if len(self._open) - len(replaced) >= self.limits.broadcasts and (full := self.no_room()):
            raise Refused(full)
        made = self._make(channel, title, resumable=True)  # before anything of the old one is touched
        self._fence(channel)
        for old in replaced:
            old.abandon()
        return self._hold(Publication(self, channel, title, made))

    def resume(
        self, channel: str, identity: str, epoch: int, held_from: int | None
    ) -> Publication | Broadcast:
        """Go on with a broadcast; the broadcast itself if it is over, and all of it was delivered.

        Its connection so far is fenced off, whether it is silent or not: a publisher that comes
        back knows best that it has lost that one. Raises :class:`Refused`.
        """
        if self.closing:
            raise Refused(RESTARTING)
        if identity in self._pending:
            raise Refused(PENDING)
        found = self.find(identity)
        if found and found.channel != channel:
            found = None
        if found and found.complete:
            return found
        if found is None or not found.open or found.abandoned:
            words = "There is no such broadcast to go on with: it has ended. Start a new one."
            raise Refused(Refusal(Code.NO_SUCH_BROADCAST, words))
        found.reception.resume(epoch, held_from)
        self._fence(channel)
        self.totals.resumes += 1
        publication = self._hold(Publication(self, channel, found.title, found))
        visit, reception = publication.visit, found.reception
        visit.epoch, visit.resumed_at = reception.number, reception.recording.received
        found.publisher_back()
        return publication

    def _fence(self, channel: str) -> None:
        if holder := self._claims.get(channel):
            words = f"Another connection took over the channel {channel}."
            holder.fence(Refusal(Code.CONFLICT, words))
            if holder.broadcast and holder.broadcast.open:
                holder.broadcast.publisher_left()

    def withdraw(self, channel: str) -> None:
        """The channel is no more: its publisher goes, and no other channel of that name shows any of it.

        Raises OSError, and may then be called again.
        """
        if holder := self._claims.get(channel):
            holder.fence(DELETED)
        for one in self:
            if one.channel == channel:
                one.withdraw()
        self._ended = deque(one for one in self._ended if one.channel != channel)

    def _hold(self, publication: Publication) -> Publication:
        self._claims[publication.channel] = publication
        return publication

    def release(self, publication: Publication) -> None:
        if self._claims.get(publication.channel) is publication:
            del self._claims[publication.channel]

    def count(self, size: int) -> None:
        self.totals.messages += 1
        self.totals.received += size

    def _resumable(self, channel: str) -> Broadcast | None:
        mine = (one for one in self._open.values() if one.channel == channel and one.accepts_publisher)
        return next(mine, None)

    def open_plainly(self, channel: str, title: str) -> Broadcast:
        """The interrupted broadcast of a channel, or a new one; raises :class:`Refused`."""
        if waiting := self._resumable(channel):
            self.totals.resumes += 1
            waiting.publisher_back()
            return waiting
        if refusal := self.no_room():  # others may have come between the handshake and the first bytes
            raise Refused(refusal)
        return self._make(channel, title, resumable=False)

    def _make(self, channel: str, title: str, *, resumable: bool) -> Broadcast:
        row = BroadcastRow(new_id(), channel, title or channel, time.time(), resumable)
        try:
            journal = Journal.create(self._journals, row, fsync=self._terms.fsync)
        except JournalFull as error:
            log.error("journal_not_made", error=str(error))
            words = f"The server cannot write to its disk; its log says more. {_NO_ROOM}"
            raise Refused(Refusal(Code.NO_CAPACITY, words, _COME_BACK)) from None
        if self._room:
            self._room.take()
        made = Broadcast(row, self._terms, journal, self._changed)
        self._open[made.id] = made
        log.info("broadcast_started", broadcast=made.id, channel=channel, resumable=resumable)
        self._changed(made)
        return made

    # Readers

    def __iter__(self) -> Iterator[Broadcast]:
        """The open ones, oldest first."""
        return iter(list(self._open.values()))

    @property
    def webrtc(self) -> bool:
        """Whether this server has it."""
        return self._terms.whep

    @property
    def pending(self) -> int:
        """Broadcasts of an earlier process that could not yet be gone on with."""
        return len(self._pending)

    @property
    def counts(self) -> Counts:
        """Of all broadcasts since the start, those that are open as well."""
        every = Counts()
        for counted in (self.totals, *(one.counts for one in self._open.values())):
            every.add(counted)
        return every

    @property
    def ended(self) -> list[Broadcast]:
        """Those that ended lately, newest first."""
        return list(self._ended)

    def find(self, identity: str) -> Broadcast | None:
        """The open broadcast with this id, or one that ended lately."""
        return next((one for one in [*self._open.values(), *self._ended] if one.id == identity), None)

    def newest(self, channel: str) -> Broadcast | None:
        """The channel's open broadcast, or the one that ended last."""
        both = [*reversed(self._open.values()), *self._ended]
        return next((one for one in both if one.channel == channel), None)

    @contextmanager
    def subscribe(self) -> Iterator[Subscriber]:
        """Be told which broadcasts have changed."""
        subscriber = Subscriber()
        if self.closing:
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
        self.totals.add(broadcast.counts)
        self.totals.ended[broadcast.state.value] += 1
        self._ended.appendleft(broadcast)
        if broadcast.delivery.playable:
            self.was_live(broadcast.channel, broadcast.ended_at or time.time())
        while len(self._ended) > _REMEMBERED:
            self._ended.pop()

    # Life

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(min(_RETENTION_SECONDS, self.limits.keep_ended))
            try:
                gone = remove_expired(
                    self._terms.hls_root, self.limits.keep_ended, time.time(), {*self._open, *self._pending}
                )
            except OSError as error:
                log.error("expired_not_removed", error=str(error))
                continue
            self._ended = deque(one for one in self._ended if one.id not in gone)

    def refuse_publishers(self) -> None:
        """The daemon is stopping: publishers come back later, whoever follows the changes is let go."""
        self.closing = True
        for publication in list(self._claims.values()):
            publication.fence(RESTARTING)
            if publication.broadcast and publication.broadcast.open:
                publication.broadcast.publisher_left()
        for subscriber in self._subscribers:
            subscriber.close()

    async def close(self) -> None:
        """Leave every broadcast so that the next process goes on with it."""
        self.refuse_publishers()
        waiters = [self._tasks.spawn(one.suspend(), f"suspend-{one.id}") for one in self]
        await asyncio.gather(*waiters)
        await self._tasks.close()


def _played_on(hls_root: Path, identity: str) -> str:
    """The channel in whose playlists a broadcast stands; empty: in none."""
    return next((path.parent.name for path in (hls_root / "public").glob(f"*/{identity}")), "")


def new_id() -> str:
    """An id that sorts by time and cannot be guessed: 8 hex digits of seconds, 8 of chance."""
    return f"{int(time.time()):08x}{secrets.token_hex(4)}"
