"""The replay buffer: the units from the one that holds the commit point onward. Pure.

It is the encoder's only source: an encoder reads it fragment by fragment from a unit on, and the
next generation reads the same fragments again from the commit point. So there is no second queue
between socket and encoder, and one bound holds for all of a broadcast's media in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from ingestd.container.model import Fragment

# An audio packet that begins before a keyframe may sound after it (Opus packets of MediaRecorder
# last 60 ms): a replay starts at least this much before the commit point.
AUDIO_MARGIN = 0.1  # seconds

# What a fragment costs beside its bytes, so that a flood of tiny elements is bounded as well.
_OVERHEAD = 256  # bytes


class ReplayBuffer:
    """Fragments in order, numbered from 0 for the first one of the epoch.

    ``limit`` bounds the bytes held. Fragments before the commit point go as soon as nothing needs
    them. When the bound is reached nothing more is read from the publisher until the commit point
    has moved on: nothing is lost. Only where that could not help, because a single unit is larger
    than the bound or because the bound does not hold ``span`` seconds, which the encoder needs to
    make a segment, the oldest fragments that the encoder already has are given up, and a restart
    goes on from the next keyframe.

    ``offset`` and ``prefix`` are those of the unit that holds the commit point: what an ack says.
    They never lie after it, also when a part of that unit was given up.
    """

    def __init__(self, limit: int, span: float = 0.0) -> None:
        self._limit = limit
        self._span = span
        self._fragments: deque[Fragment] = deque()
        self._starts: deque[int] = deque()  # bytes appended before each fragment
        self._first = 0
        self._appended = 0
        self._units = 0
        self.offset = 0
        self.prefix = b""
        self.size = 0  # bytes held
        self.end_time = 0.0  # seconds: where the epoch has come to
        self.complete = False  # nothing will be appended any more
        self.given_up = 0  # bytes that were dropped before they stood in the playlist

    @property
    def end(self) -> int:
        """The number that the next fragment will get."""
        return self._first + len(self._fragments)

    @property
    def seconds(self) -> float:
        """How much is held."""
        return self.end_time - self._fragments[0].media_time if self._fragments else 0.0

    def append(self, fragment: Fragment) -> None:
        owner = fragment.data.obj
        if isinstance(owner, bytes) and 2 * len(fragment.data) < len(owner):
            # a small view would keep the whole message in memory
            fragment = replace(fragment, data=memoryview(bytes(fragment.data)))
        if self.end == 0:
            self._hold(fragment)
        self._units += fragment.starts_unit
        self._fragments.append(fragment)
        self._starts.append(self._appended)
        cost = len(fragment.data) + _OVERHEAD
        self._appended += cost
        self.size += cost
        self.end_time = max(self.end_time, fragment.end_time)

    def get(self, number: int) -> Fragment | None:
        """The fragment of that number; None if it has not come yet or is gone."""
        index = number - self._first
        return self._fragments[index] if 0 <= index < len(self._fragments) else None

    def __iter__(self) -> Iterator[Fragment]:
        """All that are held, oldest first."""
        return iter(list(self._fragments))

    def ahead(self, number: int) -> int:
        """Bytes that wait from that fragment on."""
        index = max(0, number - self._first)
        return self._appended - self._starts[index] if index < len(self._starts) else 0

    def seek(self, media_time: float) -> int | None:
        """The fragment from which a decoder has everything at ``media_time``; None: not yet here."""
        found = None
        for number, fragment in enumerate(self._fragments, self._first):
            if fragment.starts_unit:
                if found is not None and fragment.media_time > media_time - AUDIO_MARGIN:
                    break
                found = number
        return found

    def newest_unit(self) -> int | None:
        """The fragment that begins the newest unit; None: there is none."""
        units = (number for number in range(self.end - 1, self._first - 1, -1) if self._starts_unit(number))
        return next(units, None)

    def _starts_unit(self, number: int) -> bool:
        return self._fragments[number - self._first].starts_unit

    def commit(self, media_time: float) -> None:
        """Drop the units that no replay from ``media_time`` on can need."""
        keep = self.seek(media_time)
        unit = None if keep is None else self.get(keep)
        if unit is None or unit.media_time > media_time - AUDIO_MARGIN:
            return  # what holds the commit point comes before it, and was given up in part
        while keep is not None and self._first < keep:
            self._drop()
            if self._fragments and self._first == keep:
                self._hold(self._fragments[0])

    def clear(self) -> None:
        """The broadcast is over: there will be no replay. What is remembered of it holds no media."""
        self._fragments.clear()
        self._starts.clear()
        self._units = self.size = 0

    def _hold(self, unit: Fragment) -> None:
        self.offset, self.prefix = unit.offset, unit.prefix

    def make_room(self, fed: int) -> bool:
        """Whether another fragment may be taken, given that the encoder has all before ``fed``."""
        while self.size >= self._limit and self._first < fed and self._waiting_is_vain():
            self.given_up += self._drop()
        return self.size < self._limit

    def _waiting_is_vain(self) -> bool:
        return self._units <= 1 or self.end_time - self._fragments[0].media_time < self._span

    def _drop(self) -> int:
        fragment = self._fragments.popleft()
        gone = len(fragment.data)
        self._units -= fragment.starts_unit
        self._starts.popleft()
        self._first += 1
        self.size -= gone + _OVERHEAD
        return gone
