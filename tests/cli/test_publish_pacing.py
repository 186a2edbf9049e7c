"""From a file's bytes to messages with a time: pure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.container.model import Fragment
from ingestd.container.splitter import Splitter
from ingestd.publish.pacing import MAX_SLICE, TIMESLICE, Pacer, Slice
from tests.cli.sink import RECORDINGS, VP8, tiny

CLEAN = sorted(RECORDINGS.glob("*.json"))
FILES = {path.name.removesuffix(".json"): (RECORDINGS / path.stem).read_bytes() for path in CLEAN}
DAMAGED = RECORDINGS / "BAD_dangling-A3-before-cluster.webm"

sizes = st.lists(st.integers(1, 300_000), min_size=1, max_size=20)


def pace(data: bytes, pieces: list[int] | None = None, pacer: Pacer | None = None) -> list[Slice]:
    pacer, found, at, turn = pacer or Pacer(), [], 0, 0
    while at < len(data):
        size = pieces[turn % len(pieces)] if pieces else len(data)
        found += pacer.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    return found + pacer.finish()


def join(slices: list[Slice]) -> bytes:
    return b"".join(piece.data for piece in slices)


def check(slices: list[Slice]) -> None:
    dues = [piece.due for piece in slices]
    assert dues == sorted(dues)
    assert all(0 < len(piece.data) <= MAX_SLICE for piece in slices)


def length(data: bytes) -> float:
    fragments = [event for event in Splitter().feed(data) if isinstance(event, Fragment)]
    return max(one.end_time for one in fragments) - fragments[0].media_time


@pytest.mark.parametrize("name", FILES)
def test_a_recording_takes_as_long_as_it_is(name: str) -> None:
    slices = pace(FILES[name])
    check(slices)
    assert join(slices) == FILES[name]
    assert slices[-1].due == pytest.approx(length(FILES[name]), abs=0.6)  # a held Cluster may come first
    assert len(slices) == pytest.approx(slices[-1].due / TIMESLICE, abs=3)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(FILES)), sizes, st.integers(0, 5))
def test_every_byte_once_wherever_the_file_is_read(name: str, pieces: list[int], seed: int) -> None:
    data = FILES[name][:200_000]  # and it may end anywhere
    slices = pace(data, pieces, Pacer(seed=seed))
    check(slices)
    assert join(slices) == data


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=4096) | st.binary(max_size=400).map(lambda tail: FILES[VP8.name][:9000] + tail))
def test_whatever_the_bytes_are(data: bytes) -> None:
    pacer = Pacer()
    slices = pace(data, pacer=pacer)
    check(slices)
    if pacer.malformed:
        assert join(slices) == data[: len(join(slices))]
        assert len(join(slices)) <= pacer.malformed.offset
    else:
        assert join(slices) == data


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_changed_bytes_are_never_waited_for_without_end(name: str, data: st.DataObject) -> None:
    changed = bytearray(FILES[name][:60_000])
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), max_size=8)):
        changed[at] = data.draw(st.integers(0, 255))
    slices = pace(bytes(changed))
    check(slices)
    assert bytes(changed).startswith(join(slices))


def test_the_same_seed_cuts_alike_and_another_does_not() -> None:
    cuts = [[len(piece.data) for piece in pace(FILES[VP8.name], pacer=Pacer(seed=n))] for n in (1, 1, 2)]
    assert cuts[0] == cuts[1] != cuts[2]


def test_most_messages_end_one_byte_into_the_next_element() -> None:
    data = FILES[VP8.name]
    edges, splitter = set(), Splitter()
    for at in range(len(data)):
        for event in splitter.feed(data[at : at + 1]):
            if isinstance(event, Fragment):
                edges.add(event.offset + len(event.data))
    ends, position = [], 0
    for piece in pace(data):
        position += len(piece.data)
        ends.append(position)
    beyond = sum(end - 1 in edges for end in ends)
    assert len(ends) / 2 < beyond < len(ends)


def test_the_timeslice_is_a_choice() -> None:
    data = FILES[VP8.name]
    assert len(pace(data, pacer=Pacer(timeslice=1.0))) < len(pace(data)) / 3


def test_a_file_of_two_recordings_goes_on_where_the_first_ends() -> None:
    parts = [FILES[f"vp8_restart-part{number}.webm"] for number in (1, 2)]
    slices = pace(b"".join(parts), [7777])
    check(slices)
    assert join(slices) == b"".join(parts)
    assert slices[-1].due == pytest.approx(sum(map(length, parts)), abs=1)


@settings(deadline=None, max_examples=40)
@given(
    sizes,
    st.sampled_from(
        ["vp8_audiotrack-ends-2.5s.webm", "vp8_restart-part1.webm", "canvas-alpha-vp8_BlockGroup_resize.webm"]
    ),
)
def test_no_slice_has_bytes_of_two_recordings(pieces: list[int], name: str) -> None:
    """Nor where silence, or a Cluster header of its own, makes the splitter's ends inexact."""
    parts = [FILES[name][:250_000], FILES[name][:90_000]]
    slices = pace(parts[0][: whole(parts[0])] + parts[1], pieces)
    (second,) = (number for number, piece in enumerate(slices) if number and piece.begins)
    assert slices[0].begins
    assert join(slices[:second]) == parts[0][: whole(parts[0])]
    assert join(slices[second:]) == parts[1]
    assert slices[second].init is not None or slices[second].due == slices[-1].due


