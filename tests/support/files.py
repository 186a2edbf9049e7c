"""Files of a server that goes on working with them while a test reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def below(directory: Path) -> Iterator[Path]:
    """All that stands below a directory; directories that go meanwhile are passed over."""
    for root, directories, files in os.walk(directory):
        yield from (Path(root, name) for name in (*directories, *files))


def content(path: Path) -> str:
    """Each byte a character; empty of what is no file, or is gone: segments and scratch files come and go."""
    with suppress(FileNotFoundError):
        return path.read_bytes().decode("latin-1") if path.is_file() else ""
    return ""
