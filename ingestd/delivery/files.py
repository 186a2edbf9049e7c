"""Files of the public tree: written so that a reader never sees half of one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, never half of one."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def to_disk(files: Sequence[Path]) -> None:
    """The files and their places in their directories survive a power cut from here on."""
    for path in [*files, *{file.parent for file in files}]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def plays(channel_dir: Path) -> str:
    """The broadcast that a channel's address plays now; ids sort by time, and none is ""."""
    try:
        text = (channel_dir / "index.m3u8").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    return next((line.partition("/")[0] for line in text.splitlines() if line[:1] not in ("#", "")), "")


def is_over(directory: Path) -> bool:
    """Whether the playlists of a broadcast have their ENDLIST."""
    media = [path for path in directory.glob("*.m3u8") if path.name != "index.m3u8"]
    return any("#EXT-X-ENDLIST" in path.read_text(encoding="utf-8") for path in media)
