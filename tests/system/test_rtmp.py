"""RTMP from a publisher to the playlist: real FFmpeg, real nginx, and a few that do not behave.

All scenes are played side by side, each on a channel of its own; the tests look at what became of them.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from tests.chaos.clip import RTMP, Clip, clip
from tests.support import http, librtmp
from tests.support.accounts import exchange_key
from tests.support.administrator import administrator, going_on, good
from tests.support.files import below, content
from tests.support.media import check_ended, decode_errors, frames
from tests.support.rtmp import RtmpPublisher
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.numbered import NUMBERED, SECONDS, check_whole, received

IDLE = 12  # seconds until a silent publisher is dropped
SILENT = 3  # seconds after which a newcomer takes a channel over
AT_A_TIME = 5  # broadcasts, each with an encoder
WINDOW = 12  # seconds for which a broadcast waits for its publisher to come back
LONG = 240  # seconds of a clip that nobody sends to its end
STILL = 0.7  # seconds without a byte in which an encoder of 30 frames a second would have sent many


def material(seconds: int = SECONDS) -> Clip:
    return clip(RTMP, 256, 144, seconds)


def ffmpeg(server: Server, *options: str, key: str | None = None, seconds: int = SECONDS) -> list[str]:
    """A command line that publishes as OBS would."""
    url = f"{server.rtmp}/{server.stream_key if key is None else key}"
    source = ["-re", "-stream_loop", "-1", "-t", str(seconds), "-i", str(material().path)]
    if seconds == SECONDS:
        source = ["-re", "-i", str(material().path)]
    return ["ffmpeg", "-v", "error", "-nostdin", *source, *(options or ("-c", "copy")), "-f", "flv", url]


@contextmanager
def publishing(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def reconnecting(command: list[str]) -> Iterator[None]:
    """As OBS: it comes back whenever its connection is lost, and when it was not let in."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.5):
            with publishing(command) as process:
                while process.poll() is None and not over.wait(0.05):
                    pass

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def publish(command: list[str]) -> int:
    """Its exit code."""
    return subprocess.run(command, stderr=subprocess.DEVNULL, timeout=2 * PATIENCE).returncode


def on_air(server: Server) -> dict[str, Any]:
    return server.wait_for("a playlist", lambda one: one["hls"] is not None)


def dropped(server: Server) -> list[str]:
    """Codes for which publishers of the channel were dropped or refused."""
    return [one["code"] for one in told(server, "rtmp_publisher_dropped", "rtmp_publisher_refused")]


def told(server: Server, *events: str) -> list[dict[str, Any]]:
    """What the log says of the channel."""
    lines = (json.loads(line) for line in server.logged().splitlines() if line.startswith("{"))
    return [one for one in lines if one["event"] in events and one.get("channel") == server.channel]


# The scenes


def well(server: Server) -> dict[str, Any]:
    assert publish(ffmpeg(server)) == 0
    return server.wait_state("ended", "failed")


def mute(server: Server) -> dict[str, Any]:
    assert publish(ffmpeg(server, "-c", "copy", "-an")) == 0
    return server.wait_state("ended", "failed")


def sound_alone(server: Server) -> dict[str, Any]:
    assert publish(ffmpeg(server, "-c", "copy", "-vn")) == 0
    return server.wait_state("ended", "failed")


def by_librtmp(server: Server) -> dict[str, Any]:
    """What OBS is made of: RTMP that is not FFmpeg's."""
    librtmp.publish(f"{server.rtmp}/{server.stream_key}", material().path)
    return server.wait_state("ended", "failed")


def reconnected(server: Server) -> tuple[dict[str, Any], dict[str, Any]]:
    """OBS loses its connection in the middle, and comes back."""
    with publishing(ffmpeg(server)):
        first = server.wait_for("two seconds", lambda one: one["media_time"] >= 2)
    assert publish(ffmpeg(server)) == 0
    return first, server.wait_state("ended", "failed")


def relay_killed(server: Server) -> dict[str, Any]:
    with publishing(ffmpeg(server, seconds=LONG)):
        on_air(server)
        relay = find_relay(server)
        relay.kill()
        wait_for("another relay", lambda: find_relay(server).pid != relay.pid)
        before = (server.newest() or {})["media_time"]
        server.wait_for("more media", lambda one: one["media_time"] > before + 2)
    return server.wait_state("ended", "failed")


def find_relay(server: Server) -> psutil.Process:
    return find_ffmpeg(server, f"/live/{server.channel}-")


def find_ffmpeg(server: Server, words: str) -> psutil.Process:
    """The one with these words in its command line."""

    def look() -> psutil.Process | None:
        return next((one for one in server.children("ffmpeg") if words in arguments(one)), None)

    return wait_for(f"an FFmpeg with {words}", look)


