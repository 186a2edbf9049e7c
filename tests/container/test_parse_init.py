"""An init segment that was kept by itself: read again as it was, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.container.splitter import Splitter, parse_init
from tests.container.samples import CLEAN, MP4, VP8, cluster, init, read, same, sb, see, video_track


@pytest.mark.parametrize("name", CLEAN)
def test_the_init_segment_of_every_recording(name: str) -> None:
    begun = see([read(name)]).init
    assert begun is not None
    assert parse_init(begun.data) == begun


@pytest.mark.parametrize("name", CLEAN)
def test_a_recording_is_resumed_with_it(name: str) -> None:
    data = read(name)
    whole = see([data])
    assert whole.init
    begun, unit = parse_init(whole.init.data), whole.units[-1]
    assert begun is not None
    again = see([data[unit.offset :]], Splitter.resume(begun, unit.offset, unit.prefix))
    same(again, see([data[unit.offset :]], Splitter.resume(whole.init, unit.offset, unit.prefix)))


def test_one_made_by_hand() -> None:
    for data in (init(), init(video_track())):
        found = parse_init(data)
        assert found is not None
        assert (found.data, found.container) == (data, "matroska")


@pytest.mark.parametrize("name", [VP8, MP4])
def test_a_part_of_one_is_none(name: str) -> None:
    begun = see([read(name)]).init
    assert begun is not None
    assert [size for size in range(len(begun.data)) if parse_init(begun.data[:size])] == []


@pytest.mark.parametrize("name", [VP8, MP4])
def test_one_with_more_behind_it_is_none(name: str) -> None:
    begun = see([read(name)]).init
    assert begun is not None
    size = len(begun.data)
    for more in (1, 7, 8, 50, 5000):
        assert parse_init(read(name)[: size + more]) is None
    assert parse_init(begun.data + begun.data) is None
    assert parse_init(init() + cluster(0, sb(1, 0, key=True))) is None


@pytest.mark.parametrize("data", [b"", b"\0" * 200, b"\x1aE\xdf\xa3", b"no init segment"])
def test_what_is_none(data: bytes) -> None:
    assert parse_init(data) is None


@settings(deadline=None, max_examples=100)
@given(st.sampled_from([VP8, MP4]), st.data())
def test_a_changed_one_is_none_or_exactly_these_bytes(name: str, draw: st.DataObject) -> None:
    begun = see([read(name)[:100_000]]).init
    assert begun is not None
    data = bytearray(begun.data)
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    found = parse_init(bytes(data))
    assert found is None or found.data == data
