"""All broadcasts of a server: who may publish, and what is restored after a restart."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import structlog

from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.latency import Step
from ingestd.broadcast.lifecycle import State
from ingestd.broadcast.publication import Publication
from ingestd.container.model import Fragment, InitSegment
from ingestd.delivery.delivery import Delivery, Round
from ingestd.errors import Code, Refused
from ingestd.journal.journal import SUFFIX, BroadcastRow, EpochRow, Journal
from tests.hls.rfc8216 import check_media
from tests.unit.live import HALF, INIT, LIMITS, over, running
from tests.unit.nginx_output import R360, R720, streams
from tests.unit.test_recording import RECORDING, all_of, fragments

DATE = 1_700_000_000.0


def refused(code: Code, call: object) -> str:
    with pytest.raises(Refused) as caught:
        call()  # type: ignore[operator]
    assert caught.value.refusal.code is code
    return caught.value.refusal.message


def of(publication: Publication | Broadcast) -> Broadcast:
    """Its broadcast."""
    assert isinstance(publication, Publication)
    assert publication.broadcast is not None
    return publication.broadcast


# Who may publish


def test_another_limit_counts_for_whoever_comes_and_ends_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            registry.begin("demo", "")
            registry.limit(replace(LIMITS, broadcasts=1), 0.0)
            assert "server is full" in refused(Code.NO_CAPACITY, lambda: registry.begin("other", ""))
            assert len(list(registry)) == 1
            registry.limit(LIMITS, 0.0)
            assert of(registry.begin("other", "")).open

    asyncio.run(story())


def test_a_channel_has_one_publisher(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            registry.begin("demo", "One")
            refused(Code.CONFLICT, lambda: registry.begin("demo", "Two"))
            refused(Code.CONFLICT, lambda: registry.claim("demo", "Two"))
            other = of(registry.begin("other", ""))
            assert [(one.channel, one.title) for one in registry] == [("demo", "One"), ("other", "other")]
            assert registry.newest("other") is other

    asyncio.run(story())


@pytest.mark.parametrize("how", ["takeover", "silent", "gone"])
def test_a_newcomer_begins_anew_and_the_old_broadcast_ends(tmp_path: Path, how: str) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            publication = registry.begin("demo", "")
            old = of(publication)
            if how == "gone":
                publication.close()
            elif how == "silent":
                publication._heard -= LIMITS.silent_after
            new = of(registry.begin("demo", "", takeover=how == "takeover"))
            assert await over(old) is State.ENDED
            assert [one.id for one in registry] == [new.id]
            if how == "gone":
                assert publication.verdict is None
            else:
                assert publication.verdict is not None
                assert publication.verdict.code is Code.CONFLICT

    asyncio.run(story())


def test_a_publisher_that_comes_back_fences_its_predecessor_however_alive(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            old = registry.begin("demo", "")
            again = registry.resume("demo", of(old).id, 0, 0)
            assert of(again) is of(old)
            assert old.verdict is not None
            assert (of(again).publisher_present, of(again).order.value) == (True, "live")
            old.close()  # its connection ends at last
            assert of(again).publisher_present
            refused(Code.CONFLICT, lambda: registry.claim("demo", ""))

    asyncio.run(story())


def test_of_a_channel_that_was_deleted_the_next_of_its_name_gets_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            first = registry.begin("demo", "")
            of(first).stop()
            first.close()
            assert await over(of(first)) is State.ENDED
            second, other = registry.begin("demo", ""), registry.begin("other", "")
            registry.withdraw("demo")
            assert second.verdict and second.verdict.code is Code.FORBIDDEN
            assert other.verdict is None and of(other).order.value == "live"
            assert registry.newest("demo") is None
            refused(Code.NO_SUCH_BROADCAST, lambda: registry.resume("demo", of(second).id, 0, 0))
            assert of(registry.begin("demo", "")).id not in (of(first).id, of(second).id)
            assert await over(of(second)) is State.ENDED
            assert registry.newest("demo") is not of(second)

    asyncio.run(story())


def test_what_cannot_be_resumed(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            publication = registry.begin("demo", "")
            identity = of(publication).id
            for channel, wanted in (("demo", "0123"), ("other", identity)):
                words = refused(
                    Code.NO_SUCH_BROADCAST,
                    lambda channel=channel, wanted=wanted: registry.resume(channel, wanted, 0, 0),
                )
                assert "Start a new one" in words
            refused(Code.NO_SUCH_BROADCAST, lambda: registry.resume("demo", identity, 1, 0))
            refused(Code.NO_SUCH_BROADCAST, lambda: registry.resume("demo", identity, 0, 1))
            assert publication.verdict is None

    asyncio.run(story())


def test_a_broadcast_whose_window_is_over_cannot_be_resumed(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, resume_window=0.01) as registry:
            publication = registry.begin("demo", "")
            old = of(publication)
            publication.close()
            assert await over(old) is State.ENDED
            assert not old.complete
            refused(Code.NO_SUCH_BROADCAST, lambda: registry.resume("demo", old.id, 0, 0))

    asyncio.run(story())


def test_when_a_channel_was_live_is_told_once_somebody_could_see_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            told: list[tuple[str, float]] = []
            registry.was_live = lambda channel, until: told.append((channel, until))
            unseen, seen = of(registry.begin("demo", "")), of(registry.begin("other", ""))
            seen.delivery.playable = True
            for one in (unseen, seen):
                one.stop()
                await over(one)
            assert told == [("other", seen.ended_at)]

    asyncio.run(story())


def test_a_broadcast_that_ended_complete_is_told_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            publication = registry.begin("demo", "")
            old = of(publication)
            publication.stop()
            publication.close()
            assert await over(old) is State.ENDED
            assert registry.resume("demo", old.id, 0, 0) is old
            assert list((tmp_path / "journals").iterdir()) == []

    asyncio.run(story())


def test_what_is_remembered_of_a_broadcast_that_is_over_holds_no_media(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, resume_window=0.01, max_restarts=1) as registry:
            first = registry.begin("demo", "")
            first.begin(all_init())
            one = of(first)
            epoch = one.reception.newest
            assert epoch is not None
            epoch.buffer.append(Fragment(0, memoryview(bytes(1000)), 0.0, 0.0, True))
            first.close()
            assert await over(one) in (State.ENDED, State.FAILED)
            assert registry.find(one.id) is one
            assert epoch.buffer.size == 0

    asyncio.run(story())


def test_a_plain_publisher_goes_on_with_an_interrupted_broadcast_for_good(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            first = registry.begin("demo", "")
            first.begin(all_init())
            first.close()
            plain = registry.claim("demo", "")
            plain.begin(all_init())
            one = of(plain)
            assert (one.id, one.reception.number, one.reception.resumable) == (of(first).id, 1, False)
            assert registry.totals.resumes == 1
            other = registry.claim("other", "")
            other.begin(all_init())
            assert registry.totals.resumes == 1  # of something new
            plain.close()
            words = refused(Code.NO_SUCH_BROADCAST, lambda: registry.resume("demo", one.id, 0, 0))
            assert "Another program" in words

    asyncio.run(story())


def all_init() -> InitSegment:
    begun = all_of([RECORDING])[0]
    assert isinstance(begun, InitSegment)
    return begun


def test_a_full_server_takes_no_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, replace(LIMITS, broadcasts=1)) as registry:
            registry.begin("demo", "")
            assert "server is full" in refused(Code.NO_CAPACITY, lambda: registry.begin("other", ""))
            assert "server is full" in refused(Code.NO_CAPACITY, lambda: registry.claim("other", ""))
            refusal = registry.no_room()
            assert refusal is not None and refusal.retry_after == 15
            assert "Try again in 15 s." in refusal.message
        async with running(tmp_path / "b", replace(LIMITS, free_disk=2**62)) as registry:
            assert "disk is full" in refused(Code.NO_CAPACITY, lambda: registry.begin("demo", ""))

    asyncio.run(story())


def test_without_a_journal_there_is_no_broadcast(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            shutil.rmtree(tmp_path / "journals")
            with structlog.testing.capture_logs() as logs:
                words = refused(Code.NO_CAPACITY, lambda: registry.begin("demo", ""))
            assert "cannot write" in words
            assert [entry["event"] for entry in logs] == ["journal_not_made"]
            assert list(registry) == []

    asyncio.run(story())


def test_a_daemon_that_stops_sends_its_publishers_away_for_a_moment(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            publication = registry.begin("demo", "")
            registry.refuse_publishers()
            assert publication.verdict is not None
            assert publication.verdict.code is Code.RESTARTING
            for call in (
                lambda: registry.begin("other", ""),
                lambda: registry.claim("other", ""),
                lambda: registry.resume("demo", of(publication).id, 0, 0),
            ):
                refused(Code.RESTARTING, call)

    asyncio.run(story())


# A restart


@dataclass
class Left:
    """What an earlier process has left of a broadcast: journal, playlists, segments."""

    root: Path
    id: str
    channel: str = "demo"
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        (self.root / "journals").mkdir(exist_ok=True)
        row = BroadcastRow(self.id, self.channel, "Title", DATE, True)
        self.journal = Journal.create(self.root / "journals", row)
        begun, unit = all_init(), fragments(all_of([RECORDING]))[0]
        commits = {R720.name: 3.0, R360.name: 3.0}
        self.row = EpochRow(0, begun.data, DATE, 0.0, unit.offset, unit.prefix, commits)
        self.journal.generation(6, 0, {})
        delivery = Delivery(self.hls, self.channel, self.id, 1.0, 60.0, 30, self._record)
        delivery.begin(6, DATE, [R720, R360], {})
        for stream in streams(self.hls, self.id, 6, R720, R360).values():
            for _ in range(3):
                stream.cut(1.0)
        delivery.collect(6, 0.0)
        self.journal.close()

    def _record(self, listed: Round) -> None:
        self.journal.listed(listed.segments, listed.first, listed.renditions, self.row)

    @property
    def hls(self) -> Path:
        return self.root / "hls"

    @property
    def path(self) -> Path:
        return self.root / "journals" / f"{self.id}{SUFFIX}"

    @property
    def playlists(self) -> dict[str, str]:
        directory = self.hls / "public" / self.channel / self.id
        return {path.name: path.read_text() for path in directory.glob("*.m3u8")}


def test_a_broadcast_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    left = Left(tmp_path, "0001")
    before = left.playlists
    assert set(before) == {"720p.m3u8", "360p.m3u8", "index.m3u8"}

    async def story() -> None:
        async with running(tmp_path) as registry:
            (one,) = registry
            assert (one.id, one.channel, one.title, one.started_at) == ("0001", "demo", "Title", DATE)
            assert (one.state, one.publisher_present, one.supervisor.generations) == (
                State.INTERRUPTED,
                False,
                7,
            )
            assert (one.media_time, one.commit_lag, one.delivery.playable) == (3.0, 0.0, True)
            assert one.source == all_init()
            assert left.playlists == before
            publication = registry.resume("demo", "0001", 0, 0)
            assert of(publication) is one
            assert one.reception.recording.received == left.row.offset
            assert one.state is State.STARTING

    asyncio.run(story())
    assert left.playlists == before
    journal, kept = Journal.open(left.path)
    journal.close()
    assert kept.epochs == [left.row]


def flip(content: bytes) -> bytes:
    found = content.index(b"0001channel1")
    return content[:found] + b"9" + content[found + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte": flip,
    "a page": lambda content: content[:4096] + bytes(4096) + content[8192:],
    "the first page": lambda content: bytes(4096) + content[4096:],
    "its end": lambda content: content[:-5000],
    "all": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_ends_its_broadcast_and_no_other(tmp_path: Path, damage: str) -> None:
    lefts = [Left(tmp_path, f"000{n}", f"channel{n}") for n in range(3)]
    before = [left.playlists for left in lefts]
    damaged = lefts[1]
    damaged.path.write_bytes(DAMAGES[damage](damaged.path.read_bytes()))

    async def story() -> list[str]:
        async with running(tmp_path) as registry:
            assert registry.newest("channel1") is None
            assert all(one.state is State.INTERRUPTED for one in registry)
            refused(Code.NO_SUCH_BROADCAST, lambda: registry.resume("channel1", "0001", 0, 0))
            registry.resume("channel2", "0002", 0, 0)
            return [one.id for one in registry]

    with structlog.testing.capture_logs() as logs:
        assert asyncio.run(story()) == ["0000", "0002"]
    assert [path.name for path in sorted((tmp_path / "journals").glob("*"))] == [
        f"0000{SUFFIX}",
        f"0002{SUFFIX}",
    ]
    assert (lefts[0].playlists, lefts[2].playlists) == (before[0], before[2])
    for name, text in damaged.playlists.items():
        if name == "index.m3u8":
            assert text == before[1][name]
        else:
            assert text == f"{before[1][name]}#EXT-X-ENDLIST\n"
            assert check_media(text, final=True) == []
    (entry,) = [entry for entry in logs if entry["event"] == "broadcast_not_restored"]
    assert (entry["log_level"], entry["journal"]) == ("error", damaged.path.name)
    assert entry["reason"].startswith(f"{damaged.path.name}: ")
    assert [entry["broadcasts"] for entry in logs if entry["event"] == "leftovers_closed"] == [1]
    restored = [entry["broadcast"] for entry in logs if entry["event"] == "broadcast_restored"]
    assert sorted(restored) == ["0000", "0002"]


def test_what_cannot_be_used_ends_its_broadcast_and_no_other(tmp_path: Path) -> None:
    """Journals that are whole, but say what this version does not understand."""
    lefts = [Left(tmp_path, f"000{n}", f"channel{n}") for n in range(3)]
    journal, _ = Journal.open(lefts[0].path)
    journal.epoch(replace(lefts[0].row, init=b"no init segment"))
    journal.close()
    journal, _ = Journal.open(lefts[1].path)
    journal.listed([], {}, [{"name": "720p", "unknown": 1}], None)
    journal.close()

    async def story() -> list[str]:
        async with running(tmp_path) as registry:
            return [one.id for one in registry]

    with structlog.testing.capture_logs() as logs:
        assert asyncio.run(story()) == ["0002"]
    assert [entry["event"] for entry in logs].count("broadcast_not_restored") == 2
    assert [path.name for path in (tmp_path / "journals").glob("*")] == [lefts[2].path.name]
    assert all("ENDLIST" in lefts[n].playlists["360p.m3u8"] for n in (0, 1))


def test_a_restored_broadcast_whose_publisher_does_not_come_back_ends(tmp_path: Path) -> None:
    left = Left(tmp_path, "0001")

    async def story() -> None:
        async with running(tmp_path, resume_window=0.01) as registry:
            (one,) = registry
            assert await over(one) is State.ENDED
            assert (one.abandoned, one.media_time) == (True, 3.0)

    asyncio.run(story())
    for name in ("720p.m3u8", "360p.m3u8"):
        assert check_media(left.playlists[name], final=True) == []
    assert list((tmp_path / "journals").iterdir()) == []


def test_what_was_never_played_is_restored_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            publication = registry.begin("demo", "Title")
            identity = of(publication).id
            publication.count(len(HALF))
        async with running(tmp_path) as registry:
            (one,) = registry
            assert (one.id, one.title, one.media_time, one.delivery.playable) == (
                identity,
                "Title",
                0.0,
                False,
            )
            again = registry.resume("demo", identity, 0, 0)
            assert of(again).reception.recording.received == 0
            again_init = of(again).reception.recording.feed(INIT + b"\x1f\x43\xb6\x75")[0]
            assert [type(step) for step in again_init] == [InitSegment]

    asyncio.run(story())


def test_a_restart_in_the_middle_of_a_restart_loses_nothing(tmp_path: Path) -> None:
    left = Left(tmp_path, "0001")
    before = left.playlists

    async def story() -> None:
        for _ in range(3):
            async with running(tmp_path) as registry:
                assert [one.id for one in registry] == ["0001"]

    asyncio.run(story())
    assert left.playlists == before


def test_newest_first(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            for name in ("a", "b"):
                publication = registry.begin(name, "")
                publication.stop()
                await over(of(publication))
            assert [one.channel for one in registry.ended] == ["b", "a"]
            assert registry.totals.ended == {"ended": 2}

    asyncio.run(story())


def test_what_a_broadcast_has_counted_stays_when_it_goes(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as registry:
            publication = registry.begin("a", "")
            one = of(publication)
            one.supervisor.restarts["killed"] += 2
            one.delivery.segments, one.delivery.size, one.delivery.discontinuities = 3, 300, 1
            one.supervisor._bent = 4, 5
            one.latency.observe(Step.RECEIVED_TO_PLAYLIST, 1.5)
            before = registry.counts
            publication.stop()
            await over(one)
            assert list(registry) == []
            for counts in (before, registry.counts):
                assert (counts.segments, counts.segment_bytes, counts.discontinuities) == (3, 300, 1)
                assert (counts.dropped, counts.duplicated, counts.restarts["killed"]) == (4, 5, 2)
                assert counts.latency.steps[Step.RECEIVED_TO_PLAYLIST].total == 1.5

    asyncio.run(story())
