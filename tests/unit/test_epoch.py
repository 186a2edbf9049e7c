"""One recording: its commit point, its backpressure, and where a restart begins."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.latency import Latency
from ingestd.container.model import Fragment, InitSegment
from ingestd.encoder.ladder import Rendition
from ingestd.journal.journal import EpochRow

INIT = InitSegment(b"init", "matroska", ())
BOTH = tuple(Rendition(name, 2, 2, 30, 1000, 1000) for name in ("720p", "360p"))


def epoch(held: int = 1 << 20, ahead: int = 1 << 20, wall: float = 1000.0, span: float = 0.0) -> Epoch:
    return Epoch(0, INIT, BOTH, Bounds(held, ahead, span), wall)


def put(one: Epoch, *times: float, starts: bool = True, size: int = 1000) -> None:
    for time in times:
        one.append(Fragment(0, memoryview(bytes(size)), time, time + 1.0, starts))


def test_the_clock_of_an_epoch_is_set_by_its_first_fragment() -> None:
    one = epoch(wall=1000.0)
    put(one, 5.0, 7.0)
    assert (one.start, one.date, one.commits) == (5.0, 995.0, {"720p": 5.0, "360p": 5.0})


@pytest.mark.parametrize(
    ("listed", "date"),
    [
        (1000.0, 995.0),
        (1000.034, 995.034),  # the last frame of what was recorded before
        (999.0, 995.0),
        (1000.999, 995.999),
        (4600.0, 995.0),  # time stamps that run away with the dates are left alone
    ],
)
def test_a_recording_is_dated_from_the_end_of_what_is_listed(listed: float, date: float) -> None:
    one = epoch(wall=1000.0)
    put(one, 5.0, 7.0)
    one.follow(listed)
    assert one.date == pytest.approx(date)


def test_nothing_lags_before_anything_came() -> None:
    assert (epoch().lag, epoch().commit) == (0.0, 0.0)


def test_the_commit_point_is_that_of_the_slowest_rendition() -> None:
    one = epoch()
    put(one, 0.0, 2.0, 4.0)
    one.commit_to({"720p": 3.0, "360p": 2.5})
    assert (one.commit, one.lag) == (2.5, 2.5)
    one.commit_to({"360p": 9.0, "720p": 9.0})
    assert one.lag == 0.0


def test_a_commit_lets_go_of_what_no_restart_needs_and_says_so() -> None:
    one = epoch()
    put(one, 0.0, 2.0, 4.0)
    one.changed.clear()
    one.commit_to({"720p": 3.0, "360p": 3.0})
    assert (one.buffer.get(0), one.changed.is_set()) == (None, True)


def test_every_fragment_goes_to_the_encoder_at_once() -> None:
    one, seen = epoch(), list[int]()
    one.on_arrival = lambda: seen.append(one.buffer.end)
    put(one, 0.0, 1.0)
    one.finish()
    assert seen == [1, 2, 2]
    assert one.buffer.complete


def test_without_an_encoder_a_finished_epoch_wakes_who_waits() -> None:
    one = epoch()
    one.finish()
    assert one.changed.is_set()


def test_there_is_no_room_while_too_much_waits_for_the_encoder() -> None:
    one = epoch(ahead=2000)
    put(one, 0.0)
    assert one.has_room()
    put(one, 1.0)
    assert not one.has_room()
    one.fed = 2
    assert one.has_room()


def test_there_is_no_room_beyond_the_bound_of_memory_until_the_playlist_has_it() -> None:
    one = epoch(held=2000)
    put(one, 0.0, 1.0)
    one.fed = 2
    assert not one.has_room()
    one.commit_to({"720p": 1.5, "360p": 1.5})
    assert one.has_room()
    assert one.buffer.given_up == 0


def test_a_bound_that_does_not_hold_what_the_encoder_needs_gives_up_what_the_encoder_has() -> None:
    one = epoch(held=2000, span=5.0)
    put(one, 0.0, 1.0)
    assert not one.has_room()
    one.fed = 1
    assert one.has_room()
    assert one.buffer.given_up == 1000


def test_the_end_of_an_epoch_has_a_date() -> None:
    one = epoch(wall=1000.0)
    put(one, 5.0, 7.0)
    assert one.end_date == 1003.0


# Where the next generation starts. Each step lets the waiting task run as far as it can.


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_restart_begins_at_the_unit_that_holds_the_commit_point() -> None:
    one = epoch()
    put(one, 0.0, 2.0, 4.0)
    one.commits = {"720p": 3.0, "360p": 3.5}
    assert asyncio.run(one.first_to_replay()) == 1


def test_the_first_generation_waits_for_the_first_fragment() -> None:
    async def story() -> None:
        one = epoch()
        first = asyncio.create_task(one.first_to_replay())
        await settle()
        assert not first.done()
        put(one, 0.0)
        await settle()
        assert first.result() == 0

    asyncio.run(story())


def given_up() -> Epoch:
    """An epoch whose only unit was larger than the buffer: what is left of it is of no use."""
    one = epoch(held=3000)
    put(one, 0.0)
    put(one, 1.0, 2.0, starts=False)
    one.fed = 3
    assert one.has_room()
    assert one.buffer.seek(0.0) is None
    return one


def test_after_a_unit_was_given_up_a_restart_begins_with_the_next_one_that_comes() -> None:
    async def story() -> None:
        one = given_up()
        first = asyncio.create_task(one.first_to_replay())
        await settle()
        put(one, 4.0)
        await settle()
        done = first.done()
        first.cancel()
        assert done

    asyncio.run(story())


def test_a_restart_ends_where_nothing_can_be_replayed_and_nothing_more_comes() -> None:
    async def story() -> None:
        one = given_up()
        one.finish()
        first = asyncio.create_task(one.first_to_replay())
        await settle()
        done = first.done()
        first.cancel()
        assert done
        assert first.result() is None

    asyncio.run(story())


def test_where_media_was_given_up_the_commit_points_go_on_to_what_is_replayed() -> None:
    one = given_up()
    put(one, 4.0)
    assert asyncio.run(one.first_to_replay()) == 3
    assert one.commits == {"720p": 4.0, "360p": 4.0}


def test_where_nothing_was_given_up_the_commit_points_stay() -> None:
    one = epoch()
    put(one, 0.0, 2.0, 4.0)
    one.commits = {"720p": 3.0, "360p": 2.5}
    assert asyncio.run(one.first_to_replay()) == 1
    assert one.commits == {"720p": 3.0, "360p": 2.5}


def test_a_wait_for_what_never_came_ends_with_the_epoch() -> None:
    async def story() -> None:
        one = epoch()
        first = asyncio.create_task(one.first_to_replay())
        await settle()
        assert not first.done()
        one.finish()
        await settle()
        assert first.result() is None

    asyncio.run(story())


def test_a_complete_epoch_is_replayed_from_its_commit_point_as_well() -> None:
    one = epoch()
    put(one, 0.0, 2.0, 4.0)
    one.finish()
    one.commits = {"720p": 3.0, "360p": 3.5}
    assert asyncio.run(one.first_to_replay()) == 1


# Renditions that are not encoded for a while


def test_a_rendition_that_is_not_encoded_does_not_hold_the_commit_point_back() -> None:
    one = epoch()
    put(one, 0.0, 2.0, 4.0)
    one.commit_to({"720p": 1.0, "360p": 1.0})
    one.encode(BOTH[1:])
    one.commit_to({"360p": 3.0})
    assert (one.active, one.commit, one.buffer.offset) == (BOTH[1:], 3.0, 0)
    assert one.buffer.get(0) is None


def test_a_rendition_that_comes_back_begins_where_the_others_are() -> None:
    one = epoch()
    put(one, 0.0, 2.0, 4.0)
    one.encode(BOTH[1:])
    one.commit_to({"360p": 3.0})
    one.encode(BOTH)
    assert (one.commits, one.commit) == ({"720p": 3.0, "360p": 3.0}, 3.0)


def test_renditions_that_stay_keep_their_commit_points() -> None:
    one = epoch()
    put(one, 0.0, 2.0, 4.0)
    one.commit_to({"720p": 1.0, "360p": 3.0})
    one.encode(BOTH)
    assert one.commits == {"720p": 1.0, "360p": 3.0}


# After a restart of the daemon


def kept(**changes: Any) -> EpochRow:
    row = EpochRow(3, INIT.data, 995.0, 5.0, 4321, b"prefix", {"720p": 7.5, "360p": 7.0})
    return replace(row, **changes)


def restored(row: EpochRow) -> Epoch:
    return Epoch.restore(row, INIT, BOTH, Bounds(1 << 20, 1 << 20))


def test_an_epoch_comes_back_from_the_journal_as_it_went_there() -> None:
    assert restored(kept()).row() == kept()


def test_an_epoch_goes_to_the_journal_with_the_unit_that_holds_its_commit_point() -> None:
    one = epoch(wall=1000.0)
    one.append(Fragment(0, memoryview(b"zero"), 5.0, 6.9, True))
    one.append(Fragment(4, memoryview(b"one"), 7.0, 8.0, True, b"prefix"))
    one.commit_to({"720p": 8.0, "360p": 8.0})
    assert one.row() == EpochRow(0, b"init", 995.0, 5.0, 4, b"prefix", {"720p": 8.0, "360p": 8.0}, None)
    assert one.row(total=99).total == 99


def test_a_row_is_not_changed_by_what_comes_later() -> None:
    one = restored(kept())
    row = one.row()
    one.commit_to({"720p": 99.0, "360p": 99.0})
    assert row == kept()


def test_a_restored_epoch_goes_on_with_its_clock_and_its_commit_points() -> None:
    one = restored(kept())
    assert (one.number, one.date, one.start) == (3, 995.0, 5.0)
    assert (one.commit, one.lag, one.end_date) == (7.0, 0.0, 1002.0)
    one.append(Fragment(4321, memoryview(b"data"), 6.0, 9.0, True, b"prefix"))
    assert (one.date, one.start, one.commits) == (995.0, 5.0, {"720p": 7.5, "360p": 7.0})
    assert (one.lag, one.buffer.offset, one.buffer.prefix) == (2.0, 4321, b"prefix")
    assert asyncio.run(one.first_to_replay()) == 0
    assert one.commits == {"720p": 7.5, "360p": 7.0}


def test_a_rendition_that_the_journal_does_not_know_begins_where_the_others_are() -> None:
    one = restored(kept(commits={"360p": 7.0, "240p": 6.5}))
    assert one.commits == {"720p": 6.5, "360p": 7.0}


def test_an_epoch_of_which_nothing_stands_in_the_playlist_begins_at_its_start() -> None:
    one = restored(kept(commits={}))
    assert (one.commits, one.lag) == ({"720p": 5.0, "360p": 5.0}, 0.0)


def test_the_way_of_a_fragment_is_timed_from_its_arrival_on(monkeypatch: pytest.MonkeyPatch) -> None:
    one, latency = epoch(), Latency()
    clock = iter((10.0, 10.5, 11.0))
    monkeypatch.setattr("ingestd.broadcast.epoch.time.monotonic", lambda: next(clock))
    put(one, 0.0, 1.0)
    one.changed.clear()
    one.fed_to(2)
    assert (one.fed, one.changed.is_set()) == (2, True)
    one.trace.listed(0.0, closed=12.0, now=12.5, latency=latency)
    totals = {step.value: found.total for step, found in latency.steps.items()}
    assert (totals["received_to_encoder"], totals["encoder_to_segment"]) == (1.0, 1.0)
    assert totals["received_to_playlist"] == 2.5


def test_what_its_publisher_still_has_to_keep_is_what_the_buffer_holds() -> None:
    one = epoch()
    assert one.buffer.seconds == 0.0
    put(one, 0.0, 2.0, 4.0)
    assert one.buffer.seconds == 5.0
    one.commit_to({"720p": 3.0, "360p": 3.0})
    assert (one.buffer.seconds, one.lag) == (3.0, 2.0)


@pytest.mark.parametrize(("held", "ahead"), [(1 << 20, 3000), (3000, 1 << 20)])
def test_it_is_full_as_long_as_nothing_more_is_read_and_to_ask_costs_nothing(held: int, ahead: int) -> None:
    one = epoch(held=held, ahead=ahead)
    put(one, 0.0, 1.0)
    assert (one.full, one.has_room()) == (False, True)
    put(one, 2.0)
    assert (one.full, one.has_room()) == (True, False)
    one.fed_to(1)
    assert not one.full
    assert one.buffer.given_up == 0


def test_whoever_taps_it_is_told_beside_the_encoder_and_holds_nobody_up() -> None:
    one, told = epoch(ahead=2000), list[tuple[str, int]]()
    one.on_arrival = lambda: told.append(("encoder", one.buffer.end))

    def tap() -> None:
        told.append(("tap", one.buffer.end))
        one.taps.discard(tap)  # also in the middle of it

    one.taps |= {tap, lambda: None}
    put(one, 0.0, 1.0)
    one.fed_to(2)
    assert told == [("encoder", 1), ("tap", 1), ("encoder", 2)]
    assert one.has_room()


def test_a_tap_hears_that_nothing_more_comes() -> None:
    one, told = epoch(), list[bool]()
    one.taps.add(lambda: told.append(one.buffer.complete))
    put(one, 0.0)
    one.finish()
    assert told == [False, True]
