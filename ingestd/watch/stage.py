"""What a channel's viewers by WebRTC are sent, made only while there are some.

A WHIP publisher's media go from one Janus to the other as they are; of any other an FFmpeg makes RTP.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import structlog

from ingestd.broadcast.epoch import Epoch
from ingestd.broadcast.registry import Broadcasts
from ingestd.encoder.encoder import EncoderSettings
from ingestd.errors import Code, IngestdError, Refusal, Refused
from ingestd.tasks import Tasks
from ingestd.watch.encoding import Kinds, cost, kinds
from ingestd.watch.tap import Tap
from ingestd.webrtc.candidates import Fragment
from ingestd.webrtc.mountpoint import Mountpoint, Peer, Templates
from ingestd.webrtc.refusals import Refusals
from ingestd.webrtc.room import Room
from ingestd.webrtc.sdp import Offer
from ingestd.webrtc.webrtc import WebRtc

log = structlog.get_logger("ingestd.whep")

_LINGER = 10.0  # seconds without a viewer, after which nothing is made for them any more
_LOOK = 0.2  # seconds between two looks at what is on
_CHECK = 1.0  # seconds between two looks whether a viewer still may
_AGAIN, _AGAIN_AT_MOST = 0.25, 10.0  # seconds before a source that has failed is tried again; ever longer
_LASTS = 5.0  # seconds after which one that fails has worked before
_COME_BACK = 10  # seconds, for whoever finds no room

_NOTHING_ON = Refusal(Code.NO_SUCH_BROADCAST, "Nothing is on the air here now.", _COME_BACK)
_FULL = Refusal(Code.NO_CAPACITY, "There is no room for another WebRTC viewer. Watch by HLS.", _COME_BACK)
_BUSY = Refusal(
    Code.NO_CAPACITY,
    "The server has no processor free to encode this broadcast for WebRTC. Watch by HLS.",
    _COME_BACK,
)
_AWAY = Refusal(Code.UNAVAILABLE, "The WebRTC server is being started again. Watch by HLS.", _COME_BACK)
_NOT_THIS = Refusal(Code.UNAVAILABLE, "The WebRTC server did not do its part. Watch by HLS.", _COME_BACK)
_SFU = Refusals(_AWAY, _FULL, _NOT_THIS)

Still = Callable[[], Awaitable[Refusal | None]]
"""Why somebody may not watch any more."""


@dataclass(slots=True)
class Session:
    """One viewer. ``key`` names its session; ``who``: address and User-Agent."""

    key: str
    channel: str
    peer: Peer
    still: Still
    who: bytes


class _Stage:
    """Of one channel. ``cores``: as many as were found free for it; ``over``: nothing more is sent to its
    mountpoint."""

    def __init__(self, channel: str, kinds: Kinds, mountpoint: Mountpoint, cores: float) -> None:
        self.channel = channel
        self.kinds = kinds
        self.cores = cores
        self.mountpoint = mountpoint
        self.viewers = 0
        self.left_at = time.monotonic()  # when the last viewer did
        self.over = asyncio.Event()

    def leave(self) -> None:
        self.viewers -= 1
        self.left_at = time.monotonic()


class Stages:
    """All channels'. ``room`` gives the WHIP publisher of a channel."""

    def __init__(
        self,
        broadcasts: Broadcasts,
        webrtc: WebRtc,
        room: Callable[[str], Room | None],
        encoder: EncoderSettings,
    ) -> None:
        self._broadcasts = broadcasts
        self._webrtc = webrtc
        self._room = room
        self._encoder = encoder
        self._stages: dict[str, _Stage] = {}
        self._sessions: dict[str, Session] = {}
        # beyond its ports Janus gives no answer at all: who is about to come or to leave has one, too
        self._places = 0
        self._opening: dict[str, asyncio.Lock] = {}
        self._templates = None if webrtc.off else Templates(webrtc.watching)
        self._tasks = Tasks("stages")

    def find(self, key: str) -> Session | None:
        return self._sessions.get(key)

    def watching(self) -> dict[str, list[bytes]]:
        """By channel who is connected."""
        found: dict[str, list[bytes]] = {}
        for one in self._sessions.values():
            if one.peer.up:
                found.setdefault(one.channel, []).append(one.who)
        return found

    async def close(self) -> None:
        """Everybody is sent away."""
        await self._tasks.close()

    @contextmanager
    def lend(self) -> Iterator[None]:
        """A place for somebody who is no viewer, if half of all stay free. Raises :class:`Refused`."""
        if 2 * (self._places + 1) > self._webrtc.max_viewers:
            raise Refused(_FULL)
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1

    async def watch(self, channel: str, offer: Offer, still: Still, who: bytes) -> Session:
        """A viewer of what is on. Raises :class:`Refused` and BadSdp."""
        if self._templates is None:
            raise Refused(Refusal(Code.UNAVAILABLE, self._webrtc.off))
        if self._places >= self._webrtc.max_viewers:
            raise Refused(_FULL)
        self._places += 1
        try:
            with _SFU.told():
                return await self._begin(self._templates, channel, offer, still, who)
        except BaseException:
            self._places -= 1
            raise

    async def _begin(
        self, templates: Templates, channel: str, offer: Offer, still: Still, who: bytes
    ) -> Session:
        stage = await self._stage(channel)
        stage.viewers += 1
        try:
            peer = await Peer.open(self._webrtc.watching, templates, offer, stage.mountpoint)
        except BaseException:
            stage.leave()
            raise
        session = Session(secrets.token_urlsafe(16), channel, peer, still, who)
        self._sessions[session.key] = session
        self._tasks.spawn(self._attend(session, stage), f"viewer-{channel}")
        return session

    async def trickle(self, session: Session, fragment: Fragment) -> None:
        """A viewer's candidates. Raises :class:`Refused`."""
        with _SFU.told():
            await session.peer.trickle(fragment)

    async def _attend(self, session: Session, stage: _Stage) -> None:
        """Until the viewer has gone, may not watch any more, or nothing is on."""
        tasks = Tasks(f"viewer/{session.channel}")
        ends = [session.peer.over(), stage.over.wait(), self._forbidden(session)]
        try:
            await asyncio.wait(
                [tasks.spawn(end, "watch") for end in ends], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            del self._sessions[session.key]
            stage.leave()
            await tasks.close()
            await session.peer.close()
            self._places -= 1

    async def _forbidden(self, session: Session) -> None:
        while await session.still() is None:  # noqa: ASYNC110 - rights change in many ways
            await asyncio.sleep(_CHECK)

    # What is on

    def _kinds(self, channel: str) -> Kinds | None:
        one = self._broadcasts.newest(channel)
        if one is None or not one.open:
            return None
        if room := self._room(channel):
            return Kinds(room.video, room.audio)
        epoch = one.reception.newest
        return kinds(epoch.init) if epoch and not epoch.buffer.complete else None

    def _cost(self, channel: str) -> float:
        """Cores that it takes to make RTP of it, beside what encodes it for HLS."""
        one = self._broadcasts.newest(channel)
        epoch = one.reception.newest if one and not self._room(channel) else None
        return cost(epoch.init) if epoch else 0.0

    def _affordable(self, stage: _Stage) -> bool:
        """Whether it may go on with what is sent now, though that may take more than what was before."""
        need = self._cost(stage.channel)
        if need > stage.cores:
            if not self._broadcasts.beside(need - stage.cores):
                return False
            stage.cores = need
        return True

    async def _stage(self, channel: str) -> _Stage:
        """The one there is, or another. Raises :class:`Refused`, JanusError, Away."""
        async with self._opening.setdefault(channel, asyncio.Lock()):
            found, now = self._stages.get(channel), self._kinds(channel)
            if now is None:
                raise Refused(_NOTHING_ON)
            if found and found.kinds == now and not found.over.is_set():
                return found
            need = self._cost(channel)
            if not self._broadcasts.beside(need):
                raise Refused(_BUSY)
            mountpoint = await Mountpoint.open(self._webrtc.watching, now.video, audio=now.audio)
            made = self._stages[channel] = _Stage(channel, now, mountpoint, need)
            self._tasks.spawn(self._run(made), f"stage-{channel}")
            return made

    async def _run(self, stage: _Stage) -> None:
        tasks = Tasks(f"stage/{stage.channel}")
        ends = [self._pour(stage), stage.mountpoint.gone.wait(), self._deserted(stage)]
        with structlog.contextvars.bound_contextvars(channel=stage.channel):
            log.info("whep_begins")
            try:
                await asyncio.wait(
                    [tasks.spawn(end, "run") for end in ends], return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                stage.over.set()
                if self._stages.get(stage.channel) is stage:
                    del self._stages[stage.channel]
                await tasks.close()
                await stage.mountpoint.close()
                log.info("whep_ends")

    async def _deserted(self, stage: _Stage) -> None:
        """Until nobody has been there for a while."""
        while stage.viewers or time.monotonic() - stage.left_at < _LINGER:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)

    async def _pour(self, stage: _Stage) -> None:
        """One source after the other, as long as they send the same kinds and the broadcast goes on."""
        pause = _AGAIN
        while (one := self._broadcasts.newest(stage.channel)) and one.open:
            now, began = self._kinds(stage.channel), time.monotonic()
            if now is not None and (now != stage.kinds or not self._affordable(stage)):
                return
            if now is None or await self._flow(stage, one.reception.newest):
                await asyncio.sleep(_LOOK)
                continue
            pause = _AGAIN if time.monotonic() - began > _LASTS else min(2 * pause, _AGAIN_AT_MOST)
            await asyncio.sleep(pause)

    async def _flow(self, stage: _Stage, epoch: Epoch | None) -> bool:
        """One source, to its end; False: it has failed."""
        try:
            if room := self._room(stage.channel):
                await _forwarded(room, stage.mountpoint)
            elif epoch:
                return await Tap(epoch, self._encoder, stage.mountpoint.ports).run()
        except IngestdError as error:  # no room for a process, or the SFU is being started again
            log.warning("not_forwarded", reason=str(error))
            return False
        return True


async def _forwarded(room: Room, mountpoint: Mountpoint) -> None:
    """As long as the publisher is there. Then nothing is sent to these ports any more: they may be another
    channel's next. Raises JanusError and Away."""
    try:
        await room.forward(mountpoint.name, mountpoint.ports)
        await room.gone.wait()
    finally:
        if not room.gone.is_set():
            with suppress(IngestdError):
                await room.forward(mountpoint.name, {})
