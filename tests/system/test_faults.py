"""What dies is started again, and the broadcast goes on."""

from __future__ import annotations

import signal
import time
from threading import Event, Thread
from typing import Any

import psutil
import pytest

from tests.hls.rfc8216 import check_aligned, check_update, parse_media
from tests.support.media import check_ended, frames, media_playlists
from tests.support.publisher import STOP, blobs, dial, send
from tests.support.server import Server, running, wait_for
from tests.system.conftest import SMALL

CLIP = "vp8-opus_ts100_defaultkf.webm"
LENGTH = 11.97  # seconds of video in it
FRAMES = 360


class OnAir:
    """A clip at its own pace, in the background. From 60 % on it only trickles until it is let go.

    So a test on a busy machine still finds the broadcast live when it comes to its fault.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._go_on = Event()
        self._connected = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> OnAir:
        self._thread.start()
        assert self._connected.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on()
        self._thread.join()

    def go_on(self) -> None:
        """Send the rest at once."""
        self._go_on.set()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        pieces = blobs(CLIP)
        held = len(pieces) * 6 // 10
        with dial(self._server) as connection:
            self._connected.set()
            send(connection, pieces[:held])
            for _, data in pieces[held:]:
                self._go_on.wait(1.0)  # less than the server's patience
                connection.send(data)
            connection.close(STOP)


def alive(process: psutil.Process) -> bool:
    """Running: not gone, and not waiting for a PID 1 that reaps nothing."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def argv(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def encoder(server: Server, broadcast: str) -> psutil.Process:
    """The FFmpeg that pushes this broadcast."""

    def find(_: object) -> bool:
        return any(f"/{broadcast}-" in argv(one) for one in server.children("ffmpeg"))

    while True:
        server.wait_for("its encoder", find)
        found = next((one for one in server.children("ffmpeg") if f"/{broadcast}-" in argv(one)), None)
        if found:
            return found


def watch_updates(server: Server, path: str, air: OnAir) -> int:
    """Fetch every media playlist again and again to the end; each step must be lawful."""
    seen = media_playlists(server, path)
    steps = 0
    while air.is_alive():
        if steps >= 3:
            air.go_on()
        time.sleep(0.2)
        now = media_playlists(server, path)
        for name, text in now.items():
            assert check_update(seen.get(name, text), text) == []
            steps += text != seen.get(name)
        seen = now
    return steps


def test_a_live_broadcast_obeys_the_rules_of_updates(server: Server) -> None:
    channel = server.on("demo11")
    with OnAir(channel) as air:
        live = channel.wait_for("a playlist", lambda one: one["hls"] is not None)
        assert live["state"] == "live", channel.logged()[-6000:]
        assert watch_updates(channel, live["hls"], air) >= 4
    ended = channel.wait_state("ended", "failed")
    for path in check_ended(channel, ended):
        assert frames(channel, path)[0] == pytest.approx(FRAMES, abs=1)


def test_kill_9_of_the_encoder_is_followed_by_playback_that_goes_on(server: Server) -> None:
    channel = server.on("demo12")
    with OnAir(channel) as air:
        live = channel.wait_for("four seconds", lambda one: one["media_time"] >= 4)
        encoder(channel, live["id"]).send_signal(signal.SIGKILL)
        air.go_on()
        channel.wait_for("a restart", lambda one: one["encoder"]["restarts"] == 1)
        channel.wait_for("more media", lambda one: one["media_time"] >= live["media_time"] + 2)
        watch_updates(channel, live["hls"], air)
    ended = channel.wait_state("ended", "failed")
    assert ended["state"] == "ended"
    assert ended["id"] == live["id"]
    for path, text in check_ended(channel, ended).items():
        assert text.count("#EXT-X-DISCONTINUITY\n") == 1
        assert parse_media(text).duration == pytest.approx(LENGTH, abs=0.3)
        assert frames(channel, path)[0] == pytest.approx(FRAMES, abs=1)
    assert server.metric("ingestd_encoder_restarts_total", reason="killed") >= 1


def test_renditions_stay_aligned_after_a_restart(server: Server) -> None:
    channel = server.on("demo13")
    with OnAir(channel):
        live = channel.wait_for("three seconds", lambda one: one["media_time"] >= 3)
        encoder(channel, live["id"]).send_signal(signal.SIGKILL)
    playlists = list(check_ended(channel, channel.wait_state("ended", "failed")).values())
    assert check_aligned(playlists[0], playlists[1]) == []


def test_a_stopped_encoder_is_a_stall_and_is_replaced() -> None:
    # on a busy machine it may be too slow before it is stopped, which is another story
    slow: dict[str, Any] = {"encoder_stall_timeout": 3, "encoder_slow_timeout": 60}
    with running(**slow, **SMALL) as server, OnAir(server) as air:
        live = server.wait_for("three seconds", lambda one: one["media_time"] >= 3)
        encoder(server, live["id"]).send_signal(signal.SIGSTOP)
        air.go_on()
        server.wait_for("a restart", lambda one: one["encoder"]["restarts"] == 1)
        ended = server.wait_state("ended", "failed")
        assert ended["state"] == "ended"
        generations = server.get(f"/api/v1/broadcasts/{ended['id']}/generations")["generations"]
        assert [one["reason"] for one in generations] == ["stalled", ""]
        assert server.metric("ingestd_encoder_restarts_total", reason="stalled") == 1
        for path in check_ended(server, ended):
            assert frames(server, path)[0] == pytest.approx(FRAMES, abs=2)


