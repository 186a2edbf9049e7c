"""Publisher and viewer in one: a browser sends a small picture and gets it back, by the way of real ones.

No channel and no broadcast have part in it. It is for everybody, so it is brief, small, and nobody's at whose
expense: a few at a time, one for an address, and none while half of the places of real ones are taken.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field

import structlog

from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.places import Places
from ingestd.tasks import Tasks
from ingestd.webrtc.mountpoint import Mountpoint, Peer, Templates
from ingestd.webrtc.publishing import check_publish, publish_answer, publish_offer
from ingestd.webrtc.refusals import Refusals
from ingestd.webrtc.room import Room
from ingestd.webrtc.sdp import Offer
from ingestd.webrtc.webrtc import WebRtc

log = structlog.get_logger("ingestd.whep")

_SECONDS = 25.0  # that one lasts at most
_AT_ONCE = 4
_BITRATE = 300_000  # bit/s that the browser may send
_AGAIN = 10  # seconds

_FULL = Refusal(Code.NO_CAPACITY, "Others are checking their connection now. Try again soon.", _AGAIN)
_YOURS = Refusal(Code.TOO_MANY, "Somebody at your address is checking their connection now.", _AGAIN)
_BUSY = Refusal(Code.NO_CAPACITY, "Publishers need the places that a check would take.", _AGAIN)
_AWAY = Refusal(Code.UNAVAILABLE, "The WebRTC server is being started again. Try again soon.", _AGAIN)
_REFUSED = Refusal(Code.UNAVAILABLE, "The WebRTC server did not do its part.", _AGAIN)
_SFU = Refusals(_AWAY, _FULL, _REFUSED)
_UNKNOWN = Refusal(Code.NOT_FOUND, "This check is over. Begin another one.")
_TWICE = Refusal(Code.CONFLICT, "This check is played already.")


@dataclass(slots=True)
class Loop:
    """One browser's. ``key`` names it; ``answer`` is for what it publishes."""

    key: str
    answer: str
    room: Room
    mountpoint: Mountpoint
    playing: bool = False
    peer: Peer | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)  # its places are free


class Loopback:
    """``place``: one of the viewers' for a block, or raises :class:`Refused`; ``busy``: publishers need
    theirs themselves; ``seconds`` that one lasts at most."""

    def __init__(
        self,
        webrtc: WebRtc,
        place: Callable[[], AbstractContextManager[None]],
        busy: Callable[[], bool],
        seconds: float = _SECONDS,
    ) -> None:
        self._webrtc = webrtc
        self._place = place
        self._busy = busy
        self._seconds = seconds
        self._places = Places(_AT_ONCE, 1, _FULL, _YOURS)
        self._loops: dict[str, Loop] = {}
        self._templates = None if webrtc.off else Templates(webrtc.watching)
        self._tasks = Tasks("loopback")

    async def close(self) -> None:
        """Everybody is sent away."""
        await self._tasks.close()

    def find(self, key: str) -> Loop:
        """Raises :class:`Refused`."""
        if (found := self._loops.get(key)) is None:
            raise Refused(_UNKNOWN)
        return found

    async def publish(self, offer: Offer, address: str) -> Loop:
        """Raises :class:`Refused` and BadSdp."""
        check_publish(offer)
        if self._webrtc.off:
            raise Refused(Refusal(Code.UNAVAILABLE, self._webrtc.off))
        if self._busy():
            raise Refused(_BUSY)
        async with AsyncExitStack() as stack:
            stack.enter_context(self._places.place(address))
            stack.enter_context(self._place())
            with _SFU.told():
                loop = await self._open(stack, offer)
            self._loops[loop.key] = loop
            log.info("loopback_begins", address=address)
            self._tasks.spawn(self._attend(loop, stack.pop_all()), "attend")
        return loop

    async def _open(self, stack: AsyncExitStack, offer: Offer) -> Loop:
        """``stack`` ends it. Raises JanusError, Away, Unfit."""
        room = await Room.open(self._webrtc.publishing, publish_offer(offer), _BITRATE)
        stack.push_async_callback(room.close)
        mountpoint = await Mountpoint.open(self._webrtc.watching, room.video, audio=room.audio)
        stack.push_async_callback(mountpoint.close)
        stack.push_async_callback(room.close)  # first of all: its ports may be another's soon
        await room.forward(mountpoint.name, mountpoint.ports)
        return Loop(secrets.token_urlsafe(16), publish_answer(offer, room.answer), room, mountpoint)

    async def play(self, loop: Loop, offer: Offer) -> str:
        """What its viewer is answered. Raises :class:`Refused` and BadSdp."""
        if loop.playing or self._templates is None:
            raise Refused(_TWICE)
        loop.playing = True
        try:
            with _SFU.told():
                peer = await Peer.open(self._webrtc.watching, self._templates, offer, loop.mountpoint)
        except BaseException:
            loop.playing = False
            raise
        if loop.over.is_set():
            await peer.close()
            raise Refused(_UNKNOWN)
        loop.peer = peer
        return peer.answer

    async def end(self, loop: Loop) -> None:
        """Once it returns there is room for the next one."""
        loop.over.set()
        await loop.left.wait()

    async def _attend(self, loop: Loop, stack: AsyncExitStack) -> None:
        """Until it takes leave, the time is over, or the SFU has gone."""
        tasks = Tasks("loopback/one")
        async with stack:
            try:
                ends = (loop.over, loop.room.gone, loop.mountpoint.gone)
                over = [tasks.spawn(end.wait(), "watch") for end in ends]
                await asyncio.wait(over, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                loop.over.set()
                del self._loops[loop.key]
                await tasks.close()
                if loop.peer:
                    await loop.peer.close()
        loop.left.set()
        log.info("loopback_ends", played=loop.playing)
