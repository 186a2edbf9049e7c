"""A room of the SFU with one publisher in it, and what it forwards to us."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from ingestd.addresses import LOOPBACK
from ingestd.errors import IngestdError
from ingestd.tasks import Tasks
from ingestd.webrtc.gateway import Away, Event, Gateway, Handle, JanusError
from ingestd.webrtc.ports import TYPES, Port

log = structlog.get_logger("ingestd.whip")

_PLUGIN = "janus.plugin.videoroom"
_KEYFRAMES = 2  # seconds between two that the publisher is asked for: the length of a segment, and of a unit
_VIDEO = {"h264": ("H264/90000", "packetization-mode=1"), "vp8": ("VP8/90000", "")}
_AUDIO = {"opus": ("opus/48000/2", "")}


@dataclass(frozen=True, slots=True)
class Medium:
    """One medium that a publisher sends: ``mid`` in its offer, and how it is described (RFC 8866 §6.6)."""

    mid: str
    kind: str
    codec: str  # the SFU's name for it
    encoding: str
    parameters: str


class Room:
    """Lives as long as its publisher; ``answer`` is the SFU's, as it gave it.

    ``silent`` is set while the publisher has ceased to send media, ``sends`` while it does; ``gone`` once it
    has ended, or the SFU has.
    """

    def __init__(self) -> None:
        self.answer = ""
        self.media: list[Medium] = []
        self.silent, self.sends = asyncio.Event(), asyncio.Event()
        self.gone = asyncio.Event()
        self.reason = ""  # why it is gone, in the SFU's words
        self._name, self._secret = secrets.token_hex(8), secrets.token_hex(16)
        self._handle: Handle | None = None
        self._publisher = ""
        self._forwarders: dict[str, list[int]] = {}
        self._forwarding = asyncio.Lock()
        self._tasks = Tasks("room")
        self._receiving: dict[str, bool] = {}

    @property
    def video(self) -> str:
        """Codec of the picture, ``h264`` or ``vp8``; empty: there is none."""
        return next((one.codec for one in self.media if one.kind == "video"), "")

    @property
    def audio(self) -> bool:
        return any(one.kind == "audio" for one in self.media)

    @property
    def number(self) -> int:
        """Of its handle; 0: it has none."""
        return self._handle.number if self._handle else 0

    @property
    def state(self) -> str:
        """Of its publisher: ``connecting``, ``sending`` or ``silent``."""
        return "silent" if self.silent.is_set() else "sending" if self.sends.is_set() else "connecting"

    @classmethod
    async def open(cls, gateway: Gateway, offer: str, bitrate: int) -> Room:
        """``offer``: SDP; ``bitrate``: bit/s that the publisher may send at most.

        Raises JanusError and Away; nothing is left behind then.
        """
        room = cls()
        room._handle = await gateway.attach(_PLUGIN, room._heard)
        try:
            await room._join(offer, bitrate)
        except BaseException:
            await room.close()
            raise
        return room

    async def _join(self, offer: str, bitrate: int) -> None:
        made = {"publishers": 1, "is_private": True, "fir_freq": _KEYFRAMES, "notify_joining": False}
        codecs = {"videocodec": ",".join(_VIDEO), "audiocodec": ",".join(_AUDIO)}
        rate = {"bitrate": bitrate, "bitrate_cap": True}
        await self._ask("create", **made, **codecs, **rate)
        join = {"request": "joinandconfigure", "ptype": "publisher", "room": self._name}
        reply = await self._here().request(join, {"type": "offer", "sdp": offer})
        self._publisher = str(reply.data.get("id", ""))
        self.answer = (reply.jsep or {}).get("sdp", "")
        streams = reply.data.get("streams", [])
        self.media = [found for stream in streams if (found := _medium(stream))]

    async def forward(self, whom: str, ports: Mapping[str, Port]) -> None:
        """Send video and audio to these ports for ``whom``, and nowhere else for that one any more; no ports:
        nowhere at all.

        Begins with a keyframe soon; more may be asked for by RTCP. Raises JanusError and Away. Whoever is
        cancelled meanwhile stops nothing halfway: else nobody knew what is sent, to ports that others get.
        """
        asked = self._tasks.spawn(self._forward(whom, ports), f"forward-{whom}")
        if error := await asyncio.shield(asked):
            raise error

    async def _forward(self, whom: str, ports: Mapping[str, Port]) -> IngestdError | None:
        try:
            async with self._forwarding:
                await self._move(whom, ports)
        except IngestdError as error:
            return error
        return None

    async def _move(self, whom: str, ports: Mapping[str, Port]) -> None:
        for stream in self._forwarders.pop(whom, []):
            with suppress(JanusError):  # it is no more, then
                await self._ask("stop_rtp_forward", publisher_id=self._publisher, stream_id=stream)
        streams = [_forwarded(one, ports[one.kind]) for one in self.media if one.kind in ports]
        if not streams:
            return
        where = {"host": LOOPBACK, "host_family": "ipv4", "streams": streams}
        reply = await self._ask("rtp_forward", publisher_id=self._publisher, **where)
        self._forwarders[whom] = [one["stream_id"] for one in reply.get("forwarders", [])]
        await self._here().request({"request": "configure", "keyframe": True})

    async def trickle(self, candidates: Sequence[Mapping[str, Any]] | None) -> None:
        """Candidates of the publisher; None: there are no more."""
        await self._here().trickle(candidates)

    async def still(self) -> bool:
        """Whether the SFU still has it: one that has just died may not have been missed yet."""
        try:
            await self._ask("listparticipants")
        except IngestdError:
            return False
        return True

    async def close(self) -> None:
        """The publisher is sent away."""
        handle, self._handle = self._handle, None
        if handle:
            with suppress(IngestdError):  # there is none, or the SFU is away: then it is gone with it
                await handle.request({"request": "destroy", "room": self._name, "secret": self._secret})
            await handle.detach()
        await self._tasks.close()
        self.gone.set()

    def _here(self) -> Handle:
        """Raises Away once the publisher was sent away."""
        if self._handle is None:
            raise Away("This publisher is no more.")
        return self._handle

    async def _ask(self, request: str, **fields: Any) -> dict[str, Any]:
        said = {"request": request, "room": self._name, "secret": self._secret, **fields}
        return (await self._here().request(said)).data

    def _heard(self, event: Event) -> None:
        match event.kind:
            case "media":
                self._receiving[str(event.data.get("mid"))] = bool(event.data.get("receiving"))
                here, not_here = (self.sends, self.silent)[:: 1 if any(self._receiving.values()) else -1]
                here.set()
                not_here.clear()
            case "hangup" | "detached" | "lost":
                if self._handle:  # not when it is we who end it
                    self.reason = str(event.data.get("reason") or event.kind)
                self.gone.set()
            case _:
                pass


def _medium(stream: Mapping[str, Any]) -> Medium | None:
    """Of what the SFU says of a stream; None: it is not in use."""
    kind, codec = stream.get("type", ""), stream.get("codec", "")
    found = (_VIDEO if kind == "video" else _AUDIO).get(codec)
    return Medium(str(stream.get("mid", "")), kind, codec, *found) if found else None


def _forwarded(one: Medium, to: Port) -> dict[str, Any]:
    """In the SFU's words."""
    rtcp = {"rtcp_port": to.rtcp} if to.rtcp else {}
    return {"mid": one.mid, "port": to.rtp, "pt": TYPES[one.kind], **rtcp}
