"""A port that nobody else takes meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

_LOOPBACK = "127.0.0.1"


@contextmanager
def held() -> Iterator[int]:
    """One of loopback, bound and never listening: it refuses, but where somebody listens with
    ``reuse_port``."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((_LOOPBACK, 0))
        yield int(holder.getsockname()[1])
