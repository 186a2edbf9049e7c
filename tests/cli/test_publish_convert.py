"""Files that no browser makes: FFmpeg converts them while they are being sent."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from ingestd.publish.convert import Stream, arguments
from ingestd.publish.errors import Exit
from tests.cli.sink import VP8, Ended, Origin, Recordings, ended, ingestd, listening, make, recordings, start

KEY, TOKEN = "stream-key-of-the-test", "token.of.the-test"
SECRETS = {"INGESTD_STREAM_KEY": KEY, "INGESTD_TOKEN": TOKEN}
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "15"]
PHONE = [*H264, "-bf", "2", "-c:a", "aac", "-movflags", "+faststart"]


def publish(path: Path, *words: str, **environment: str) -> tuple[Ended, Origin]:
    async def sent() -> tuple[Ended, Origin]:
        async with listening(Origin()) as sink:
            arguments = ["publish", str(path), "--server", sink.url, "--speed", "0", *words]
            return await ingestd(*arguments, **SECRETS, **environment), sink

    return asyncio.run(sent())


def arrived(path: Path) -> tuple[Ended, Recordings]:
    """Publish a clip of two seconds; what stands in what arrived."""
    finished, sink = publish(path)
    assert finished.code == Exit.SENT, finished.err
    assert "Traceback" not in finished.err
    seen = recordings(sink.data)
    assert not seen.malformed
    assert len(seen.inits) == 1
    assert seen.seconds == pytest.approx(2, abs=0.2)
    assert sink.codes == [1000]
    return finished, seen


def codecs(seen: Recordings) -> list[str]:
    return sorted(track.codec for track in seen.inits[0].tracks)


def test_a_phones_mp4_is_repackaged(tmp_path: Path) -> None:
    finished, seen = arrived(make("phone.mp4", *PHONE, directory=tmp_path))
    assert codecs(seen) == ["aac", "h264"]
    assert "phone.mp4 cannot be sent as it is" in finished.err
    assert "so FFmpeg repackages it on the fly: h264 is copied and aac is copied." in finished.err
    assert "which is not fragmented" in finished.err


def test_a_phone_held_upright_is_turned(tmp_path: Path) -> None:
    flat = make("flat.mp4", *PHONE, directory=tmp_path)
    upright = make("unused.mp4", *PHONE, directory=tmp_path).with_name("upright.mp4")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(flat), "-c", "copy"]
    command += ["-metadata:s:v", "rotate=90", str(upright)]

    async def turn() -> None:
        assert await (await asyncio.create_subprocess_exec(*command)).wait() == 0

    asyncio.run(turn())
    finished, seen = arrived(upright)
    video = seen.inits[0].video
    assert video
    assert (video.codec, video.width, video.height) == ("h264", 120, 160)
    assert "h264 becomes H.264 and aac is copied" in finished.err


@pytest.mark.parametrize(
    ("name", "how", "becomes"),
    [
        ("camera.avi", ["-c:v", "mpeg4", "-c:a", "mp3"], ["h264", "opus"]),
        ("film.mkv", ["-c:v", "mpeg4", "-c:a", "ac3"], ["h264", "opus"]),
        ("clip.mov", [*H264, "-c:a", "pcm_s16le"], ["h264", "opus"]),
        ("tape.ts", [*H264, "-c:a", "aac"], ["h264", "opus"]),
        ("song.mp3", ["-vn"], ["opus"]),
        ("mute.mp4", [*H264, "-an"], ["h264"]),
        ("odd.avi", ["-c:v", "mpeg4", "-vf", "scale=161:121", "-an"], ["h264"]),
    ],
)
def test_other_files(name: str, how: list[str], becomes: list[str], tmp_path: Path) -> None:
    _, seen = arrived(make(name, *how, directory=tmp_path))
    assert codecs(seen) == becomes


def test_fragments_that_are_too_long_to_be_live_are_cut_shorter(tmp_path: Path) -> None:
    how = [*H264, "-g", "1000", "-t", "8", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"]
    path = tmp_path / "long.mp4"
    sources = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=15:duration=8"]
    make(path.name, *sources, "-map", "2:v", *how, directory=tmp_path)
    finished, sink = publish(path)
    assert finished.code == Exit.SENT, finished.err
    assert "fragments are 8 s long" in finished.err
    assert recordings(sink.data).seconds == pytest.approx(8, abs=0.2)


def test_a_name_that_ffmpeg_would_take_for_a_protocol_or_a_flag(tmp_path: Path) -> None:
    for name in ("-i.mp4", "concat:a.mp4", "what is 100%.mp4"):
        path = make("plain.mp4", *PHONE, directory=tmp_path).rename(tmp_path / name)
        arrived(path)


@pytest.mark.parametrize("content", [b"no film at all\n", os.urandom(5000), VP8.read_bytes()[:200]])
def test_a_file_that_ffmpeg_cannot_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    path.write_bytes(content)
    finished, sink = publish(path)
    assert finished.code == Exit.UNUSABLE
    assert "file.mp4" in finished.err and "Traceback" not in finished.err
    assert not sink.requests, "the server need not know"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    finished, _ = publish(tmp_path / "empty.mp4")
    assert finished.code == Exit.UNUSABLE
    assert "the file is empty" in finished.err


def test_a_playlist_may_not_send_ffmpeg_to_the_network(tmp_path: Path) -> None:
    async def test() -> None:
        asked = asyncio.Event()

        async def trap(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set()
            writer.close()

        server = await asyncio.start_server(trap, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            path = tmp_path / "list.m3u8"
            path.write_text(f"#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n")
            finished = await ingestd("publish", str(path), "--server", f"127.0.0.1:{port}", **SECRETS)
        assert finished.code == Exit.UNUSABLE
        assert not asked.is_set()

    asyncio.run(test())


def test_without_ffmpeg_it_says_what_to_install(tmp_path: Path) -> None:
    finished, _ = publish(make("phone.mp4", *PHONE, directory=tmp_path), PATH=str(tmp_path))
    assert finished.code == Exit.UNUSABLE
    assert "apt install ffmpeg" in finished.err


def test_without_libx264_the_picture_becomes_vp8(tmp_path: Path) -> None:
    ffmpeg = tmp_path / "ffmpeg"
    real = shutil.which("ffmpeg")
    ffmpeg.write_text(
        f'#!/bin/sh\ncase "$*" in *-encoders*) echo " V....D libvpx VP8"; exit;; esac\nexec {real} "$@"\n'
    )
    ffmpeg.chmod(0o755)
    path = make("camera.avi", "-c:v", "mpeg4", "-c:a", "mp3", directory=tmp_path)
    finished, sink = publish(path, INGESTD_ENCODER_FFMPEG=str(ffmpeg))
    assert finished.code == Exit.SENT, finished.err
    assert codecs(recordings(sink.data)) == ["opus", "vp8"]
    assert "mpeg4 becomes VP8" in finished.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ffmpeg_knows_no_secret_and_ends_with_us(number: signal.Signals, tmp_path: Path) -> None:
    async def test() -> None:
        # noise does not shrink: far more than a pipe holds, so FFmpeg is still waiting at its own
        noise = ["-vf", "scale=640:480,noise=alls=80:allf=t", "-c:v", "mpeg4", "-q:v", "2"]
        path = make("camera.avi", *noise, directory=tmp_path)
        async with listening(Origin()) as sink:
            words = ["--server", sink.url, "--speed", "0.1", "--loop"]
            process = await start("publish", str(path), *words, **SECRETS)
            await sink.wait(lambda one: bool(one.messages))
            children = psutil.Process(process.pid).children(recursive=True)
            assert "ffmpeg" in {child.name() for child in children}
            for child in children:
                known = " ".join([*child.cmdline(), *child.environ().values()])
                assert KEY not in known and TOKEN not in known
            process.send_signal(number)
            finished = await ended(process)
            assert finished.code == (Exit.INTERRUPTED if number == signal.SIGINT else -number)
            gone, alive = await asyncio.to_thread(psutil.wait_procs, children, 20)
            assert not alive, gone

    asyncio.run(test())


def test_nothing_is_left_behind_in_the_temporary_directory(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = make("phone.mp4", *PHONE, directory=tmp_path)
    finished, _ = publish(path, TMPDIR=str(scratch))
    assert finished.code == Exit.SENT
    assert not list(scratch.iterdir())


def test_the_command_line() -> None:
    video, audio = Stream(3, "hevc", False), Stream(1, "aac", True)
    command = arguments("ffmpeg", Path("/a b.mp4"), video, audio)
    assert command[command.index("-i") + 1] == "file:/a b.mp4"
    assert [command[at + 1] for at, word in enumerate(command) if word == "-map"] == ["0:3", "0:1"]
    assert command[command.index("-c:a") + 1] == "copy"
    assert command[command.index("-preset") + 1] == "ultrafast"
    assert command[-1] == "pipe:1"
