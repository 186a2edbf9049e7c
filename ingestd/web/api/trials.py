"""Who measures their upload, how often and how much: so that nobody can keep the server busy by it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from ingestd.errors import Code, Refusal, Refused

MOST_BYTES = 2_000_000  # in one piece
_AT_ONCE = 4  # of all channels
_SPAN = 60.0  # seconds
_BYTES = 16_000_000  # of one channel in that time: some measurements of five pieces that grow
_AGAIN = 2  # seconds, for those that come while others measure


class Trials:
    """Those under way, and what each channel has sent lately; times are any clock's seconds."""

    def __init__(self) -> None:
        self._under_way: set[str] = set()
        self._sent: dict[str, tuple[float, int]] = {}  # when the span began, and bytes since then

    @contextmanager
    def piece(self, channel: str, now: float) -> Iterator[None]:
        """One piece for a channel; raises :class:`Refused`."""
        self._sent = {name: sent for name, sent in self._sent.items() if now - sent[0] < _SPAN}
        if channel in self._under_way or len(self._under_way) >= _AT_ONCE:
            words = f"Another upload is being measured now; try again in {_AGAIN} s."
            raise Refused(Refusal(Code.TOO_MANY, words, _AGAIN))
        began, sent = self._sent.get(channel, (now, 0))
        if sent >= _BYTES:
            wait = max(1, ceil(began + _SPAN - now))
            words = f"It was measured often enough; try again in {wait} s."
            raise Refused(Refusal(Code.TOO_MANY, words, wait))
        self._under_way.add(channel)
        try:
            yield
        finally:
            self._under_way.discard(channel)

    def count(self, channel: str, size: int, now: float) -> None:
        """So many bytes of a channel came."""
        began, sent = self._sent.get(channel, (now, 0))
        self._sent[channel] = began, sent + size
