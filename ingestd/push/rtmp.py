"""The publishing side of an RTMP connection: bytes in, bytes out (Adobe RTMP 1.0). Pure.

It does what FFmpeg and OBS do, in their order: handshake (the simple one), ``connect``,
``releaseStream``, ``FCPublish``, ``createStream``, ``publish``. Whatever the other side says is
reduced to a sentence of our own, so that nothing it was told, the key above all, comes back in a
log.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import Enum, auto

from ingestd.push.allowance import Allowance
from ingestd.push.amf import Malformed, Value, decode, encode
from ingestd.push.chunks import CHUNK, SMALLEST, Message, Reader, write

AUDIO, VIDEO, DATA = 8, 9, 18  # kinds of messages, and of FLV's tags
_SET_CHUNK, _ACK, _CONTROL, _ACK_WINDOW, _COMMAND = 1, 3, 4, 5, 20
_PING, _PONG = 6, 7
_HANDSHAKE = 1536
_WINDOW = 2_500_000  # bytes after which the other side acknowledges
_LARGEST_CHUNK = 0xFFFFFF
_RATE, _BURST = 16 * 1024, 32 * 1024  # bytes a second that the other side may say, and at once
_MESSAGE = 64  # bytes as which a message counts beside its own: what it costs to read it
_ON_PROTOCOL, _ON_CONNECTION, _ON_STREAM, _ON_DATA, _ON_VIDEO, _ON_AUDIO = 2, 3, 8, 5, 6, 4
_CONNECT, _RELEASE, _FC_PUBLISH, _CREATE, _PUBLISH, _FC_UNPUBLISH, _DELETE = range(1, 8)

_SENTENCES = {
    "NetStream.Publish.BadName": "it refuses the key, or somebody publishes there already",
    "NetStream.Publish.Denied": "it refuses the key",
    "NetStream.Publish.Unauthorized": "it refuses the key",
    "NetConnection.Connect.Rejected": "it refuses the connection; check the address",
    "NetConnection.Connect.InvalidApp": "it does not know this address; check the part after the host",
    "NetConnection.Connect.AppShutdown": "it is being shut down",
}


class Rejected(Exception):
    """The other side does not take the stream; the text is ours, a sentence's second half."""


class _Phase(Enum):
    HANDSHAKE = auto()
    COMMANDS = auto()
    PUBLISHING = auto()


