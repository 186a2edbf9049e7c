"""One process at a time has a data directory: the daemon while it runs, or who replaces what is in it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestd.errors import StartError

FILE = "lock"


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Have ``data``, which is made if there is none. Raises StartError: another one has it, or it cannot
    be written to."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / FILE).open("a")
    except OSError as error:
        raise StartError(
            f"The data directory {data} cannot be used: {error.strerror}. Set --data-dir."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"Another ingestd runs with the data directory {data}.") from None
        yield
