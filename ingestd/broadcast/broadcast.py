"""One broadcast: what is wanted of it, what is observed, and who does the work.

A publisher fills epochs (reception); the loop here takes them in order and has each delivered
(supervisor) until nothing is left to come. It owns every task of the broadcast.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.generation import Works
from ingestd.broadcast.latency import Latency
from ingestd.broadcast.ledger import Ledger
from ingestd.broadcast.lifecycle import FINAL, GOING_ON, SENTENCES, Event, Order, State, step
from ingestd.broadcast.peers import Peers
from ingestd.broadcast.posters import Posters
from ingestd.broadcast.reception import Ladder, Reception, ladder_for
from ingestd.broadcast.recording import Recording
from ingestd.broadcast.story import Story, Turn
from ingestd.broadcast.supervisor import GiveUp, Limits, Supervisor
from ingestd.broadcast.totals import Counts
from ingestd.container.model import InitSegment
from ingestd.delivery.delivery import Delivery, Round
from ingestd.journal.journal import BroadcastRow, Journal, Kept
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.broadcast")

_DRAIN_SECONDS = 8.0  # for what only the server has, when the daemon stops


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every broadcast; times in seconds."""

    works: Works
    bounds: Bounds
    hls_root: Path
    window: float
    resume_window: float
    max_restarts: int
    poster_every: float  # 0: no posters
    ladder: Ladder
    fsync: bool = False
    whep: bool = False  # viewers may have it by WebRTC
    rtmp: Mapping[str, Any] | None = None  # where encoders publish, as the API tells it
    ladder_as: Callable[[bool], Ladder] | None = None  # with separate sound, or without


