"""Publishers by WHIP: the FFmpeg (8 or newer) of imageio-ffmpeg, for Debian's is too old; and aiortc."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

import httpx
import imageio_ffmpeg
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from tests.chaos.clip import Clip
from tests.support.server import Server

_SECONDS = 30.0  # for FFmpeg to say goodbye
_ANSWER_SECONDS = 60.0
_PICTURE = ["-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"]
_TONE = ["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
_H264 = [
    *["-pix_fmt", "yuv420p", "-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast"],
    *["-tune", "zerolatency", "-g", "30"],
]
_OPUS = ["-c:a", "libopus", "-b:a", "64k", "-ac", "2"]

logging.getLogger("aiortc").setLevel(logging.ERROR)


def url(server: Server, query: str = "") -> str:
    return f"{server.http}/whip/{server.channel}{query}"


def publisher(server: Server, what: Sequence[str], bearer: str = "", query: str = "") -> list[str]:
    """The command line of one that publishes ``what``."""
    return publisher_to(url(server, query), what, bearer or server.stream_key)


def publisher_to(url: str, what: Sequence[str], bearer: str) -> list[str]:
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "warning"]
    return [*program, *what, "-f", "whip", "-authorization", bearer, "-whip_flags", "dtls_active", url]


def copied(clip: Clip) -> list[str]:
    """Its pictures as they are, in real time; its sound in stereo, for FFmpeg publishes no other."""
    return ["-re", "-i", str(clip.path), "-c:v", "copy", *_OPUS]


def generated(*, video: bool = True, audio: bool = True) -> list[str]:
    """A test picture and a tone, without end."""
    return [*_PICTURE * video, *_TONE * audio, *_H264 * video, *_OPUS * audio]


@contextmanager
def publishing(
    server: Server, bearer: str = "", query: str = "", what: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Until the end of the block; then it takes leave (DELETE) if it lives."""
    process = subprocess.Popen(publisher(server, what or generated(), bearer, query))
    try:
        yield process
        process.send_signal(signal.SIGINT)
        process.wait(_SECONDS)
    finally:
        process.kill()
        process.wait()


class AiortcPublisher:
    """A picture in VP8 and silence in Opus. ``answer``: what the server has said."""

    answer: httpx.Response

    def __init__(self, server: Server, turn: RTCIceServer | None = None) -> None:
        self._turn = turn
        self._url = url(server)
        self._headers = {"Authorization": f"Bearer {server.stream_key}", "Content-Type": "application/sdp"}
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._publish(), self._loop).result(_ANSWER_SECONDS)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._peer.close(), self._loop).result(_ANSWER_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ANSWER_SECONDS)
        self._loop.close()

    async def _publish(self) -> None:
        known = [self._turn] if self._turn else []  # without any it asks Google
        self._peer = peer = RTCPeerConnection(RTCConfiguration(known))
        peer.addTrack(VideoStreamTrack())
        peer.addTrack(AudioStreamTrack())
        (video,) = (one for one in peer.getTransceivers() if one.kind == "video")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        video.setCodecPreferences([one for one in codecs if one.mimeType == "video/VP8"])
        for one in peer.getTransceivers():
            one.direction = "sendonly"
        await peer.setLocalDescription(await peer.createOffer())
        async with httpx.AsyncClient(timeout=_ANSWER_SECONDS) as client:
            offer = peer.localDescription.sdp
            self.answer = await client.post(self._url, content=offer, headers=self._headers)
        assert self.answer.status_code == 201, self.answer.text
        await peer.setRemoteDescription(RTCSessionDescription(self.answer.text, "answer"))


@contextmanager
def publishing_aiortc(server: Server, turn: RTCIceServer | None = None) -> Iterator[AiortcPublisher]:
    """Until the end of the block; then its connection is closed, and nothing said."""
    made = AiortcPublisher(server, turn)
    made.start()
    try:
        yield made
    finally:
        made.close()
