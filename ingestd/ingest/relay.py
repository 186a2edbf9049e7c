"""From RTMP or RTP to the broadcast: such a publisher takes the same path as every other from here on.

An FFmpeg reads the stream and writes it as Matroska, which is split and goes into the replay buffer like the
bytes of a WebSocket. It is there before the stream is, so not a frame is missed. While the encoder is behind,
nothing is read from it: what waits by RTMP is kept by nginx (``out_queue`` in its configuration).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from ingestd.broadcast.publication import Publication
from ingestd.container.frames import frame_times
from ingestd.container.model import Fragment, InitSegment
from ingestd.encoder.encoder import EncoderSettings, log_line
from ingestd.errors import Code, Refusal, Refused, StartError
from ingestd.ingest import remux
from ingestd.ingest.session import Patience, PlainSession, Step
from ingestd.processes import Child
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.relay")

_PIECE = 64 * 1024  # bytes read at a time
_TICK = 0.25  # seconds between two looks at what is overdue, or no longer allowed
_DRAIN_SECONDS = 2.0  # without a byte, after nginx has said that the publisher is gone
_LAST_SECONDS = 0.5  # without a byte, after which nothing more is on the way by RTP
_WORDS_SECONDS = 2.0  # for what FFmpeg says of a stream that it has begun to write
_EXIT_SECONDS = 2.0  # between the end of its output and its own
_ANALYSIS_SECONDS = 3.0  # for picture and sound to begin
_PICTURE_SECONDS = 4.0  # for the first one, from which on sound counts
_LATE_SHARE = 0.8  # of the patience with a silent publisher
_TRIES = 5  # lives in a row that bring no media
_UPDATES = 0.5  # seconds between two of nginx's updates (``notify_update_timeout``)

_UNREADABLE = Refusal(Code.INTERNAL, "The server could not read the stream; its log says more.")

Still = Callable[[], Refusal | None]


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """How an FFmpeg is run, and where nginx takes publishers (``rtmp://…/live``)."""

    ffmpeg: EncoderSettings
    url: str
    patience: Patience


class Source(Protocol):
    """Where the FFmpeg of a relay finds the publisher's stream.

    ``codecs`` is what a publisher is told of whose stream nothing can be read; ``endless``: nothing tells
    FFmpeg that the stream is over, so one that ends by itself has failed; ``mid_stream``: it begins wherever
    the stream is, so its sound may come long before a picture.
    """

    codecs: Refusal
    endless: bool
    mid_stream: bool

    def argv(self, program: str, analysis: float) -> list[str]:
        """Arguments for its next life; ``analysis``: seconds within which picture and sound have to begin."""
        ...

    async def flow(self, child: Child) -> None:
        """It was started: the stream may come as soon as it listens. Never raises."""
        ...

    def over(self) -> None:
        """The publisher is gone; what is on the way still has to be written."""
        ...


class Played:
    """A stream at nginx, by its URL: nginx keeps it for whoever plays it, and tells when it is over."""

    codecs = remux.CODECS
    endless = False
    mid_stream = False

    def __init__(self, url: str) -> None:
        self._url = url

    def argv(self, program: str, analysis: float) -> list[str]:
        return remux.argv(program, self._url, analysis)

    async def flow(self, child: Child) -> None:
        """nginx sees to that."""

    def over(self) -> None:
        """nginx tells it."""


class Relay:
    """One publisher's stream, ``name`` for who reads the log. ``still`` says why it may not go on."""

    def __init__(
        self, name: str, publication: Publication, source: Source, settings: RelaySettings, still: Still
    ) -> None:
        self.name = name
        self.publication = publication
        self.joined = asyncio.Event()  # whatever comes is handed on to it
        self._source = source
        self._settings = settings
        self._still = still
        self.left = False  # its publisher is gone
        self._for_good = False
        self._sent = "0"  # the time (ms) of what nginx has last had from its publisher

    def heard(self, sent: str) -> None:
        """nginx tells of what time the last is that it has had: whether its publisher sends, read or not."""
        if sent != self._sent:
            self._sent = sent
            self.publication.alive(_UPDATES)

    def leave(self, *, for_good: bool = False) -> None:
        """Its publisher is gone: what is on the way still comes. ``for_good``: it has said so itself."""
        self.left, self._for_good = True, for_good

    async def run(self) -> Refusal | None:
        """Until the stream is over; why, if we ended it. The claim on the channel is let go in any case.

        A relay that is killed is started again, as a new epoch. One that ends by itself was told that the
        stream is over, where there is somebody to tell it.
        """
        try:
            tries = _TRIES
            while tries:
                life = _Life(self.publication, self._settings.patience, trims=self._source.mid_stream)
                refusal, killed = await self._live(life)
                if refusal or self.left or not killed:
                    return refusal
                log.warning("relay_killed", stream=self.name)
                tries = _TRIES if life.init else tries - 1
            return _UNREADABLE
        except StartError as error:
            log.error("relay_not_started", reason=str(error))
            return _UNREADABLE
        finally:
            if self._for_good:
                self.publication.stop()
            self.publication.close()

    async def _live(self, life: _Life) -> tuple[Refusal | None, bool]:
        """One FFmpeg from start to end: why it was ended, and whether somebody else killed it."""
        where = self._settings
        child = await Child.start(
            self._source.argv(where.ffmpeg.program, self._analysis),
            name=self.name,
            cwd=where.ffmpeg.scratch,
            on_line=life.line,
            nice=where.ffmpeg.nice,
            memory=where.ffmpeg.memory,
        )
        tasks = Tasks(f"relay/{self.name}")
        tasks.spawn(self._source.flow(child), "flow")
        reader = tasks.spawn(life.carry(child), "read")
        watch = tasks.spawn(self._overdue(life, child), "watch")
        try:
            await asyncio.wait({reader, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            at_its_end = reader.done()
            await tasks.close()
            ended = await child.stop(_EXIT_SECONDS if at_its_end else 0)
        done = reader if at_its_end else watch
        refusal = _UNREADABLE if done.exception() else done.result()
        return self.publication.verdict or refusal, ended.signal is not None or self._source.endless

    @property
    def _analysis(self) -> float:
        """Seconds for FFmpeg to find picture and sound in; it is silent meanwhile.

        In a stream that is under way the picture comes with the next keyframe only.
        """
        idle = self._settings.patience.idle
        return idle * _LATE_SHARE if self.joined.is_set() else min(_ANALYSIS_SECONDS, idle / 2)

    async def _overdue(self, life: _Life, child: Child) -> Refusal | None:
        """Until its publisher is late, fenced off, no longer allowed, or gone and nothing comes any more."""
        loop = asyncio.get_running_loop()
        left_at = math.inf
        while True:
            await self._pause()
            if self.left:
                left_at = min(left_at, loop.time())
            if refusal := self.publication.verdict or self._still() or _failed(self.publication):
                return refusal
            if self.left:
                if life.silent_for() >= _LAST_SECONDS or loop.time() - left_at >= _DRAIN_SECONDS:
                    self._source.over()
                if life.silent_for() >= _DRAIN_SECONDS:
                    return None
            if not self.left and (late := life.overdue()):
                # it sends, and nginx-rtmp passes nothing of it on
                return (
                    self._source.codecs if self._sent != "0" and self.publication.broadcast is None else late
                )

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_TICK):
                await self.publication.fenced.wait()


class _Life:
    """The recording that one FFmpeg makes, on its way to the broadcast. ``init``: it has begun; ``trims``:
    sound before the first picture is left out, for pictures and sound of a playlist begin together."""

    def __init__(self, publication: Publication, patience: Patience, *, trims: bool) -> None:
        self.init: InitSegment | None = None
        self._publication = publication
        self._clock = asyncio.get_running_loop().time
        self._session = PlainSession(patience, self._clock())
        self._words = remux.Words()
        self._described = asyncio.Event()
        self._started = not trims  # something of it was handed on
        self._latest = 0.0  # when that has to be
        self._waits = False  # for the encoder: that silence is ours

    def line(self, text: str) -> None:
        """A line of FFmpeg's stderr."""
        if worth := self._words.line(text):
            broadcast = self._publication.broadcast
            with structlog.contextvars.bound_contextvars(
                **({"broadcast": broadcast.id} if broadcast else {})
            ):
                log_line(worth)
        if self._words.described:
            self._described.set()

    async def carry(self, child: Child) -> Refusal | None:
        """All that it writes; why no more of it is taken, if it is not over."""
        while data := await child.read(_PIECE):
            refusal = await self._take(self._session.binary(data, self._clock()))
            self._publication.count(len(data))
            if refusal := refusal or await self._room():
                return refusal
        if self.init is None:
            await child.wait()  # its last words tell why
            return self._words.refusal(None)
        return await self._take(self._session.finish())

    async def _take(self, steps: list[Step]) -> Refusal | None:
        for step in steps:
            if self._publication.verdict:
                return self._publication.verdict
            match step:
                case Fragment():
                    if self._wanted(step):
                        self._publication.append(step)
                case InitSegment():
                    if refusal := await self._begin(step):
                        return refusal
                case Refusal():
                    return step
        return None

    def _wanted(self, fragment: Fragment) -> bool:
        """Not sound that waits for the first picture; it does not wait for ever."""
        if not self._started:
            init = self.init
            seen = init is None or init.video is None or frame_times(init, bytes(fragment.data))
            self._started = bool(seen) or self._clock() >= self._latest
        return self._started

    async def _begin(self, init: InitSegment) -> Refusal | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_WORDS_SECONDS):
                await self._described.wait()
        if refusal := self._words.refusal(init):
            return refusal
        self.init = init
        self._latest = self._clock() + _PICTURE_SECONDS
        try:
            self._publication.begin(init)
        except Refused as error:
            return error.refusal
        return None

    async def _room(self) -> Refusal | None:
        """Wait until the encoder has caught up."""
        if self._publication.has_room:
            return None
        self._waits = True
        try:
            await self._publication.room()
        except Refused as error:
            return error.refusal
        finally:
            self._waits = False
            self._session.resumed(self._clock())
        return None

    def overdue(self) -> Refusal | None:
        """Whether the publisher has sent nothing for too long."""
        return None if self._waits else self._session.overdue(self._clock())

    def silent_for(self) -> float:
        """Seconds since the last byte came, while it was read."""
        return 0.0 if self._waits else self._session.silent_for(self._clock())


def _failed(publication: Publication) -> Refusal | None:
    broadcast = publication.broadcast
    if broadcast is None or broadcast.open:
        return None
    return Refusal(Code.INTERNAL, broadcast.failure or "The broadcast is over.")
