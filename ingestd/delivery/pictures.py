"""Pictures of channels: whatever was sent is made anew by FFmpeg, and kept below the data directory.

Of what comes nothing is kept but what can be seen: no place where a photograph was taken, no second file
behind the picture. ``<data>/pictures/<channel id>-<digest>-<width>x<height>.jpg`` is another name for
another picture, so a browser may keep what it has; the channel's row says which one counts. The rest is
swept away: what was replaced, and what belonged to a channel that is no more.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ingestd.accounts.model import PICTURE, Channel
from ingestd.delivery.files import to_disk
from ingestd.errors import Code, Refusal, Refused, StartError
from ingestd.processes import run

log = structlog.get_logger("ingestd.pictures")

MOST_BYTES = 2 * 1024 * 1024
DIRECTORY = "pictures"
WIDTH, HEIGHT = 1280, 720  # at most

_PIXELS = 50_000_000  # more than any camera's; a file of 2 MB can claim to have any number
_MEMORY = 1024  # MiB, for those pixels and their copies
_SECONDS = 20.0
_YOUNG = 60.0  # seconds for which a file may be there before its channel knows of it
# By their first bytes: FFmpeg is told what it gets, and so reads nothing else.
_KINDS = {
    re.compile(rb"\xff\xd8\xff"): ("jpeg_pipe", "mjpeg"),
    re.compile(rb"\x89PNG\r\n\x1a\n"): ("png_pipe", "png"),
    re.compile(rb"RIFF....WEBP", re.DOTALL): ("webp_pipe", "webp"),
}
# White stands where nothing is drawn. (FFmpeg 5.1 crashes in drawbox with replace=1, hence lutrgb.)
_FILTER = (
    f"[0:v:0]scale=w=min({WIDTH}\\,iw):h=min({HEIGHT}\\,ih):force_original_aspect_ratio=decrease,format=rgba,"
    "split[seen][blank];[blank]lutrgb=r=255:g=255:b=255:a=255[white];"
    "[white][seen]overlay=format=auto,format=yuvj420p"
)

_UNKNOWN = Refusal(Code.INVALID, "This is no picture that we take: send a JPEG, a PNG or a WebP.")
_DAMAGED = Refusal(Code.INVALID, "This picture cannot be read: it is damaged, moves, or is far too large.")
_NOT_NOW = Refusal(Code.UNAVAILABLE, "The picture cannot be made or stored just now; the log says why.")
TOO_LARGE = Refusal(Code.TOO_LARGE, f"A picture may have at most {MOST_BYTES // 1024 // 1024} MB.")


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that is there. ``size``: width and height in pixels."""

    path: Path
    size: tuple[int, int]


class Pictures:
    """Those of all channels. ``program`` is FFmpeg."""

    def __init__(self, data: Path, program: str) -> None:
        self._directory = data / DIRECTORY
        self._scratch = data / "scratch"
        self._program = program

    def of(self, channel: Channel) -> Picture | None:
        """None: it has none, or its file is gone."""
        found = PICTURE.fullmatch(channel.picture)
        path = self._directory / channel.picture
        if found is None or not path.is_file():
            return None
        return Picture(path, (int(found["width"]), int(found["height"])))

    async def store(self, channel: Channel, sent: bytes) -> str:
        """The name of what ``sent`` was made into, for the channel's row. Raises :class:`Refused`."""
        if len(sent) > MOST_BYTES:
            raise Refused(TOO_LARGE)
        kind = next((how for begin, how in _KINDS.items() if begin.match(sent)), None)
        if kind is None:
            raise Refused(_UNKNOWN)
        try:
            if shutil.which(self._program) is None:
                raise StartError(f"{self._program} is not an executable program.")
            self._scratch.mkdir(parents=True, exist_ok=True)
            name = await self._made(kind, sent, channel.id)
        except (OSError, StartError) as error:
            log.error("picture_not_stored", reason=str(error))
            raise Refused(_NOT_NOW) from error
        return name

    async def _made(self, kind: tuple[str, str], sent: bytes, channel_id: str) -> str:
        given = self._scratch / f"{secrets.token_hex(8)}.picture"
        made = given.with_suffix(".jpg")
        try:
            given.write_bytes(sent)
            argv = [self._program, *_argv(*kind, given, made)]
            ended, _ = await run(
                argv, name="picture", cwd=self._scratch, seconds=_SECONDS, nice=10, memory=_MEMORY
            )
            if not ended.ok or not made.exists():
                raise Refused(_DAMAGED)
            jpeg = made.read_bytes()
            width, height = size_of(jpeg)
            name = f"{channel_id}-{hashlib.sha256(jpeg).hexdigest()[:16]}-{width}x{height}.jpg"
            self._directory.mkdir(mode=0o700, exist_ok=True)
            made.replace(self._directory / name)
            to_disk([self._directory / name])
            return name
        finally:
            given.unlink(missing_ok=True)
            made.unlink(missing_ok=True)

    def sweep(self, channels: Iterable[Channel]) -> None:
        """Remove the files of no channel; what is quite new may yet get one. Raises OSError."""
        wanted = {channel.picture for channel in channels}
        for path in _files(self._directory, wanted):
            if path.stat().st_mtime < time.time() - _YOUNG:
                path.unlink(missing_ok=True)


def _files(directory: Path, wanted: Collection[str]) -> list[Path]:
    return [path for path in directory.glob("*.jpg") if path.name not in wanted]


def _argv(demuxer: str, decoder: str, given: Path, made: Path) -> list[str]:
    """FFmpeg's, all but its name."""
    return [
        *("-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-threads", "1"),
        *("-max_pixels", str(_PIXELS), "-f", demuxer, "-c:v", decoder, "-protocol_whitelist", "file"),
        *("-i", str(given), "-filter_complex", _FILTER, "-frames:v", "1", "-map_metadata", "-1"),
        *("-bitexact", "-q:v", "4", "-f", "mjpeg", str(made)),
    ]


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height of a JPEG that FFmpeg has made. Raises :class:`Refused`."""
    place = 2
    while place + 9 <= len(jpeg) and jpeg[place] == 0xFF:
        if jpeg[place + 1] in (0xC0, 0xC1, 0xC2):  # where its frame begins
            return int.from_bytes(jpeg[place + 7 : place + 9]), int.from_bytes(jpeg[place + 5 : place + 7])
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4])
    raise Refused(_DAMAGED)
