"""The supervisor of one broadcast: many lives of encoders against one lifecycle.

A publisher fills epochs; this loop takes them in order and runs generation after generation of
the encoder until each epoch stands in the playlist. It owns every task of the broadcast.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ingestd.broadcast.backoff import Backoff
from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.generation import Generation, Outcome, Reason, Works
from ingestd.broadcast.lifecycle import FINAL, SENTENCES, Event, Order, State, step
from ingestd.container.model import InitSegment
from ingestd.delivery.delivery import Delivery
from ingestd.delivery.poster import make_poster
from ingestd.encoder.encoder import Encoder
from ingestd.encoder.ladder import Rendition
from ingestd.errors import Code, Refusal, Refused, StartError
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.broadcast")

_AHEAD = 3600.0  # seconds
_WAITING_EPOCHS = 8  # recordings that may wait behind the one that is being encoded


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
    ladder: Callable[[InitSegment], tuple[Rendition, ...]]


class Broadcast:
    """One time of going live on a channel, from start to end; it survives faults."""

    def __init__(
        self, identity: str, channel: str, title: str, terms: Terms, changed: Callable[[Broadcast], None]
    ) -> None:
        self.id = identity
        self.channel = channel
        self.title = title
        self.order = Order.LIVE
        self.state = State.STARTING
        self.failure = ""  # why it failed, in a plain sentence
        self.started_at = time.time()
        self.ended_at: float | None = None
        self.source: InitSegment | None = None
        self.restarts: Counter[str] = Counter()
        self.generations = 0
        self.received = 0  # bytes
        self.posters = 0
        self.delivery = Delivery(
            terms.hls_root, channel, identity, terms.works.segment, terms.window, terms.works.frame_rate
        )
        self.publisher_present = True
        self.over = asyncio.Event()
        self._terms = terms
        self._report = changed
        self._epoch: Epoch | None = None
        self._epochs: deque[Epoch] = deque()
        self._epoch_count = 0
        self._newest: Epoch | None = None
        self._delivered = 0.0  # media time of the epochs that are done
        self._generation: Generation | None = None
        self._backoff = Backoff(terms.max_restarts)
        self._wake = asyncio.Event()
        self._gone_at = 0.0
        self._log = log.bind(broadcast=identity, channel=channel)
        self._tasks = Tasks(f"broadcast/{identity}")
        self._tasks.spawn(self._run(), "supervise")
        self._tasks.spawn(self._make_posters(), "posters")

    # What the publisher's side calls

    def begin_epoch(self, init: InitSegment) -> Epoch:
        """A recording starts: the first one, or the next after a reconnect or a change of source.

        Raises :class:`Refused` when recordings come faster than they can be encoded.
        """
        if len(self._epochs) >= _WAITING_EPOCHS:
            raise Refused(Refusal(Code.MALFORMED, "The recorder is restarted too often."))
        renditions = self._terms.ladder(init)
        # dates never go back, and a client's time stamps do not reach far into the future
        newest = min(self._newest.end_date, time.time() + _AHEAD) if self._newest else 0.0
        wall = max(time.time(), newest)
        epoch = Epoch(self._epoch_count, init, renditions, self._terms.bounds, wall)
        self._newest = epoch
        self._epoch_count += 1
        self.source = init
        self._epochs.append(epoch)
        self._wake.set()
        self._log.info("epoch_started", epoch=epoch.number, renditions=[made.name for made in renditions])
        return epoch

    def publisher_left(self) -> None:
        """The connection is gone without a word: the resume window starts."""
        self.publisher_present = False
        self._gone_at = time.monotonic()
        if self.order is Order.LIVE:
            self._on(Event.PUBLISHER_LEFT)
        self._wake.set()

    def publisher_back(self) -> None:
        """A publisher goes on within the resume window."""
        self.publisher_present = True
        self._on(Event.PUBLISHER_BACK)
        self._wake.set()

    def stop(self) -> None:
        """The recording is complete: end as soon as all of it stands in the playlist."""
        self.publisher_present = False
        if self.order is Order.LIVE:
            self.order = Order.STOPPED
            self._on(Event.STOP)
        self._wake.set()

    # What the API shows

    @property
    def open(self) -> bool:
        return self.state not in FINAL

    @property
    def accepts_publisher(self) -> bool:
        """Whether a publisher may go on with it: it is kept for one, and nobody is there."""
        return self.state is State.INTERRUPTED and not self.publisher_present

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
        waiting = [*([self._epoch] if self._epoch else []), *self._epochs]
        return sum(epoch.lag for epoch in waiting)

    @property
    def encoder(self) -> Encoder | None:
        """The encoder that runs now."""
        return self._generation.encoder if self._generation else None

    @property
    def poster(self) -> Path:
        return self.delivery.directory / "poster.jpg"

    # The supervisor

    def _on(self, event: Event) -> None:
        if not self.open:
            return
        before, self.state = self.state, step(self.state, event)
        if self.state is not before:
            self._log.info("state", state=self.state.value, before=before.value, event_=event.value)
        if self.state is not before or event is Event.SEGMENT:
            self._report(self)

    async def _run(self) -> None:
        structlog.contextvars.bind_contextvars(broadcast=self.id, channel=self.channel)
        try:
            while epoch := await self._next_epoch():
                self._epoch = epoch
                await self._deliver(epoch)
                self._delivered, self._epoch = self.media_time, None
            self._finish(Event.DELIVERED)
        except GiveUp as error:
            self.failure = str(error)
            self._finish(Event.GIVE_UP)
        except Exception:
            self._log.exception("broadcast_failed")
            self.failure = "The server made a mistake; its log says more."
            self._finish(Event.GIVE_UP)
        finally:
            if self.open:  # cancelled: the daemon is stopping
                self.order = Order.STOPPED
                self._finish(Event.GIVE_UP)

    async def _next_epoch(self) -> Epoch | None:
        """The next recording; None when there will be none."""
        while not self._epochs:
            if self.order is Order.STOPPED:
                return None
            left = (
                None
                if self.publisher_present
                else self._gone_at + self._terms.resume_window - time.monotonic()
            )
            if left is not None and left <= 0:
                self.order = Order.STOPPED
                self._on(Event.WINDOW_OVER)
                return None
            self._wake.clear()
            await _wait(self._wake, left)
        return self._epochs.popleft()

    async def _deliver(self, epoch: Epoch) -> None:
        """Generation after generation until all of the epoch stands in the playlist."""
        while (first := await epoch.first_to_replay()) is not None:
            generation = Generation(
                self.generations, self.id, epoch, self.delivery, self._terms.works, self._notify
            )
            self._generation = generation
            self.generations += 1
            structlog.contextvars.bind_contextvars(generation=generation.number)
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
        return self._epoch is not None and self._epoch.lag < self._terms.resume_window

    def _finish(self, event: Event) -> None:
        """The last transition, once; whatever stands in the playlist stays playable."""
        try:
            self.delivery.end()
        except Exception:  # whatever it is, the broadcast is over
            self._log.exception("playlist_not_ended")
        self.ended_at = time.time()
        self._delivered, self._epoch, self._newest = self.media_time, None, None
        self._epochs.clear()
        self._on(event)
        self._log.info("broadcast_over", state=self.state.value, media_time=round(self.media_time, 3))
        self.over.set()

    async def _make_posters(self) -> None:
        """A picture with the first segment, then every few seconds while anything new comes."""
        every, last = self._terms.poster_every, None
        while every > 0 and self.open:
            segment = self.delivery.newest_file
            if segment is not None and segment != last and segment.exists():
                last = segment
                await self._make_poster(segment)
            await _wait(self.over, every if last else self._terms.works.poll)

    async def _make_poster(self, segment: Path) -> None:
        try:
            made = await make_poster(self._terms.works.encoder.program, segment, self.poster)
        except (StartError, OSError) as error:
            self._log.warning("poster_not_made", error=str(error))
            return
        if made:
            self.posters += 1
            self._report(self)

    async def close(self) -> None:
        """The daemon stops: end the encoder and the playlist, whatever is not yet done."""
        await self._tasks.close()


class GiveUp(Exception):
    """A failure that another generation would meet again."""


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
