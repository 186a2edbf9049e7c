"""One generation: one life of the encoder, from spawn to its last segment in the playlist."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ingestd.broadcast.epoch import Epoch
from ingestd.broadcast.failures import Reason, classify
from ingestd.broadcast.latency import Latency
from ingestd.broadcast.lifecycle import Event
from ingestd.broadcast.pace import Pace, Verdict, crawls
from ingestd.broadcast.report import Report
from ingestd.broadcast.stall import Stall
from ingestd.delivery.delivery import Delivery, stream_name
from ingestd.encoder.argv import Plan, argv
from ingestd.encoder.encoder import Encoder, EncoderSettings
from ingestd.encoder.ladder import with_picture
from ingestd.encoder.progress import Progress
from ingestd.errors import StartError
from ingestd.processes import Exit
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.generation")

# After FFmpeg is gone nginx-rtmp closes the segment under way at once; this bounds a hung one.
_SETTLE_SECONDS = 2.0
_LAST_FRAMES = 3  # the last segment lasts a frame longer than nginx-rtmp says
_DISK_SECONDS = 1.0  # between two tries to write on a full disk
_SAME_END = 0.1  # seconds: the encoder ends sound with a packet more or less
_SETTLE_POLL = 0.02  # seconds; it takes nginx-rtmp some milliseconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a generation ended; ``reason`` is None when all of its epoch stands in the playlist."""

    reason: Reason | None
    exit: Exit
    report: Report


@dataclass(frozen=True, slots=True)
class Works:
    """What every generation works with; times in seconds."""

    encoder: EncoderSettings
    rtmp: str  # URL of nginx-rtmp's application
    segment: float
    frame_rate: int
    preset: str
    poll: float
    stall_timeout: float
    slow_timeout: float = 10.0
    climb_after: float = 60.0
    sound: str = ""  # URL of its application for sound beside pictures, which it cuts into small pieces


