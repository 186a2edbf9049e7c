"""Counts of channels, added up by what stands for each of them in a label. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping


class Sums:
    """No sum ever goes back, for Prometheus would take that for a restart, and see traffic that never was.

    So what a channel has grown by is added to the sum of the label that it has then: when the channel is
    deleted, or gets a label of its own, what it had counted stays where it is.
    """

    def __init__(self) -> None:
        self._seen: Mapping[str, Counter[str]] = {}
        self._sums: dict[str, Counter[str]] = {}

    def take(
        self, counts: Mapping[str, Counter[str]], label: Callable[[str], str]
    ) -> Mapping[str, Counter[str]]:
        """The sums by label, with what ``counts`` says now of each channel. A label that no channel has any
        more is forgotten."""
        labels = {channel: label(channel) for channel in counts}
        self._sums = {name: self._sums.get(name, Counter()) for name in labels.values()}
        for channel, now in counts.items():
            before = self._seen.get(channel, Counter())
            # one of that name was deleted, and another one made: it counts from nothing
            anew = any(now[kind] < count for kind, count in before.items())
            self._sums[labels[channel]].update(now if anew else now - before)
        self._seen = counts
        return self._sums
