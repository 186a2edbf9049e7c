"""What a viewer by WebRTC costs: processor time of ours, and of Janus alone with a mountpoint of its own.

One stream of 3 Mb/s is sent to 1, 10 and 50 viewers. Ours is the daemon and both Janus, less what they take
while nobody watches; alone is one Janus with Debian's defaults for it, in which nobody but this program has a
hand. Viewers connect by ICE and DTLS and go on to answer; their media packets the kernel throws away, for to
decrypt them would take more than to send them. That all were sent is counted. In a network of its own (root).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import imageio_ffmpeg
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from ingestd.webrtc.gateway import Gateway
from ingestd.webrtc.janus import find, find_libraries, lay_out, speaks
from ingestd.webrtc.janus_config import SOCKET, Role, Terms
from ingestd.webrtc.mountpoint import Mountpoint
from tests.bench.processes import cpu, spawned
from tests.bench.table import Row
from tests.support.network import own_network, why_none
from tests.support.server import Server, running
from tests.support.whep import url
from tests.support.whip import publishing

_VIEWERS, _QUICK_VIEWERS = (1, 10, 50), (1, 10)
_SECONDS, _QUICK_SECONDS = 20.0, 5.0
_START_SECONDS = 30.0
_CONNECT_SECONDS = 15.0  # for a crowd, at most
_BURST_SECONDS = 2.0  # with which FFmpeg begins
_LOST = 0.03  # of the packets, with which a figure would say nothing
_PORTS = 30000, 30399  # of the Janus that is alone
_SMALL = "encoder.ladder=[{height=90,bitrate=50}]"  # the ladder is not what is measured here
_NOISE = "testsrc2=size=640x360:rate=30,noise=alls=8:allf=t"
_TONE = "sine=frequency=440:sample_rate=48000"
_H264 = [
    "-c:v",
    "libx264",
    "-pix_fmt",
    "yuv420p",
    "-profile:v",
    "baseline",
    "-preset",
    "ultrafast",
    "-g",
    "60",
]
_RATE = ["-b:v", "3M", "-maxrate", "3M", "-bufsize", "3M"]
_OPUS = ["-c:a", "libopus", "-b:a", "64k", "-ac", "2"]


def run(quick: bool = False) -> list[Row]:
    if reason := why_none():
        raise RuntimeError(reason)
    seconds, crowds = (_QUICK_SECONDS, _QUICK_VIEWERS) if quick else (_SECONDS, _VIEWERS)
    with tempfile.TemporaryDirectory(prefix="ingestd-bench-") as folder:
        os.chmod(folder, 0o755)
        clip = _clip(Path(folder), (seconds + _CONNECT_SECONDS) * (len(crowds) + 1))
        with own_network():
            alone = asyncio.run(_alone(Path(folder) / "janus", clip, crowds, seconds))
        with own_network(), running("--set", _SMALL, webrtc_enabled=True) as server:
            ours = _ours(server, clip, crowds, seconds)
    return [
        Row(
            f"WHEP, each of {viewers} viewers of 3 Mb/s",
            mine,
            "% of a core",
            f"Janus alone: {its:.2f}",
            mine / its,
        )
        for viewers, mine, its in zip(crowds, ours, alone, strict=True)
    ]


def _clip(folder: Path, seconds: float) -> Path:
    """Long enough for all of it: copied in a loop it would not keep its rate."""
    made = folder / "clip.mkv"
    inputs = ["-f", "lavfi", "-i", _NOISE, "-f", "lavfi", "-i", _TONE, "-t", f"{seconds:g}"]
    command = ["ffmpeg", "-v", "error", *inputs, *_H264, *_OPUS, str(made)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return made


# Ours


def _ours(server: Server, clip: Path, crowds: Sequence[int], seconds: float) -> list[float]:
    with publishing(server, what=["-re", "-i", str(clip), "-c", "copy"]):
        server.wait_state("live")
        processes = [server.process.pid, *(one.pid for one in server.children("janus"))]
        idle = _Watch(processes, seconds)
        found = []
        for viewers in crowds:
            with spawned(
                [sys.executable, "-m", "tests.bench.bench_whep", url(server), str(viewers)]
            ) as crowd:
                assert crowd.stdout and crowd.stdout.readline().strip() == "connected"
                busy = _Watch(processes, seconds)
            # to the relay and, as soon as somebody watches, to the other Janus: half of each without viewers
            stream = idle.packets / 2
            _check(busy.packets - idle.packets - stream, viewers * stream)
            found.append((busy.percent - idle.percent) / viewers)
        return found


# Janus alone


async def _alone(place: Path, clip: Path, crowds: Sequence[int], seconds: float) -> list[float]:
    async with _janus(place) as (gateway, pid):
        mountpoint = await Mountpoint.open(gateway, "h264", audio=True)
        ports = mountpoint.ports
        to = [
            *["-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb,dump_extra=freq=keyframe"],
            *["-f", "rtp", "-payload_type", "96", f"rtp://127.0.0.1:{ports['video'].rtp}?pkt_size=1200"],
            *["-map", "0:a", "-c", "copy", "-f", "rtp", "-payload_type", "97"],
            f"rtp://127.0.0.1:{ports['audio'].rtp}",
        ]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-re", "-i", str(clip), *to]
        with spawned(command, stdout=subprocess.DEVNULL):
            await asyncio.sleep(_BURST_SECONDS)
            idle = await asyncio.to_thread(_Watch, [pid], seconds)
            found = []
            for viewers in crowds:
                peers = [await _invited(gateway, mountpoint.name) for _ in range(viewers)]
                busy = await asyncio.to_thread(_Watch, [pid], seconds)
                for peer in peers:
                    await peer.close()
                _check(busy.packets - idle.packets, viewers * idle.packets)
                found.append((busy.percent - idle.percent) / viewers)
            return found


@asynccontextmanager
async def _janus(place: Path) -> AsyncIterator[tuple[Gateway, int]]:
    """Of ours only its configuration."""
    program, installed = find("janus"), find_libraries()
    assert program and installed, "Janus is not installed"
    loops = len(os.sched_getaffinity(0))
    lay_out(place, Terms(Role.OUT, _PORTS, "secret", "key", loops=loops), installed, None)
    with spawned([program, "--configs-folder=."], stdout=subprocess.DEVNULL, cwd=place) as process:
        gateway = Gateway("out", place / SOCKET, "secret", "key")
        try:
            assert await speaks(place / SOCKET, _START_SECONDS)
            gateway.start()
            yield gateway, process.pid
        finally:
            await gateway.close()


async def _invited(gateway: Gateway, mountpoint: str) -> RTCPeerConnection:
    """A viewer in Janus's own way: it offers, we answer."""
    peer = RTCPeerConnection(RTCConfiguration([]))
    handle = await gateway.attach("janus.plugin.streaming", lambda _: None)
    reply = await handle.request({"request": "watch", "id": mountpoint})
    assert reply.jsep
    await peer.setRemoteDescription(RTCSessionDescription(reply.jsep["sdp"], "offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    answer = {"type": "answer", "sdp": peer.localDescription.sdp}
    await handle.request({"request": "start"}, answer)
    await _connected(peer)
    return peer


# What is measured


class _Watch:
    """Over some seconds: ``percent`` of a core that processes took, and UDP ``packets`` of this network."""

    def __init__(self, processes: Sequence[int], seconds: float) -> None:
        began, used, sent = time.monotonic(), sum(map(cpu, processes)), _datagrams()
        time.sleep(seconds)
        past = time.monotonic() - began
        self.percent = (sum(map(cpu, processes)) - used) / past * 100
        self.packets = (_datagrams() - sent) / past


def _datagrams() -> int:
    """That were sent in this network so far, by IPv4 and IPv6."""
    here = Path("/proc/thread-self/net")
    told = (here / "snmp").read_text().splitlines()
    names, values = (line.split() for line in told if line.startswith("Udp:"))
    six = dict(line.split() for line in (here / "snmp6").read_text().splitlines())
    return int(values[names.index("OutDatagrams")]) + int(six["Udp6OutDatagrams"])


def _check(sent: float, expected: float) -> None:
    assert sent > expected * (1 - _LOST), f"{sent:.0f} of {expected:.0f} packets a second were sent"


# Viewers


async def _crowd(url: str, viewers: int) -> None:
    peers = []
    async with httpx.AsyncClient(timeout=_START_SECONDS) as client:
        for _ in range(viewers):
            peer = RTCPeerConnection(RTCConfiguration([]))
            for kind in ("video", "audio"):
                peer.addTransceiver(kind, direction="recvonly")
            await peer.setLocalDescription(await peer.createOffer())
            headers = {"Content-Type": "application/sdp"}
            answer = await client.post(url, content=peer.localDescription.sdp, headers=headers)
            assert answer.status_code == 201, answer.text
            await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await _connected(peer)
            peers.append(peer)
    print("connected", flush=True)
    await asyncio.Event().wait()


async def _connected(peer: RTCPeerConnection) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while peer.connectionState != "connected":  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.01)
    for one in _sockets(peer):
        _deafen(one)


def _sockets(peer: RTCPeerConnection) -> Iterator[socket.socket]:
    """aiortc does not tell of them, but by its parts."""
    for transceiver in peer.getTransceivers():
        connection = transceiver.receiver.transport.transport._connection
        for protocol in connection._protocols:
            yield protocol.transport.get_extra_info("socket")


def _deafen(one: socket.socket) -> None:
    """To RTP and RTCP, whose first byte is 128 to 191 (RFC 7983); ICE and DTLS go on. The kernel does it, by
    a filter (classic BPF) that sees the UDP header's 8 bytes first."""
    code = [(0x30, 0, 0, 8), (0x35, 0, 1, 128), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    filter_ = struct.pack("HL", len(code), ctypes.addressof(program))
    one.setsockopt(socket.SOL_SOCKET, 26, filter_)  # SO_ATTACH_FILTER


if __name__ == "__main__":
    asyncio.run(_crowd(sys.argv[1], int(sys.argv[2])))
