"""How much of a recording is kept in memory, and how a reader says that it cannot go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ingestd.container.model import Event

MAX_ELEMENT = 16 << 20
MAX_INIT = 1 << 20

MAX_SKIP = 1 << 30
"""Bytes. No Cues, Tags, Void or attachment is larger; a size beyond this is damage, and obeying it
would swallow the rest of the stream in silence."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes. ``element``: one block with its Cluster header, or one moof with its mdat.
    ``init``: the init segment."""

    element: int = MAX_ELEMENT
    init: int = MAX_INIT


class Refused(Exception):
    """The bytes cannot be taken. Never leaves this package: it becomes ``Malformed``.

    ``index`` is where, counted from the start of the buffer that was being read.
    """

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.message = message
        self.index = index


class Reader(Protocol):
    """What the splitter wants of a container's reader."""

    need: int  # bytes that have to be there, from the kept index on, before reading is worth while
    done: bool  # the recording is over: nothing more will be read

    @property
    def held(self) -> int:
        """Bytes that the reader keeps itself."""

    def read(self, buf: bytes, base: int) -> int:
        """Read what is whole in ``buf``, whose first byte is byte ``base`` of the epoch.

        Returns the index from which the bytes have to be there again the next time, which may lie
        past the end of ``buf``: the bytes up to it are not wanted. May raise ``Refused``.
        """

    def finish(self, buf: bytes, base: int) -> None:
        """Nothing follows ``buf``, the bytes that were kept: hand on what is whole in it."""

    def take(self) -> list[Event]:
        """The events found since the last call."""
