"""RTMP's chunks: messages cut into pieces and put together again (Adobe RTMP 1.0, §5.3). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from ingestd.push.amf import Malformed

CHUNK = 4096  # bytes of a message in one of our chunks; what OBS uses
SMALLEST = 128  # bytes in a chunk of the other side, which it begins with; less costs us more than it says
_LARGEST = 16 * 1024  # bytes of a message that we take: a server has little to say to a publisher
_CHANNELS = 64
_EXTENDED = 0xFFFFFF
_HEADERS = (11, 7, 3, 0)  # bytes of a message header, by format


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``time`` in milliseconds, ``stream`` 0 for the connection itself."""

    kind: int
    data: bytes
    time: int = 0
    stream: int = 0


def write(message: Message, channel: int) -> bytes:
    """A message on a chunk stream (2…63), with a whole header, in chunks of :data:`CHUNK` bytes."""
    time = message.time & 0xFFFFFFFF
    short = min(time, _EXTENDED)
    extended = struct.pack(">I", time) if short == _EXTENDED else b""
    sizes = short.to_bytes(3, "big") + len(message.data).to_bytes(3, "big")
    header = bytes([channel]) + sizes + bytes([message.kind]) + struct.pack("<I", message.stream)
    parts = [header, extended, message.data[:CHUNK]]
    for start in range(CHUNK, len(message.data), CHUNK):
        # the extended time stamp stands in every chunk: what encoders and servers do
        parts += [bytes([0xC0 | channel]), extended, message.data[start : start + CHUNK]]
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Channel:
    """What a chunk stream's next header may leave out."""

    time: int = 0
    size: int = 0
    kind: int = 0
    stream: int = 0
    extended: bool = False


class Reader:
    """Bytes in, messages out. The size of the other side's chunks is ``chunk``."""

    def __init__(self) -> None:
        self.chunk = SMALLEST
        self._buffer = bytearray()
        self._channels: dict[bytes, _Channel] = {}
        self._partial: dict[bytes, bytearray] = {}  # messages under way

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> Message | None:
        """The next message, None until more was fed; raises :class:`Malformed`.

        One at a time: a message may change how those after it are read.
        """
        while (read := self._chunk()) is not None:
            if isinstance(read, Message):
                return read
        return None

    def _chunk(self) -> Message | bool | None:
        """Take one chunk: a message if it completes one, else True; None if it is not all there."""
        buffer = self._buffer
        start = {0: 2, 1: 3}.get(buffer[0] & 63, 1) if buffer else 1
        form = buffer[0] >> 6 if buffer else 0
        if len(buffer) < start + _HEADERS[form]:
            return None
        name = bytes([buffer[0] & 63]) + bytes(buffer[1:start])
        header = bytes(buffer[start : start + _HEADERS[form]])
        data = self._partial.get(name, bytearray())
        if data and form != 3:
            raise Malformed("a message that begins within another")
        fields = _fields(self._channels.get(name, _Channel()), form, header)
        start += _HEADERS[form] + 4 * fields.extended
        piece = min(self.chunk, fields.size - len(data))
        if len(buffer) < start + piece:
            return None
        if fields.extended:
            fields = replace(fields, time=int.from_bytes(buffer[start - 4 : start], "big"))
        data += buffer[start : start + piece]
        del buffer[: start + piece]
        self._remember(name, fields)
        if len(data) < fields.size:
            self._partial[name] = data
            return True
        self._partial.pop(name, None)
        return Message(fields.kind, bytes(data), fields.time, fields.stream)

    def _remember(self, name: bytes, channel: _Channel) -> None:
        self._channels[name] = channel
        if len(self._channels) > _CHANNELS:
            raise Malformed("more chunk streams than anybody needs")


def _fields(before: _Channel, form: int, header: bytes) -> _Channel:
    """What holds for the chunk; times are not added up, for nobody needs those that we are sent."""
    found = before
    if form < 3:
        time = int.from_bytes(header[:3], "big")
        found = replace(found, time=time, extended=time == _EXTENDED)
    if form < 2:
        found = replace(found, size=int.from_bytes(header[3:6], "big"), kind=header[6])
    if form == 0:
        found = replace(found, stream=int.from_bytes(header[7:11], "little"))
    if found.size > _LARGEST:
        raise Malformed("a message that is too large")
    return found
