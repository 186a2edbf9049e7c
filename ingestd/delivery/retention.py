"""What stays on disk of broadcasts that are over, and for how long."""

from __future__ import annotations

import shutil
from collections.abc import Container
from pathlib import Path

from ingestd.delivery.files import plays, write_atomically

_END = "#EXT-X-ENDLIST"


def close_leftovers(root: Path, restored: Container[str] = ()) -> int:
    """After a start: end what an earlier process left open; the number of broadcasts closed.

    A playlist without ENDLIST that nobody extends keeps players asking for ever. ``restored`` are
    the ids of broadcasts that go on.
    """
    for directory in (root / "private").glob("*/"):
        shutil.rmtree(directory, ignore_errors=True)
    closed = set()
    for path in (root / "public").glob("*/*/*.m3u8"):
        if path.parent.name in restored:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.name != "index.m3u8" and _END not in text:
            write_atomically(path, f"{text}{_END}\n")
            closed.add(path.parent)
    return len(closed)


def remove_expired(root: Path, keep: float, now: float, in_use: Container[str]) -> list[str]:
    """Delete broadcasts that ended more than ``keep`` seconds before ``now`` (Unix time); their ids."""
    gone = []
    for directory in (root / "public").glob("*/*/"):
        if directory.name in in_use or _last_write(directory) + keep > now:
            continue
        if plays(directory.parent) == directory.name:
            (directory.parent / "index.m3u8").unlink(missing_ok=True)
        shutil.rmtree(directory, ignore_errors=True)
        gone.append(directory.name)
        if not any(directory.parent.iterdir()):
            directory.parent.rmdir()
    return gone


def _last_write(directory: Path) -> float:
    return max((path.stat().st_mtime for path in (directory, *directory.glob("*.m3u8"))), default=0.0)
