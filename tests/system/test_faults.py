"""What dies is started again, and the broadcast goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.hls.rfc8216 import check_aligned, check_update, parse_media
from tests.support.administrator import timeline
from tests.support.media import check_ended, frames, media_playlists
from tests.support.publisher import STOP, blobs, dial, send
from tests.support.server import INGESTD, PATIENCE, Server, alive, running, wait_for
from tests.system.conftest import SMALL

CLIP = "vp8-opus_ts100_defaultkf.webm"
LENGTH = 11.97  # seconds of video in it
FRAMES = 360
STEPS = 4  # changes of playlists, all renditions together, that are looked at while media still comes


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
        assert self._connected.wait(PATIENCE)
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


def uris(playlist: str) -> set[str]:
    return {segment.uri for segment in parse_media(playlist).segments}


def watch_updates(server: Server, path: str, air: OnAir) -> int:
    """Fetch every media playlist again and again to the end; each step must be lawful."""
    seen = media_playlists(server, path)
    steps = 0
    while air.is_alive():
        if steps >= STEPS:
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
        live = channel.wait_state("live")
        assert watch_updates(channel, live["hls"], air) >= STEPS
    ended = channel.wait_state("ended", "failed")
    for path in check_ended(channel, ended):
        assert frames(channel, path)[0] == pytest.approx(FRAMES, abs=1)


def test_kill_9_of_the_encoder_is_followed_by_playback_that_goes_on(server: Server) -> None:
    channel = server.on("demo12")
    with OnAir(channel) as air:
        live = channel.wait_for("four seconds", lambda one: one["media_time"] >= 4)
        channel.encoder(live["id"]).send_signal(signal.SIGKILL)
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
        channel.encoder(live["id"]).send_signal(signal.SIGKILL)
    playlists = list(check_ended(channel, channel.wait_state("ended", "failed")).values())
    assert check_aligned(playlists[0], playlists[1]) == []


def test_a_stopped_encoder_is_a_stall_and_is_replaced() -> None:
    # on a busy machine it may be too slow before it is stopped, which is another story
    slow: dict[str, Any] = {"encoder_stall_timeout": 8, "encoder_slow_timeout": 60}
    with running(**slow, **SMALL) as server, OnAir(server) as air:
        live = server.wait_for("three seconds", lambda one: one["media_time"] >= 3)
        server.encoder(live["id"]).send_signal(signal.SIGSTOP)
        air.go_on()
        server.wait_for("a restart", lambda one: one["encoder"]["restarts"] == 1)
        ended = server.wait_state("ended", "failed")
        assert ended["state"] == "ended"
        generations = server.get(f"/api/v1/broadcasts/{ended['id']}/generations")["generations"]
        assert [one["reason"] for one in generations] == ["stalled", ""]
        assert server.metric("ingestd_encoder_restarts_total", reason="stalled") == 1
        for path in check_ended(server, ended):
            assert frames(server, path)[0] == pytest.approx(FRAMES, abs=2)


def test_a_stopped_encoder_is_found_though_so_little_may_wait_for_it(tmp_path: Path) -> None:
    """Of 3 Mb/s a MiB is filled long before three segments of 4 s wait, and then nothing more is read."""
    film = tmp_path / "noise.mkv"
    source = ["-f", "lavfi", "-i", "color=gray:s=320x180:r=30:d=20,noise=alls=90:allf=t"]
    rate = ["-g", "60", "-b:v", "3M", "-minrate", "3M", "-maxrate", "3M", "-bufsize", "1M"]
    made = ["ffmpeg", "-v", "error", *source, "-c:v", "libx264", "-preset", "ultrafast", *rate, str(film)]
    subprocess.run(made, check=True, timeout=PATIENCE)
    settings: dict[str, Any] = {"ingest_ahead": 1, "encoder_slow_timeout": 60}
    with running(hls_segment=4, **settings, **SMALL) as server:
        secrets = {"INGESTD_STREAM_KEY": server.stream_key, "INGESTD_TOKEN": server.token}
        command = [*INGESTD, "publish", str(film), "--server", server.http, "--loop", "--quiet"]
        publisher = subprocess.Popen(command, env=os.environ | secrets)
        try:
            live = server.wait_for("two segments", lambda one: one["media_time"] >= 7)
            server.encoder(live["id"]).send_signal(signal.SIGSTOP)
            server.wait_for("a restart", lambda one: one["encoder"]["restarts"] >= 1)
            server.wait_for("more media", lambda one: one["media_time"] > live["media_time"])
        finally:
            publisher.kill()
            publisher.wait()
        reports = server.get(f"/api/v1/broadcasts/{live['id']}/generations")["generations"]
        assert reports[0]["reason"] == "stalled"


def test_nginx_killed_with_its_workers_comes_back_and_the_broadcast_goes_on() -> None:
    with running(**SMALL) as server, OnAir(server) as air:
        live = server.wait_for("three seconds", lambda one: one["media_time"] >= 3)
        server.kill("nginx")
        air.go_on()  # not before, lest all of it be over by then
        server.wait_for("more media", lambda one: one["media_time"] >= live["media_time"] + 3)
        ended = server.wait_state("ended", "failed")
        assert ended["state"] == "ended"
        for path in check_ended(server, ended):
            assert frames(server, path)[0] == pytest.approx(FRAMES, abs=3)
        wait_for("nginx", lambda: server.get("/readyz")["ready"])


def test_only_the_master_of_nginx_killed_leaves_no_worker_in_the_way() -> None:
    with running(**SMALL) as server:
        family = server.children("nginx")
        server.master().kill()
        wait_for("the workers to go", lambda: not [one for one in family if alive(one)])
        wait_for("nginx", lambda: server.get("/readyz")["ready"])


def test_a_publisher_that_is_gone_leaves_its_place_and_then_the_broadcast_ends(server: Server) -> None:
    channel = server.on("demo14")
    pieces = blobs(CLIP)
    with dial(channel) as connection:
        send(connection, pieces[:40])
        connection.socket.close()  # no close frame, as when a laptop is shut
    ended = channel.wait_state("ended")
    (left,) = (turn for turn in timeline(channel, ended["id"]) if turn["event"] == "publisher_left")
    assert left["state"] == "interrupted" and left["sentence"]
    check_ended(channel, ended)


def test_an_ordinary_close_is_no_stop(server: Server) -> None:
    """A page that is reloaded closes with 1000 or 1001: its broadcast waits."""
    channel = server.on("demo15")
    with dial(channel) as connection:
        send(connection, [(0.0, data) for _, data in blobs(CLIP)[:40]])
        connection.close(1000)
    events = [turn["event"] for turn in timeline(channel, channel.wait_state("ended")["id"])]
    assert "stop" not in events
    assert [name for name in events if name in ("publisher_left", "window_over", "delivered")] == [
        "publisher_left",
        "window_over",
        "delivered",
    ]


def test_a_publisher_that_comes_back_goes_on_with_the_same_broadcast() -> None:
    """Of a server of its own: it has to wait for longer than a busy machine takes to come back."""
    with running(ingest_resume_window=PATIENCE, encoder_stall_timeout=30, **SMALL) as server:
        with dial(server) as connection:
            send(connection, [(0.0, data) for _, data in blobs("vp8_restart-part1.webm")])
            connection.close(1001)
        first = server.wait_state("interrupted")
        with dial(server) as connection:
            send(connection, [(0.0, data) for _, data in blobs("vp8_restart-part2.webm")])
            connection.close(STOP)
        ended = server.wait_state("ended", "failed")
        assert ended["id"] == first["id"]
        for path, text in check_ended(server, ended).items():
            assert text.count("#EXT-X-DISCONTINUITY\n") == 1
            assert frames(server, path)[0] == pytest.approx((2.217 + 2.935) * 30 + 2, abs=3)


def test_an_encoder_that_cannot_run_is_given_up_in_plain_words() -> None:
    with running(
        encoder_max_restarts=1, nginx_program="nginx", encoder_ffmpeg="/bin/false", **SMALL
    ) as server:
        with dial(server) as connection:
            with suppress(ConnectionClosed):  # it may be given up before all of it is sent
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
            before = media_playlists(server, live["hls"])
            there = {f"{path.parent.name}/{path.name}" for path in directory.glob("*/*.ts")}
            for name, text in media_playlists(server, live["hls"]).items():
                listed = uris(before[name]) & uris(text)  # at that moment, too
                assert listed <= there, name
            if len(listed) > 2 and not (directory / "360p" / "0-0.ts").exists():
                air.go_on()
        server.wait_state("ended")
        assert not (directory / "360p" / "0-0.ts").exists()
        wait_for("no private leftovers", lambda: not list((server.data / "hls" / "private").iterdir()))
