"""Sound as a rendition of its own: with it, too, nothing is lost and nothing doubled."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL

import pytest

from ingestd.accounts.model import Target
from ingestd.push.state import State as Pushing
from tests.chaos.analysis import Autopsy, examine
from tests.chaos.clip import Clip, clip
from tests.chaos.stage import Stage
from tests.hls.rfc8216 import check_aligned, check_multivariant, parse_media, parse_multivariant
from tests.support.media import probe
from tests.support.publisher import publish
from tests.support.remote import Remote, certificate, tls_front
from tests.support.resumable import Resumable
from tests.support.server import PATIENCE, Server, running
from tests.system.numbered import NUMBERED, WINDOW, fetch
from tests.system.test_push import HOST, KEY, check_recording, on_air, pushing, until
from tests.system.test_resume import STAGE, as_server

SECONDS = 12  # of a clip
LEVEL = 0.022  # seconds: a packet of sound, which is never cut
SKEW = 0.05  # seconds between flash and beep: a picture lasts 0.033
SEPARATE = NUMBERED | {"encoder_separate_audio": True}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(
        channels=8,
        ingest_resume_window=WINDOW,
        ingest_idle_timeout=2 * PATIENCE,
        encoder_stall_timeout=30,
        **SEPARATE,
    ) as made:
        yield made


def look(server: Server, broadcast: str, frames: int) -> Autopsy:
    """Every frame exactly once in each rendition of pictures, and their sound whole."""
    path = f"/hls/{server.channel}/{broadcast}/index.m3u8"
    found = examine(fetch(server), path, 0, frames)
    assert found.complaints == ()
    assert {name: one.runs for name, one in found.renditions.items() if one.damage} == {}
    assert len(found.renditions) == 2
    for one in found.renditions.values():
        assert one.gap < LEVEL and one.overlap < LEVEL, one
        assert one.skews and max(abs(skew.late) for skew in one.skews) < SKEW, one.skews
    return found


def playlists(server: Server, broadcast: str) -> dict[str, str]:
    """Every media playlist, sound first; that they belong together is checked."""
    base = f"/hls/{server.channel}/{broadcast}"
    text = server.fetch(f"{base}/index.m3u8")
    assert check_multivariant(text) == []
    listed = parse_multivariant(text)
    (sound,) = listed.renditions
    assert (sound.type, sound.uri) == ("AUDIO", "audio.m3u8")
    for variant in listed.variants:
        assert variant.attributes["AUDIO"].strip('"') == sound.group_id
        assert variant.codecs[-1] == "mp4a.40.2"
    names = [str(sound.uri), *(variant.uri for variant in listed.variants)]
    return {name: server.fetch(f"{base}/{name}") for name in names}


def check_same_cuts(texts: dict[str, str], breaks: int) -> None:
    """Segment by segment all playlists hold the same seconds."""
    assert {text.count("#EXT-X-DISCONTINUITY\n") for text in texts.values()} == {breaks}
    for text in texts.values():
        assert check_aligned(texts["audio.m3u8"], text, by_sequence=True) == []


def send_and_kill(server: Server, publisher: Resumable, data: bytes, victim: str) -> None:
    """A recording, and twice the death of what makes segments of it."""
    sent = 0
    for share in (4, 7):
        upto = len(data) * share // 10
        publisher.send(data[sent:upto])
        least = SECONDS * share / 10 - 2.5
        there = server.wait_for("media", lambda one, least=least: one["media_time"] >= least)  # type: ignore[misc]
        if victim == "ffmpeg":
            server.encoder(publisher.broadcast).send_signal(SIGKILL)
        else:
            server.kill(victim)
        publisher.send(data[upto : upto + 20_000])  # FFmpeg notices it when it has something to send
        sent, restarts = upto + 20_000, there["encoder"]["restarts"] + 1
        server.wait_for("a restart", lambda one, n=restarts: one["encoder"]["restarts"] >= n)  # type: ignore[misc]
    publisher.send(data[sent:])
    publisher.finish()


def test_an_encoder_that_is_killed_loses_no_frame_and_no_sound(server: Server) -> None:
    channel, source = server.on("demo"), clip("vp8", 256, 144, SECONDS)
    publisher = Resumable.start(channel)
    send_and_kill(channel, publisher, source.path.read_bytes(), "ffmpeg")
    look(channel, publisher.broadcast, source.frames)
    check_same_cuts(playlists(channel, publisher.broadcast), 2)


def test_an_nginx_that_is_killed_loses_no_frame_and_no_sound() -> None:
    source = clip("vp8", 256, 144, SECONDS)
    with running(expect_clean=False, ingest_idle_timeout=2 * PATIENCE, **SEPARATE) as server:
        publisher = Resumable.start(server)
        send_and_kill(server, publisher, source.path.read_bytes(), "nginx")
        look(server, publisher.broadcast, source.frames)
        texts = playlists(server, publisher.broadcast)
        check_same_cuts(texts, texts["audio.m3u8"].count("#EXT-X-DISCONTINUITY\n"))


def test_after_a_restart_of_the_daemon_sound_goes_on_where_it_stood() -> None:
    """Though the setting has changed meanwhile: a broadcast keeps to what it began with."""
    source = clip("vp8", 256, 144, SECONDS)
    settings = STAGE | {"encoder_separate_audio": True}
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(settings))
        server, data = as_server(stage), source.path.read_bytes()
        first = Resumable.start(server)
        first.send(data, pace=2 * source.bytes_per_second)
        first.until("ack", lambda ack: ack["media_time"] > 3)
        settings["encoder_separate_audio"] = False
        stage.restart(SIGKILL)
        first.wait_closed()
        stage.wait_ready()
        again = Resumable.resume(server, first.broadcast, offset=first.acks[-1][1])
        again.send(data[again.offset :])
        again.finish()
        look(server, first.broadcast, source.frames)
        check_same_cuts(playlists(server, first.broadcast), 1)
    assert stage.trouble == []


def without(kind: str, source: Clip, directory: Path) -> bytes:
    """The recording with one track less."""
    path = directory / f"{source.first}{kind}.webm"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(source.path), kind, "-c", "copy"]
    subprocess.run([*command, "-f", "webm", "-live", "1", str(path)], check=True, timeout=PATIENCE)
    return path.read_bytes()


def test_sound_that_comes_and_goes_with_an_epoch_is_silence_in_between(
    server: Server, tmp_path: Path
) -> None:
    channel = server.on("demo1")
    clips = [clip("vp8", 256, 144, 3, first=90 * number) for number in range(3)]
    parts = [
        without("-an", clips[0], tmp_path),
        clips[1].path.read_bytes(),
        without("-an", clips[2], tmp_path),
    ]
    client = Resumable.start(channel)
    for number, part in enumerate(parts):
        if number:
            client.say("epoch", epoch=number, mime="video/webm")
        client.send(part)
    client.finish()
    path = f"/hls/{channel.channel}/{client.broadcast}/index.m3u8"
    found = examine(fetch(channel), path, 0, 270)
    assert found.complaints == ()
    assert {name: one.damage for name, one in found.renditions.items()} == {"144p": 0, "72p": 0}
    assert {len(one.skews) for one in found.renditions.values()} == {3}, "the second epoch alone beeps"
    texts = playlists(channel, client.broadcast)
    for text in texts.values():
        assert text.count("#EXT-X-DISCONTINUITY\n") == 2
        assert parse_media(text).duration == pytest.approx(9, abs=0.2)


def test_sound_alone_is_a_variant_until_there_are_pictures(server: Server, tmp_path: Path) -> None:
    channel, source = server.on("demo2"), clip("vp8", 256, 144, 3)
    client = Resumable.start(channel)
    client.send(without("-vn", source, tmp_path))
    channel.wait_for("media", lambda one: one["media_time"] >= 1)
    assert channel.metric_now("ingestd_rendition_bytes_total", channel="demo2", rendition="audio") > 0
    base = f"/hls/{channel.channel}/{client.broadcast}"
    alone = parse_multivariant(channel.fetch(f"{base}/index.m3u8"))
    assert [one.uri for one in alone.variants] == ["audio.m3u8"]
    assert alone.renditions == ()
    client.say("epoch", epoch=1, mime="video/webm")
    client.send(source.path.read_bytes())
    client.finish()
    texts = playlists(channel, client.broadcast)
    assert set(texts) == {"audio.m3u8", "144p.m3u8", "72p.m3u8"}
    for text in texts.values():
        assert check_aligned(texts["audio.m3u8"], text) == []
        assert parse_media(text).duration == pytest.approx(6, abs=0.2)


def test_sound_that_ends_before_the_pictures_is_silent_to_their_end(server: Server) -> None:
    channel = server.on("demo3")
    publish(channel, "vp8_audiotrack-ends-2.5s.webm", fast=True)
    ended = channel.wait_state("ended", "failed")
    texts = playlists(channel, ended["id"])
    lengths = {name: parse_media(text).duration for name, text in texts.items()}
    assert max(lengths.values()) - min(lengths.values()) < 0.1, lengths


def test_where_it_may_be_missing_another_generation_asks_and_then_it_is_silent(
    server: Server, tmp_path: Path
) -> None:
    """AAC, in the place of which nothing can be put before it is encoded."""
    channel, source = server.on("demo6"), clip("rtmp", 256, 144, SECONDS)
    path = tmp_path / "short.mkv"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(source.path), "-t", "9", "-i", str(source.path)]
    command += ["-map", "0:v", "-map", "1:a", "-c", "copy", "-f", "matroska", "-live", "1", str(path)]
    subprocess.run(command, check=True, timeout=PATIENCE)
    client = Resumable.start(channel)
    client.send(path.read_bytes())
    client.finish()
    ended = channel.wait_state("ended", "failed")
    assert (ended["state"], ended["encoder"]["restarts"]) == ("ended", 1)
    for name, text in playlists(channel, client.broadcast).items():
        assert parse_media(text).duration == pytest.approx(SECONDS, abs=0.2), name
    heard = probe(f"{server.hls}{ended['hls_broadcast'].replace('index', 'audio')}")["streams"][0]
    assert int(heard["nb_read_packets"]) == pytest.approx(SECONDS * 48000 / 1024, abs=10)


def test_a_push_has_pictures_and_sound(server: Server) -> None:
    channel, source = server.on("demo4"), clip("vp8", 256, 144, SECONDS)
    with tempfile.TemporaryDirectory(prefix="ingestd-push-") as root, on_air(channel, source.path):
        asyncio.run(_push(channel, Path(root)))


async def _push(server: Server, root: Path) -> None:
    serving, client = certificate(root, HOST)
    remote = Remote(root)
    remote.start()
    try:
        async with tls_front(remote.port, serving) as port:
            target = Target("t1", server.channel, f"rtmps://{HOST}:{port}/live", "144p", 0.0)
            async with pushing(server, [target], root, client) as pushes:

                def state() -> object:
                    return pushes.states()["t1"]

                await until("media there", lambda: remote.bytes(KEY) > 80_000, state)
                assert pushes.states()["t1"].state is Pushing.PUSHING
                live = await asyncio.to_thread(server.wait_state, "live")
                (await asyncio.to_thread(server.encoder, live["id"])).kill()
                size = remote.bytes(KEY)
                await until("more of the next generation", lambda: remote.bytes(KEY) > size + 80_000, state)
            check_recording(remote.recordings(KEY)[0], 3.0)
    finally:
        remote.kill()


def test_an_rtmp_publisher_is_cut_the_same_way(server: Server) -> None:
    channel, source = server.on("demo5"), clip("rtmp", 256, 144, SECONDS)
    address = f"{channel.rtmp}/{channel.stream_key}"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-i", str(source.path), "-c", "copy", "-f", "flv"]
    with subprocess.Popen([*command, address]) as publisher:
        there = channel.wait_for("media", lambda one: one["media_time"] >= 3)
        channel.encoder(there["id"]).send_signal(SIGKILL)
        assert publisher.wait(3 * PATIENCE) == 0
    ended = channel.wait_state("ended", "interrupted")
    texts = playlists(channel, ended["id"])
    streams = probe(f"{server.hls}/hls/{channel.channel}/{ended['id']}/audio.m3u8", 1)["streams"]
    assert [one["codec_type"] for one in streams] == ["audio"]
    for text in texts.values():
        assert check_aligned(texts["audio.m3u8"], text, by_sequence=True) == []
