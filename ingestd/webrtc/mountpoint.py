"""What viewers are sent, at the SFU: mountpoints, and the viewers of them.

Janus' streaming plugin only offers, with the payload types of a mountpoint, and a viewer's offer has others.
So a viewer first gets the offer of a template, a mountpoint that has nothing but the viewer's payload types,
and is switched to the channel's own one then: Janus goes on to use the types that were agreed on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from ingestd.addresses import LOOPBACK
from ingestd.errors import IngestdError
from ingestd.webrtc.bridge import Wanted, bridge, wanted
from ingestd.webrtc.candidates import Fragment, janus_candidates
from ingestd.webrtc.gateway import Event, Gateway, Handle
from ingestd.webrtc.ports import TYPES, Port
from ingestd.webrtc.sdp import BadSdp, Offer

_PLUGIN = "janus.plugin.streaming"
_H264 = "packetization-mode=1;profile-level-id=42e01f;level-asymmetry-allowed=1"
_TEMPLATES = 16  # that are kept: browsers have few combinations of payload types
_CONNECTS = 20.0  # seconds that a viewer gets to connect

_Key = tuple[str, int | None, int | None]  # codec of the picture, its payload type, that of the sound


class Mountpoint:
    """A channel's own, with a picture of that codec (empty: none) and with sound, or without.

    ``ports``: where to send video and audio; ``gone``: the SFU has lost it.
    """

    def __init__(self, handle: Handle, video: str, *, audio: bool, gone: asyncio.Event) -> None:
        self.name = secrets.token_hex(8)
        self.video = video
        self.audio = audio
        self.ports: Mapping[str, Port] = {}
        self.gone = gone
        self._handle = handle

    @classmethod
    async def open(cls, gateway: Gateway, video: str, *, audio: bool) -> Mountpoint:
        """``video``: h264, vp8, or empty for none. Raises JanusError, Away."""
        gone = asyncio.Event()

        def heard(event: Event) -> None:
            if event.kind in ("lost", "detached"):
                gone.set()

        handle = await gateway.attach(_PLUGIN, heard)
        made = cls(handle, video, audio=audio, gone=gone)
        media = _media(video, TYPES["video"], TYPES["audio"] if audio else None, rtcp=True)
        try:
            ports = await _create(handle, made.name, media)
        except BaseException:
            await made.close()  # it may be there all the same, where only the answer did not come
            raise
        made.ports = {one["mid"]: Port(one["port"], one.get("rtcp_port", 0)) for one in ports}
        return made

    async def close(self) -> None:
        """Its viewers see nothing more."""
        with suppress(IngestdError):
            await self._handle.request({"request": "destroy", "id": self.name})
        await self._handle.detach()


class Templates:
    """Those there are, by codec and payload types; they belong to a life of the SFU.

    Each has ports and a thread there, and viewers choose the types: so only some are kept.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._handle: Handle | None = None
        self._names: OrderedDict[_Key, str] = OrderedDict()  # that was used last is the last
        self._used: Counter[str] = Counter()
        self._making = asyncio.Lock()

    @asynccontextmanager
    async def name(self, video: str, types: Wanted, *, audio: bool) -> AsyncIterator[str]:
        """Of the one for a viewer with these types, which stays for the length of the block. Raises BadSdp
        when it can play nothing of the stream, and JanusError, Away."""
        payload = {"h264": types.h264, "vp8": types.vp8}.get(video)
        key = (video if payload is not None else "", payload, types.opus if audio else None)
        if key[1:] == (None, None):
            raise BadSdp("The SDP asks for nothing that this stream has, or not with its codecs.")
        async with self._making:
            name = await self._made(key)
            self._used[name] += 1
        try:
            yield name
        finally:
            self._used[name] -= 1
            self._used += Counter()  # without those that nobody uses

    async def _made(self, key: _Key) -> str:
        if self._handle is None:
            self._handle = await self._gateway.attach(_PLUGIN, self._heard)
        if key not in self._names:
            await self._make_room(self._handle)
            name = secrets.token_hex(8)
            await _create(self._handle, name, _media(*key, rtcp=False))
            self._names[key] = name
        self._names.move_to_end(key)
        return self._names[key]

    async def _make_room(self, handle: Handle) -> None:
        """Whoever was let in by a template is on the channel's own mountpoint since, and loses nothing."""
        unused = [key for key, name in self._names.items() if not self._used[name]]
        for key in unused[: max(0, len(self._names) - _TEMPLATES + 1)]:
            await handle.request({"request": "destroy", "id": self._names.pop(key)})

    def _heard(self, event: Event) -> None:
        if event.kind in ("lost", "detached"):
            self._handle = None
            self._names.clear()


