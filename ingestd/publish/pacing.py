"""When each byte of a recording is due: from a file's bytes to slices with a time. Pure.

A browser's recorder hands over, every ``timeslice`` seconds, what has come out of its encoders
since the last time. A :class:`Pacer` does the same with a file: the container splitter says which
byte carries which media time, where recordings begin, and where each could be gone on with. Times
are seconds since the start of sending; no clock is read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ingestd.container.model import Fragment, InitSegment, Malformed, NextRecording
from ingestd.container.splitter import Splitter

TIMESLICE = 0.25
MAX_SLICE = 1 << 20
"""Bytes in one message; a server takes more, but none should have to."""

_PIECE = 1024  # bytes given to the splitter at once: its fragments are then fine enough to tell times by
_MOST = 17 << 20  # bytes kept while no time is known: a little more than the splitter's largest element
_LONGEST_GAP = 5.0  # seconds; servers drop a publisher that is silent for longer, so it is closed up
_LONGEST_FRAGMENT = 3600.0  # seconds; beyond it a time stamp is damage, and not to be waited for
_ONE_IN = 4  # so many slices end anywhere in an element; all others one byte into it


@dataclass(frozen=True, slots=True)
class Unit:
    """A place in a recording from which it can be gone on with: after the init segment and ``prefix``."""

    offset: int  # of its first byte in the recording
    prefix: bytes = b""


@dataclass(frozen=True, slots=True)
class Slice:
    """A message: ``data`` has all been recorded ``due`` seconds after the start.

    ``time`` is the same moment by the recording's own clock. ``begins``: here another recording
    starts, a new epoch; no slice has bytes of two. ``init`` stands in the first slice of a recording
    after which it is known. ``units`` are those that were found with this slice.
    """

    due: float
    data: bytes
    time: float = 0.0
    begins: bool = False
    init: InitSegment | None = None
    units: tuple[Unit, ...] = ()


class Pacer:
    """Cuts one pass over a file into slices.

    Most slices end one byte into the next element, as Chromium's do; the rest anywhere, decided by
    ``seed``. ``has_media``: there was a block or a fragment. ``malformed`` says why nothing more will
    come, if the file is damaged; what stands before the damage has been handed on.
    """

    def __init__(self, *, start: float = 0.0, timeslice: float = TIMESLICE, seed: int = 0) -> None:
        self.malformed: Malformed | None = None
        self.has_media = False
        self._splitter = Splitter()
        self._random = Random(seed)
        self._timeslice = timeslice
        self._start = start
        self._time = start  # up to which the bytes before ``_marked`` go
        self._edge = start + timeslice  # the end of the slice under way
        self._shift: float | None = None  # from media time to our time
        self._pending = bytearray()
        self._sent = 0  # bytes handed on: where ``_pending`` begins
        self._fed = 0
        self._decided = 0  # bytes of which the splitter has said what they are
        self._base = 0  # where the recording under way begins
        self._begins = True
        self._init: InitSegment | None = None
        self._units: list[Unit] = []
        self._marked = 0  # the end of the last fragment
        self._out: list[Slice] = []

    @property
    def end(self) -> float:
        """Where a next pass begins; a file without any length still takes one time slice."""
        return max(self._time, self._start + self._timeslice)

    def feed(self, data: bytes) -> list[Slice]:
        """The next bytes of the file; the slices that are complete with them."""
        for at in range(0, len(data), _PIECE):
            if self.malformed:
                break
            piece = data[at : at + _PIECE]
            self._pending += piece
            self._fed += len(piece)
            self._split(piece)
            self._emit(self._sent + len(self._pending) - _MOST, self._time)
        return self._take()

    def finish(self) -> list[Slice]:
        """The file is over: what is left of it."""
        self._decided = self._fed
        for event in self._splitter.finish():
            if isinstance(event, Fragment):
                self._fragment(event)
        self._emit(self._sent + len(self._pending), self._time)
        return self._take()

    def _split(self, piece: bytes) -> None:
        rest: bytes | memoryview | None = piece
        while rest is not None:
            events, rest = self._splitter.feed(rest), None
            self._decided = self._fed - self._splitter.buffered
            if events and isinstance(events[-1], NextRecording):
                self._decided = self._fed - len(events[-1].rest)
            for event in events:
                match event:
                    case InitSegment():
                        self._init = event
                    case Fragment():
                        self._fragment(event)
                    case NextRecording():
                        rest = event.rest
                        self._next_recording(len(rest))
                    case Malformed():
                        self._stop(event)

    def _next_recording(self, length: int) -> None:
        base = self._fed - length
        self._emit(base, self._time)
        self._base = self._marked = base
        self._splitter = Splitter()
        self._shift = None
        self._begins, self._init, self._units = True, None, []

    def _stop(self, malformed: Malformed) -> None:
        self.malformed = Malformed(malformed.message, self._base + malformed.offset)
        self._emit(self.malformed.offset, self._time)
        self._pending.clear()

    def _fragment(self, fragment: Fragment) -> None:
        length = min(max(0.0, fragment.end_time - fragment.media_time), _LONGEST_FRAGMENT)
        if self._shift is None or abs(fragment.media_time + self._shift - self._time) > _LONGEST_GAP:
            self._shift = self._time - fragment.media_time
        first = fragment.media_time + self._shift
        self.has_media = True
        if fragment.starts_unit:
            self._units.append(Unit(fragment.offset, fragment.prefix))
        self._advance(first, first + length, self._base + fragment.offset + len(fragment.data))

    def _advance(self, first: float, last: float, end: int) -> None:
        """The bytes from the last mark to ``end`` were recorded from ``first`` to ``last``."""
        begin, end = self._marked, max(self._marked, end)
        while last >= self._edge:
            self._emit(self._cut(first, last, begin, end), self._edge)
            self._edge += self._timeslice
        self._marked = end
        self._time = max(self._time, last)

    def _cut(self, first: float, last: float, begin: int, end: int) -> int:
        """Where the slice under way ends; past ``begin``, for a recorder does not care for edges."""
        if self._edge > first:
            share = (self._edge - first) / (last - first)
            return begin + max(1, int(share * (end - begin)))
        if self._random.randrange(_ONE_IN) == 0 and end > begin:
            return self._random.randrange(begin, end)
        return begin + 1

    def _emit(self, end: int, due: float) -> None:
        """Hand on all bytes before ``end``, in messages that are not too large.

        Ends of fragments are not exact where the splitter has put in something of its own, so that
        nothing goes out of which it could still say that it belongs to the next recording.
        """
        count = min(end, self._decided) - self._sent
        while count > 0:
            size = min(count, MAX_SLICE)
            self._out.append(self._slice(due, bytes(self._pending[:size])))
            del self._pending[:size]
            self._sent += size
            count -= size

    def _slice(self, due: float, data: bytes) -> Slice:
        piece = Slice(due, data, due - (self._shift or 0.0), self._begins, self._init, tuple(self._units))
        self._begins, self._init, self._units = False, None, []
        return piece

    def _take(self) -> list[Slice]:
        out, self._out = self._out, []
        return out