class Publisher:
    """One connection. Send what :meth:`begin` and :meth:`receive` return; once :attr:`accepted`,
    :meth:`media` makes messages of tags. Raises :class:`Rejected` and :class:`Malformed`.

    A server has little to say to a publisher. One that says a lot would keep us busy with nothing:
    what it may say a second is bounded, and times are handed in (``now``: monotonic seconds).
    """

    def __init__(self, app: str, tc_url: str, key: str, chance: bytes) -> None:
        """``chance``: 1528 random bytes for the handshake."""
        self._connect = {
            "app": app,
            "type": "nonprivate",
            "flashVer": "FMLE/3.0 (compatible; ingestd)",
            "tcUrl": tc_url,
        }
        self._key = key
        self._chance = chance
        self._phase = _Phase.HANDSHAKE
        self._greeting = bytearray()
        self._reader = Reader()
        self._allowance = Allowance(_RATE, _BURST)
        self._stream = 0
        self._window = 0  # bytes that we may take before the other side wants to hear of it
        self._received = 0
        self._acknowledged = 0

    @property
    def accepted(self) -> bool:
        return self._phase is _Phase.PUBLISHING

    def begin(self) -> bytes:
        return b"\x03" + bytes(8) + self._chance

    def receive(self, data: bytes, now: float) -> bytes:
        """What to answer to these bytes."""
        self._allowance.take(len(data), now)
        return self._receive(data, now)

    def _receive(self, data: bytes, now: float) -> bytes:
        self._received += len(data)
        if self._phase is _Phase.HANDSHAKE:
            return self._greet(data, now)
        self._reader.feed(data)
        answers = []
        while message := self._reader.next():
            self._allowance.take(_MESSAGE, now)
            answers.append(self._answer(message))
        if self._window and self._received - self._acknowledged >= self._window // 2:
            self._acknowledged = self._received
            answers.append(_protocol(_ACK, struct.pack(">I", self._received & 0xFFFFFFFF)))
        return b"".join(answers)

    def _greet(self, data: bytes, now: float) -> bytes:
        """S0, S1 and S2; then C2, which is S1 again, and the first command."""
        self._greeting += data
        if self._greeting[0] != 3:
            raise Malformed("this is no RTMP server")
        if len(self._greeting) < 1 + 2 * _HANDSHAKE:
            return b""
        echo = bytes(self._greeting[1 : 1 + _HANDSHAKE])
        rest = bytes(self._greeting[1 + 2 * _HANDSHAKE :])
        self._greeting.clear()
        self._phase = _Phase.COMMANDS
        self._received -= len(rest)  # counted when it is read as what it is
        chunk = _protocol(_SET_CHUNK, struct.pack(">I", CHUNK))
        first = echo + chunk + _command("connect", _CONNECT, self._connect)
        return first + (self._receive(rest, now) if rest else b"")

    def _answer(self, message: Message) -> bytes:
        data = message.data
        match message.kind:
            case 1 if len(data) >= 4:
                size = int.from_bytes(data[:4], "big")
                if not SMALLEST <= size <= _LARGEST_CHUNK:
                    raise Malformed("an impossible size of chunks")
                self._reader.chunk = size
            case 4 if len(data) >= 6 and int.from_bytes(data[:2], "big") == _PING:
                return _protocol(_CONTROL, struct.pack(">H", _PONG) + data[2:6])
            case 5 if len(data) >= 4:
                self._window = int.from_bytes(data[:4], "big")
            case 6:
                return _protocol(_ACK_WINDOW, struct.pack(">I", _WINDOW))
            case 20:
                return self._on_command(decode(data))
            case 17:
                return self._on_command(decode(data[1:]))
        return b""

    def _on_command(self, values: Sequence[Value]) -> bytes:
        match values:
            case ["_result", 1.0, *_]:
                return (
                    _command("releaseStream", _RELEASE, None, self._key)
                    + _command("FCPublish", _FC_PUBLISH, None, self._key)
                    + _command("createStream", _CREATE, None)
                )
            case ["_result", 4.0, _, float(stream), *_] if 0 <= stream < 2**32:
                self._stream = int(stream)
                publish = encode("publish", _PUBLISH, None, self._key, "live")
                return write(Message(_COMMAND, publish, stream=self._stream), _ON_STREAM)
            case ["_error", 1.0 | 4.0 | 5.0, *rest] | ["close", _, *rest]:
                raise Rejected(_sentence(rest))
            case ["onStatus", _, _, {"code": "NetStream.Publish.Start"}, *_]:
                self._phase = _Phase.PUBLISHING
            case ["onStatus", _, *rest] if any(
                isinstance(one, dict) and one.get("level") == "error" for one in rest
            ):
                raise Rejected(_sentence(rest))
        return b""

    def media(self, kind: int, time: int, data: bytes) -> bytes:
        """One tag as a message: ``time`` in milliseconds."""
        if kind == DATA:
            data = encode("@setDataFrame") + data
        channel = {AUDIO: _ON_AUDIO, VIDEO: _ON_VIDEO}.get(kind, _ON_DATA)
        return write(Message(kind, data, time, self._stream), channel)

    def end(self) -> bytes:
        """That was all."""
        return _command("FCUnpublish", _FC_UNPUBLISH, None, self._key) + _command(
            "deleteStream", _DELETE, None, float(self._stream)
        )


def _sentence(values: Sequence[Value]) -> str:
    codes = [one.get("code") for one in values if isinstance(one, dict)]
    known = [_SENTENCES[code] for code in codes if isinstance(code, str) and code in _SENTENCES]
    return known[0] if known else "it refuses the stream"


def _protocol(kind: int, data: bytes) -> bytes:
    return write(Message(kind, data), _ON_PROTOCOL)


def _command(name: str, number: int, *arguments: float | str | None | dict[str, str]) -> bytes:
    return write(Message(_COMMAND, encode(name, float(number), *arguments)), _ON_CONNECTION)
