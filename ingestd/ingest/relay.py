"""From nginx-rtmp to the broadcast: an RTMP publisher takes the same path as every other from here on.

An FFmpeg plays the stream from nginx and writes it as Matroska, which is split and goes into the replay
buffer like the bytes of a WebSocket. It has asked for the stream before the publisher may send, so not a
frame is missed; behind the last one nginx tells it that the stream is over. While the encoder is behind,
nothing is read from it: what waits is kept by nginx (``out_queue`` in its configuration).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from ingestd.broadcast.publication import Publication
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
_WORDS_SECONDS = 2.0  # for what FFmpeg says of a stream that it has begun to write
_EXIT_SECONDS = 2.0  # between the end of its output and its own
_ANALYSIS_SECONDS = 3.0  # for picture and sound to begin
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


class Relay:
    """One publisher's stream, ``name`` at nginx. ``still`` says why it may not go on."""

    def __init__(self, name: str, publication: Publication, settings: RelaySettings, still: Still) -> None:
        self.name = name
        self.publication = publication
        self.joined = asyncio.Event()  # nginx hands on to it whatever comes
        self._settings = settings
        self._still = still
        self.left = False  # its publisher is gone
        self._sent = "0"  # the time (ms) of what nginx has last had from its publisher

    def heard(self, sent: str) -> None:
        """nginx tells of what time the last is that it has had: whether its publisher sends, read or not."""
        if sent != self._sent:
            self._sent = sent
            self.publication.alive(_UPDATES)

    def leave(self) -> None:
        """Its publisher is gone: what is on the way still comes."""
        self.left = True

    async def run(self) -> Refusal | None:
        """Until the stream is over; why, if we ended it. The claim on the channel is let go in any case.

        A relay that is killed is started again, as a new epoch. One that ends by itself was told to by
        nginx: the stream is over.
        """
        try:
            tries = _TRIES
            while tries:
                life = _Life(self.publication, self._settings.patience)
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
            self.publication.close()

    async def _live(self, life: _Life) -> tuple[Refusal | None, bool]:
        """One FFmpeg from start to end: why it was ended, and whether somebody else killed it."""
        where = self._settings
        child = await Child.start(
            remux.argv(where.ffmpeg.program, f"{where.url}/{self.name}", self._analysis),
            name=self.name,
            cwd=where.ffmpeg.scratch,
            on_line=life.line,
            nice=where.ffmpeg.nice,
            memory=where.ffmpeg.memory,
        )
        tasks = Tasks(f"relay/{self.name}")
        reader = tasks.spawn(life.carry(child), "read")
        watch = tasks.spawn(self._overdue(life), "watch")
        try:
            await asyncio.wait({reader, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            at_its_end = reader.done()
            await tasks.close()
            ended = await child.stop(_EXIT_SECONDS if at_its_end else 0)
        done = reader if at_its_end else watch
        refusal = _UNREADABLE if done.exception() else done.result()
        return self.publication.verdict or refusal, ended.signal is not None

    @property
    def _analysis(self) -> float:
        """Seconds for FFmpeg to find picture and sound in; it is silent meanwhile.

        In a stream that is under way the picture comes with the next keyframe only.
        """
        idle = self._settings.patience.idle
        return idle * _LATE_SHARE if self.joined.is_set() else min(_ANALYSIS_SECONDS, idle / 2)

    async def _overdue(self, life: _Life) -> Refusal | None:
        """Until its publisher is late, fenced off, no longer allowed, or gone and nothing comes any more."""
        while True:
            await self._pause()
            if refusal := self.publication.verdict or self._still() or _failed(self.publication):
                return refusal
            if self.left and life.silent_for() >= _DRAIN_SECONDS:
                return None
            if not self.left and (late := life.overdue()):
                # it sends, and nginx-rtmp passes nothing of it on
                return remux.CODECS if self._sent != "0" and self.publication.broadcast is None else late

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_TICK):
                await self.publication.fenced.wait()


class _Life:
    """The recording that one FFmpeg makes, on its way to the broadcast. ``init``: it has begun."""

    def __init__(self, publication: Publication, patience: Patience) -> None:
        self.init: InitSegment | None = None
        self._publication = publication
        self._clock = asyncio.get_running_loop().time
        self._session = PlainSession(patience, self._clock())
        self._words = remux.Words()
        self._described = asyncio.Event()
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
                    self._publication.append(step)
                case InitSegment():
                    if refusal := await self._begin(step):
                        return refusal
                case Refusal():
                    return step
        return None

    async def _begin(self, init: InitSegment) -> Refusal | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_WORDS_SECONDS):
                await self._described.wait()
        if refusal := self._words.refusal(init):
            return refusal
        self.init = init
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
