"""The picture of a broadcast on the pages: one frame of the newest segment, every few seconds.

Made by an FFmpeg of its own from the lightest rendition, after everything that encodes: it takes a tenth
of a CPU-second, nearly all of it for FFmpeg to start, and whatever happens to it never touches the broadcast.
"""

from __future__ import annotations

from pathlib import Path

from ingestd.processes import run

_SECONDS = 10.0  # one frame of one second of 360p takes 0.1 s; a stuck process must not stay
_NICE = 10  # what cannot wait is encoded


async def make_poster(program: str, segment: Path, poster: Path) -> bool:
    """Write ``poster`` (JPEG) from the first frame of ``segment``; whether it could be made."""
    scratch = poster.with_name(f".{poster.stem}.new.jpg")
    argv = [program, "-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-threads", "1"]
    argv += ["-skip_frame", "nokey", "-an", "-i", str(segment)]
    argv += ["-frames:v", "1", "-q:v", "5", "-f", "mjpeg", str(scratch)]
    ended, _ = await run(argv, name="poster", cwd=poster.parent, seconds=_SECONDS, nice=_NICE)
    if not ended.ok or not scratch.exists():
        scratch.unlink(missing_ok=True)
        return False
    scratch.replace(poster)
    return True
