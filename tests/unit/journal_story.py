"""A journal with a broadcast's whole story in it, and every state that it has been in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ingestd.journal.journal import BroadcastRow, EpochRow, Journal, Kept, SegmentRow

BROADCAST = BroadcastRow("66112233aabbccdd", "demo", "Ein Titel – mit ü", 1_700_000_000.25, True)
RENDITIONS: list[dict[str, Any]] = [
    {"name": "720p", "width": 1280, "height": 720, "frame_rate": 30, "video_bitrate": 2_500_000},
    {"name": "360p", "width": 640, "height": 360, "frame_rate": 30, "video_bitrate": 700_000},
]
NAMES = [definition["name"] for definition in RENDITIONS]
REPORT = {"reason": "killed", "exit": "signal 9", "lines": ["x" * 60] * 5, "seconds": 12.5}
REPORTS = 20  # that are remembered


def epoch_row(number: int = 0, commit: float = 0.0, total: int | None = None) -> EpochRow:
    """An epoch that has come so far; its init segment fills more than a page."""
    commits = dict.fromkeys(NAMES, commit)
    init = bytes(n % 251 for n in range(189 + 4200 * (number % 2)))
    return EpochRow(
        number, init, 1_700_000_000.1 + number, 0.033, int(commit * 1000), b"\x1fC\xb6u", commits, total
    )


def segment_row(
    rendition: str, sequence: int, discontinuities: int = 0, *, broken: bool = False
) -> SegmentRow:
    uri, date = f"{rendition}/{sequence // 40}-{sequence % 40}.ts", 1_700_000_000.1 + sequence
    return SegmentRow(rendition, sequence, discontinuities, uri, 0.967, date, broken, 188 * (sequence + 1))


class Story:
    """Writes into a journal, and notes what has to be in it after every step."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal.create(directory, BROADCAST)
        self.states = [Kept(BROADCAST)]
        self._reports: dict[int, dict[str, Any]] = {}

    @property
    def now(self) -> Kept:
        return self.states[-1]

    def _note(self, **changes: Any) -> None:
        self.states.append(replace(self.now, **changes))

    def epoch(self, row: EpochRow) -> None:
        self.journal.epoch(row)
        self._note(epochs=_with(self.now.epochs, [row], lambda one: one.number))

    def generation(self, number: int, epoch: int, report: dict[str, Any]) -> None:
        self.journal.generation(number, epoch, report)
        self._reports[number] = report
        kept = [self._reports[n] for n in range(number - REPORTS + 1, number + 1) if self._reports.get(n)]
        self._note(reports=kept, generations=number + 1)

    def listed(self, segments: Sequence[SegmentRow], first: dict[str, int], epoch: EpochRow) -> None:
        new = [] if self.now.renditions else RENDITIONS
        self.journal.listed(segments, first, new, epoch)
        rows = _with(self.now.segments, segments, lambda row: (row.rendition, row.sequence))
        self._note(
            renditions=sorted(RENDITIONS, key=lambda one: str(one["name"])),
            segments=[row for row in rows if row.sequence >= first[row.rendition]],
            epochs=_with(self.now.epochs, [epoch], lambda one: one.number),
        )

    def play(self, rounds: int, window: int = 100, *, begin: int = 0) -> None:
        """Three epochs, a generation every 4 rounds, a segment of each rendition in every round.

        It goes on with round ``begin``.
        """
        for sequence in range(begin, rounds):
            epoch = 3 * sequence // rounds
            if sequence % 4 == 0:
                if sequence:
                    self.generation(sequence // 4 - 1, epoch, REPORT)
                self.generation(sequence // 4, epoch, {})
            if self.now.epochs and self.now.epochs[-1].number < epoch:
                self.epoch(replace(self.now.epochs[-1], total=1234 * sequence))
            row = epoch_row(epoch, 0.967 * (sequence + 1))
            rows = [segment_row(name, sequence, sequence // 5, broken=sequence % 5 == 4) for name in NAMES]
            self.listed(rows, dict.fromkeys(NAMES, max(0, sequence + 1 - window)), row)


def _with(rows: Sequence[Any], more: Sequence[Any], key: Callable[[Any], Any]) -> list[Any]:
    return sorted({**{key(row): row for row in rows}, **{key(row): row for row in more}}.values(), key=key)


def endless(directory: Path) -> None:
    """List segments for ever, telling the number of each round once it is in the journal."""
    journal = Journal.create(directory, BROADCAST)
    journal.listed([], {}, RENDITIONS, None)
    sequence = 0
    while True:
        rows = [segment_row(name, sequence) for name in NAMES]
        first = dict.fromkeys(NAMES, max(0, sequence - 59))
        journal.listed(rows, first, [], epoch_row(0, float(sequence + 1)))
        print(sequence, flush=True)
        sequence += 1


if __name__ == "__main__":
    endless(Path(sys.argv[1]))
