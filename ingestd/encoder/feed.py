"""From the replay buffer into the encoder's pipe, without a queue and without a task.

A write that would block waits for the pipe to drain, and with it everything up to the
publisher's TCP window: that is the whole of the backpressure.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable
from typing import Protocol

from ingestd.container.model import Fragment, InitSegment

_PIPE_BYTES = 256 * 1024  # 64 KiB, the default, cuts every message of 250 ms in two


class Source(Protocol):
    """Where fragments come from, by number; ``complete`` when no more will be added."""

    complete: bool

    def get(self, number: int) -> Fragment | None: ...


class Feed:
    """Writes the init segment and every fragment from ``start`` on into a pipe.

    ``read_end`` is the encoder's stdin; close it here (:meth:`close_read_end`) once the child has
    it. ``number`` is the fragment that comes next: the encoder has all before it. ``on_drained``
    is called whenever something was written.
    """

    def __init__(self, source: Source, init: InitSegment, start: int, on_drained: Callable[[], None]) -> None:
        self.number = start
        self.finished = False  # everything there was has been written
        self._source = source
        self._on_drained = on_drained
        self._waiting = False
        first = source.get(start)
        self._rest = memoryview(init.data + (first.prefix if first else b""))
        self.read_end, self._fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._fd, False)
        with contextlib.suppress(OSError):  # over the user's limit of pipe pages: 64 KiB will do
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def close_read_end(self) -> None:
        if self.read_end >= 0:
            os.close(self.read_end)
            self.read_end = -1

    def pump(self) -> None:
        """Write what there is; called when a fragment arrives and when the pipe has room again."""
        if self._fd < 0 or self._waiting:
            return
        try:
            while self._advance():
                self._rest = self._rest[os.write(self._fd, self._rest) :]
        except BlockingIOError:
            self._waiting = True
            asyncio.get_running_loop().add_writer(self._fd, self._writable)
        except OSError:  # the encoder is gone; its exit is seen where it is waited for
            self.close()
        else:
            if self._source.complete:
                self.finished = True
                self.close()
        self._on_drained()

    def _advance(self) -> bool:
        """Whether there is something to write; takes the next fragment when the last one is out."""
        while not self._rest:
            fragment = self._source.get(self.number)
            if fragment is None:
                return False
            self._rest = fragment.data
            self.number += 1
        return True

    def _writable(self) -> None:
        asyncio.get_running_loop().remove_writer(self._fd)
        self._waiting = False
        self.pump()

    def close(self) -> None:
        if self._fd >= 0:
            if self._waiting:
                asyncio.get_running_loop().remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1
        self.close_read_end()
