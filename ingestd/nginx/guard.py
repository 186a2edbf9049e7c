"""Which channels are private, said to nginx by files: it looks before it serves anything.

``<hls>/guarded/<channel>`` is an empty file for each private channel. A public one so costs nginx a
look at its directory and us nothing, and plays on when we are dead.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

_DIRECTORY = "guarded"
_SAID = ".said"  # no channel's name begins with a dot


def write_guards(hls_root: Path, private: Collection[str]) -> None:
    """Guard these channels (slugs) and no others; when this returns, nginx does. Raises OSError.

    It fails closed: guards are made before others are taken away, they survive a power cut, and until
    this was called for the first time nginx serves nothing.
    """
    directory = hls_root / _DIRECTORY
    directory.mkdir(parents=True, exist_ok=True)
    there, wanted = {path.name for path in directory.iterdir()}, {*private, _SAID}
    if there == wanted:
        return
    for name in sorted(wanted - there, reverse=True):  # the sign that all is said comes last: "." is least
        (directory / name).touch()
    for name in there - wanted:
        (directory / name).unlink(missing_ok=True)
    _to_disk(directory)


def _to_disk(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
