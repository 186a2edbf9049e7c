"""Viewers by WHEP: aiortc's, whose offer is like none of the browsers'."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread

import httpx
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from tests.support import http
from tests.support.server import Server, wait_for
from tests.support.timecode import age

KINDS = ("video", "audio")

_SECONDS = 60.0
_SDP, _TRICKLE = "application/sdp", "application/trickle-ice-sdpfrag"

logging.getLogger("aiortc").setLevel(logging.ERROR)


class Viewer:
    """``frames`` counts what it has decoded, by kind; ``state``: of its peer connection."""

    def __init__(
        self, url: str, bearer: str = "", kinds: Sequence[str] = KINDS, turn: RTCIceServer | None = None
    ) -> None:
        self._turn = turn
        self.ages: list[float] = []  # seconds that the pictures have taken, of those with a time code
        self._kinds = kinds
        self.frames: Counter[str] = Counter()
        self.answer: httpx.Response | None = None
        self._url = url
        self._headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._peer: RTCPeerConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> str:
        return self._peer.connectionState if self._peer else "new"

    @property
    def session(self) -> str:
        """The URL of its session."""
        assert self.answer is not None
        return self._url.partition("/whep/")[0] + self.answer.headers["location"]

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._watch(), self._loop).result(_SECONDS)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    async def _watch(self) -> None:
        known = [self._turn] if self._turn else []  # without any it asks Google
        self._peer = peer = RTCPeerConnection(RTCConfiguration(known))
        for kind in self._kinds:
            peer.addTransceiver(kind, direction="recvonly")

        @peer.on("track")
        def track(track: MediaStreamTrack) -> None:
            task = asyncio.ensure_future(self._count(track))
            self._tasks.add(task)

        await peer.setLocalDescription(await peer.createOffer())
        headers = {"Content-Type": _SDP, **self._headers}
        async with httpx.AsyncClient(timeout=_SECONDS) as client:
            self.answer = await client.post(self._url, content=peer.localDescription.sdp, headers=headers)
        if self.answer.status_code == 201:
            await peer.setRemoteDescription(RTCSessionDescription(self.answer.text, "answer"))

    async def _count(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                self.frames[track.kind] += 1
                if isinstance(frame, VideoFrame):
                    self.ages.append(age(frame.to_ndarray()[: frame.height], frame.width, frame.height))

    async def _leave(self) -> None:
        if self._peer:
            await self._peer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def url(server: Server) -> str:
    return f"{server.http}/whep/{server.channel}"


def post(server: Server, offer: str | bytes, **headers: str) -> httpx.Response:
    """An offer of somebody who never connects."""
    return http.post(url(server), content=offer, headers={"Content-Type": _SDP, **headers}, timeout=_SECONDS)


def patch(session: str, *lines: str, **headers: str) -> httpx.Response:
    """A fragment for a session."""
    body = "".join(f"a={line}\r\n" for line in lines or ["end-of-candidates"])
    sent = {"Content-Type": _TRICKLE, **headers}
    return http.request("PATCH", session, content=body, headers=sent, timeout=_SECONDS)


def over(session: str, seconds: float = _SECONDS) -> None:
    """Until there is no such session any more."""
    wait_for(f"the end of {session}", lambda: patch(session).status_code == 404, seconds)


@contextmanager
def watching(
    server: Server, bearer: str = "", kinds: Sequence[str] = KINDS, turn: RTCIceServer | None = None
) -> Iterator[Viewer]:
    """Somebody who watches the server's channel, or tries to."""
    viewer = Viewer(url(server), bearer, kinds, turn)
    viewer.start()
    try:
        yield viewer
    finally:
        viewer.close()


def more(what: str, count: Callable[[], int], least: int) -> None:
    """Until so many more of it have come."""
    before = count()
    wait_for(f"{least} more {what}", lambda: count() >= before + least)


def main() -> None:
    """Watch a URL until this process is killed; the session's URL is printed once pictures come."""
    viewer = Viewer(sys.argv[1])
    viewer.start()
    more("pictures", lambda: viewer.frames["video"], 1)
    print(viewer.session, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
