"""FFmpeg between a file and the server: any file that it can read becomes Matroska on a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ingestd.processes import clean_environment, run
from ingestd.publish.errors import Exit, Failure

_CHUNK = 64 * 1024  # bytes read from the pipe at once
_PROBE_SECONDS = 30.0
_REAP_SECONDS = 2.0
_LAST_BYTES = 8192  # of FFmpeg's words
_EMPTY_WORDS = ("Conversion failed!", "Error initializing output stream", "Error opening output file")

_COPIED_VIDEO = {"vp8", "vp9", "av1", "h264"}
_COPIED_AUDIO = {"opus", "vorbis", "aac", "mp3"}
# AVI and raw streams have no presentation times, without which Matroska takes no packet.
_TIMED = {"mov", "mp4", "matroska", "webm", "flv", "mpegts"}

_LOCAL_ONLY = ["-protocol_whitelist", "file,crypto,data"]  # no playlist may send FFmpeg to the network
_SHORT_SIDE = 1080  # pixels; a larger picture is encoded smaller, for servers make none larger anyway
_KEYFRAMES = 2  # seconds


@dataclass(frozen=True, slots=True)
class Conversion:
    """FFmpeg's arguments, the length of the file in seconds where it is known, and what is done to it."""

    path: Path
    argv: tuple[str, ...]
    duration: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of a file: its index, its codec, and whether it can stay as it is."""

    index: int
    codec: str
    copied: bool


async def plan(path: Path, obstacle: str) -> Conversion:
    """How a file is converted; ``obstacle`` says why it cannot be sent as it is."""
    ffmpeg, ffprobe = _program("ffmpeg", path), _program("ffprobe", path)
    with TemporaryDirectory(prefix="ingestd-") as scratch:
        probed = await _probe(ffprobe, path, Path(scratch))
        video, audio = _streams(probed)
        if video is None and audio is None:
            raise Failure(Exit.UNUSABLE, f"{path}: FFmpeg finds neither picture nor sound in it.")
        encoder = "libx264"
        if video and not video.copied:
            encoder = await _video_encoder(ffmpeg, path, Path(scratch))
    words = [_done(video, "VP8" if encoder == "libvpx" else "H.264"), _done(audio, "Opus")]
    sentence = _sentence(path, obstacle, [word for word in words if word])
    argv = arguments(ffmpeg, path.absolute(), video, audio, encoder)
    return Conversion(path, tuple(argv), _duration(probed), sentence)


def _program(name: str, path: Path) -> str:
    """FFmpeg's programs are named by the same variables as the server's."""
    wanted = os.environ.get(f"INGESTD_ENCODER_{name.upper()}", name)
    found = shutil.which(wanted)
    if found is None:
        mend = "Install FFmpeg (Debian, Ubuntu: apt install ffmpeg)."
        raise Failure(Exit.UNUSABLE, f"{path} has to be converted, and {wanted} is not there. {mend}")
    return found


async def _probe(ffprobe: str, path: Path, scratch: Path) -> dict[str, Any]:
    entries = (
        "format=duration,format_name:stream=index,codec_type,codec_name"
        ":stream_disposition=attached_pic:stream_side_data=rotation"
    )
    argv = [ffprobe, "-v", "error", *_LOCAL_ONLY, "-show_entries", entries, "-of", "json"]
    argv += [f"file:{path.absolute()}"]
    ended, output = await run(argv, name="ffprobe", cwd=scratch, seconds=_PROBE_SECONDS)
    if not ended.ok:
        last = ended.lines[-1] if ended.lines else f"nothing for {_PROBE_SECONDS:g} s"
        raise Failure(Exit.UNUSABLE, f"{path}: FFmpeg cannot read it either: {_without_path(last, path)}")
    probed: dict[str, Any] = json.loads(output)
    return probed


async def _video_encoder(ffmpeg: str, path: Path, scratch: Path) -> str:
    _, listed = await run([ffmpeg, "-hide_banner", "-encoders"], name="ffmpeg", cwd=scratch, seconds=10)
    encoders = {line.split()[1] for line in listed.splitlines() if len(line.split()) > 1}
    for encoder in ("libx264", "libvpx"):
        if encoder in encoders:
            return encoder
    raise Failure(Exit.UNUSABLE, f"{path} has to be converted, and FFmpeg has neither libx264 nor libvpx.")


def _streams(probed: dict[str, Any]) -> tuple[Stream | None, Stream | None]:
    """The picture and the sound that are sent: the first of each, cover art apart."""
    formats = set(str(probed.get("format", {}).get("format_name", "")).split(","))
    video = audio = None
    for stream in probed.get("streams", []):
        codec, index = str(stream.get("codec_name", "unknown")), int(stream["index"])
        if stream.get("codec_type") == "video" and not video and not _is_cover(stream):
            copied = codec in _COPIED_VIDEO and bool(formats & _TIMED) and not _is_rotated(stream)
            video = Stream(index, codec, copied)
        elif stream.get("codec_type") == "audio" and not audio:
            # AAC in a transport stream says only in its packets what Matroska wants to know at once.
            copied = codec in _COPIED_AUDIO and not (codec == "aac" and "mpegts" in formats)
            audio = Stream(index, codec, copied and bool(formats & _TIMED))
    return video, audio


def _is_cover(stream: dict[str, Any]) -> bool:
    return bool(stream.get("disposition", {}).get("attached_pic"))


def _is_rotated(stream: dict[str, Any]) -> bool:
    """A phone held upright: the picture has to be turned, and Matroska has no word for that here."""
    return any(data.get("rotation") for data in stream.get("side_data_list", []))


def _duration(probed: dict[str, Any]) -> float | None:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return float(probed["format"]["duration"])
    return None


def _done(stream: Stream | None, becomes: str) -> str:
    if stream is None:
        return ""
    return f"{stream.codec} is copied" if stream.copied else f"{stream.codec} becomes {becomes}"


def _sentence(path: Path, obstacle: str, done: list[str]) -> str:
    why = obstacle.partition(". ")[0].rstrip(".")
    verb = "repackages" if all(word.endswith("copied") for word in done) else "converts"
    return (
        f"{path.name} cannot be sent as it is ({why}), so FFmpeg {verb} it on the fly: {' and '.join(done)}."
    )


def arguments(
    ffmpeg: str, path: Path, video: Stream | None, audio: Stream | None, encoder: str = "libx264"
) -> list[str]:
    """FFmpeg's command line; never passed through a shell."""
    command = [ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", *_LOCAL_ONLY]
    command += ["-i", f"file:{path}", "-sn", "-dn", "-map_chapters", "-1"]
    if video:
        command += ["-map", f"0:{video.index}", *(["-c:v", "copy"] if video.copied else _video(encoder))]
    if audio:
        command += ["-map", f"0:{audio.index}", *(["-c:a", "copy"] if audio.copied else _AUDIO)]
    # "live": no Cues, which a pipe has no use for; short Clusters, so that time stamps are near
    return [*command, "-f", "matroska", "-live", "1", "-cluster_time_limit", "1000", "pipe:1"]


_AUDIO = ["-c:a", "libopus", "-b:a", "128k", "-ac", "2"]


def _video(encoder: str) -> list[str]:
    side = f"trunc(min({_SHORT_SIDE},{{}})/2)*2"
    scale = f"scale=w='if(gt(iw,ih),-2,{side.format('iw')})':h='if(gt(iw,ih),{side.format('ih')},-2)'"
    common = ["-vf", f"{scale},setsar=1,format=yuv420p"]
    common += ["-force_key_frames", f"expr:gte(t,n_forced*{_KEYFRAMES})", "-maxrate", "8M", "-bufsize", "8M"]
    if encoder == "libvpx":
        return ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "4M", *common]
    return ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-crf", "21", *common]