def test_nginx_killed_with_its_workers_comes_back_and_the_broadcast_goes_on() -> None:
    with running(**SMALL) as server, OnAir(server) as air:
        live = server.wait_for("three seconds", lambda one: one["media_time"] >= 3)
        air.go_on()
        for process in server.children("nginx"):
            process.kill()
        server.wait_for("more media", lambda one: one["media_time"] >= live["media_time"] + 3)
        ended = server.wait_state("ended", "failed")
        assert ended["state"] == "ended"
        for path in check_ended(server, ended):
            assert frames(server, path)[0] == pytest.approx(FRAMES, abs=3)
        assert server.get("/readyz")["ready"]


def test_only_the_master_of_nginx_killed_leaves_no_worker_in_the_way() -> None:
    with running(**SMALL) as server:
        family = server.children("nginx")
        master = next(process for process in family if process.ppid() == server.process.pid)
        master.kill()
        wait_for("the workers to go", lambda: not [one for one in family if alive(one)])
        wait_for("nginx", lambda: server.get("/readyz")["ready"])


def test_a_publisher_that_is_gone_leaves_its_place_and_then_the_broadcast_ends(server: Server) -> None:
    channel = server.on("demo14")
    pieces = blobs(CLIP)
    with dial(channel) as connection:
        send(connection, pieces[:40])
        connection.socket.close()  # no close frame, as when a laptop is shut
    interrupted = channel.wait_state("interrupted")
    assert interrupted["message"]
    wait_for("all that was sent", lambda: (channel.newest() or {}).get("commit_lag") == 0)
    if channel.newest()["state"] == "interrupted":  # type: ignore[index]
        for text in media_playlists(
            channel, interrupted["hls"] or f"/hls/{channel.channel}/index.m3u8"
        ).values():
            assert "ENDLIST" not in text
    ended = channel.wait_state("ended")
    assert ended["id"] == interrupted["id"]
    check_ended(channel, ended)


def test_an_ordinary_close_is_no_stop(server: Server) -> None:
    """A page that is reloaded closes with 1000 or 1001: its broadcast waits."""
    channel = server.on("demo15")
    with dial(channel) as connection:
        send(connection, [(0.0, data) for _, data in blobs(CLIP)[:40]])
        connection.close(1000)
    assert channel.wait_state("interrupted", "ended")["state"] == "interrupted"
    channel.wait_state("ended")


def test_a_publisher_that_comes_back_goes_on_with_the_same_broadcast(server: Server) -> None:
    channel = server.on("demo16")
    with dial(channel) as connection:
        send(connection, [(0.0, data) for _, data in blobs("vp8_restart-part1.webm")])
        connection.close(1001)
    first = channel.wait_state("interrupted")
    with dial(channel) as connection:
        send(connection, [(0.0, data) for _, data in blobs("vp8_restart-part2.webm")])
        connection.close(STOP)
    ended = channel.wait_state("ended", "failed")
    assert ended["id"] == first["id"]
    for path, text in check_ended(channel, ended).items():
        assert text.count("#EXT-X-DISCONTINUITY\n") == 1
        assert frames(channel, path)[0] == pytest.approx((2.217 + 2.935) * 30 + 2, abs=3)


def test_an_encoder_that_cannot_run_is_given_up_in_plain_words() -> None:
    with running(
        encoder_max_restarts=1, nginx_program="nginx", encoder_ffmpeg="/bin/false", **SMALL
    ) as server:
        with dial(server) as connection:
            send(connection, [(0.0, data) for _, data in blobs(CLIP)[:20]])
            failed = server.wait_state("failed")
        assert "2 times in a row" in failed["message"]
        assert server.metric("ingestd_broadcasts_over_total", state="failed") == 1


def test_old_segments_are_deleted_but_none_that_is_listed() -> None:
    with running(hls_window=3, **SMALL) as server, OnAir(server) as air:
        live = server.wait_for("a playlist", lambda one: one["hls"] is not None)
        directory = server.data / "hls" / "public" / "demo" / live["id"]
        while air.is_alive():
            time.sleep(0.2)
            for name, text in media_playlists(server, live["hls"]).items():
                listed = {segment.uri for segment in parse_media(text).segments}
                there = {f"{path.parent.name}/{path.name}" for path in directory.glob("*/*.ts")}
                assert listed <= there, name
            if len(listed) > 2 and not (directory / "360p" / "0-0.ts").exists():
                air.go_on()
        server.wait_state("ended")
        assert not (directory / "360p" / "0-0.ts").exists()
        wait_for("no private leftovers", lambda: not list((server.data / "hls" / "private").iterdir()))
