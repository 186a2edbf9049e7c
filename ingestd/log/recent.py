"""The last lines of each broadcast, as they were written, for its diagnosis. Bounded in every way."""

from __future__ import annotations

from collections import OrderedDict, deque

_LINES = 300  # of one broadcast
_LETTERS = 1000  # of one line
_BROADCASTS = 40


class Recent:
    """Lines by broadcast; the broadcast that has said nothing for the longest time is forgotten first."""

    def __init__(self, lines: int = _LINES, letters: int = _LETTERS, broadcasts: int = _BROADCASTS) -> None:
        self._bounds = lines, letters, broadcasts
        self._lines: OrderedDict[str, deque[str]] = OrderedDict()

    def add(self, broadcast: str, line: str) -> None:
        """Keep a line, from which secrets were taken."""
        lines, letters, broadcasts = self._bounds
        self._lines.setdefault(broadcast, deque(maxlen=lines)).append(line[:letters])
        self._lines.move_to_end(broadcast)
        if len(self._lines) > broadcasts:
            self._lines.popitem(last=False)

    def of(self, broadcast: str) -> list[str]:
        """What is kept of one, oldest first."""
        return list(self._lines.get(broadcast, ()))
