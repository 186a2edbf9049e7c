"""FLV in pieces, and runs strung together on one time line."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.push.amf import Malformed
from ingestd.push.flv import Splitter, Tag, Timeline
from ingestd.push.rtmp import AUDIO, DATA, VIDEO

HEADER = b"FLV\x01\x05" + (9).to_bytes(4, "big") + bytes(4)


def flv(*tags: Tag) -> bytes:
    made = HEADER
    for tag in tags:
        time = (tag.time & 0xFFFFFF).to_bytes(3, "big") + bytes([tag.time >> 24])
        made += bytes([tag.kind]) + len(tag.data).to_bytes(3, "big") + time + bytes(3) + tag.data
        made += (len(tag.data) + 11).to_bytes(4, "big")
    return made


@given(st.integers(1, 60))
def test_tags_in_whatever_pieces(step: int) -> None:
    tags = [Tag(DATA, 0, b"meta"), Tag(VIDEO, 33, bytes(70)), Tag(AUDIO, 0x12345678, b"")]
    data, splitter = flv(*tags), Splitter()
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    assert [tag for piece in pieces for tag in splitter.feed(piece)] == tags


def test_what_is_no_flv() -> None:
    with pytest.raises(Malformed):
        list(Splitter().feed(b"no FLV, whatever it is"))


def placed(*runs: list[Tag]) -> list[Tag]:
    timeline, found = Timeline(), []
    for run in runs:
        timeline.begin_run()
        found += [timeline.place(tag) for tag in run]
    return found


def run(start: int, pictures: int = 3) -> list[Tag]:
    """Pictures every 40 ms, and sound 10 ms after each."""
    moments = [start + 40 * number for number in range(pictures)]
    return [tag for moment in moments for tag in (Tag(VIDEO, moment, b"v"), Tag(AUDIO, moment + 10, b"a"))]


def test_a_run_goes_on_a_picture_after_the_last() -> None:
    found = placed(run(5000), run(0), run(900_000))
    pictures = [tag.time for tag in found if tag.kind == VIDEO]
    assert pictures[:3] == [0, 40, 80]
    assert [after - before for before, after in pairwise(pictures)] == [40, 40, 50, 40, 40, 50, 40, 40]


def test_within_a_run_sound_and_picture_keep_their_distance() -> None:
    times = [tag.time for tag in placed(run(0), run(7))]
    assert [sound - picture for picture, sound in zip(times[::2], times[1::2], strict=True)] == [10] * 6


def test_data_takes_the_time_of_where_it_stands() -> None:
    found = placed([Tag(DATA, 0, b""), *run(0)], [Tag(DATA, 0, b""), *run(0)])
    assert found[0].time == 0 and found[7].time == found[8].time


TAGS = st.lists(st.tuples(st.sampled_from([AUDIO, VIDEO, DATA]), st.integers(0, 10**6)), max_size=8)


@given(st.lists(TAGS, max_size=4))
def test_time_never_goes_back(runs: list[list[tuple[int, int]]]) -> None:
    found = placed(*[[Tag(kind, time, b"") for kind, time in one] for one in runs])
    for kind in (AUDIO, VIDEO):
        times = [tag.time for tag in found if tag.kind == kind]
        assert times == sorted(times) and all(time >= 0 for time in times)
