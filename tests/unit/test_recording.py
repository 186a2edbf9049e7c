"""One recording as it arrives, whatever connections it comes by."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.broadcast.recording import Recording, Step
from ingestd.container.model import Fragment, InitSegment
from ingestd.errors import Code, Refusal
from tests.container.samples import (
    CLEAN,
    ENDED,
    MP4,
    VP8,
    Unit,
    audio_track,
    cluster,
    init,
    pieces,
    read,
    sb,
    video_track,
    without_silence,
)

RECORDING = init() + cluster(0, sb(1, 0, key=True), sb(2, 5), sb(1, 33))
HELD_BACK = cluster(100, sb(2, 0))  # a cluster that has not said whether a unit starts
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(2000)


def units(steps: Iterable[Step]) -> list[Unit]:
    """The fragments put together, whatever the cuts between them. There must be no refusal."""
    found: list[Unit] = []
    for step in steps:
        assert not isinstance(step, Refusal), step.message
        if isinstance(step, InitSegment):
            assert not found
            continue
        if step.starts_unit:
            found.append(Unit(step.offset, step.media_time, step.end_time, step.prefix, bytearray()))
        found[-1].data += step.data
        found[-1].end_time = max(found[-1].end_time, step.end_time)
    return found


def all_of(messages: Iterable[bytes], recording: Recording | None = None) -> list[Step]:
    """What a recording that comes in these messages leads to, its end included."""
    recording, steps = recording or Recording(), list[Step]()
    for message in messages:
        found, rest = recording.feed(message)
        assert rest is None
        steps += found
    return steps + recording.finish()


def fragments(steps: Iterable[Step]) -> list[Fragment]:
    return [step for step in steps if isinstance(step, Fragment)]


# Counting


def test_all_bytes_count_as_received_also_those_of_an_element_that_is_not_whole() -> None:
    recording, received = Recording(), []
    for piece in pieces(RECORDING, 7):
        recording.feed(piece)
        received.append(recording.received)
    assert received == [min(7 * n, len(RECORDING)) for n in range(1, len(received) + 1)]


def test_what_was_held_back_is_handed_on_once_at_the_end() -> None:
    recording = Recording()
    recording.feed(RECORDING + HELD_BACK)
    assert not recording.complete
    assert [fragment.media_time for fragment in fragments(recording.finish())] == [0.1]
    assert recording.complete
    assert recording.finish() == []


def test_a_complete_recording_takes_nothing() -> None:
    recording = Recording()
    recording.feed(RECORDING)
    recording.finish()
    assert recording.feed(HELD_BACK) == ([], None)
    assert recording.received == len(RECORDING)


# Another recording inside


@pytest.mark.parametrize("size", [1, 3, 100, 10_000])
def test_the_bytes_of_another_recording_do_not_count_and_are_handed_back(size: int) -> None:
    recording, back = Recording(), bytearray()
    for piece in pieces(RECORDING * 2, size):
        _, rest = recording.feed(piece)
        back += rest or b""
    assert recording.received == len(RECORDING)
    assert back == RECORDING


def test_a_recording_that_was_followed_by_another_is_handed_all_that_still_comes() -> None:
    recording = Recording()
    recording.feed(RECORDING * 2)
    steps, rest = recording.feed(b"abc")
    assert (steps, bytes(rest or b""), recording.received) == ([], b"abc", len(RECORDING))


# Refusals


def refused(*messages: bytes) -> Refusal:
    """The refusal that is all the last message leads to; after it, nothing is taken."""
    recording, steps = Recording(), list[Step]()
    for message in messages:
        steps, _ = recording.feed(message)
    (refusal,) = steps
    assert isinstance(refusal, Refusal)
    assert recording.refused == refusal
    received = recording.received
    assert recording.feed(RECORDING) == ([], None)
    assert recording.received == received
    assert recording.finish() == []
    return refusal


def test_what_is_no_recording() -> None:
    assert "JPEG" in refused(JPEG).message


def test_a_codec_that_is_not_taken_is_refused_and_none_of_its_media_is_handed_on() -> None:
    theora = init(video_track(codec=b"V_THEORA") + audio_track())
    found = refused(theora + cluster(0, sb(1, 0, key=True)))
    assert found.code is Code.UNSUPPORTED
    assert "The video codec V_THEORA is not taken." in found.message


def test_a_jump_of_more_than_a_minute_and_all_behind_it() -> None:
    after = cluster(3_600_000, sb(1, 0, key=True)) + cluster(3_600_033, sb(1, 0, key=True)) + RECORDING
    assert "jump by 3600 s" in refused(RECORDING, after).message


def test_a_jump_in_what_was_held_back_is_not_handed_on() -> None:
    recording = Recording()
    recording.feed(RECORDING + cluster(36_000_000, sb(2, 0)))
    assert recording.finish() == []


def test_nothing_that_was_held_back_follows_a_refusal() -> None:
    recording = Recording()
    steps, _ = recording.feed(init(video_track() + audio_track(codec=b"A_FLAC")) + HELD_BACK)
    assert isinstance(steps[-1], Refusal)
    assert recording.finish() == []


# After a restart of the daemon

_whole: dict[str, list[Step]] = {}


def whole(name: str) -> list[Step]:
    """All steps of a recording fed in one piece."""
    if name not in _whole:
        _whole[name] = all_of([read(name)])
    return _whole[name]


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(CLEAN), st.data())
def test_resumed_at_any_unit_it_goes_on_as_if_nothing_had_been(name: str, draw: st.DataObject) -> None:
    data, steps = read(name), whole(name)
    begun, there = steps[0], units(steps)
    assert isinstance(begun, InitSegment)
    index = draw.draw(st.integers(0, len(there) - 1))
    unit = there[index]
    cuts = sorted(draw.draw(st.lists(st.integers(unit.offset, len(data)), max_size=20)))
    edges = [unit.offset, *cuts, len(data)]
    recording = Recording.resume(begun, unit.offset, unit.prefix)
    assert recording.received == unit.offset
    again = all_of((data[a:b] for a, b in zip(edges, edges[1:], strict=False)), recording)
    assert recording.received == len(data)
    assert not any(isinstance(step, InitSegment) for step in again)
    if name == ENDED:  # where it is resumed, it counts anew
        assert without_silence(units(again)) == without_silence(there[index:])
    else:
        assert units(again) == there[index:]


@pytest.mark.parametrize("name", [VP8, MP4])
def test_resumed_in_the_same_messages_its_fragments_are_the_same(name: str) -> None:
    data, begun = read(name), whole(name)[0]
    assert isinstance(begun, InitSegment)
    start = fragments(whole(name))[1]
    assert start.starts_unit
    messages = list(pieces(data[start.offset :], 20_000))
    before = all_of([data[: start.offset], *messages])
    again = all_of(messages, Recording.resume(begun, start.offset, start.prefix))
    assert again
    assert [step for step in fragments(before) if step.offset >= start.offset] == again


def test_resumed_inside_a_cluster_the_prefix_tells_its_time() -> None:
    data = init() + cluster(5000, sb(1, 0, key=True), sb(2, 5), sb(1, 500, key=True), sb(1, 533))
    steps = all_of([data])
    begun, start = steps[0], fragments(steps)[1]
    assert isinstance(begun, InitSegment) and start.prefix
    again = all_of([data[start.offset :]], Recording.resume(begun, start.offset, start.prefix))
    assert [fragment.media_time for fragment in fragments(again)] == [5.5]
    assert units(again)[0].data == start.data


def test_a_resumed_recording_has_the_jump_limit_too() -> None:
    steps, _ = Recording().feed(RECORDING)
    begun, first = steps[0], steps[1]
    assert isinstance(begun, InitSegment) and isinstance(first, Fragment)
    recording = Recording.resume(begun, first.offset, first.prefix)
    recording.feed(RECORDING[first.offset :])
    found, _ = recording.feed(cluster(3_600_000, sb(1, 0, key=True)))
    assert isinstance(found[-1], Refusal)


# Anything at all


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=200) | st.sampled_from([RECORDING, init(), JPEG, HELD_BACK]), max_size=8))
def test_no_bytes_break_it_and_none_are_counted_twice(messages: list[bytes]) -> None:
    recording, handed_back = Recording(), 0
    for message in messages:
        _, rest = recording.feed(message)
        handed_back += len(rest or b"")
    if not recording.refused:
        assert recording.received + handed_back == sum(map(len, messages))
    recording.finish()
