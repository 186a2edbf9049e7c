"""AMF0, as much of it as RTMP's commands need (Adobe, Action Message Format AMF 0, 2007). Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

Value = float | bool | str | None | dict[str, "Value"] | list["Value"]

_DEPTH = 8  # objects within objects


class Malformed(ValueError):
    """These bytes are not what the protocol says."""


def encode(*values: float | str | None | Mapping[str, str]) -> bytes:
    """Values one after the other: numbers, strings, null, and objects of strings."""
    return b"".join(_encode(value) for value in values)


def _encode(value: float | str | None | Mapping[str, str]) -> bytes:
    if value is None:
        return b"\x05"
    if isinstance(value, str):
        return b"\x02" + _text(value)
    if isinstance(value, Mapping):
        members = b"".join(_text(name) + _encode(member) for name, member in value.items())
        return b"\x03" + members + b"\x00\x00\x09"
    return b"\x00" + struct.pack(">d", value)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def decode(data: bytes) -> Sequence[Value]:
    """All values in ``data``; raises :class:`Malformed`."""
    reader = _Reader(data)
    found = []
    try:
        while reader.position < len(data):
            found.append(reader.value(0))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Malformed("cut off or damaged AMF") from error
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def _unpack(self, form: str) -> int | float:
        value: int | float = struct.unpack_from(form, self._data, self.position)[0]
        self.position += struct.calcsize(form)
        return value

    def _string(self, form: str) -> str:
        size = int(self._unpack(form))
        text = self._data[self.position : self.position + size]
        if len(text) < size:
            raise Malformed("a string that is cut off")
        self.position += size
        return text.decode()

    def value(self, depth: int) -> Value:
        if depth > _DEPTH:
            raise Malformed("objects nested too deeply")
        match self._unpack(">B"):
            case 0:
                return self._unpack(">d")
            case 1:
                return bool(self._unpack(">B"))
            case 2:
                return self._string(">H")
            case 3:
                return self._members(depth)
            case 5 | 6:
                return None
            case 8:
                self._unpack(">I")  # how many: the end is marked all the same
                return self._members(depth)
            case 10:
                return [self.value(depth + 1) for _ in range(int(self._unpack(">I")))]
            case 12:
                return self._string(">I")
            case marker:
                raise Malformed(f"AMF type {marker}")

    def _members(self, depth: int) -> Value:
        found: dict[str, Value] = {}
        while True:
            name = self._string(">H")
            if not name and self._data[self.position] == 9:
                self.position += 1
                return found
            found[name] = self.value(depth + 1)
