"""The progress line of ``ingestd publish``: rewritten in place on a terminal, now and then otherwise."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

_EVERY_TERMINAL = 0.5  # seconds between two lines
_EVERY_LOG = 5.0
_WINDOW = 5.0  # seconds over which the rate is taken
_ENOUGH = 2.0  # seconds of media from which on a total can be guessed
_CLEAR = "\r\x1b[K"


class Progress:
    """What was sent so far, and every word about it. Quiet, it says only what goes wrong."""

    def __init__(
        self, out: TextIO, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = out
        self._clock = clock
        self._quiet = quiet
        self._in_place = out.isatty()
        self._total: Callable[[float, int], float | None] = lambda *_: None
        self._words: Callable[[], str] = lambda: ""
        self._started = clock()
        self._window: deque[tuple[float, int]] = deque()
        self._wire = 0  # bytes sent, those that went again as well
        self.seconds = 0.0  # of media
        self.bytes = 0
        self.messages = 0

    def begin(self, total: Callable[[float, int], float | None], words: Callable[[], str]) -> None:
        """Sending starts now. ``total`` guesses the file's seconds of media from (seconds, bytes) sent,
        or says None; ``words`` say how it goes, at the end of the line."""
        self._total, self._words = total, words
        self._started = self._clock()
        self._window.append((self._started, 0))

    def sent(self, due: float, size: int, *, again: int = 0) -> None:
        """A message, up to ``due`` seconds of media, was sent: ``size`` bytes, and those that went
        ``again``."""
        self.seconds = max(self.seconds, due)
        self.bytes += size
        self._wire += size + again
        self.messages += 1

    def line(self) -> str:
        """Time sent and total, Mb/s of the last seconds, and how it goes."""
        total = self._total(self.seconds, self.bytes) if self.seconds >= _ENOUGH else None
        of = f" of about {_clock(max(total, self.seconds))}" if total else ""
        return f"{_clock(self.seconds)}{of}   {self._rate():.1f} Mb/s   {self._words()}".rstrip()

    def _rate(self) -> float:
        now = self._clock()
        self._window.append((now, self._wire))
        while len(self._window) > 2 and now - self._window[1][0] > _WINDOW:
            self._window.popleft()
        since, before = self._window[0]
        return (self._wire - before) * 8e-6 / max(now - since, 1e-3)

    async def run(self) -> None:
        """Show the line for ever."""
        while not self._quiet:
            await asyncio.sleep(_EVERY_TERMINAL if self._in_place else _EVERY_LOG)
            self._write(f"{_CLEAR}{self.line()}" if self._in_place else f"{self.line()}\n")

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self._write(f"{self._start()}{text}\n")

    def complain(self, text: str) -> None:
        """A line that stays, said even when quiet."""
        self._write(f"{self._start()}ingestd: {text}\n")

    def summary(self) -> str:
        """What was sent in all, and how long it took."""
        took = self._clock() - self._started
        megabytes = f"{self.bytes / 1e6:.1f} MB in {self.messages} messages"
        return f"sent {_clock(self.seconds)} of media, {megabytes}, in {took:.1f} s"

    def _start(self) -> str:
        return _CLEAR if self._in_place else ""

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _clock(seconds: float) -> str:
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