def arguments(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def two_with_one_key(server: Server) -> tuple[int, bool]:
    """The exit code of the second, and whether the first's broadcast is live afterwards."""
    with publishing(ffmpeg(server, seconds=LONG)) as first:
        on_air(server)
        second = publish(ffmpeg(server))
        assert first.poll() is None
        going_on(server, 1.0)
        live = bool(server.wait_state("live"))
        assert first.poll() is None
    return second, live


def ghost(server: Server) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first stands still with its connection open; its successor does not have to wait for TCP, nor
    until the ghost is dropped. An encoder that is not let in at once tries again."""
    with publishing(ffmpeg(server, seconds=LONG)) as first:
        before = on_air(server)
        first.send_signal(signal.SIGSTOP)
        wait_for("its successor", lambda: publish(ffmpeg(server)) == 0)
    return before, server.wait_state("ended", "failed")


def encoder_down(server: Server) -> tuple[dict[str, Any], dict[str, Any]]:
    """The encoder hangs until nothing is read any more. One publisher has gone; the next one's cable is
    pulled; the third gets in nevertheless."""
    noisy = publishing_noise(server)
    with publishing(noisy):
        before = on_air(server)
        encoder = find_ffmpeg(server, f"/{before['id']}-")
        encoder.suspend()
        until_still(server)
    with publishing(noisy) as second:
        wait_for("the second", lambda: len(told(server, "rtmp_publisher_connected")) >= 2)
        until_still(server)
        second.send_signal(signal.SIGSTOP)
        with reconnecting(noisy):
            wait_for("the third", lambda: len(told(server, "rtmp_publisher_connected")) >= 3)
            assert encoder.status() == psutil.STATUS_STOPPED
            encoder.resume()
            media = (server.newest() or {})["media_time"]
            server.wait_for("what has waited", lambda one: one["media_time"] > media + 4)
    return before, server.wait_state("ended", "failed")


def publishing_noise(server: Server) -> list[str]:
    """A command line that sends so much that a few seconds of it are more than may wait."""
    noise, quietly = str(server.data / "noise.flv"), ["ffmpeg", "-v", "error", "-nostdin"]
    picture = ["-f", "lavfi", "-i", "testsrc2=s=256x144:r=30:d=2,noise=alls=100:allf=t"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "8M", "-g", "30"]
    sound = ["-f", "lavfi", "-i", "sine=r=44100:d=2", "-c:a", "aac"]
    subprocess.run([*quietly, *picture, *sound, *codec, noise], check=True, timeout=60)
    looped = ["-re", "-stream_loop", "-1", "-i", noise, "-c", "copy", "-f", "flv"]
    return [*quietly, *looped, f"{server.rtmp}/{server.stream_key}"]


def until_still(server: Server) -> None:
    """Until no more is read of a publisher that sends."""
    seen, since = -1, 0.0

    def look() -> bool:
        nonlocal seen, since
        if (now := received(server)) != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > STILL

    wait_for("no more to be read", look)


def poor(server: Server) -> tuple[dict[str, Any], int, str]:
    """What is said of keyframes 10 s apart and of 4:4:4; exit code and catch of an rtmpdump that plays it."""
    url = f"{server.rtmp}/{server.stream_key}"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=256x144:r=25"]
    sound = ["-f", "lavfi", "-i", "sine=r=44100", "-ac", "2", "-c:a", "aac"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p", "-g", "250"]
    command = ["ffmpeg", "-v", "error", "-nostdin", "-readrate", "4", *picture]
    with publishing([*command, *sound, *codec, "-f", "flv", url]), administrator(server) as admin:

        def look() -> dict[str, Any] | None:
            found = good(admin.get(f"/channels/{server.channel}/source"))["source"]
            return found if found and found["keyframe_distance"] else None

        found = wait_for("two keyframes", look)
        dump = ["rtmpdump", "--quiet", "--live", "--timeout", "10", "-r", url, "-o", "-"]
        played = subprocess.run(dump, capture_output=True, timeout=60)
    return found, played.returncode, played.stdout.decode("latin-1")


def revoked(server: Server) -> tuple[float, str]:
    """Seconds from the revocation of the key until FFmpeg was thrown out, and the state then."""
    with publishing(ffmpeg(server, seconds=LONG)) as publisher:
        on_air(server)
        exchange_key(server.data, server.channel)
        began = time.monotonic()
        publisher.wait(PATIENCE)
        took = time.monotonic() - began
    return took, server.wait_state("interrupted", "ending", "ended")["state"]


def silent(server: Server) -> bool:
    with RtmpPublisher(server.rtmp, PATIENCE) as publisher:
        publisher.publish(server.stream_key)
        return publisher.closed()


def hevc(server: Server, sound: bool = True) -> bool:
    """Enhanced RTMP: fourCC instead of a codec's number. Whether it is thrown out."""
    with RtmpPublisher(server.rtmp, PATIENCE) as publisher:
        publisher.publish(server.stream_key)
        publisher.granted()
        publisher.describe(width=1280, height=720, framerate=30, videocodecid=0x68766331, audiocodecid=10)
        if sound:
            publisher.audio(b"\xaf\x00\x12\x10", 0)
        for number in range(200):
            start = b"\x90hvc1" if number == 0 else b"\xa1hvc1\0\0\0"
            publisher.video(start + bytes(300), number * 33)
            if sound:
                publisher.audio(b"\xaf\x01\x21\x10\x04\x60\x8c\x1c", number * 23)
        return publisher.closed()


def mute_hevc(server: Server) -> bool:
    """nginx-rtmp passes nothing of it on."""
    return hevc(server, sound=False)


def old_hevc(server: Server) -> bool:
    """The unofficial codec number that some encoders send for HEVC."""
    with RtmpPublisher(server.rtmp, PATIENCE) as publisher:
        publisher.publish(server.stream_key)
        publisher.granted()
        for number in range(200):
            publisher.video((b"\x1c\1\0\0\0" if number else b"\x1c\0\0\0\0") + bytes(300), number * 33)
        return publisher.closed()


SCENES: dict[str, Callable[[Server], Any]] = {
    one.__name__: one
    for one in (
        *(well, mute, reconnected, relay_killed, two_with_one_key),
        *(ghost, revoked, silent, hevc, old_hevc, mute_hevc),
        *(sound_alone, by_librtmp, encoder_down, poor),
    )
}


@dataclass
class Stage:
    server: Server
    played: dict[str, Future[Any]]
    channels: list[Server]

    def of(self, scene: Callable[[Server], Any]) -> Any:
        return self.played[scene.__name__].result(270)

    def on(self, scene: Callable[[Server], Any]) -> Server:
        return _channel(self.server, list(SCENES).index(scene.__name__))


def _channel(server: Server, number: int) -> Server:
    return server.on(f"demo{number + 1}")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    material()
    limits: dict[str, Any] = {
        "ingest_idle_timeout": IDLE,
        "ingest_silent_after": SILENT,
        "ingest_ahead": 1,
        "encoder_stall_timeout": LONG,  # who stops an encoder lets it go on
    }
    with (
        running(
            channels=len(SCENES) + 1,
            ingest_resume_window=WINDOW,
            ingest_max_broadcasts=20,
            **limits,
            **NUMBERED,
        ) as server,
        ThreadPoolExecutor(AT_A_TIME) as pool,
    ):
        channels = [_channel(server, number) for number in range(len(SCENES))]  # before any key is exchanged
        played = {
            name: pool.submit(scene, where)
            for (name, scene), where in zip(SCENES.items(), channels, strict=True)
        }
        yield Stage(server, played, channels)


# What has to come of them


@pytest.mark.parametrize("scene", [well, mute, by_librtmp])
def test_every_frame_stands_in_the_playlist(stage: Stage, scene: Callable[[Server], Any]) -> None:
    ended = stage.of(scene)
    assert ended["state"] == "ended"
    server = stage.on(scene)
    check_whole(server, ended["id"], 0, material().frames)
    playlist = ended["hls_broadcast"].replace("index", "144p")
    _, packets = frames(server, playlist)
    assert (packets > 0) == (scene is not mute)


def test_sound_alone_is_a_broadcast(stage: Stage) -> None:
    ended = stage.of(sound_alone)
    assert ended["state"] == "ended"
    server = stage.on(sound_alone)
    (playlist,) = check_ended(server, ended)
    pictures, packets = frames(server, playlist)
    assert pictures == 0
    assert packets * 1024 / 48000 == pytest.approx(SECONDS, abs=0.2)


def test_a_publisher_that_comes_back_goes_on_with_its_broadcast(stage: Stage) -> None:
    first, last = stage.of(reconnected)
    assert (last["id"], last["state"]) == (first["id"], "ended")
    server = stage.on(reconnected)
    playlist = last["hls_broadcast"].replace("index", "144p")
    assert server.fetch(playlist).count("#EXT-X-DISCONTINUITY\n") == 1
    assert decode_errors(server, playlist) == ""
    found, _ = frames(server, playlist)
    assert found >= material().frames + 60


def test_a_relay_that_is_killed_is_started_again(stage: Stage) -> None:
    ended = stage.of(relay_killed)
    assert ended["state"] == "ended"
    assert decode_errors(stage.on(relay_killed), ended["hls_broadcast"].replace("index", "144p")) == ""


def test_a_second_publisher_is_refused_and_the_first_goes_on(stage: Stage) -> None:
    code, live = stage.of(two_with_one_key)
    assert code != 0
    assert live
    assert dropped(stage.on(two_with_one_key)) == ["already_live"]


def test_a_ghost_does_not_block_its_successor(stage: Stage) -> None:
    before, after = stage.of(ghost)
    assert after["id"] == before["id"]
    assert after["state"] == "ended"
    assert "nothing_received" not in dropped(stage.on(ghost))


def test_no_ghost_blocks_its_successor_while_the_encoder_is_down(stage: Stage) -> None:
    before, after = stage.of(encoder_down)
    assert (after["id"], after["state"]) == (before["id"], "ended")


def test_the_broadcaster_is_told_what_comes_and_what_could_be_better(stage: Stage) -> None:
    found, _, _ = stage.of(poor)
    assert found["kind"] == "rtmp"
    assert found["video"].pop("level")
    assert found["video"] == {
        "codec": "h264",
        "width": 256,
        "height": 144,
        "profile": "High 4:4:4 Predictive",
        "pixel_format": "yuv444p",
    }
    assert found["audio"] == {"codec": "aac", "channels": 2, "sample_rate": 44100}
    assert found["frame_rate"] == pytest.approx(25, abs=0.2)
    assert found["keyframe_distance"] == pytest.approx(10, abs=0.1)
    assert found["bitrate"] > 0
    keyframes, colours = found["advice"]
    assert "10.0 s apart" in keyframes
    assert "4:2:0" in colours


def test_rtmpdump_gets_nothing_of_a_stream_that_is_live(stage: Stage) -> None:
    _, code, played = stage.of(poor)
    assert code != 0
    assert played == ""


def test_who_publishes_with_a_key_that_is_taken_back_is_thrown_out(stage: Stage) -> None:
    took, state = stage.of(revoked)
    assert took < 30  # a second, on a machine that has nothing else to do
    assert state in ("interrupted", "ending", "ended")
    assert wait_for("the log", lambda: dropped(stage.on(revoked))) == ["not_allowed"]


def test_a_publisher_that_sends_nothing_is_dropped(stage: Stage) -> None:
    assert stage.of(silent)
    assert dropped(stage.on(silent)) == ["nothing_received"]
    assert stage.on(silent).newest() is None


@pytest.mark.parametrize("scene", [hevc, old_hevc, mute_hevc])
def test_another_codec_is_refused_in_words(stage: Stage, scene: Callable[[Server], Any]) -> None:
    assert stage.of(scene)
    server = stage.on(scene)
    assert dropped(server) == ["unsupported_media"]
    assert "only H.264 video and AAC sound" in server.logged()
    assert server.newest() is None


# What needs no publisher


def test_a_wrong_key_gets_nowhere(stage: Stage) -> None:
    key = f"wrong-{os.urandom(8).hex()}"
    assert publish(ffmpeg(stage.server, key=key)) != 0
    log = stage.server.logged()
    assert '"code": "not_authenticated"' in log
    assert key not in log


@pytest.mark.parametrize("name", ["the-key", "demo", "demo-0123456789abcdef"])
def test_nobody_plays(stage: Stage, name: str) -> None:
    url = f"{stage.server.rtmp}/{stage.server.stream_key if name == 'the-key' else name}"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", url, "-t", "1", "-f", "null", "-"]
    assert publish(command) != 0


def test_garbage_harms_nobody(stage: Stage) -> None:
    with RtmpPublisher(stage.server.rtmp) as garbage:
        garbage.socket.sendall(b"\x03" + os.urandom(1 << 16))
        assert http.get(f"{stage.server.hls}/healthz").status_code == 200


def test_the_callbacks_are_for_nginx_alone(stage: Stage) -> None:
    config = stage.server.data / "nginx" / "nginx.conf"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    found = re.search(r"on_play http://[^/]+(/internal/[^/]+/rtmp)/play;", config.read_text())
    assert found
    play = f"{found[1]}/update"
    form = {"call": "update_publish", "clientid": "0", "name": stage.server.stream_key}
    assert http.post(stage.server.http + play, data=form).json()["error"]["code"] == "not_found"
    assert http.post(stage.server.http + "/internal/guess/rtmp/play").status_code == 404
    for entry in ("/", "//", "/%69nternal/../"):
        answer = http.post(stage.server.hls + entry + play[1:], data=form)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html")


def test_a_stream_key_is_written_nowhere(stage: Stage) -> None:
    """After all scenes: keys that were taken, refused, exchanged, and played."""
    for scene in SCENES.values():
        stage.of(scene)
    keys = {one.stream_key for one in (stage.server, *stage.channels)}
    text = stage.server.logged() + "".join(
        arguments(child) for child in psutil.Process(stage.server.process.pid).children(recursive=True)
    )
    text += "".join(str(path) for path in below(stage.server.data))
    for where in ("nginx", "hls", "journal", "scratch"):
        text += "".join(content(path) for path in below(stage.server.data / where))
    assert [key for key in keys if key in text] == []
