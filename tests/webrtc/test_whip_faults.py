"""What kills, and what becomes of a WHIP publisher's broadcast: processes, ports, the daemon itself."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import jwt
import psutil
import pytest

from ingestd.webrtc.janus_config import SOCKET
from tests.chaos.analysis import examine
from tests.chaos.clip import clip
from tests.support import http
from tests.support.accounts import admin_password
from tests.support.administrator import good, signed_in
from tests.support.media import check_ended
from tests.support.server import Server, alive, argv, running, wait_for
from tests.support.whep import more, patch, post, watching
from tests.support.whip import copied, generated, publisher, publishing
from tests.system.numbered import NUMBERED, fetch
from tests.webrtc.goldens import OFFERS
from tests.webrtc.test_whip_requests import CANDIDATE, FRAGMENT, asked, code, offered

SECONDS = 14  # of the numbered recording

_PIDFD_GETFD = 438  # the number of the system call, on every architecture
_libc = ctypes.CDLL(None, use_errno=True)
KEYFRAME = 2 * 30  # frames: where Janus knows whom to send to, it sends from the next keyframe on


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    with running(channels=7, webrtc_enabled=True, ingest_resume_window=30, **NUMBERED) as made:
        yield made


def relay(server: Server) -> psutil.Process:
    """The FFmpeg that reads the channel's RTP."""

    def find() -> psutil.Process | None:
        mine = (one for one in server.children("ffmpeg") if f"{server.channel}-" in argv(one))
        return next((one for one in mine if ".sdp" in argv(one) and alive(one)), None)

    return wait_for(f"the relay of {server.channel}", find)


def shortened(server: Server, token: str, seconds: int) -> str:
    """The same, good for no more than so long."""
    claims = jwt.decode(token, options={"verify_signature": False})
    secret = (server.data / "secret").read_text().strip().encode()
    return jwt.encode(claims | {"exp": int(time.time()) + seconds}, secret, "HS256")


def connections(server: Server) -> int:
    """How often it has reached a Janus."""
    return server.logged().count('"janus_connected"')


def cut(server: Server) -> int:
    """Shut the daemon's connections to both Janus, from outside: a copy of its socket is the same socket
    (pidfd_getfd(2)). How many they were."""
    pid, count = server.process.pid, 0
    daemon = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(OSError):
            if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                continue
            copy = _libc.syscall(_PIDFD_GETFD, daemon, int(name), 0)
            with socket.socket(fileno=copy) as one:
                if one.family == socket.AF_UNIX and str(one.getpeername()).endswith(SOCKET):
                    one.shutdown(socket.SHUT_RDWR)
                    count += 1
    os.close(daemon)
    return count


def media(server: Server, seconds: float) -> dict[str, object]:
    return server.wait_for(f"{seconds:g} s of media", lambda one: one["media_time"] >= seconds)


def test_an_encoder_that_is_killed_loses_nothing_of_a_whip_broadcast(server: Server) -> None:
    channel = server.on("demo1")
    source = clip("h264", 256, 144, SECONDS)
    process = subprocess.Popen(publisher(channel, copied(source)))
    try:
        broadcast = str(media(channel, 4)["id"])
        channel.encoder(broadcast).kill()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    ended = channel.wait_state("ended", "failed")
    assert ended["state"] == "ended" and ended["id"] == broadcast, ended
    assert "encoder_died" in channel.logged()
    found = examine(fetch(channel), str(ended["hls_broadcast"]), 0, source.frames)
    assert found.complaints == ()
    for name, one in found.renditions.items():
        first, _, last = one.runs.partition("-")  # one run, so nothing is missing or doubled within
        assert int(first) <= KEYFRAME and int(last) == source.frames - 1, (name, one.runs)
        assert one.overlap < 0.05 and (one.doubled, one.disordered, one.unreadable) == (0, 0, 0), name


def test_a_relay_that_is_killed_goes_on_in_the_same_broadcast(server: Server) -> None:
    channel = server.on("demo2")
    with publishing(channel) as process:
        before = media(channel, 2)
        first = relay(channel)
        first.kill()
        after = channel.wait_for("more", lambda one: one["media_time"] > float(str(before["media_time"])) + 4)
        assert after["id"] == before["id"] and process.poll() is None
        assert relay(channel).pid != first.pid
    ended = channel.wait_state("ended", "failed")
    assert (ended["state"], ended["id"]) == ("ended", before["id"])
    for text in check_ended(channel, ended).values():
        assert text.count("#EXT-X-DISCONTINUITY\n") == 1


