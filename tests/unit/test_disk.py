"""What is said of a disk that takes no more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingestd.broadcast.disk import lack


def with_inodes(free: int, of: int) -> os.statvfs_result:
    """A file system with room enough, and so many inodes."""
    return os.statvfs_result((4096, 4096, 1000, 900, 900, of, free, free, 0, 255))


def test_a_disk_with_room_lacks_nothing(tmp_path: Path) -> None:
    assert lack(tmp_path, 0) is None


def test_one_that_is_full_says_how_much_is_free(tmp_path: Path) -> None:
    words = lack(tmp_path, 2**62)
    assert words and words.startswith("The server's disk is full: ") and "MiB are free" in words


def test_one_that_is_gone_says_why(tmp_path: Path) -> None:
    assert lack(tmp_path / "gone", 0) == "The server's disk cannot be used: No such file or directory."


@pytest.mark.parametrize(
    ("free", "of", "full"), [(0, 100_000, True), (999, 100_000, True), (1000, 100_000, False), (0, 0, False)]
)
def test_one_without_inodes_is_full_too(
    free: int, of: int, full: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.statvfs", lambda _: with_inodes(free, of))
    words = lack(tmp_path, 0)
    assert bool(words) is full
    assert not words or f"it takes {free} more files (inodes)" in words
