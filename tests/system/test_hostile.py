"""Clients that mean no good, or behave as if: bounded, refused, and without a trace afterwards."""

from __future__ import annotations

import base64
import os
import socket
import struct
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support import http
from tests.support.publisher import RECORDINGS, STOP, blobs, dial, publish, send
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.conftest import SMALL
from tests.system.test_up import ingestd

CLEAN = (RECORDINGS / "vp8-opus_ts250_kf2000.webm").read_bytes()
PING = struct.pack("!BBI", 0x89, 0x80 | 100, 0) + bytes(100)  # masked with zeros
CLUSTER = bytes.fromhex("1f43b675")


def shake_hands(server: Server, path: str, *headers: str) -> socket.socket:
    """A WebSocket by hand, for a client that does what no library does."""
    host, port = server.http.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}"]
    connection.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
    return connection


def flood(connection: socket.socket, frame: bytes, seconds: float = PATIENCE) -> None:
    """Send without ever reading, until the server cuts the connection."""
    data = frame * 500
    deadline = time.monotonic() + seconds
    with pytest.raises(OSError):
        while time.monotonic() < deadline:
            connection.sendall(data)


def wait_let_go(server: Server) -> None:
    """Until nobody publishes any more: now, not a second ago."""
    wait_for("the claim to be let go", lambda: server.metric_now("ingestd_publishers") == 0)


@pytest.mark.parametrize("known", [True, False])
def test_who_pings_and_never_reads_is_cut_off(server: Server, known: bool) -> None:
    channel = server.on("demo25")
    before = psutil.Process(server.process.pid).memory_info().rss
    if known:
        path = f"/ws?streamKey={channel.stream_key}&token={channel.token}"
        connection = shake_hands(channel, path)
    else:
        connection = shake_hands(channel, "/ws?streamKey=x", "Sec-WebSocket-Protocol: bearer.x")
    with connection:
        flood(connection, PING)
    assert psutil.Process(server.process.pid).memory_info().rss - before < 64 * 2**20
    wait_let_go(server)


def test_a_message_of_endless_empty_pieces_is_cut_off(server: Server) -> None:
    channel = server.on("demo26")
    path = f"/ws?streamKey={channel.stream_key}&token={channel.token}"
    with shake_hands(channel, path) as connection:
        connection.sendall(struct.pack("!BBI", 0x02, 0x80, 0))  # binary, not the last piece
        flood(connection, struct.pack("!BBI", 0x00, 0x80, 0))


def test_a_jump_in_time_is_refused_with_its_length(server: Server) -> None:
    """A Cluster 24 hours ahead: FFmpeg would fill the gap with repeated frames for ever."""
    channel = server.on("demo27")
    second = CLEAN.index(CLUSTER, CLEAN.index(CLUSTER) + 4)
    at = CLEAN.index(b"\xe7", second)
    size = CLEAN[at + 1] & 0x7F
    far = b"\xe7\x84" + (24 * 3600 * 1000).to_bytes(4, "big")
    with dial(channel) as connection, pytest.raises(ConnectionClosed) as caught:
        connection.send(CLEAN[:at] + far + CLEAN[at + 2 + size :])
        connection.recv(timeout=PATIENCE)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4415
    assert "jump" in caught.value.rcvd.reason
    channel.wait_state("ended")


def test_a_refused_second_recording_leaves_the_first_one_whole(server: Server) -> None:
    channel = server.on("demo28")
    with dial(channel) as connection, pytest.raises(ConnectionClosed) as caught:
        connection.send(CLEAN)
        connection.send(CLEAN.replace(b"V_VP8", b"V_AVI"))
        connection.recv(timeout=PATIENCE)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4415
    ended = channel.wait_state("ended", "failed")
    assert ended["state"] == "ended"
    assert ended["media_time"] == pytest.approx(9.98, abs=0.1)
    assert "Traceback" not in channel.logged()


def test_the_limit_holds_for_those_who_were_admitted_before_it_was_reached() -> None:
    names = ("demo", "demo1", "demo2", "demo3")
    settings: dict[str, Any] = {"ingest_max_broadcasts": 2, "ingest_idle_timeout": PATIENCE, **SMALL}
    with running(channels=4, **settings) as server, ExitStack() as stack:
        connections = [stack.enter_context(dial(server.on(name))) for name in names]
        for connection in connections:
            connection.send(CLEAN[:200_000])
        wait_for("two refusals", lambda: server.metric("ingestd_refusals_total", reason="no_capacity") == 2)
        assert len(server.get("/api/v1/broadcasts")["broadcasts"]) == 2
        wait_for(
            "two closes", lambda: sorted(one.close_code or 0 for one in connections) == [0, 0, 1013, 1013]
        )


def test_a_machine_without_descriptors_is_waited_for() -> None:
    """What keeps an encoder from being started may pass: the broadcast backs off."""
    patient: dict[str, Any] = {"ingest_idle_timeout": PATIENCE, **SMALL}
    pieces = [(0.0, data) for _, data in blobs("vp8-opus_ts250_kf2000.webm")]
    with running(expect_clean=True, **patient) as server, dial(server) as connection:
        send(connection, pieces[:20])
        server.wait_for("a second", lambda one: one["media_time"] >= 1)
        daemon = psutil.Process(server.process.pid)
        limit = daemon.rlimit(psutil.RLIMIT_NOFILE)
        daemon.rlimit(psutil.RLIMIT_NOFILE, (daemon.num_fds() - 12, limit[1]))
        server.kill("ffmpeg")
        send(connection, pieces[20:])  # so there is work for another one, whatever the first had done
        failures = "not_started", "playlist_not_written"  # not even its last segments can be read
        wait_for("what cannot be done", lambda: any(words in server.logged() for words in failures))
        daemon.rlimit(psutil.RLIMIT_NOFILE, limit)
        connection.close(STOP)
        ended = server.wait_state("ended", "failed")
        assert ended["state"] == "ended", server.logged()[-5000:]
        assert ended["media_time"] == pytest.approx(9.98, abs=0.1)


def test_an_open_event_stream_does_not_hold_up_a_stop() -> None:
    with running(**SMALL) as server:
        with http.stream("GET", f"{server.http}/api/v1/events", timeout=60) as response:
            lines = response.iter_lines()
            next(lines)
            server.process.terminate()
            assert server.process.wait(60) == 0
            for _ in lines:
                pass
        assert "exceeded" not in server.logged()


def test_a_ready_file_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    ports = ["--http-port", "0", "--hls-port", "0", "--rtmp-port", "0"]
    ended = ingestd("up", "--data-dir", str(tmp_path), *ports, "--ready-file", "/nowhere/x")
    assert ended.returncode == 2
    assert "/nowhere/x cannot be written" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_channel_is_free_again_after_every_kind_of_end(server: Server) -> None:
    channel = server.on("demo29")
    for _ in range(3):
        with dial(channel) as connection:
            connection.socket.close()
        wait_let_go(server)
    with pytest.raises(InvalidStatus):
        dial(channel, token="wrong")
    publish(channel, "vp8_restart-part1.webm", fast=True)
    assert channel.wait_state("ended", "failed")["state"] == "ended"
