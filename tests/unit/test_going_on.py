"""Corners of going on after a fault, in which something once went wrong."""

from __future__ import annotations

import asyncio
import errno
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ingestd.broadcast import registry as registry_module
from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.failures import SENTENCES, Reason
from ingestd.broadcast.lifecycle import Event, State
from ingestd.broadcast.publication import Publication
from ingestd.broadcast.registry import Broadcasts
from ingestd.broadcast.replay import ReplayBuffer
from ingestd.container.model import Fragment, InitSegment
from ingestd.delivery import delivery, files
from ingestd.delivery.delivery import Round
from ingestd.errors import Code
from ingestd.journal.journal import EpochRow, Journal, JournalFull, Kept
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


# A broadcast that a full disk keeps from being restored


@dataclass
class Disk:
    """Whether playlists can be written, or journals be opened."""

    monkeypatch: pytest.MonkeyPatch
    full: bool = True

    def refuse_playlists(self) -> None:
        write = files.write_atomically

        def written(path: Path, text: str) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            write(path, text)

        self.monkeypatch.setattr(delivery, "write_atomically", written)

    def refuse_journals(self) -> None:
        opened = Journal.open

        def open_it(path: Path, *, fsync: bool = False) -> tuple[Journal, Kept]:
            if self.full:
                raise JournalFull(f"{path}: disk I/O error")
            return opened(path, fsync=fsync)

        self.monkeypatch.setattr(Journal, "open", open_it)


async def restored(registry: Broadcasts, identity: str) -> Broadcast:
    async with asyncio.timeout(20):
        while not (found := registry.find(identity)):  # noqa: ASYNC110 - a disk sends no event
            await asyncio.sleep(0.01)
    return found


@pytest.mark.parametrize("what", ["playlists", "journals"])
def test_until_it_is_restored_its_publisher_is_asked_to_come_back_and_nobody_starts_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    Left(tmp_path, "0001")
    disk = Disk(monkeypatch)
    disk.refuse_playlists() if what == "playlists" else disk.refuse_journals()
    monkeypatch.setattr(registry_module, "_AGAIN_SECONDS", 0.01)

    async def story() -> None:
        async with running(tmp_path) as registry:
            words = refused(Code.RESTARTING, lambda: registry.resume("demo", "0001", 0, 0))
            assert "Come back in a moment: nothing is lost." in words
            refused(Code.RESTARTING, lambda: registry.begin("demo", "", takeover=True))
            refused(Code.RESTARTING, lambda: registry.claim("demo", ""))
            assert registry.begin("other", "").verdict is None
            assert registry.newest("demo") is None
            disk.full = False
            one = await restored(registry, "0001")
            assert of(registry.resume("demo", "0001", 0, 0)) is one
            assert registry.newest("demo") is one

    asyncio.run(story())


def test_one_whose_channel_was_not_known_ends_when_another_one_has_begun_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it was ever played, so only its journal knows where it belongs."""
    monkeypatch.setattr(registry_module, "_AGAIN_SECONDS", 0.01)

    async def story() -> None:
        async with running(tmp_path) as registry:
            identity = of(registry.begin("demo", "")).id
        disk = Disk(monkeypatch)
        disk.refuse_journals()
        async with running(tmp_path) as registry:
            new = of(registry.begin("demo", ""))
            refused(Code.RESTARTING, lambda: registry.resume("demo", identity, 0, 0))
            disk.full = False
            old = await restored(registry, identity)
            assert registry.newest("demo") is new
            assert await over(old) is State.ENDED
            assert (new.order.value, registry.newest("demo")) == ("live", new)
            refused(Code.NO_SUCH_BROADCAST, lambda: registry.resume("demo", identity, 0, 0))

    asyncio.run(story())


def test_one_whose_playlists_were_deleted_does_not_hold_its_channel(tmp_path: Path) -> None:
    left = Left(tmp_path, "0001")
    shutil.rmtree(left.hls / "public")

    async def story() -> None:
        async with running(tmp_path) as registry:
            assert registry.begin("demo", "").verdict is None

    asyncio.run(story())
    assert not left.path.exists()


def test_a_broadcast_that_had_been_replaced_when_the_daemon_died_ends_again(tmp_path: Path) -> None:
    for identity in ("0001", "0002"):
        Left(tmp_path, identity)

    async def story() -> None:
        async with running(tmp_path) as registry:
            old, new = registry.find("0001"), registry.find("0002")
            assert old and new
            assert await over(old) is State.ENDED
            refused(Code.NO_SUCH_BROADCAST, lambda: registry.resume("demo", "0001", 0, 0))
            plain = registry.claim("demo", "")
            plain.begin(all_init())
            assert of(plain) is new

    asyncio.run(story())


# What is said in mid-broadcast


KILLED = "The encoder was killed by the system; it is being restarted. Nothing is lost."


@pytest.mark.parametrize(
    ("events", "trouble", "words"),
    [
        ([], "", "Going on: what comes next is being encoded. Nothing is lost."),
        ([Event.ENCODER_DIED], KILLED, KILLED),
        ([Event.ENCODER_DIED, Event.RESTART], KILLED, KILLED),
        ([Event.TOO_SLOW], SENTENCES[Reason.TOO_SLOW], SENTENCES[Reason.TOO_SLOW]),
        ([Event.CLIMB], SENTENCES[Reason.PLANNED], SENTENCES[Reason.PLANNED]),
        ([Event.ENCODER_DIED, Event.RESTART, Event.SEGMENT], "", "Live."),
    ],
)
def test_a_broadcast_that_is_on_the_air_never_says_that_it_starts(
    tmp_path: Path, events: list[Event], trouble: str, words: str
) -> None:
    Left(tmp_path, "0001")

    async def story() -> None:
        async with running(tmp_path) as registry:
            one = of(registry.resume("demo", "0001", 0, 0))
            one.supervisor.trouble = trouble
            with registry.subscribe() as subscriber:
                for event in events:
                    subscriber._dirty.clear()
                    one._on(event)
                    assert (
                        one.id in subscriber._dirty
                    )  # whoever looks on is told, though the state be the same
            assert one.message == words
            assert words == "Live." or "Nothing is lost." in one.message

    asyncio.run(story())