async def convert(conversion: Conversion) -> AsyncGenerator[bytes, None]:
    """What FFmpeg makes of the file. It never runs ahead by more than a pipe, and never outlives us."""
    with TemporaryDirectory(prefix="ingestd-") as scratch:
        words = Path(scratch) / "stderr"
        process = await _start(conversion.argv, Path(scratch), words)
        try:
            assert process.stdout is not None
            while chunk := await process.stdout.read(_CHUNK):
                yield chunk
            code = await process.wait()
        finally:
            await _end(process)
        if code:
            last = _without_path(_last_line(words), conversion.path)
            raise Failure(Exit.UNUSABLE, f"{conversion.path}: FFmpeg cannot convert it: {last}")


async def _start(argv: Sequence[str], scratch: Path, words: Path) -> asyncio.subprocess.Process:
    with words.open("wb") as stderr:
        return await asyncio.create_subprocess_exec(
            *_guard(),
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            cwd=scratch,
            env=clean_environment(scratch),
            start_new_session=True,  # Ctrl-C is for us: we end it when the stream is closed
            limit=_CHUNK,
        )


def _guard() -> list[str]:
    """Linux ends it with us, whatever ends us; elsewhere it ends with its pipe."""
    guard = shutil.which("setpriv")
    return [guard, "--pdeathsig", "KILL", "--no-new-privs"] if guard else []


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    assert process.stdout is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_REAP_SECONDS):
            while await process.stdout.read(_CHUNK):  # a pipe that is not read to its end stays open
                pass
            await process.wait()


def _last_line(words: Path) -> str:
    with words.open("rb") as file:
        file.seek(max(0, words.stat().st_size - _LAST_BYTES))
        lines = file.read().decode(errors="replace").split("\n")
    told = [line.strip() for line in lines if line.strip() and not line.startswith(_EMPTY_WORDS)]
    return told[-1] if told else "it did not say why"


def _without_path(line: str, path: Path) -> str:
    return line.removeprefix(f"file:{path.absolute()}: ")
