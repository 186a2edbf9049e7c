"""Which channels everybody may watch, said to nginx by files: it looks before it serves anything.

``<hls>/open/<channel>`` is an empty file for each channel that is public. A public one so costs nginx a
look at its directory and us nothing, and plays on when we are dead. Every other name is private: a channel
that was made so, one that was deleted, and all of them before anything was said. Of those nginx asks us,
file by file. To close a channel is to delete a file, which a full disk does not hinder.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

_DIRECTORY = "open"


def close_all_but(hls_root: Path, public: Collection[str]) -> None:
    """Serve no other channel (slug) to everybody; when this returns, nginx does not. Raises OSError.

    It survives a power cut.
    """
    directory = hls_root / _DIRECTORY
    directory.mkdir(parents=True, exist_ok=True)
    if unwanted := {path.name for path in directory.iterdir()} - {*public}:
        for name in unwanted:
            (directory / name).unlink(missing_ok=True)
        _to_disk(directory)


def open_all(hls_root: Path, public: Collection[str]) -> None:
    """Serve these channels to everybody. Raises OSError."""
    directory = hls_root / _DIRECTORY
    for name in {*public} - {path.name for path in directory.iterdir()}:
        (directory / name).touch()


def _to_disk(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
