"""A publisher that speaks just enough RTMP to misbehave: what FFmpeg and OBS would never send.

Adobe's RTMP specification 1.0: handshake (5.2), chunks (5.3), commands in AMF0 (7.2).
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

from tests.support.server import PATIENCE

_CHUNK = 128  # bytes; nobody has agreed on more
_MEDIA = 20_000  # bytes: no answer to a command is that long
_COMMAND, _DATA, _AUDIO, _VIDEO = 20, 18, 8, 9  # message types


class RtmpPublisher:
    """A connection to ``rtmp://host:port/app``; nothing is sent before it is asked for."""

    def __init__(self, url: str, patience: float = PATIENCE, source: str = "") -> None:
        """``source``: an address of this machine to come from."""
        parts = urlsplit(url)
        assert parts.hostname and parts.port
        self._app, self._url = parts.path.strip("/"), url
        self.socket = socket.create_connection(
            (parts.hostname, parts.port), patience, (source, 0) if source else None
        )

    def __enter__(self) -> RtmpPublisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def publish(self, name: str) -> None:
        """Ask for the right to publish; whether it is granted is not waited for."""
        self._open()
        words = _string("publish") + _number(3) + b"\x05" + _string(name) + _string("live")
        self._send(_COMMAND, words, stream=1)

    def plays(self, name: str) -> bool:
        """Ask to play instead; whether media come. (nginx-rtmp says that they begin, and then refuses.)"""
        self._open()
        self._send(_COMMAND, _string("play") + _number(3) + b"\x05" + _string(name), stream=1)
        heard = 0
        with suppress(ConnectionResetError):
            while more := self.socket.recv(65536):
                heard += len(more)
                if heard > _MEDIA:
                    return True
        return False

    def _open(self) -> None:
        ours = bytes(8) + os.urandom(1528)
        self.socket.sendall(b"\x03" + ours)
        theirs = self._receive(1 + 2 * 1536)
        self.socket.sendall(theirs[1:1537])
        connect = {"app": self._app, "type": "nonprivate", "tcUrl": self._url}
        self._send(_COMMAND, _string("connect") + _number(1) + _object(connect))
        self._send(_COMMAND, _string("createStream") + _number(2) + b"\x05")

    def granted(self) -> None:
        """Wait until the server has let it in: what is sent before is thrown away."""
        said = b""
        while b"NetStream.Publish.Start" not in said:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("the server did not let it in")
            said += more

    def describe(self, **facts: float) -> None:
        """The metadata of the stream, as encoders send it before anything else."""
        entries = b"".join(_string(key)[1:] + _number(value) for key, value in facts.items())
        named = _string("@setDataFrame") + _string("onMetaData")
        self._send(_DATA, named + b"\x03" + entries + b"\x00\x00\x09", stream=1)

    def video(self, data: bytes, time: int) -> None:
        """One video message (the body of a FLV tag) at ``time`` in milliseconds."""
        self._send(_VIDEO, data, time, stream=1)

    def audio(self, data: bytes, time: int) -> None:
        self._send(_AUDIO, data, time, stream=1)

    def closed(self) -> bool:
        """Wait until the server closes the connection; False if the patience is over first."""
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True

    def _send(self, kind: int, body: bytes, time: int = 0, stream: int = 0) -> None:
        head = b"\x03" + time.to_bytes(3, "big") + len(body).to_bytes(3, "big")
        head += bytes([kind]) + struct.pack("<I", stream)
        pieces = [body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK)]
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(head + b"\xc3".join(pieces))

    def _receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the server closed the connection in the handshake")
            data += more
        return data


def _string(text: str) -> bytes:
    raw = text.encode()
    return b"\x02" + len(raw).to_bytes(2, "big") + raw


def _number(value: float) -> bytes:
    return b"\x00" + struct.pack(">d", value)


def _object(entries: dict[str, str]) -> bytes:
    body = b"".join(_string(key)[1:] + _string(value) for key, value in entries.items())
    return b"\x03" + body + b"\x00\x00\x09"
