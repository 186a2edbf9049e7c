"""Corners of going on after a fault, in which something once went wrong."""

from __future__ import annotations

import asyncio
import errno
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.lifecycle import State
from ingestd.broadcast.publication import Publication
from ingestd.broadcast.replay import ReplayBuffer
from ingestd.container.model import Fragment, InitSegment
from ingestd.delivery.delivery import Round
from ingestd.errors import Code, Refused
from ingestd.journal.journal import EpochRow, Journal, JournalFull
from tests.unit.live import HALF, LIMITS, over, running
from tests.unit.nginx_output import R360, R480, R720
from tests.unit.test_delivery import DATE, ID, Live
from tests.unit.test_publication import Wire
from tests.unit.test_registry import Left, all_init, of, refused
from tests.unit.test_replay import fragment

INIT = InitSegment(b"init", "matroska", ())
BOTH = (R720, R360)


def test_a_publisher_that_is_sending_is_told_who_fenced_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            old = await Wire(registry).resumable()
            old.say(type="start", mime="video/webm")
            identity = (await old.hear("ready"))["broadcast"]
            (broadcast,) = registry
            for byte in HALF[:100]:
                old.send(bytes((byte,)))
            await old.arrived(lambda: broadcast.reception.recording.received > 2, True)
            for byte in HALF[100:]:
                old.send(bytes((byte,)))
            publication = registry.resume("demo", identity, 0, 0)
            assert isinstance(publication, Publication)
            await old.gone()
            assert {"type": "close", "code": 4409} in old.told
            publication.close()

    asyncio.run(story())


