"""FLV as FFmpeg writes it into a pipe, and the time line that a connection shows (Adobe FLV 10.1). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingestd.push.amf import Malformed
from ingestd.push.rtmp import AUDIO, VIDEO

_HEADER, _TAG, _SIZE = 9, 11, 4  # bytes of the file's header, a tag's, and the size after each
_STEP = 33  # milliseconds between two runs, when no two pictures have shown how long one lasts
_LONGEST_STEP = 1000


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: sound, picture or data; ``time`` (decoding) in milliseconds."""

    kind: int
    time: int
    data: bytes


class Splitter:
    """Bytes in, tags out."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[Tag]:
        """Raises :class:`Malformed`."""
        self._buffer += data
        if not self._begun:
            if len(self._buffer) < _HEADER + _SIZE:
                return
            if self._buffer[:3] != b"FLV":
                raise Malformed("this is no FLV")
            del self._buffer[: _HEADER + _SIZE]
            self._begun = True
        while len(self._buffer) >= _TAG:
            size = int.from_bytes(self._buffer[1:4], "big")
            if len(self._buffer) < _TAG + size + _SIZE:
                return
            head, body = self._buffer[:_TAG], bytes(self._buffer[_TAG : _TAG + size])
            del self._buffer[: _TAG + size + _SIZE]
            yield Tag(head[0] & 0x1F, head[7] << 24 | int.from_bytes(head[4:7], "big"), body)


class Timeline:
    """Strings runs together: the first tag of each stands one picture after the last of the one before.

    Within a run sound and picture keep their distance; over all runs time never goes back.
    """

    def __init__(self) -> None:
        self.newest = 0  # ms
        self._base = 0
        self._offset: int | None = None
        self._picture: int | None = None
        self._step = _STEP
        self._last = {AUDIO: 0, VIDEO: 0}

    def begin_run(self) -> None:
        """What comes next starts from a time of its own."""
        self._base = self.newest + self._step if self._offset is not None else self._base
        self._offset = self._picture = None

    def place(self, tag: Tag) -> Tag:
        if tag.kind not in (AUDIO, VIDEO):
            return replace(tag, time=self._base if self._offset is None else self.newest)
        if self._offset is None:
            self._offset = self._base - tag.time
        if tag.kind == VIDEO:
            if self._picture is not None and 0 < tag.time - self._picture < _LONGEST_STEP:
                self._step = tag.time - self._picture
            self._picture = tag.time
        time = max(tag.time + self._offset, self._last[tag.kind])
        self._last[tag.kind] = time
        self.newest = max(self.newest, time)
        return replace(tag, time=time)
