"""A publisher by WHIP and a viewer by WHEP who are not in a container: Debian's aiortc."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack

from tests.boxes.common import PATIENCE

_ENOUGH = 30  # pictures, and sounds
_LINK = re.compile(r'<(turn:[^>]+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"')
_CANDIDATE = re.compile(r"a=candidate:\S+ 1 udp \d+ (\S+) .*\r\n", re.IGNORECASE)

# neither what encodes tells of itself, nor ICE of every place that was tried in vain
av.logging.set_level(av.logging.ERROR)
logging.getLogger("asyncio").setLevel(logging.CRITICAL)

Edit = Callable[[RTCPeerConnection], None]


@dataclass(frozen=True, slots=True)
class Way:
    """``address``: that of the server's candidates that is used, empty: all; ``relay``: the TURN server's URL
    that is used, empty: none."""

    base: str
    address: str = ""
    relay: str = ""


def seen(way: Way, key: str) -> list[str]:
    """Publish to the channel demo, watch it, and take leave; returns the addresses that the answers named."""
    return asyncio.run(_seen(way, key))


async def _seen(way: Way, key: str) -> list[str]:
    publisher, viewer = _Peer(way, "/whip/demo", key), _Peer(way, "/whep/demo")
    try:
        await publisher.connect(_sends)
        async with asyncio.timeout(PATIENCE):
            while not (await asyncio.to_thread(_offered, way.base)):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.2)
        await viewer.connect(_receives)
        async with asyncio.timeout(PATIENCE):
            while min(viewer.came["video"], viewer.came["audio"]) < _ENOUGH:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.1)
    finally:
        await viewer.close()
        await publisher.close()
    return publisher.addresses + viewer.addresses


def _sends(peer: RTCPeerConnection) -> None:
    for track in (VideoStreamTrack(), AudioStreamTrack()):
        peer.addTransceiver(track, direction="sendonly")


def _receives(peer: RTCPeerConnection) -> None:
    for kind in ("video", "audio"):
        peer.addTransceiver(kind, direction="recvonly")


def _offered(base: str) -> bool:
    """Whether it can be watched so, and by the playlist."""
    with urllib.request.urlopen(f"{base}/api/v1/channels/demo", timeout=PATIENCE) as answer:
        found = json.load(answer)["broadcast"]
    return bool(found and found["whep"] and found["state"] == "live" and found["media_time"] > 2)


class _Peer:
    """``came`` counts what was decoded, by kind. No candidates of ours are told: so nothing is sent to us but
    by the way that we have come."""

    def __init__(self, way: Way, path: str, bearer: str = "") -> None:
        self.came: Counter[str] = Counter()
        self.addresses: list[str] = []
        self._way, self._path = way, path
        self._headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        self._peer = RTCPeerConnection(RTCConfiguration([]))
        self._session = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self, edit: Edit) -> None:
        """A relay is told of in an answer, and known before an offer: so there is a first one for that."""
        answer, links = await self._ask(edit)
        if self._way.relay:
            await self.close()
            (relay,) = (one for one in links if one.urls == self._way.relay)
            self._peer = RTCPeerConnection(RTCConfiguration([relay]))
            answer, _ = await self._ask(edit)
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def _ask(self, edit: Edit) -> tuple[str, Sequence[RTCIceServer]]:
        """Offer; the answer, and the TURN servers that it tells of."""
        peer = self._peer
        edit(peer)
        peer.on("track", lambda track: self._tasks.append(asyncio.ensure_future(self._count(track))))
        await peer.setLocalDescription(await peer.createOffer())
        offer = _CANDIDATE.sub("", peer.localDescription.sdp)
        answer, self._session, links = await asyncio.to_thread(self._post, offer)
        self.addresses = _CANDIDATE.findall(answer)
        if self._way.address:
            answer = _CANDIDATE.sub(lambda one: one[0] if one[1] == self._way.address else "", answer)
        return answer, [RTCIceServer(*one) for one in _LINK.findall(links)]

    def _post(self, offer: str) -> tuple[str, str, str]:
        headers = {"Content-Type": "application/sdp", **self._headers}
        asked = urllib.request.Request(self._way.base + self._path, offer.encode(), headers)
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            links = ", ".join(answer.headers.get_all("Link", []))
            return answer.read().decode(), answer.headers["Location"], links

    async def _count(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):
            while True:
                await track.recv()
                self.came[track.kind] += 1

    async def close(self) -> None:
        if self._session:
            asked = urllib.request.Request(
                self._way.base + self._session, None, self._headers, method="DELETE"
            )
            await asyncio.to_thread(lambda: urllib.request.urlopen(asked, timeout=PATIENCE).close())
            self._session = ""
        await self._peer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
