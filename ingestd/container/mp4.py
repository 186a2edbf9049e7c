"""Fragmented MP4 (ISO/IEC 14496-12) cut into units: a moof and its mdat are handed on together.

All other boxes at the top level (styp, sidx, prft, emsg, free, mfra, …) are dropped.
"""

from __future__ import annotations

from ingestd.container import boxes
from ingestd.container.limits import MAX_SKIP, Limits, Refused
from ingestd.container.model import Event, InitSegment, NextRecording
from ingestd.container.mp4_init import NOT_FRAGMENTED, Movie, movie
from ingestd.container.mp4_moof import Traf, relocatable, trafs
from ingestd.container.units import Units

_LONGEST_HEADER = 16


class Mp4:
    """Reads one recording; see ``limits.Reader``."""

    def __init__(self, limits: Limits) -> None:
        self.need = 8
        self.done = False
        self._limits = limits
        self._units = Units(limits.element)
        self._init = bytearray()
        self._movie: Movie | None = None
        self._timescales: dict[int, int] = {}
        self._following: dict[int, int] = {}  # ticks at which each track goes on
        self._video: int | None = None
        self._media = False
        self._buf = b""
        self._base = 0
        self._pos = 0

    @classmethod
    def resume(cls, init: InitSegment, limits: Limits) -> Mp4:
        """Go on at a unit of a recording that has this init segment (bytes from its offset on)."""
        reader = cls(limits)
        for kind, body, end in boxes.children(init.data, 0, len(init.data)):
            if kind == b"moov":
                reader._start(movie(init.data, body, end))
        reader._media = True
        return reader

    @property
    def held(self) -> int:
        return len(self._init)

    def take(self) -> list[Event]:
        out, self._units.out = self._units.out, []
        return out

    def read(self, buf: bytes, base: int) -> int:
        self._buf, self._base = buf, base
        self._units.begin(buf, base)
        self.need = len(buf) + 1
        while self._pos < len(buf) and self._box():
            pass
        keep = self._units.end(self._pos)
        self.need -= keep
        self._pos = 0
        self._buf = b""
        return keep

    def finish(self, buf: bytes, base: int) -> None:
        self._units.begin(buf, base)
        self._units.end(self._pos)
        self._init = bytearray()
        self.done = True

    def _box(self) -> bool:
        """Read the box at ``_pos``. False: it is not whole."""
        found = boxes.header(self._buf, self._pos)
        if found is None:
            return False
        kind, body, end = found
        if kind == b"moof":
            return self._fragment(body, end)
        if kind == b"mdat":
            raise Refused("An mdat stands without its moof." if self._movie else NOT_FRAGMENTED, self._pos)
        if kind == b"ftyp" and self._media:
            return self._next_recording()
        if kind in (b"ftyp", b"moov"):
            return self._init_box(kind, body, end)
        return self._skip(kind, end)

    def _init_box(self, kind: bytes, body: int, end: int) -> bool:
        pos, buf = self._pos, self._buf
        if self._movie:
            raise Refused(f"A second {boxes.name(kind)} stands inside the recording.", pos)
        if len(self._init) + end - pos > self._limits.init:
            raise Refused(f"The init segment is longer than {self._limits.init:,} bytes.", pos)
        if end > len(buf):
            self.need = end
            return False
        found = movie(buf, body, end) if kind == b"moov" else None
        self._init += buf[pos:end]
        self._skip(kind, end)
        if found:
            self._start(found)
            self._units.out.append(InitSegment(bytes(self._init), "mp4", tuple(found.tracks)))
            self._init = bytearray()
        return True

    def _start(self, found: Movie) -> None:
        self._movie = found
        self._timescales = found.timescales
        self._video = next((t.number for t in found.tracks if t.kind == "video"), None)

    def _fragment(self, body: int, end: int) -> bool:
        """A moof and the mdat that must follow it."""
        pos, buf = self._pos, self._buf
        if self._movie is None:
            raise Refused("A moof stands before the moov: the start of the recording is missing.", pos)
        self._check_size(end - pos)
        following = boxes.header(buf, end) if end < len(buf) else None
        if following is None:
            self.need = max(len(buf), end) + 1
            return False
        if following[0] != b"mdat":
            raise Refused(f"A moof is followed by {boxes.name(following[0])}; its mdat is expected.", end)
        self._check_size(following[2] - pos)
        if following[2] > len(buf):
            self.need = following[2]
            return False
        found = trafs(self._movie, self._following, buf, body, end)
        self._place(pos, end, found)
        self._pos = following[2]
        return True

    def _check_size(self, size: int) -> None:
        limit = self._limits.element - _LONGEST_HEADER
        if size > limit:
            raise Refused(f"A fragment claims {size:,} bytes; the limit is {limit:,}.", self._pos)

    def _place(self, pos: int, end: int, found: list[Traf]) -> None:
        if not found:
            raise Refused("A moof has no traf.", pos)
        scales = [self._timescales[t.track] for t in found]
        times = [(t.start / scale, t.end / scale) for t, scale in zip(found, scales, strict=True)]
        latest = max(stop for _, stop in times)
        video = next((i for i, t in enumerate(found) if t.track == self._video), None)
        starts = self._video is None if video is None else bool(found[video].key)
        first = min(start for start, _ in times) if video is None else times[video][0]
        self._media = True
        absolute = any(t.absolute for t in found)
        if absolute:
            self._units.cut(pos)
        self._units.block(pos, first, latest, starts=starts)
        if absolute:
            self._units.replace(pos, end, relocatable(self._buf[pos:end], found, pos))

    def _next_recording(self) -> bool:
        self._units.cut(self._pos)
        self._units.out.append(NextRecording(memoryview(self._buf)[self._pos :]))
        self.done = True
        return False

    def _skip(self, kind: bytes, end: int) -> bool:
        if end - self._pos > MAX_SKIP:
            raise Refused(f"The box {boxes.name(kind)} claims more than {MAX_SKIP:,} bytes.", self._pos)
        self._units.drop(self._pos, end)
        self._pos = end
        return True