class Broadcast:
    """One time of going live on a channel, from start to end; it survives faults.

    ``kept`` is what the journal says, if an earlier process was cut off in the middle of it.
    """

    def __init__(
        self,
        row: BroadcastRow,
        terms: Terms,
        journal: Journal,
        changed: Callable[[Broadcast], None],
        kept: Kept | None = None,
    ) -> None:
        self.id = row.id
        self.channel = row.channel
        self.title = row.title
        self.order = Order.LIVE
        self.state = State.INTERRUPTED if kept else State.STARTING
        self.failure = ""  # why it failed, in a plain sentence
        self.started_at = row.started_at
        self.ended_at: float | None = None
        self.received = 0  # bytes
        self.viewers: int | None = None  # of its channel now; None: nobody counts them
        self.viewers_peak = 0  # most at one time, since this process has it
        self.peers = Peers()  # of its channel now
        self.listed_at = time.monotonic()  # when its playlists grew last; before that, since when it is here
        self.latency = Latency()
        self.story = Story()
        ladder = ladder_for(terms.ladder, terms.ladder_as, kept)
        self.reception = Reception(terms.bounds, ladder, resumable=row.resumable)
        self.ledger = Ledger(journal, row)
        self.delivery = _delivery(row, terms, self.ledger.record)
        limits = Limits(terms.max_restarts, terms.resume_window)
        self.supervisor = Supervisor(
            row.id, self.delivery, self.ledger, terms.works, limits, self._on, self.latency
        )
        self.posters = Posters(
            self.delivery,
            terms.works.encoder.program,
            terms.poster_every,
            terms.works.poll,
            lambda: changed(self),
        )
        self.publisher_present = kept is None
        self.abandoned = False  # it ends, though its publisher did not say that this was all
        self.over = asyncio.Event()
        self.news = asyncio.Event()  # for the publisher: state or ack have changed
        self.terms = terms
        self._report = changed
        self._epoch: Epoch | None = None
        self._given_up = 0
        self._delivered = 0.0  # media time of the epochs that are done
        self._idle = asyncio.Event()  # nothing waits for the encoder
        self._wake = asyncio.Event()
        self._gone_at = time.monotonic()
        self._log = log.bind(broadcast=row.id, channel=row.channel)
        if kept:
            self._restore(kept, journal)
        self._tell("restored" if kept else "started")
        self._tasks = Tasks(f"broadcast/{row.id}", broadcast=row.id, channel=row.channel)
        self._tasks.spawn(self._run(), "supervise")
        self._tasks.spawn(self._watch_window(), "window")
        self._tasks.spawn(self.posters.run(self.over), "posters")

    def _restore(self, kept: Kept, journal: Journal) -> None:
        """Raises :class:`Damaged`, or OSError."""
        self.reception.restore(kept.epochs)
        journal.forget_epochs(self.reception.number)
        self.delivery.restore(kept, time.monotonic())
        self.supervisor.restore(kept)
        done = [row for row in kept.epochs if row.total is not None]
        self._delivered = sum(min(row.commits.values(), default=row.start) - row.start for row in done)

    # What the publisher's side calls

    def begin_epoch(self, init: InitSegment) -> Epoch:
        """The init segment of the epoch under way."""
        epoch = self.reception.begin(init)
        self._idle.clear()
        self._wake.set()
        self._log.info(
            "epoch_started", epoch=epoch.number, renditions=[made.name for made in epoch.renditions]
        )
        return epoch

    def next_epoch(self, recording: Recording | None = None) -> None:
        """The epoch under way is complete; another one follows."""
        self.reception.advance(recording)
        self._wake.set()

    def continued_plainly(self) -> None:
        """A publisher that keeps nothing goes on with it, as a new epoch."""
        if self.reception.newest or self.reception.recording.complete:
            self.next_epoch()
        if self.reception.resumable:
            self.reception.resumable = False
            self.ledger.plain()

    def publisher_left(self) -> None:
        """The connection is gone without a word: the resume window starts.

        The encoder waits, with its pipe open, for a resumable publisher to go on in mid-recording;
        of a plain one nothing more can come.
        """
        self.publisher_present = False
        self._gone_at = time.monotonic()
        if not self.reception.resumable:
            self.reception.finish()
        if self.order is Order.LIVE:
            self._on(Event.PUBLISHER_LEFT)
        self._wake.set()

    def publisher_expected(self) -> None:
        """One has come to go on with it, though nothing of it is here yet: the resume window starts anew."""
        self._gone_at = time.monotonic()

    def publisher_back(self) -> None:
        """A publisher goes on within the resume window."""
        self.publisher_present = True
        if self.state is State.INTERRUPTED:
            self._on(Event.PUBLISHER_BACK)
        self._wake.set()

    def abandon(self) -> None:
        """Another broadcast takes its channel: end with what was received."""
        self.abandoned = True
        self.stop()

    def withdraw(self) -> None:
        """Its channel is no more: it belongs to none, shows nothing any more, and ends. Raises OSError."""
        self.delivery.withdraw()
        self.channel = ""
        self.abandon()

    def stop(self) -> None:
        """The recording is complete: end as soon as all of it stands in the playlist."""
        self.reception.finish()
        if self.order is Order.LIVE:
            self.order = Order.STOPPED
            self._on(Event.STOP)
        self._wake.set()

    # What the API shows

    @property
    def open(self) -> bool:
        return self.state not in FINAL

    @property
    def complete(self) -> bool:
        """Whether it is over and its publisher had said that this was all."""
        return self.state is State.ENDED and not self.abandoned

    @property
    def accepts_publisher(self) -> bool:
        """Whether a publisher may go on with it: it is kept for one, and nobody is there."""
        return self.state is State.INTERRUPTED and not self.publisher_present

    @property
    def source(self) -> InitSegment | None:
        return self.reception.source

    @property
    def whep(self) -> bool:
        """Whether it can be watched by WebRTC now."""
        return self.terms.whep and self.open and self.source is not None

    @property
    def message(self) -> str:
        """The state in plain sentences.

        While a generation comes up they say why it had to: a first restart waits for nothing, so whoever
        looks sees it starting, and a broadcast that is on the air does not start.
        """
        if self.state in (State.STARTING, State.BACKING_OFF) and self.supervisor.trouble:
            return self.supervisor.trouble
        if self.state is State.STARTING and self.media_time > 0:
            return GOING_ON
        said = f"{SENTENCES[self.state]} {self.failure}".strip()
        left_out = ", ".join(made.name for made in self.supervisor.dropped)
        return f"{said} {left_out} is left out for now: the server is too slow for it." if left_out else said

    @property
    def media_time(self) -> float:
        """Seconds of this broadcast that stand in the playlist."""
        epoch = self._epoch
        return self._delivered + (max(0.0, epoch.commit - epoch.start) if epoch else 0.0)

    @property
    def given_up(self) -> int:
        """Bytes that the replay buffer had to let go of before they stood in the playlist."""
        return self._given_up + (self._epoch.buffer.given_up if self._epoch else 0)

    @property
    def _undelivered(self) -> list[Epoch]:
        return [*([self._epoch] if self._epoch else []), *self.reception.waiting]

    @property
    def commit_lag(self) -> float:
        """Seconds that were received but do not stand in the playlist yet."""
        return sum(epoch.lag for epoch in self._undelivered)

    @property
    def unacked(self) -> float:
        """Seconds that were received and that a resumable publisher still has to keep."""
        return sum(epoch.buffer.seconds for epoch in self._undelivered) if self.reception.resumable else 0.0

    @property
    def counts(self) -> Counts:
        """Since this process has it."""
        supervisor, delivery = self.supervisor, self.delivery
        return Counts(
            delivery.segments,
            delivery.size,
            delivery.discontinuities,
            self.given_up,
            *supervisor.bent,
            supervisor.restarts,
            self.latency,
        )

    def watched_by(self, viewers: int) -> None:
        """So many watch its channel now."""
        if viewers != self.viewers:
            self.viewers, self.viewers_peak = viewers, max(viewers, self.viewers_peak)
            self._report(self)

    def connected(self, peers: Peers) -> None:
        """By WebRTC to its channel now."""
        if peers != self.peers:
            self.peers = peers
            self._report(self)

    # The supervisor

    def _on(self, event: Event) -> None:
        if not self.open:
            return
        before, self.state = self.state, step(self.state, event)
        if event is Event.SEGMENT:
            self.listed_at = time.monotonic()
        if self.state is not before:
            self._log.info("state", state=self.state.value, before=before.value, event_=event.value)
        if self.state is not before or event is not Event.SEGMENT:
            self._tell(event.value)
        self.news.set()  # also where the state is the same: its sentence may be another
        self._report(self)

    def _tell(self, event: str) -> None:
        self.story.turns.append(Turn(time.time(), event, self.state.value, self.message))

    async def _run(self) -> None:
        try:
            while epoch := await self._next_epoch():
                self._epoch = epoch
                self.ledger.deliver(epoch)
                await self.supervisor.deliver(epoch)
                await self.ledger.delivered()
                self.news.set()
                self._given_up = self.given_up
                self._delivered, self._epoch = self.media_time, None
            self._finish(Event.DELIVERED)
        except asyncio.CancelledError:  # the daemon stops: the journal knows how to go on
            self.ledger.close()
            raise
        except GiveUp as error:
            self.failure = str(error)
            self._finish(Event.GIVE_UP)
        except Exception:
            self._log.exception("broadcast_failed")
            self.failure = "The server made a mistake; its log says more."
            self._finish(Event.GIVE_UP)

    async def _next_epoch(self) -> Epoch | None:
        """The next recording; None when there will be none."""
        while not self.reception.waiting:
            if self.order is Order.STOPPED:
                return None
            self._idle.set()
            self._wake.clear()
            await self._wake.wait()
        self._idle.clear()
        return self.reception.take()

    async def _watch_window(self) -> None:
        """End a broadcast whose publisher does not come back: what was received is delivered."""
        while self.open and self.order is Order.LIVE:
            left = self._gone_at + self.terms.resume_window - time.monotonic()
            if not self.publisher_present and left <= 0:
                self.order = Order.STOPPED
                self.abandoned = True
                self._on(Event.WINDOW_OVER)
                self.reception.finish()
                self._wake.set()
            else:
                await _wait(self.over, 1.0 if self.publisher_present else min(1.0, left))

    def _finish(self, event: Event) -> None:
        """The last transition, once; whatever stands in the playlist stays playable."""
        with suppress(OSError):  # then the next start finds it, and ends it once more
            self.ledger.remove()  # before the ENDLIST, after which nothing may follow
        try:
            self.delivery.end()
        except Exception:  # whatever it is, the broadcast is over
            self._log.exception("playlist_not_ended")
        self.ended_at = time.time()
        self._given_up = self.given_up
        self._delivered, self._epoch = self.media_time, None
        self.reception.clear()
        self._on(event)
        self._log.info("broadcast_over", state=self.state.value, media_time=round(self.media_time, 3))
        self._idle.set()
        self.over.set()
        self.news.set()

    async def suspend(self) -> None:
        """The daemon stops: the broadcast stays open, to go on when the daemon is back.

        A resumable publisher keeps what is not acked. What a plain one has sent is nowhere else: it
        is delivered, as far as the time allows.
        """
        if not self.reception.resumable:
            self.reception.finish()
            self._wake.set()
        if not self.reception.resumable or self.order is Order.STOPPED:
            await _wait(self._idle, _DRAIN_SECONDS)
        await self._tasks.close()


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _delivery(row: BroadcastRow, terms: Terms, record: Callable[[Round], None]) -> Delivery:
    times = terms.works.segment, terms.window, terms.works.frame_rate
    return Delivery(terms.hls_root, row.channel, row.id, *times, record, fsync=terms.fsync)
