"""Holds back what is said again and again: a line that comes too often, and then how often it came. Pure.

Somebody who knocks a hundred times a second, or an FFmpeg that complains of every packet, must not
fill the disk, nor hide the line that tells why.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

_TOLD_BY = ("logger", "level", "broadcast", "generation", "channel", "target", "task", "state", "code")
_WORDS = ("line", "reason", "error", "sentence")  # equal but for their numbers
_NUMBER = re.compile(r"0x[\da-f]+|\d+")
_WORD = 200  # characters that are compared


def key_of(entry: Mapping[str, Any]) -> Hashable:
    """What makes two entries of the log equal: the event, whom it is about, and its words without numbers.

    Not addresses: a flood from a thousand of them is one flood.
    """
    words = (_NUMBER.sub("#", str(entry[name])[:_WORD]) for name in _WORDS if name in entry)
    return entry.get("event"), *(str(entry.get(name)) for name in _TOLD_BY), *words


@dataclass(slots=True)
class Window:
    """One key since ``begun`` (seconds): lines that came, and the entry that is repeated."""

    begun: float
    entry: Mapping[str, Any]
    count: int = 0


class Repeats:
    """``allowed`` equal lines in ``seconds`` pass; the others are counted.

    At most ``keys`` different ones are remembered: then the one that began first is let go of.
    """

    def __init__(self, allowed: int = 20, seconds: float = 30.0, keys: int = 1000) -> None:
        self._allowed = allowed
        self._seconds = seconds
        self._keys = keys
        self._windows: OrderedDict[Hashable, Window] = OrderedDict()  # by their beginning

    def passes(self, key: Hashable, entry: Mapping[str, Any], now: float) -> bool:
        """Whether this line is worth writing; :meth:`over` comes first."""
        window = self._windows.setdefault(key, Window(now, entry))
        window.count += 1
        return window.count <= self._allowed

    def over(self, now: float) -> list[tuple[Mapping[str, Any], int]]:
        """Windows that have closed with lines held back: an entry that passed, and how many did not."""
        found = []
        while self._windows:
            first = next(iter(self._windows.values()))
            if now - first.begun < self._seconds and len(self._windows) <= self._keys:
                break
            self._windows.popitem(last=False)
            if first.count > self._allowed:
                found.append((first.entry, first.count - self._allowed))
        return found
