"""Ctrl-C and SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


class Interrupts:
    """Ctrl-C and SIGTERM: the first does ``first``, which changes; the second ends at once."""

    def __init__(self, at_once: Callable[[], object]) -> None:
        self.at_once = at_once
        self.first = at_once
        self.happened = False

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._caught)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _caught(self) -> None:
        act = self.at_once if self.happened else self.first
        self.happened = True
        act()