def test_a_janus_that_is_killed_ends_its_publishers_and_takes_them_again(server: Server) -> None:
    channel = server.on("demo3")
    with publishing(channel) as process:
        broadcast = media(channel, 2)["id"]
        (sfu,) = [one for one in server.children("janus") if one.cwd().endswith("/in")]
        sfu.kill()
        channel.wait_state("interrupted")
        process.kill()
    with publishing(channel):
        channel.wait_state("live")
        again = channel.wait_for("more", lambda one: one["id"] == broadcast and one["media_time"] > 4)
    assert channel.wait_state("ended", "failed")["id"] == again["id"]


def test_while_the_way_to_the_sfu_is_cut_media_go_on_and_then_all_works_as_before(server: Server) -> None:
    channel, other = server.on("demo4"), server.on("demo5")
    source, lost = clip("h264", 256, 144, SECONDS), server.logged().count("janus_lost")
    waiting = offered(other)
    process = subprocess.Popen(publisher(channel, copied(source)))
    try:
        media(channel, 2)
        with watching(channel) as viewer:
            more("pictures", lambda: viewer.frames["video"], 10)
            before = connections(server)
            assert cut(server) == 2
            more("pictures", lambda: viewer.frames["video"], 30)
            wait_for("the connections", lambda: connections(server) == before + 2)
            assert (
                asked(other, "PATCH", waiting, f"a={CANDIDATE}\r\n", Content_Type=FRAGMENT).status_code == 204
            )
            assert asked(other, "DELETE", waiting).status_code == 200
            assert patch(viewer.session).status_code == 204
            more("pictures", lambda: viewer.frames["video"], 30)
            assert http.request("DELETE", viewer.session).status_code == 200
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    ended = channel.wait_state("ended", "failed", "interrupted")
    assert ended["state"] == "ended", ended  # its DELETE has been understood
    assert server.logged().count("janus_lost") == lost
    found = examine(fetch(channel), str(ended["hls_broadcast"]), 0, source.frames, late=2 * KEYFRAME)
    assert all(one.damage == 0 for one in found.renditions.values()), found


def test_a_token_that_expires_lets_nobody_in_and_sends_nobody_away(server: Server) -> None:
    channel = server.on("demo6")
    with signed_in(server, "admin", admin_password(server.data)) as admin:
        made = good(admin.post("/channels/demo6/tokens", json={"scope": "publish"}))["token"]
    brief = shortened(server, made, 10)
    with publishing(channel, bearer=brief):
        broadcast = media(channel, 1)["id"]
        wait_for("its end", lambda: offered(channel, bearer=brief).status_code == 401)
        enough = float(str(channel.wait_state("live")["media_time"])) + 3
        assert media(channel, enough)["id"] == broadcast
    assert channel.wait_state("ended", "interrupted")["state"] == "ended"


def test_when_all_ports_are_in_use_the_next_is_told_to_come_back(network: None) -> None:
    with running(channels=3, webrtc_enabled=True, webrtc_publish_ports="20000-20000", **NUMBERED) as server:
        channel, other = server.on("demo1"), server.on("demo2")
        made = offered(channel)
        assert made.status_code == 201, made.text
        for _ in range(2):  # the second time as well: the refused has not kept its channel
            refused = offered(other)
            assert (refused.status_code, code(refused)) == (503, "no_capacity")
            assert int(refused.headers["retry-after"]) > 0
        assert asked(channel, "DELETE", made).status_code == 200
        wait_for("the port", lambda: offered(other).status_code == 201)


def test_when_all_ports_of_viewers_are_in_use_the_next_is_told_to_come_back(network: None) -> None:
    with (
        running(channels=2, webrtc_enabled=True, webrtc_watch_ports="20100-20100", **NUMBERED) as server,
        publishing(server),
    ):
        media(server, 1)
        with watching(server) as viewer:
            more("pictures", lambda: viewer.frames["video"], 10)
            refused = post(server, OFFERS["firefox-play"])
            assert (refused.status_code, code(refused)) == (503, "no_capacity")
            assert int(refused.headers["retry-after"]) > 0
            assert http.request("DELETE", viewer.session).status_code == 200
        wait_for("the port", lambda: post(server, OFFERS["firefox-play"]).status_code == 201)


def test_a_daemon_that_is_stopped_leaves_nothing_behind(network: None) -> None:
    with running(channels=2, webrtc_enabled=True, **NUMBERED) as server:
        channel = server.on("demo1")
        process = subprocess.Popen(publisher(channel, generated()))
        try:
            media(channel, 1)
            family = psutil.Process(server.process.pid).children(recursive=True)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(20)
            wait_for("all to be gone", lambda: not any(map(alive, family)), 5)
            assert list((server.data / "scratch").glob("*.sdp")) == []
        finally:
            process.kill()
            process.wait()