def test_nothing_goes_out_that_could_belong_to_the_next_recording(tmp_path: Path) -> None:
    """FFmpeg's Clusters have another header than the one that the splitter hands on."""
    data = tiny(tmp_path).read_bytes()
    pacer, splitter, sent = Pacer(timeslice=0.01), Splitter(), 0
    for at in range(0, len(data), 100):
        piece = data[at : at + 100]
        splitter.feed(piece)
        sent += len(join(pacer.feed(piece)))
        assert sent <= at + len(piece) - splitter.buffered


def whole(data: bytes) -> int:
    """Up to where the elements of a recording are whole."""
    splitter = Splitter()
    splitter.feed(data)
    return len(data) - splitter.buffered


def test_a_pass_starts_where_the_last_one_ended() -> None:
    first = Pacer()
    pace(FILES[VP8.name], pacer=first)
    second = Pacer(start=first.end)
    slices = pace(FILES[VP8.name], pacer=second)
    assert slices[0].due == first.end + TIMESLICE
    assert second.end == pytest.approx(2 * first.end)


def test_a_gap_in_the_time_stamps_is_closed_up() -> None:
    """Servers drop whoever is silent for ten seconds."""
    data = FILES[VP8.name]
    cluster = bytes.fromhex("1f43b67501ffffffffffffffe7")
    second = data.index(cluster, data.index(cluster) + 1)
    width = data[second + len(cluster)] - 0x80
    stamp = second + len(cluster) + 1
    late = int.from_bytes(data[stamp : stamp + width], "big") + 60_000
    if width < 3:  # a longer time stamp has to be given room
        body = cluster + bytes([0x83]) + late.to_bytes(3, "big")
        data = data[:second] + body + data[stamp + width :]
    third = data.index(cluster, second + 20)
    slices = pace(data[:third])
    assert join(slices) == data[:third]
    assert slices[-1].due < 10


def test_one_fragment_is_spread_over_its_time() -> None:
    data = FILES["mp4-avc1-opus_ts250_kf1000.mp4"]
    sizes = [len(piece.data) for piece in pace(data)[:4]]
    assert max(sizes) - min(sizes) <= 1


def test_a_large_recording_comes_in_messages_of_a_megabyte() -> None:
    data = FILES[VP8.name]
    slices = pace(data, pacer=Pacer(timeslice=100.0))
    check(slices)
    assert [len(piece.data) for piece in slices][0] == MAX_SLICE
    assert join(slices) == data


def test_what_stands_before_the_damage_is_handed_on() -> None:
    pacer, data = Pacer(), DAMAGED.read_bytes()
    slices = pace(data, [5000], pacer)
    assert pacer.malformed
    assert join(slices) == data[: pacer.malformed.offset]
    assert pacer.feed(data) == []