class Generation:
    """Lives once: :meth:`run` spawns the encoder, watches the playlist, and tells how it ended."""

    def __init__(
        self,
        number: int,
        broadcast: str,
        epoch: Epoch,
        delivery: Delivery,
        works: Works,
        pace: Pace,
        patience: float,
        notify: Callable[[Event], None],
        latency: Latency,
    ) -> None:
        """``patience``: seconds without a new segment, while media waits, that it gets. ``latency`` is told
        how long the media of each segment took."""
        self.number = number
        self.encoder: Encoder | None = None
        self._broadcast = broadcast
        self._epoch = epoch
        self._delivery = delivery
        self._works = works
        self._pace = pace
        self._patience = patience
        self._notify = notify
        self._latency = latency
        self._cut: Reason | None = None  # why we ended it
        self._started_at = time.time()
        self._started = time.monotonic()
        self._stall = Stall(works.segment, patience, self._started)
        self._origin = epoch.commit

    async def run(self, first: int) -> Outcome:
        """Encode the epoch from fragment ``first`` on until it is complete or the encoder dies."""
        epoch = self._epoch
        epoch.fed = first
        fresh = epoch.commit <= epoch.start
        if fresh:
            epoch.follow(self._delivery.end_date)
        self._delivery.begin(self.number, epoch.date, epoch.active, epoch.commits, fresh=fresh)
        self._pace.begin(len(epoch.renditions) - len(epoch.active))
        plan = self._plan()
        try:
            self.encoder = await Encoder.start(
                plan, epoch.buffer, epoch.fed, self._works.encoder, self._drained
            )
        except (StartError, OSError) as error:  # no descriptors, no memory: that may pass
            return self._outcome(plan, Reason.NOT_STARTED, Exit(None, None, (str(error),)))
        epoch.on_arrival = self.encoder.feed.pump
        log.info("encoder_started", pid=self.encoder.pid, epoch=epoch.number, origin=round(epoch.commit, 3))
        ended = await self._attend(self.encoder)
        reason = self._reason(ended)
        if not await self._settle(final=reason is None):
            reason = reason or Reason.EXITED  # a segment is missing: what is not listed is made again
        return self._outcome(plan, reason, ended)

    def _outcome(self, plan: Plan, reason: Reason | None, ended: Exit) -> Outcome:
        report = Report.of(
            number=self.number,
            epoch=self._epoch.number,
            argv=argv(self._works.encoder.program, plan),
            renditions=[made.name for made in plan.renditions],
            origin=self._origin,
            commit=self._epoch.commit,
            started_at=self._started_at,
            lifetime=time.monotonic() - self._started,
            reason=reason,
            ended=ended,
            progress=self.encoder.progress if self.encoder else Progress(),
        )
        return Outcome(reason, ended, report)

    async def _attend(self, encoder: Encoder) -> Exit:
        """Watch the playlist until the encoder has ended; never leave it behind."""
        tasks = Tasks(f"generation/{self._broadcast}-{self.number}")
        self._stall.listed(time.monotonic())
        tasks.spawn(self._guarded_watch(encoder), "watch", eternal=True)
        try:
            return await encoder.wait()
        finally:
            self._epoch.on_arrival = None
            self._epoch.fed = 0  # no encoder has anything: what is here has to stay
            await tasks.close()
            await encoder.stop()

    def _plan(self) -> Plan:
        works, pictured = self._works, self._epoch.init.video
        places = {
            made.name: works.rtmp if made.video_bitrate or not pictured else works.sound
            for made in self._epoch.active
        }
        return Plan(
            init=self._epoch.init,
            renditions=self._epoch.active,
            origins=dict(self._epoch.commits),
            targets={
                name: f"{place}/{stream_name(self._broadcast, self.number, name)}"
                for name, place in places.items()
            },
            segment=works.segment,
            preset=works.preset,
        )

    def _drained(self) -> None:
        self._stall.taken(time.monotonic())
        if self.encoder and self._epoch.fed != self.encoder.feed.number:
            self._epoch.fed_to(self.encoder.feed.number)

    async def _guarded_watch(self, encoder: Encoder) -> None:
        """Nobody would see an encoder stall whose watch has died: they end together."""
        try:
            await self._watch(encoder)
        except Exception:
            encoder.kill()
            raise

    async def _watch(self, encoder: Encoder) -> None:
        """Look at the private playlists: is there anything new, does it stall, is it too slow?"""
        while True:
            await asyncio.sleep(self._works.poll)
            self._collect()
            if self._cut is None and (reason := self._judge(encoder)):
                self._cut = reason
                encoder.kill()  # a stopped or hung process does not answer to SIGTERM

    def _judge(self, encoder: Encoder) -> Reason | None:
        """Why the encoder has to be replaced now."""
        if self._delivery.spoiled:
            return Reason.TARGET
        now, lag, several = time.monotonic(), self._epoch.lag, len(with_picture(self._epoch.active)) > 1
        match self._pace.look(now, lag, self._epoch.commit):
            case Verdict.DROP if several:
                return Reason.TOO_SLOW
            case Verdict.CLIMB:
                return Reason.PLANNED
        if not self._stall.look(now, lag, full=self._epoch.full, complete=self._epoch.buffer.complete):
            return None
        log.warning("encoder_stalled", seconds=self._patience, lag=round(lag, 1))
        progress = encoder.progress
        if several and crawls(progress.frames, progress.fps, self._works.frame_rate):
            return Reason.TOO_SLOW
        self._notify(Event.STALL)
        return Reason.STALLED

    def _collect(self, *, final: bool = False) -> bool:
        """List what is new; False when the disk did not take it, and it has to be tried again."""
        try:
            fresh = self._delivery.collect(self.number, time.monotonic(), final=final)
        except OSError as error:  # a full disk: what was not written is tried again at the next look
            log.error("playlist_not_written", error=str(error))
            return False
        if fresh:
            now = time.monotonic()
            self._stall.listed(now)
            for media_time, closed in self._delivery.take_fresh():
                self._epoch.trace.listed(media_time, closed, now, self._latency)
            self._epoch.commit_to(self._delivery.commits)
            self._notify(Event.SEGMENT)
        return True

    async def _settle(self, *, final: bool) -> bool:
        """List what nginx-rtmp closes now that its publisher is gone; whether that was all of it."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        self._collect()
        while not self._delivery.settled and time.monotonic() < deadline:
            await asyncio.sleep(min(_SETTLE_POLL, self._works.poll))
            self._collect()
        complete = final and self._all_written() and self._all_heard()
        while not self._collect(final=complete):  # noqa: ASYNC110 - a full disk sends no event
            await asyncio.sleep(_DISK_SECONDS)
        complete = complete and self._delivery.all_listed and not self._delivery.spoiled
        self._delivery.close_generation()
        return complete

    def _all_written(self) -> bool:
        """Whether nginx-rtmp has written what the encoder has made: on a full disk it drops segments."""
        made = self.encoder.progress.frames if self.encoder else 0
        missing = made - self._delivery.pictures
        if missing > _LAST_FRAMES and self._epoch.init.video:
            log.error("segments_missing", frames=missing)
            return False
        return True

    def _all_heard(self) -> bool:
        """Whether nginx-rtmp has written all of separate sound, too, of which FFmpeg tells no number.

        Where it ends before the pictures do, a second generation shows that there is no more of it.
        """
        sound = self._delivery.sound
        if sound is None or (sound.settled and sound.ends is None):
            return True
        before, self._epoch.sound_ends = self._epoch.sound_ends, sound.ends
        if sound.settled and before is not None and sound.ends is not None:
            return abs(sound.ends - before) < _SAME_END
        log.warning("sound_ends_early", media_time=round(self._epoch.commit, 3))
        return False

    def _reason(self, ended: Exit) -> Reason | None:
        if self._cut:
            return self._cut
        fed = self.encoder is not None and self.encoder.feed.finished
        return None if ended.ok and fed else classify(ended)