def test_a_broadcast_that_a_newcomer_ended_is_not_resumed(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            publication = registry.begin("demo", "")
            old = of(publication)
            old.begin_epoch(all_init())  # something waits for the encoder, so that it ends later
            publication.close()
            new = registry.begin("demo", "")
            assert old.open and old.state is State.ENDING
            refused(Code.NO_SUCH_BROADCAST, lambda: registry.resume("demo", old.id, 0, 0))
            assert new.verdict is None

    asyncio.run(story())


def test_a_broadcast_that_a_newcomer_ended_is_not_called_complete(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            publication = registry.begin("demo", "")
            old = of(publication)
            publication.close()
            registry.begin("demo", "")
            await over(old)
            refused(Code.NO_SUCH_BROADCAST, lambda: registry.resume("demo", old.id, 0, 0))

    asyncio.run(story())


def test_a_newcomer_that_finds_no_room_ends_nothing(tmp_path: Path) -> None:
    """One that takes over needs no room of its own, but what is still ending takes some."""

    async def story() -> None:
        async with running(tmp_path, replace(LIMITS, broadcasts=1)) as registry:
            first = registry.begin("demo", "")
            second = registry.begin("demo", "", takeover=True)
            assert first.verdict is not None
            refused(Code.NO_CAPACITY, lambda: registry.begin("demo", "", takeover=True))
            assert second.verdict is None
            assert of(second).order.value == "live"
            await over(of(first))
            assert registry.begin("demo", "", takeover=True).verdict is None

    asyncio.run(story())


def test_a_restart_on_a_full_disk_keeps_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = Left(tmp_path, "0001")
    from ingestd.delivery import delivery

    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def story() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(delivery, "write_atomically", full)
            async with running(tmp_path):
                pass
        assert left.path.exists()

    asyncio.run(story())


def test_after_a_restart_a_rung_that_was_left_out_begins_where_the_others_are() -> None:
    one = Epoch(0, INIT, BOTH, Bounds(1 << 20, 1 << 20), 1e9)
    for n in range(60):
        one.append(Fragment(n, memoryview(b"x"), 2.0 * n, 2.0 * n + 2, True))
    one.commit_to({"720p": 10.0, "360p": 10.0})
    one.encode((R360,))
    one.commit_to({"360p": 100.0})
    again = Epoch.restore(one.row(), INIT, BOTH, Bounds(1 << 20, 1 << 20))
    assert again.commits == {"720p": 100.0, "360p": 100.0}


def test_what_a_plain_publisher_delivered_counts_after_a_restart(tmp_path: Path) -> None:
    left = Left(tmp_path, "0001")
    journal, _ = Journal.open(left.path)
    journal.epoch(replace(left.row, total=0))
    journal.close()

    async def story() -> None:
        async with running(tmp_path) as registry:
            (one,) = registry
            assert one.media_time == 3.0

    asyncio.run(story())


def test_a_plain_publisher_goes_on_after_a_restart_with_a_new_epoch(tmp_path: Path) -> None:
    left = Left(tmp_path, "0001")
    journal, _ = Journal.open(left.path)
    journal.epoch(replace(left.row, total=500))
    journal.close()

    async def story() -> None:
        async with running(tmp_path) as registry:
            plain = registry.claim("demo", "")
            plain.begin(all_init())
            assert of(plain).reception.number == 1

    asyncio.run(story())


def test_the_offset_never_lies_after_the_commit_point() -> None:
    buffer = ReplayBuffer(2000)
    for n in range(3):
        buffer.append(fragment(600 * n, 600, 2.0 * n, starts=n == 0, end=2.0 * n + 2))
    assert buffer.make_room(fed=2)
    buffer.append(fragment(1800, 10, 6.0, starts=True, end=8.0))
    buffer.commit(3.0)
    assert buffer.offset == 0


def test_what_the_encoder_has_not_read_stays() -> None:
    buffer = ReplayBuffer(2000)
    for n in range(3):
        buffer.append(fragment(600 * n, 600, 2.0 * n, starts=n == 0, end=2.0 * n + 2))
    assert buffer.make_room(fed=1)
    buffer.append(fragment(1800, 10, 6.0, starts=True, end=8.0))
    buffer.commit(1.0)
    assert buffer.get(1) is not None


def test_bandwidths_after_a_restart_are_those_that_were_measured(tmp_path: Path) -> None:
    from ingestd.journal.journal import BroadcastRow, Kept

    kept = Kept(BroadcastRow(ID, "demo", "", DATE, True))

    def record(listed: Round) -> None:
        kept.segments = sorted(
            {(r.rendition, r.sequence): r for r in [*kept.segments, *listed.segments]}.values(),
            key=lambda r: (r.rendition, r.sequence),
        )
        kept.renditions = list({d["name"]: d for d in [*kept.renditions, *listed.renditions]}.values())

    live = Live(tmp_path, window=60.0)
    live.delivery._record = record
    live.epoch(R480)
    for _ in range(4):
        live.cut(1.0, size=94_000)
    live.end_generation()
    live.epoch(R720, R480, date=DATE + 60)
    for _ in range(2):
        live.cut(1.0, size=188_000)
    live.collect(final=True)
    before = live.delivery.listed[0].measured
    from ingestd.delivery.delivery import Delivery

    again = Delivery(tmp_path, "demo", ID, 1.0, 60.0, 30)
    again.restore(kept, 0.0)
    assert again.listed[0].measured.average == before.average


def test_dates_do_not_go_back_after_a_restart(tmp_path: Path) -> None:
    from tests.unit.test_reception import reception

    row = EpochRow(0, all_init().data, time.time(), 0.0, 0, b"", {"360p": 600.0}, 99)  # ahead of the clock
    one = reception(row)
    one.resume(1, 0)
    epoch = one.begin(all_init())
    assert epoch._wall >= row.date + 600.0


def test_a_negative_zero_is_a_number(tmp_path: Path) -> None:
    from tests.unit.journal_story import BROADCAST, epoch_row

    journal = Journal.create(tmp_path, BROADCAST)
    journal.epoch(replace(epoch_row(), start=-0.0))
    journal.close()
    Journal.open(journal.path)[0].close()


def test_a_journal_that_could_not_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingestd.journal import journal as module
    from tests.unit.journal_story import BROADCAST

    monkeypatch.setattr(
        module, "_insert", lambda *_: (_ for _ in ()).throw(__import__("sqlite3").OperationalError("full"))
    )
    with pytest.raises(JournalFull):
        Journal.create(tmp_path, BROADCAST)
    assert list(tmp_path.iterdir()) == []


def test_after_too_many_recordings_the_next_publisher_is_not_met_by_an_assertion(tmp_path: Path) -> None:
    from tests.unit.test_reception import RECORDING, next_epoch, reception, send

    one = reception()
    for _ in range(8):
        send(one, RECORDING)
        next_epoch(one)
    with pytest.raises(Refused):
        send(one, RECORDING)
    one.resume(one.number, 0)
    assert one.recording.received == 0 or one.newest is not None
