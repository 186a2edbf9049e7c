"""The supervisor of one broadcast: many lives of encoders against one lifecycle.

A publisher fills epochs; this loop takes them in order and runs generation after generation of
the encoder until each epoch stands in the playlist. It owns every task of the broadcast.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ingestd.broadcast.backoff import Backoff
from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.generation import Generation, Outcome, Reason, Works
from ingestd.broadcast.ledger import Ledger
from ingestd.broadcast.lifecycle import FINAL, SENTENCES, Event, Order, State, step
from ingestd.broadcast.posters import Posters
from ingestd.broadcast.reception import Ladder, Reception
from ingestd.broadcast.recording import Recording
from ingestd.container.model import InitSegment
from ingestd.delivery.delivery import Delivery, Round
from ingestd.encoder.encoder import Encoder
from ingestd.encoder.ladder import Rendition
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
        self.restarts: Counter[str] = Counter()
        self.generations = kept.generations if kept else 0
        self.received = 0  # bytes
        self.reception = Reception(terms.bounds, terms.ladder, resumable=row.resumable)
        self.ledger = Ledger(journal, row)
        self.delivery = _delivery(row, terms, self.ledger.record)
        self.posters = Posters(
            self.delivery,
            terms.works.encoder.program,
            terms.poster_every,
            terms.works.poll,
            lambda: changed(self),
        )
        self.publisher_present = kept is None
        self.window_over = False  # nobody came back in time
        self.over = asyncio.Event()
        self.news = asyncio.Event()  # for the publisher: state or ack have changed
        self.terms = terms
        self._report = changed
        self._epoch: Epoch | None = None
        self._delivered = 0.0  # media time of the epochs that are done
        self._idle = asyncio.Event()  # nothing waits for the encoder
        self._generation: Generation | None = None
        self._backoff = Backoff(terms.max_restarts)
        self._wake = asyncio.Event()
        self._gone_at = time.monotonic()
        self._log = log.bind(broadcast=row.id, channel=row.channel)
        if kept:
            self._restore(kept, journal)
        self._tasks = Tasks(f"broadcast/{row.id}")
        self._tasks.spawn(self._run(), "supervise")
        self._tasks.spawn(self._watch_window(), "window")
        self._tasks.spawn(self.posters.run(self.over), "posters")

    def _restore(self, kept: Kept, journal: Journal) -> None:
        """Raises :class:`Damaged`, or OSError."""
        self.reception.restore(kept.epochs)
        journal.forget_epochs(self.reception.number)
        self.delivery.restore(kept, time.monotonic())
        self._delivered = sum(
            max([*row.commits.values(), row.start]) - row.start for row in kept.epochs if row.total
        )

    # What the publisher's side calls

    def begin_epoch(self, init: InitSegment) -> Epoch:
        """The init segment of the epoch under way; raises :class:`Refused`."""
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
        if self.reception.newest:
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

    def publisher_back(self) -> None:
        """A publisher goes on within the resume window."""
        self.publisher_present = True
        if self.state is State.INTERRUPTED:
            self._on(Event.PUBLISHER_BACK)
        self._wake.set()

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
        return self.state is State.ENDED and not self.window_over

    @property
    def accepts_publisher(self) -> bool:
        """Whether a publisher may go on with it: it is kept for one, and nobody is there."""
        return self.state is State.INTERRUPTED and not self.publisher_present

    @property
    def source(self) -> InitSegment | None:
        return self.reception.source

    @property
    def message(self) -> str:
        """The state in a plain sentence."""
        return f"{SENTENCES[self.state]} {self.failure}".strip()

    @property
    def media_time(self) -> float:
        """Seconds of this broadcast that stand in the playlist."""
        epoch = self._epoch
        return self._delivered + (max(0.0, epoch.commit - epoch.start) if epoch else 0.0)

    @property
    def commit_lag(self) -> float:
        """Seconds that were received but do not stand in the playlist yet."""
        waiting = [*([self._epoch] if self._epoch else []), *self.reception.waiting]
        return sum(epoch.lag for epoch in waiting)

    @property
    def dropped(self) -> list[Rendition]:
        """Renditions that are not encoded at present, since the machine is too slow for them."""
        epoch = self._epoch
        return [made for made in epoch.renditions if made not in epoch.active] if epoch else []

    @property
    def encoder(self) -> Encoder | None:
        """The encoder that runs now."""
        return self._generation.encoder if self._generation else None

    # The supervisor

    def _on(self, event: Event) -> None:
        if not self.open:
            return
        before, self.state = self.state, step(self.state, event)
        if self.state is not before:
            self._log.info("state", state=self.state.value, before=before.value, event_=event.value)
        if self.state is not before or event is Event.SEGMENT:
            self.news.set()
            self._report(self)

    async def _run(self) -> None:
        structlog.contextvars.bind_contextvars(broadcast=self.id, channel=self.channel)
        try:
            while epoch := await self._next_epoch():
                self._epoch = epoch
                self.ledger.deliver(epoch)
                await self._deliver(epoch)
                await self.ledger.delivered()
                self.news.set()
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
        return self.reception.waiting.popleft()

    async def _watch_window(self) -> None:
        """End a broadcast whose publisher does not come back: what was received is delivered."""
        while self.open and self.order is Order.LIVE:
            left = self._gone_at + self.terms.resume_window - time.monotonic()
            if not self.publisher_present and left <= 0:
                self.order = Order.STOPPED
                self.window_over = True
                self._on(Event.WINDOW_OVER)
                self.reception.finish()
                self._wake.set()
            else:
                await _wait(self.over, 1.0 if self.publisher_present else min(1.0, left))

    async def _deliver(self, epoch: Epoch) -> None:
        """Generation after generation until all of the epoch stands in the playlist."""
        while (first := await epoch.first_to_replay()) is not None:
            generation = Generation(
                self.generations, self.id, epoch, self.delivery, self.terms.works, self._notify
            )
            self._generation = generation
            self.generations += 1
            structlog.contextvars.bind_contextvars(generation=generation.number)
            self.ledger.generation(generation.number, {})
            try:
                outcome = await generation.run(first)
            finally:
                self._generation = None
            if outcome.reason is None:
                return
            await self._recover(outcome)

    def _notify(self, event: Event) -> None:
        if event is Event.SEGMENT:
            self._backoff.succeed()
            self.ledger.acknowledge()
        self._on(event)

    async def _recover(self, outcome: Outcome) -> None:
        assert outcome.reason is not None
        self.restarts[outcome.reason.value] += 1
        self._on(Event.ENCODER_DIED)
        wait = self._backoff.fail(random.random())
        if wait is None and outcome.reason is Reason.TARGET and self._waits_for_target():
            wait = self._backoff.cap
        self._log.warning(
            "encoder_died",
            reason=outcome.reason.value,
            exit=str(outcome.exit),
            retry_in=wait,
            lines=outcome.exit.lines,
        )
        if wait is None:
            raise GiveUp(f"The encoder died {self._backoff.failures} times in a row, last by {outcome.exit}")
        await asyncio.sleep(wait)
        if self.open:
            self._on(Event.RESTART)

    def _waits_for_target(self) -> bool:
        """nginx-rtmp that is away is no crash loop: it is waited for as a publisher is."""
        return self._epoch is not None and self._epoch.lag < self.terms.resume_window

    def _finish(self, event: Event) -> None:
        """The last transition, once; whatever stands in the playlist stays playable."""
        try:
            self.ledger.remove()  # before the ENDLIST, after which nothing may follow
            self.delivery.end()
        except Exception:  # whatever it is, the broadcast is over
            self._log.exception("playlist_not_ended")
        self.ended_at = time.time()
        self._delivered, self._epoch = self.media_time, None
        self.reception.waiting.clear()
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


class GiveUp(Exception):
    """A failure that another generation would meet again."""


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def _delivery(row: BroadcastRow, terms: Terms, record: Callable[[Round], None]) -> Delivery:
    works = terms.works
    return Delivery(
        terms.hls_root,
        row.channel,
        row.id,
        works.segment,
        terms.window,
        works.frame_rate,
        record,
        fsync=terms.fsync,
    )
