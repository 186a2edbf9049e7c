"""The other side of an RTMP connection, as much of it as a publisher needs. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from ingestd.push.amf import decode, encode
from ingestd.push.chunks import Message, Reader, write

ACCEPT = "NetStream.Publish.Start"


def said(*values: float | str | None | dict[str, str]) -> bytes:
    """A command, on the chunk stream and with the chunks that servers begin with."""
    return write(Message(20, encode(*values)), 3)


@dataclass
class RtmpServer:
    """Answers ``verdict`` to ``publish``; keeps the commands and the media that came."""

    verdict: str = ACCEPT
    words: str = ""
    commands: list[str] = field(default_factory=list)
    key: str = ""
    media: list[Message] = field(default_factory=list)
    controls: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = Reader()
        self._greeting = b""
        self._greeted = 0  # bytes of the handshake that came

    def receive(self, data: bytes) -> bytes:
        answer = b""
        if self._greeted < 1 + 2 * 1536:
            answer, data = self._greet(data)
        self._reader.feed(data)
        while message := self._reader.next():
            answer += self._answer(message)
        return answer

    def _greet(self, data: bytes) -> tuple[bytes, bytes]:
        before = self._greeted
        self._greeted = min(before + len(data), 1 + 2 * 1536)
        self._greeting += data[: self._greeted - before]
        reached = before < 1537 <= self._greeted
        answer = b"\x03" + bytes(range(256)) * 6 + self._greeting[1:1537] if reached else b""
        return answer, data[self._greeted - before :]

    def _answer(self, message: Message) -> bytes:
        if message.kind == 1:
            self._reader.chunk = struct.unpack(">I", message.data)[0]
        elif message.kind in (8, 9, 18):
            self.media.append(message)
        elif message.kind == 20:
            return self._command(*decode(message.data))
        else:
            self.controls.append(message)
        return b""

    def _command(self, name: object, number: object, *rest: object) -> bytes:
        self.commands.append(str(name))
        match name:
            case "connect":
                self.connected = rest[0]
                bandwidth = write(Message(6, struct.pack(">IB", 5_000_000, 2)), 2)
                window = write(Message(5, struct.pack(">I", 5_000_000)), 2)
                status = {"level": "status", "code": "NetConnection.Connect.Success"}
                return window + bandwidth + said("_result", 1.0, None, status)
            case "createStream":
                return said("_result", float(str(number)), None, 7.0)
            case "releaseStream":
                return said("_error", float(str(number)), None, {"level": "error", "code": "unknown"})
            case "publish":
                self.key = str(rest[1])
                level = "status" if self.verdict == ACCEPT else "error"
                status = {"level": level, "code": self.verdict, "description": self.words}
                return said("onStatus", 0.0, None, status)
        return b""
