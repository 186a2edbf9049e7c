"""What a channel's targets do through the API, while one of them is as bad as can be: it takes the stream,
and then not a byte of it."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.support.administrator import administrator, good, listed
from tests.support.media import check_ended, frames, probe
from tests.support.publisher import STOP, dial
from tests.support.remote import Remote, times
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.unit.rtmp_server import RtmpServer

# Much for so small a picture: what waits for somebody who takes nothing is soon more than may wait.
SETTINGS: dict[str, Any] = {
    "encoder_ladder": "[{height=240,bitrate=6000}]",
    "encoder_frame_rate": 15,
    "encoder_preset": "ultrafast",
    "hls_poster_every": 0,
    "hls_window": 3600,
    "push_allow": '["127.0.0.1"]',
    # what a busy machine does is no target's fault
    "ingest_idle_timeout": PATIENCE,
    "encoder_stall_timeout": PATIENCE,
    "encoder_slow_timeout": PATIENCE,
}
FIRST, SECOND = "the-key-that-is-wrong", "the-key-that-is-right"
_ENOUGH = 300_000  # bytes
_LONG_ENOUGH = 8.0  # of which five at least are recorded at the other place, whatever is on the way


@contextmanager
def deaf() -> Iterator[tuple[int, list[str]]]:
    """A server's port, and the keys with which it was published to; after that, it reads no more."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    held: list[socket.socket] = []
    keys: list[str] = []

    def greet(one: socket.socket) -> None:
        server = RtmpServer()
        with suppress(OSError):  # whoever has had enough comes again
            while not server.key and (data := one.recv(65536)):
                one.sendall(server.receive(data))
        if server.key:
            keys.append(server.key)

    def serve() -> None:
        with suppress(OSError):
            while True:
                held.append(listener.accept()[0])
                greet(held[-1])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], keys
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        for one in (listener, *held):
            one.close()
        thread.join()


@contextmanager
def on_air(server: Server, copy: Path) -> Iterator[None]:
    """Noise goes live until the test has seen enough; ``copy`` gets what was sent, to be compared with."""
    noise = "color=gray:size=320x240:rate=15,noise=alls=40:allf=t"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", noise]
    command += ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M", "-g", "15"]
    command += ["-cluster_time_limit", "250", "-f", "webm", "pipe:1"]
    source = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)

    def send() -> None:
        assert source.stdout
        with dial(server) as connection, copy.open("wb") as kept:
            while data := source.stdout.read(65536):
                connection.send(data)
                kept.write(data)
            connection.close(STOP)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        source.terminate()  # it writes what it still has
        thread.join()
        with source:
            pass  # its pipe is closed, and it is waited for


def add(admin: httpx.Client, path: str, port: int) -> str:
    body = {"url": f"rtmp://127.0.0.1:{port}/live", "key": FIRST, "rendition": "240p"}
    return str(good(admin.post(path, json=body))["id"])


def test_a_deaf_target_touches_neither_the_broadcast_nor_another_target() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="ingestd-push-") as root,
        running(**SETTINGS) as server,
        deaf() as (port, keys),
        administrator(server) as admin,
    ):
        remote, path = Remote(Path(root)), f"/channels/{server.channel}/targets"
        remote.start()
        try:
            bad, well = add(admin, path, port), add(admin, path, remote.port)
            with on_air(server, Path(root) / "sent.webm"):
                _watch(server, admin, remote, keys, bad, well)
            assert set(keys) == {FIRST}
            seen = times(remote.recordings(SECOND)[0])["video"]
            assert seen[-1] - seen[0] > 5
        finally:
            remote.kill()
        ended = server.wait_state("ended")
        (rendition,) = check_ended(server, ended)
        sent = probe(str(Path(root) / "sent.webm"))["streams"][0]
        assert frames(server, rendition)[0] == int(sent["nb_read_packets"])


def _watch(server: Server, admin: httpx.Client, remote: Remote, keys: list[str], bad: str, well: str) -> None:
    path = f"/channels/{server.channel}/targets"

    def told(target: str) -> dict[str, Any]:
        return next(one for one in good(admin.get(path))["targets"] if one["id"] == target)

    def flows() -> bool:
        one = told(well)
        return bool(one["state"] == "pushing" and one["bitrate"] > 500_000 and 0.5 < one["speed"] < 1.5)

    # it is tried again and again, so that may have been, or be again
    wait_for(lambda: f"the bad push: {told(bad)}", lambda: told(bad)["state"] == "pushing")
    wait_for(lambda: f"a push that goes well: {told(well)}", flows)
    # another key, while it is pushed to: at once, not with the next broadcast
    good(admin.patch(f"{path}/{well}", json={"key": SECOND}))
    wait_for("the other key", lambda: remote.bytes(SECOND) > _ENOUGH)
    before, since = remote.bytes(FIRST), listed(server)["media_time"]
    wait_for("the deaf one to be tried anew", lambda: len(keys) > 1)
    assert "does not answer" in server.logged()
    server.wait_for("enough for the second key", lambda one: one["media_time"] > since + _LONG_ENOUGH)
    wait_for(lambda: f"the other one to go on well: {told(well)}", flows)
    assert remote.bytes(FIRST) == before
    assert server.wait_state("live")["encoder"]["generation"] == 0
