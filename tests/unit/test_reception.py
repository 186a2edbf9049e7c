"""The publisher's side of a broadcast: what it is told to send, after a cut and after a restart."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, replace

import pytest

from ingestd.broadcast.epoch import Bounds, Epoch
from ingestd.broadcast.reception import Ladder, Reception, ladder_for
from ingestd.broadcast.recording import Recording
from ingestd.container.model import Fragment, InitSegment
from ingestd.encoder.ladder import Rendition
from ingestd.errors import Code, Refused
from ingestd.journal.journal import BroadcastRow, Damaged, EpochRow, Kept
from tests.container.samples import MP4, VP8, Unit, cluster, init, read, sb
from tests.unit.test_recording import all_of, fragments, units

RUNG = Rendition("360p", 640, 360, 30, 700_000, 96_000)
RECORDING = init() + cluster(0, sb(1, 0, key=True), sb(2, 5), sb(1, 33))


def reception(*rows: EpochRow, resumable: bool = True) -> Reception:
    """One that an earlier process has left so."""
    made = Reception(Bounds(1 << 20, 1 << 20), lambda _: (RUNG,), resumable=resumable)
    made.restore(list(rows))
    return made


def send(to: Reception, data: bytes) -> None:
    """What a connection does with bytes of the epoch under way."""
    deliver(to, to.recording.feed(data)[0])


def deliver(to: Reception, steps: Iterable[object]) -> None:
    for step in steps:
        if isinstance(step, InitSegment):
            to.begin(step)
        else:
            assert isinstance(step, Fragment) and to.newest
            to.newest.append(step)


def next_epoch(to: Reception) -> None:
    """What a connection does when another recorder is announced."""
    deliver(to, to.recording.finish())
    to.advance(Recording())


def due(of: Reception) -> tuple[int, int]:
    """Epoch and byte from which a publisher has to send."""
    return of.number, of.recording.received


def refusal(by: Reception, epoch: int, held_from: int | None) -> str:
    """Why it may not go on; nothing has changed for it."""
    before = due(by)
    with pytest.raises(Refused) as caught:
        by.resume(epoch, held_from)
    assert caught.value.refusal.code is Code.NO_SUCH_BROADCAST
    assert due(by) == before
    return caught.value.refusal.message


# While the daemon lives: from the byte after the last one received


@pytest.mark.parametrize("size", [0, 1, 40, len(RECORDING) - 50, len(RECORDING)])
@pytest.mark.parametrize("held_from", [None, 0, 1])
def test_in_the_same_epoch_it_goes_on_after_what_was_received(size: int, held_from: int | None) -> None:
    one = reception()
    send(one, RECORDING[:size])
    one.resume(0, min(held_from, size) if held_from is not None else None)
    assert due(one) == (0, size)
    send(one, RECORDING[size:])
    assert one.newest is not None
    assert one.newest.buffer.end_time > 0


def test_a_publisher_that_holds_nothing_but_the_rest_may_go_on() -> None:
    one = reception()
    send(one, RECORDING[:40])
    one.resume(0, 40)
    assert due(one) == (0, 40)


def test_from_an_earlier_epoch_it_goes_on_in_the_one_under_way() -> None:
    one = reception()
    for _ in range(2):
        send(one, RECORDING)
        next_epoch(one)
    send(one, RECORDING[:70])
    for epoch, held_from in ((0, None), (0, 10**9), (1, 10**9), (2, 70)):
        one.resume(epoch, held_from)
        assert due(one) == (2, 70)


def test_the_next_epoch_after_a_complete_one_begins() -> None:
    one = reception()
    send(one, RECORDING)
    first = one.newest
    assert first is not None
    deliver(one, one.recording.finish())  # stop was heard, or the message of the next epoch was lost
    one.resume(1, 0)
    assert due(one) == (1, 0)
    assert (first.buffer.complete, first.received, one.newest) == (True, len(RECORDING), None)
    send(one, RECORDING)
    assert one.newest is not None
    assert [epoch.number for epoch in one.waiting] == [0, 1]


def test_the_next_epoch_is_not_known_while_the_last_one_is_not_complete() -> None:
    one = reception()
    send(one, RECORDING)
    assert refusal(one, 1, 0) == "Epoch 1 is not known here: the recording is known up to epoch 0."
    assert one.newest is not None
    assert not one.newest.buffer.complete


def test_an_epoch_beyond_the_next_one_is_not_known() -> None:
    one = reception()
    send(one, RECORDING)
    deliver(one, one.recording.finish())
    assert "Epoch 2 is not known" in refusal(one, 2, 0)
    assert "up to epoch 0" in refusal(one, 2**53 - 1, None)


def test_bytes_that_nobody_has_any_more() -> None:
    one = reception()
    send(one, RECORDING[:70])
    words = "Epoch 0 is needed from byte 70 on; it comes from 71 on."
    assert refusal(one, 0, 71) == words
    next_epoch(one)
    assert refusal(one, 1, 1) == "Epoch 1 is needed from byte 0 on; it comes from 1 on."


def test_a_broadcast_that_another_program_went_on_with_plainly() -> None:
    one = reception(resumable=False)
    assert "Another program" in refusal(one, 0, 0)
    assert "Another program" in refusal(one, 1, None)


def test_a_publisher_that_comes_back_twice_is_told_the_same() -> None:
    one = reception()
    send(one, RECORDING)
    deliver(one, one.recording.finish())
    for _ in range(2):
        one.resume(1, 0)
        assert due(one) == (1, 0)


# The end of an epoch


def test_an_epoch_is_finished_once_with_all_its_bytes() -> None:
    one = reception()
    one.finish()
    send(one, RECORDING)
    one.finish()
    assert one.newest is not None
    assert (one.newest.buffer.complete, one.newest.received) == (True, len(RECORDING))
    one.newest.received = 7
    one.finish()
    assert one.newest.received == 7


def test_dates_of_epochs_follow_one_another() -> None:
    one = reception()
    send(one, init() + cluster(50_000, sb(1, 0, key=True), sb(1, 33)))
    first = one.newest
    next_epoch(one)
    second = one.begin(all_init(RECORDING))
    assert first is not None
    second.append(fragments(all_of([RECORDING]))[0])
    assert second.date >= first.end_date


def test_time_stamps_do_not_lead_far_into_the_future() -> None:
    one = reception()
    send(one, RECORDING)
    assert one.newest is not None
    one.newest.buffer.end_time = 1e9
    next_epoch(one)
    second = one.begin(all_init(RECORDING))
    second.append(fragments(all_of([RECORDING]))[0])
    assert second.date <= time.time() + 3600.0


def all_init(data: bytes) -> InitSegment:
    begun = all_of([data])[0]
    assert isinstance(begun, InitSegment)
    return begun


def test_recordings_that_come_faster_than_they_can_be_encoded_leave_no_room_for_more() -> None:
    one = reception()
    for _ in range(7):
        send(one, RECORDING)
        next_epoch(one)
    assert one.has_room
    send(one, RECORDING)
    assert not one.has_room
    assert one.take().number == 0
    assert one.has_room and one.taken.is_set()


# After a restart of the daemon


def row_of(name: str, index: int, number: int = 0) -> tuple[EpochRow, list[Unit]]:
    """What the journal says of a recording whose commit point lies in that unit, and all its units."""
    steps = all_of([read(name)])
    begun, there = steps[0], units(steps)
    assert isinstance(begun, InitSegment)
    unit = there[index]
    row = EpochRow(
        number, begun.data, 1e9, 0.0, unit.offset, unit.prefix, {"360p": unit.media_time + 0.5}, None
    )
    return row, there


@pytest.mark.parametrize("name", [VP8, MP4])
def test_the_first_epoch_that_was_not_delivered_goes_on_from_its_commit_point(name: str) -> None:
    row, there = row_of(name, 2, number=1)
    done = replace(row, number=0, total=5000)
    one = reception(done, row, replace(row, number=2))
    assert due(one) == (1, there[2].offset)
    assert one.newest is not None and one.source is not None
    assert (list(one.waiting), one.newest.number, one.source.data) == ([one.newest], 1, row.init)
    assert one.newest.row() == row
    one.resume(1, there[2].offset)
    data = read(name)
    for pos in range(there[2].offset, len(data), 50_000):
        send(one, data[pos : pos + 50_000])
    deliver(one, one.recording.finish())
    one.finish()
    assert units(held(one.newest)) == there[2:]
    assert one.newest.received == len(data)
    assert (one.newest.buffer.offset, one.newest.buffer.prefix) == (row.offset, row.prefix)


def held(epoch: Epoch) -> list[Fragment]:
    found = [epoch.buffer.get(number) for number in range(epoch.buffer.end)]
    return [fragment for fragment in found if fragment is not None]


def test_a_publisher_that_does_not_hold_the_commit_point_cannot_go_on() -> None:
    row, there = row_of(VP8, 2)
    one = reception(row)
    assert f"needed from byte {there[2].offset} on" in refusal(one, 0, there[2].offset + 1)
    assert "Epoch 1 is not known" in refusal(one, 1, 0)
    one.resume(0, there[1].offset)
    assert due(one) == (0, there[2].offset)


def test_where_all_epochs_were_delivered_the_next_one_begins() -> None:
    row, _ = row_of(VP8, 2)
    rows = replace(row, total=5000), replace(row, number=1, total=7000)
    one = reception(*rows)
    assert (due(one), one.recording.complete, one.newest, list(one.waiting)) == ((1, 7000), True, None, [])
    one.resume(2, 0)
    assert due(one) == (2, 0)
    send(one, RECORDING)
    assert one.newest is not None
    assert one.newest.number == 2


@pytest.mark.parametrize(("epoch", "held_from"), [(0, 0), (1, 0), (1, 7000), (1, None)])
def test_where_all_epochs_were_delivered_a_publisher_that_missed_the_ack_has_nothing_to_send(
    epoch: int, held_from: int | None
) -> None:
    row, _ = row_of(VP8, 2)
    one = reception(replace(row, total=5000), replace(row, number=1, total=7000))
    one.resume(epoch, held_from)
    assert due(one) == (1, 7000)
    next_epoch(one)  # or stop
    assert due(one) == (2, 0)


def test_where_all_epochs_were_delivered_one_beyond_the_next_is_not_known() -> None:
    row, _ = row_of(VP8, 2)
    assert "up to epoch 0" in refusal(reception(replace(row, total=5000)), 2, 0)


def test_an_epoch_of_a_plain_publisher_that_was_delivered_is_delivered() -> None:
    row, _ = row_of(VP8, 2)
    one = reception(replace(row, total=0), resumable=False)
    assert (list(one.waiting), one.newest) == ([], None)


def test_before_anything_stood_in_the_playlist_everything_is_sent_again() -> None:
    one = reception()
    assert (due(one), one.newest, list(one.waiting)) == ((0, 0), None, [])
    one.resume(0, 0)
    send(one, RECORDING)
    assert one.newest is not None


@pytest.mark.parametrize("data", [b"", b"no init", RECORDING])
def test_an_init_segment_that_is_none(data: bytes) -> None:
    row, _ = row_of(VP8, 1)
    with pytest.raises(Damaged):
        reception(replace(row, init=data))


def test_a_broadcast_that_goes_on_keeps_to_separate_sound_or_to_none() -> None:
    def usual(_: InitSegment) -> tuple[Rendition, ...]:
        return (RUNG,)

    def made(separate: bool) -> Ladder:
        return lambda _: (replace(RUNG, separate=separate),)

    row = BroadcastRow("66112233aabbccdd", "demo", "", 0.0, True)
    assert ladder_for(usual, made, None) is usual
    assert ladder_for(usual, made, Kept(row)) is usual, "nobody has seen anything of it yet"
    assert ladder_for(usual, None, Kept(row, renditions=[{"name": "360p"}])) is usual
    init = InitSegment(b"", "matroska", ())
    for separate in (False, True):
        kept = Kept(row, renditions=[asdict(replace(RUNG, separate=separate))])
        assert ladder_for(usual, made, kept)(init)[0].separate is separate
    old = {name: value for name, value in asdict(RUNG).items() if name != "separate"}
    assert not ladder_for(usual, made, Kept(row, renditions=[old]))(init)[0].separate
