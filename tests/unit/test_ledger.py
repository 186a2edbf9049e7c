"""What of a broadcast is safe: the journal before the ack, and no ack without the journal."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from ingestd.broadcast import ledger as module
from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.ledger import Ack, Ledger
from ingestd.container.model import Fragment, InitSegment
from ingestd.delivery.delivery import Round
from ingestd.encoder.ladder import Rendition
from ingestd.journal.journal import BroadcastRow, Journal, JournalFull, Kept, SegmentRow

ROW = BroadcastRow("66112233aabbccdd", "demo", "", 1e9, True)
RUNGS = tuple(Rendition(name, 2, 2, 30, 1000, 1000) for name in ("720p", "360p"))


class Disk(Journal):
    """A journal that can be full, and tells of every write before it is tried."""

    full = False

    def watch(self, tell: Callable[[str], None]) -> None:
        for name in ("listed", "epoch", "generation", "resumable"):
            setattr(self, name, self._watched(name, getattr(self, name), tell))

    def _watched(self, name: str, write: Callable[..., None], tell: Callable[[str], None]) -> Any:
        def tell_and_write(*values: Any) -> None:
            tell(name)
            write(*values)

        return tell_and_write

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self.full:
            raise JournalFull("database or disk is full")
        with super()._transaction() as write:
            yield write


class Told:
    """A ledger, its journal on disk, and an epoch of units of two seconds, 100 bytes each."""

    def __init__(self, directory: Path) -> None:
        made = Disk.create(directory, ROW)
        assert isinstance(made, Disk)
        self.disk = made
        self.ledger = Ledger(self.disk, ROW)
        self.writes: list[str] = []
        self.disk.watch(self.writes.append)

    def epoch(self, number: int = 0, count: int = 5) -> Epoch:
        made = Epoch(number, InitSegment(b"init", "matroska", ()), RUNGS, Bounds(1 << 20, 1 << 20), 1e9)
        for n in range(count):
            made.append(Fragment(100 * n, memoryview(bytes(100)), 2.0 * n, 2.0 * n + 2, True, b"p%d" % n))
        return made

    @property
    def kept(self) -> Kept:
        journal, found = Journal.open(self.disk.path)
        journal.close()
        return found


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    found = Told(tmp_path)
    yield found
    found.disk.close()


def a_round(commit: float) -> Round:
    rows = [SegmentRow(made.name, 0, 0, f"{made.name}/0-0.ts", 1.0, 1e9, False, 1) for made in RUNGS]
    names: list[dict[str, object]] = [{"name": made.name} for made in RUNGS]
    return Round(rows, dict.fromkeys(("720p", "360p"), 0), names, {made.name: commit for made in RUNGS})


# From the segments to the ack


def test_nothing_is_acked_before_anything_is_safe(told: Told) -> None:
    assert told.ledger.ack is None
    told.ledger.acknowledge()
    told.ledger.deliver(told.epoch())
    assert (told.ledger.ack, told.writes) == (None, [])


def test_what_is_about_to_be_listed_stands_in_the_journal_with_its_commit_points(told: Told) -> None:
    epoch = told.epoch()
    told.ledger.deliver(epoch)
    told.ledger.record(a_round(4.5))
    kept = told.kept
    assert [row.rendition for row in kept.segments] == ["360p", "720p"]
    (row,) = kept.epochs
    assert (row.commits, row.offset, row.total) == ({"720p": 4.5, "360p": 4.5}, 0, None)
    assert (told.ledger.ack, epoch.commit) == (None, 0.0)


def test_an_ack_says_where_the_unit_with_the_commit_point_begins_and_the_journal_knows(told: Told) -> None:
    epoch = told.epoch(number=3)
    told.ledger.deliver(epoch)
    for commit, offset in ((0.5, 0), (2.05, 0), (2.5, 100), (3.9, 100), (7.0, 300)):
        told.ledger.record(a_round(commit))
        epoch.commit_to(dict.fromkeys(("720p", "360p"), commit))
        told.ledger.acknowledge()
        assert told.ledger.ack == Ack(3, offset, commit)
        (row,) = told.kept.epochs
        assert (row.number, row.offset, row.prefix) == (3, offset, b"p%d" % (offset // 100))


def test_an_ack_waits_for_the_slowest_rendition(told: Told) -> None:
    epoch = told.epoch()
    told.ledger.deliver(epoch)
    epoch.commit_to({"720p": 2.5, "360p": 9.0})
    told.ledger.acknowledge()
    assert told.ledger.ack == Ack(0, 100, 2.5)


def test_the_journal_is_written_again_only_for_another_offset(told: Told) -> None:
    epoch = told.epoch()
    told.ledger.deliver(epoch)
    for commit in (2.2, 2.3, 2.4, 4.2):
        epoch.commit_to(dict.fromkeys(("720p", "360p"), commit))
        told.ledger.acknowledge()
    assert told.writes == ["epoch", "epoch"]
    assert told.ledger.ack == Ack(0, 200, 4.2)


def test_the_order_is_journal_then_ack(told: Told) -> None:
    epoch, said = told.epoch(), list[Ack | None]()
    told.disk.watch(lambda _: said.append(told.ledger.ack))
    told.ledger.deliver(epoch)
    epoch.commit_to({"720p": 2.5, "360p": 2.5})
    told.ledger.acknowledge()
    assert (said, told.ledger.ack) == ([None], Ack(0, 100, 2.5))


# A full disk


def test_what_the_journal_does_not_take_is_not_listed(told: Told) -> None:
    told.ledger.deliver(told.epoch())
    told.disk.full = True
    with pytest.raises(OSError, match="full"):
        told.ledger.record(a_round(4.5))
    assert told.kept == Kept(ROW)


def test_what_the_journal_does_not_take_is_not_acked(told: Told) -> None:
    epoch = told.epoch()
    told.ledger.deliver(epoch)
    epoch.commit_to({"720p": 2.5, "360p": 2.5})
    told.ledger.acknowledge()
    told.disk.full = True
    epoch.commit_to({"720p": 4.5, "360p": 4.5})
    with structlog.testing.capture_logs() as logs:
        told.ledger.acknowledge()
    assert told.ledger.ack == Ack(0, 100, 2.5)
    assert [entry["event"] for entry in logs] == ["journal_not_written"]
    told.disk.full = False
    told.ledger.acknowledge()
    assert (told.ledger.ack, told.kept.epochs[0].offset) == (Ack(0, 200, 4.5), 200)


def test_no_first_ack_either(told: Told) -> None:
    told.ledger.deliver(told.epoch())
    told.disk.full = True
    with structlog.testing.capture_logs():
        told.ledger.acknowledge()
    assert told.ledger.ack is None


def test_generations_and_protocols_are_not_worth_stopping_for(told: Told) -> None:
    told.disk.full = True
    told.ledger.generation(0, {})
    told.ledger.plain()
    assert told.writes == ["generation", "resumable"]


# The end of an epoch


def test_of_a_delivered_epoch_all_bytes_are_acked(told: Told) -> None:
    epoch = told.epoch(number=2)
    told.ledger.deliver(epoch)
    epoch.finish(534)
    epoch.commit_to({"720p": 10.0, "360p": 10.0})
    asyncio.run(told.ledger.delivered())
    assert told.ledger.ack == Ack(2, 534, 10.0)
    assert [(row.number, row.total) for row in told.kept.epochs] == [(2, 534)]


def test_acks_go_on_with_the_next_epoch(told: Told) -> None:
    for number in (0, 1):
        epoch = told.epoch(number)
        told.ledger.deliver(epoch)
        epoch.commit_to({"720p": 2.5, "360p": 2.5})
        told.ledger.acknowledge()
        assert told.ledger.ack == Ack(number, 100, 2.5)
        epoch.finish(500)
        asyncio.run(told.ledger.delivered())
        assert told.ledger.ack == Ack(number, 500, 2.5)
    assert [(row.number, row.total) for row in told.kept.epochs] == [(0, 500), (1, 500)]


def test_the_end_of_an_epoch_waits_for_room(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DISK_SECONDS", 0.001)
    epoch = told.epoch()
    told.ledger.deliver(epoch)
    epoch.finish(500)
    told.disk.full = True

    async def story() -> None:
        thrice = asyncio.Event()
        told.disk.watch(lambda _: thrice.set() if len(told.writes) >= 2 else None)
        waiting = asyncio.create_task(told.ledger.delivered())
        await thrice.wait()
        assert not waiting.done()
        assert told.ledger.ack is None
        told.disk.full = False
        await waiting

    with structlog.testing.capture_logs() as logs:
        asyncio.run(story())
    assert {entry["event"] for entry in logs} == {"journal_not_written"}
    assert (told.ledger.ack, told.kept.epochs[0].total) == (Ack(0, 500, 0.0), 500)


# The rest


def test_a_generation_is_noted_with_its_epoch(told: Told) -> None:
    told.ledger.generation(0, {})
    told.ledger.deliver(told.epoch(number=4))
    told.ledger.generation(1, {"reason": "killed"})
    assert (told.kept.generations, told.kept.reports) == (2, [{"reason": "killed"}])
    rows = told.disk._connection.execute("SELECT number, epoch FROM generations ORDER BY 1").fetchall()
    assert rows == [(0, 0), (1, 4)]


def test_a_publisher_that_keeps_nothing_is_noted(told: Told) -> None:
    told.ledger.plain()
    assert not told.kept.broadcast.resumable


def test_a_broadcast_that_goes_on_elsewhere_leaves_its_journal_one_that_is_over_does_not(told: Told) -> None:
    told.ledger.generation(0, {})
    told.ledger.close()
    assert told.kept.generations == 1
    told.ledger.remove()
    assert list(told.disk.path.parent.iterdir()) == []