class Peer:
    """One viewer at the SFU. ``answer`` is for its offer; ``gone``: it has left, has never come, or the SFU
    has gone."""

    def __init__(self, offer: Offer) -> None:
        self.answer = ""
        self.offer = offer
        self.gone = asyncio.Event()
        self._up = asyncio.Event()
        self._tag = ""
        self._handle: Handle | None = None

    @property
    def up(self) -> bool:
        """Whether it is connected."""
        return self._up.is_set() and not self.gone.is_set()

    @classmethod
    async def open(
        cls,
        gateway: Gateway,
        templates: Templates,
        offer: Offer,
        mountpoint: Mountpoint,
    ) -> Peer:
        """Raises BadSdp, Unfit, JanusError, Away; nothing is left behind then."""
        peer = cls(offer)
        async with templates.name(mountpoint.video, wanted(offer), audio=mountpoint.audio) as template:
            peer._handle = handle = await gateway.attach(_PLUGIN, peer._heard)
            try:
                reply = await handle.request({"request": "watch", "id": template})
                bridged = bridge(offer, (reply.jsep or {}).get("sdp", ""))
                await handle.request({"request": "start"}, {"type": "answer", "sdp": bridged.for_janus})
                await handle.request({"request": "switch", "id": mountpoint.name})
            except BaseException:
                await peer.close()
                raise
        peer.answer, peer._tag = bridged.for_viewer, bridged.tag
        return peer

    async def over(self) -> None:
        """Until it is gone. Who never connects would keep its port: ICE has nothing to time out there."""
        going = asyncio.timeout(_CONNECTS)
        with suppress(TimeoutError):
            async with going:
                await self._up.wait()
                going.reschedule(None)
                await self._end_candidates()
                await self.gone.wait()

    async def _end_candidates(self) -> None:
        """Janus ends who has vanished (after 52 s) only when no more candidates can come."""
        if self._handle:
            with suppress(IngestdError):  # it is gone then
                await self._handle.trickle(None)

    async def trickle(self, fragment: Fragment) -> None:
        """Raises JanusError, Away."""
        candidates: Sequence[Mapping[str, Any]] = janus_candidates(fragment, self._tag)
        if candidates and self._handle:
            await self._handle.trickle(candidates)

    async def close(self) -> None:
        handle, self._handle = self._handle, None
        self.gone.set()
        self._up.set()
        if handle:
            await handle.detach()

    def _heard(self, event: Event) -> None:
        if event.kind in ("hangup", "detached", "lost"):
            self.gone.set()
        if event.kind in ("hangup", "detached", "lost", "webrtcup"):
            self._up.set()


def _media(video: str, video_type: int | None, audio_type: int | None, *, rtcp: bool) -> list[dict[str, Any]]:
    """In Janus' words; ports are its choice."""
    found: list[dict[str, Any]] = []
    common = {"iface": LOOPBACK, "port": 0, **({"rtcpport": 0} if rtcp else {})}
    if video:
        # nobody makes a keyframe for who comes later, so Janus keeps the last one
        codec = {"codec": video, "pt": video_type, "bufferkf": True}
        fmtp = {"fmtp": _H264} if video == "h264" else {}
        found.append({"type": "video", "mid": "video", "label": "video", **codec, **fmtp, **common})
    if audio_type is not None:
        codec = {"codec": "opus", "pt": audio_type}
        found.append({"type": "audio", "mid": "audio", "label": "audio", **codec, **common})
    return found


async def _create(handle: Handle, name: str, media: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ports of a new mountpoint, as Janus tells them."""
    request = {"request": "create", "type": "rtp", "id": name, "is_private": True, "media": list(media)}
    reply = await handle.request(request)
    ports: list[dict[str, Any]] = reply.data["stream"]["ports"]
    return ports
