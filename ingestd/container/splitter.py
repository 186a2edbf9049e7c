"""The container splitter: bytes of one recording in, its init segment and its units out.

    splitter = Splitter()
    for message in messages:
        for event in splitter.feed(message):
            ...
    events = splitter.finish()

Where messages end means nothing: browsers cut their blobs anywhere.
"""

from __future__ import annotations

from ingestd.container import formats
from ingestd.container.limits import MAX_ELEMENT, MAX_INIT, Limits, Reader, Refused
from ingestd.container.matroska import Matroska
from ingestd.container.model import Event, InitSegment, Malformed
from ingestd.container.mp4 import Mp4


class Splitter:
    """Splits one epoch of WebM, Matroska (RFC 9559) or fragmented MP4 (ISO/IEC 14496-12).

    Never raises, whatever it is fed. After ``Malformed``, ``NextRecording`` or ``finish`` it returns
    nothing more. Limits are bytes: ``max_element`` of one block with its Cluster header or of one
    moof with its mdat, which is also the most that is held between calls; ``max_init`` of the init
    segment. Where the Opus track beside a video track has no sound for a second, silence is put in: see
    ``silence``.
    """

    def __init__(self, *, max_element: int = MAX_ELEMENT, max_init: int = MAX_INIT) -> None:
        self._limits = Limits(max_element, max_init)
        self._reader: Reader | None = None
        self._tail = bytearray()
        self._base = 0  # of the tail's first byte in the epoch
        self._need = 4  # bytes that the tail must have before reading is worth while
        self._skip = 0  # bytes to come that are not wanted
        self._over = False

    @classmethod
    def resume(
        cls,
        init: InitSegment,
        offset: int,
        prefix: bytes = b"",
        *,
        max_element: int = MAX_ELEMENT,
        max_init: int = MAX_INIT,
    ) -> Splitter:
        """A splitter that goes on in the middle of an epoch.

        ``offset`` and ``prefix`` are those of a fragment that starts a unit; the first byte to be fed
        is byte ``offset`` of the epoch. There is no second ``InitSegment``. What sounded before is not known.
        """
        splitter = cls(max_element=max_element, max_init=max_init)
        splitter._base = offset
        splitter._need = 1
        limits = splitter._limits
        if init.container == "mp4":
            splitter._reader = Mp4.resume(init, limits)
        else:
            splitter._reader = Matroska.resume(init, prefix, limits)
        return splitter

    @property
    def buffered(self) -> int:
        """Bytes held, of elements that are not whole or not decided on."""
        return len(self._tail) + (self._reader.held if self._reader else 0)

    def feed(self, data: bytes | memoryview) -> list[Event]:
        """Take the next bytes; what is found in them, in order. Data is not copied where it need not be."""
        if self._over:
            return []
        if type(data) is not bytes:
            data = _as_bytes(data)
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            self._base += passed
            data = data[passed:]
        tail = self._tail
        if len(tail) + len(data) < self._need:
            tail += data
            return []
        return self._read(b"".join((tail, data)) if tail else data)

    def finish(self) -> list[Event]:
        """The stream is over: hand on what is whole and held. An element that is not whole is dropped."""
        if self._over:
            return []
        return self._end(bytes(self._tail))

    def _read(self, buf: bytes) -> list[Event]:
        try:
            if self._reader is None:
                self._reader = formats.reader(buf, self._limits)
                if self._reader is None:
                    self._tail, self._need = bytearray(buf), formats.ENOUGH
                    return []
            keep = self._reader.read(buf, self._base)
        except Refused as refused:
            return [*self._end(buf), Malformed(refused.message, self._base + refused.index)]
        self._keep(self._reader, buf, keep)
        return self._reader.take()

    def _keep(self, reader: Reader, buf: bytes, keep: int) -> None:
        self._base += min(keep, len(buf))
        self._skip = max(0, keep - len(buf))
        self._need = max(1, reader.need)
        self._tail = bytearray(memoryview(buf)[keep:])
        if reader.done:
            self._over = True
            self._tail = bytearray()

    def _end(self, buf: bytes) -> list[Event]:
        self._over = True
        self._tail = bytearray()
        if self._reader is None:
            return []
        self._reader.finish(buf, self._base)
        return self._reader.take()


_CLUSTER = bytes.fromhex("1F43B675 01FFFFFFFFFFFFFF")  # a header of unknown size (RFC 9559 §5.1.3)


def parse_init(data: bytes) -> InitSegment | None:
    """An init segment that was kept by itself; None if these bytes are not exactly one."""
    for after in (b"", _CLUSTER):  # that of Matroska ends where the first Cluster begins
        for event in Splitter().feed(data + after):
            if isinstance(event, InitSegment) and event.data == data:
                return event
    return None


def _as_bytes(data: bytes | bytearray | memoryview) -> bytes:
    """The bytes behind a view of all of them; otherwise a copy: indexing a view is slow."""
    if isinstance(data, memoryview) and data.c_contiguous:
        behind = data.obj
        if type(behind) is bytes and len(behind) == data.nbytes:
            return behind
    return bytes(data)
