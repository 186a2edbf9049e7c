"""Whether the disk takes another broadcast."""

from __future__ import annotations

import os
from pathlib import Path

_MIB = 1024 * 1024
_FILES = 1000  # that can still be made: a broadcast of three renditions has two hundred at a time


def lack(directory: Path, least: int) -> str | None:
    """What is missing there, in a plain sentence; ``least``: bytes that have to be free."""
    try:
        found = os.statvfs(directory)
    except OSError as error:
        return f"The server's disk cannot be used: {error.strerror}."
    free = found.f_bavail * found.f_frsize
    if free < least:
        return f"The server's disk is full: {free // _MIB} MiB are free, too few."
    # a file system that makes them as they are needed has 0 of 0
    if found.f_files and found.f_favail < _FILES:
        return f"The server's disk is full: it takes {found.f_favail} more files (inodes), too few."
    return None
