"""The ports by which media come to a relay."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from pathlib import Path

import pytest

from ingestd.addresses import kept_ports
from ingestd.errors import StartError
from ingestd.ingest import rtp
from ingestd.ingest.remux import Track
from ingestd.ingest.rtp import Received, free_pairs, udp_sockets
from ingestd.processes import Child
from ingestd.webrtc.gateway import Away

TRACKS = [Track("video", 96, "VP8/90000", "", 0), Track("audio", 111, "opus/48000/2", "", 0)]
TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  352: 0100007F:4E20 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0 0
  353: 00000000:4E22 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0 0
"""  # noqa: E501 - as the kernel writes it

LISTENER = """
import socket, sys
held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in sys.argv[1:]]
for one, port in zip(held, sys.argv[1:]): one.bind(("127.0.0.1", int(port)))
sys.stdin.read()
import time; time.sleep(60)
"""


def bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", port))
    return made


@pytest.mark.skipif(struct.pack("=H", 1) != b"\1\0", reason="the table is a little-endian machine's")
def test_the_kernels_table_is_understood() -> None:
    assert udp_sockets(TABLE) == [(("127.0.0.1", 20000), "4711"), (("0.0.0.0", 20002), "4712")]


def test_pairs_are_even_and_free_with_the_next_and_nobody_elses() -> None:
    found = free_pairs(2)
    assert len(set(found)) == 2 and all(port % 2 == 0 for port in found)
    for port in found:
        bound(port).close()
        bound(port + 1).close()
    even = {port for port in kept_ports() if port % 2 == 0}
    one, other = found
    with bound(one + 1):
        assert free_pairs(1, but=even - {one, other}) == [other]
        with pytest.raises(StartError):
            free_pairs(1, but=even - {one})
    with pytest.raises(StartError):
        free_pairs(2, but=even - {one})


def test_what_is_forwarded_goes_only_to_a_process_of_ours_that_listens(tmp_path: Path) -> None:
    told: list[list[int]] = []

    async def forward(tracks: object) -> None:
        told.append([track.port for track in tracks])  # type: ignore[attr-defined]

    async def story() -> None:
        source = Received("x", TRACKS, forward, tmp_path)
        argv = source.argv("ffmpeg", 1.0)
        text = (tmp_path / argv[argv.index("-i") + 1]).read_text()
        ports = [int(line.split()[1]) for line in text.splitlines() if line.startswith("m=")]
        with bound(ports[0]):  # a stranger was quicker
            deaf = await Child.start([sys.executable, "-c", "input()"], name="deaf", cwd=tmp_path)
            await source.flow(deaf)
            await deaf.stop(0)
        assert told == []
        listener = [sys.executable, "-c", LISTENER, *map(str, ports)]
        child = await Child.start(listener, name="listener", cwd=tmp_path)
        await source.flow(child)
        await child.stop(0)
        assert told == [ports]
        assert list(tmp_path.iterdir()) == []
        source.close()

    asyncio.run(story())


def test_ports_of_one_life_are_nobody_elses_until_the_next_is_forwarded_to(tmp_path: Path) -> None:
    async def forward(_tracks: object) -> None:
        raise Away("not now")

    source = Received("x", TRACKS[:1], forward, tmp_path)
    source.argv("ffmpeg", 1.0)
    first = set(rtp._HELD)
    source.argv("ffmpeg", 1.0)
    assert len(first) == 1 and first < rtp._HELD
    source.close()
    assert rtp._HELD == set() and list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    source = Received("x", TRACKS, lambda _tracks: asyncio.sleep(0), tmp_path / "nowhere")
    with pytest.raises(StartError, match="cannot be written"):
        source.argv("ffmpeg", 1.0)
    source.close()
