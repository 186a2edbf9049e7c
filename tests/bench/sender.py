"""Hands a recording over as its recorder did, and remembers when."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from threading import Event, Thread

from ingestd.container.model import Fragment
from ingestd.container.splitter import Splitter

Messages = Sequence[tuple[float, bytes]]  # with the second at which each is handed over


class Sender(Thread):
    """Hands messages over at the recorder's pace, counted from the first one, until told to stop.

    ``began`` is the moment of the first one (monotonic clock); moved into the past before the start,
    everything that was due until then comes at once. ``sent`` are the moments at which messages were
    handed over; ``error`` is why it stopped by itself.
    """

    def __init__(self, messages: Messages, give: Callable[[bytes], object]) -> None:
        super().__init__(daemon=True)
        self.began = time.monotonic()
        self.sent: list[float] = []
        self.error: Exception | None = None
        self._messages = messages
        self._give = give
        self._enough = Event()

    def run(self) -> None:
        first = self._messages[0][0]
        for due, data in self._messages:
            if self._enough.wait(max(0.0, self.began + due - first - time.monotonic())):
                return
            self.sent.append(time.monotonic())
            try:
                self._give(data)
            except Exception as error:  # told by whoever misses what comes of it
                self.error = error
                return

    def stop(self) -> None:
        self._enough.set()
        self.join()


class Course:
    """How far a recording has come with each of its messages: media time (s), and bytes."""

    def __init__(self, messages: Messages) -> None:
        splitter, newest = Splitter(), 0.0
        self._ends: list[float] = []
        for _, data in messages:
            fragments = [event for event in splitter.feed(data) if isinstance(event, Fragment)]
            newest = max([newest, *(fragment.end_time for fragment in fragments)])
            self._ends.append(newest)
        self._sizes = list(accumulate(len(data) for _, data in messages))

    def media(self, count: int) -> float:
        """Seconds of media in the first ``count`` messages."""
        return self._ends[count - 1] if count else 0.0

    def bytes(self, count: int) -> int:
        """Bytes in the first ``count`` messages."""
        return self._sizes[count - 1] if count else 0

    def moment(self, media: float, sent: Sequence[float]) -> float:
        """When everything before that media time had been handed over; now, if it has not been yet."""
        reached = (at for at, end in zip(sent, self._ends, strict=False) if end >= media)
        return next(reached, time.monotonic())
