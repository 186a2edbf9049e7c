"""What stands for a channel in a label."""

from __future__ import annotations

from collections.abc import Callable, Collection


class ChannelLabels:
    """What stands for a channel in a label: its name, as long as there are no more than ``most`` of them.

    The first come keep theirs, so that no series goes back; the rest is ``other``, as is what is asked
    of a channel that is none. Off, all of them are one without a label. ``known``: those there are.
    """

    OTHER = "other"

    def __init__(self, known: Callable[[], Collection[str]], *, on: bool = True, most: int = 200) -> None:
        self._known = known
        self._on, self._most = on, most
        self._named: set[str] = set()

    def of(self, channel: str) -> str:
        if not self._on:
            return ""
        if not channel:
            return self.OTHER
        if channel in self._named:
            return channel
        if len(self._named) >= self._most:
            self._named.intersection_update(self._known())
        if len(self._named) >= self._most:
            return self.OTHER
        self._named.add(channel)
        return channel
