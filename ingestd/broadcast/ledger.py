"""What of a broadcast is safe: the journal, and the acks that follow from it.

The order is always the same: segments on disk, the journal, the playlist, the ack. So an ack never
says more than the journal knows, and whatever dies in between, a publisher is asked at most for
what it still has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from ingestd.broadcast.epoch import Epoch
from ingestd.delivery.delivery import Round
from ingestd.journal.journal import BroadcastRow, Journal, JournalFull

log = structlog.get_logger("ingestd.ledger")

_DISK_SECONDS = 1.0  # between two tries to write on a full disk


@dataclass(frozen=True, slots=True)
class Ack:
    """Of this epoch everything before byte ``offset`` is safe, and all of the epochs before it.

    ``media_time``: seconds of the epoch's own clock that stand in the playlist.
    """

    epoch: int
    offset: int
    media_time: float


class Ledger:
    """The journal of one broadcast, and the newest ack."""

    def __init__(self, journal: Journal, row: BroadcastRow) -> None:
        self.ack: Ack | None = None
        self._journal = journal
        self._row = row
        self._epoch: Epoch | None = None

    def deliver(self, epoch: Epoch) -> None:
        """What is recorded from now on belongs to this epoch."""
        self._epoch = epoch

    def record(self, listed: Round) -> None:
        """Segments are about to be listed; raises OSError."""
        row = None
        if self._epoch:
            row = self._epoch.row()
            row = replace(row, commits={**row.commits, **listed.commits})
        self._journal.listed(listed.segments, listed.first, listed.renditions, row)

    def acknowledge(self) -> None:
        """The playlists have grown: the publisher need not keep what no restart will ask for."""
        if self._epoch is None:
            return
        row = self._epoch.row()
        if self.ack is None or (self.ack.epoch, self.ack.offset) != (row.number, row.offset):
            try:
                self._journal.epoch(row)
            except JournalFull as error:
                log.error("journal_not_written", error=str(error))
                return
        self.ack = Ack(row.number, row.offset, self._epoch.commit)

    async def delivered(self) -> None:
        """All of the epoch stands in the playlist; waits for room on a full disk."""
        epoch = self._epoch
        assert epoch is not None, "no epoch was being delivered"
        while True:
            try:
                self._journal.epoch(epoch.row(total=epoch.received))
                break
            except JournalFull as error:
                log.error("journal_not_written", error=str(error))
                await asyncio.sleep(_DISK_SECONDS)
        self.ack = Ack(epoch.number, epoch.received, epoch.commit)

    def generation(self, number: int, report: Mapping[str, Any]) -> None:
        """A generation begins (``report`` is empty) or has ended; not worth stopping for."""
        with suppress(JournalFull):
            self._journal.generation(number, self._epoch.number if self._epoch else 0, report)

    def plain(self) -> None:
        """The publisher keeps nothing any more: none can resume."""
        self._row = replace(self._row, resumable=False)
        with suppress(JournalFull):
            self._journal.resumable(self._row)

    def close(self) -> None:
        """The broadcast goes on in another process."""
        self._journal.close()

    def remove(self) -> None:
        """The broadcast is over."""
        self._journal.remove()
