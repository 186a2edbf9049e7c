"""Whatever is fed: nothing is raised, nothing loops, and memory stays bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.container.splitter import Splitter
from tests.container.samples import (
    CLEAN,
    MP4,
    Seen,
    audio_track,
    bg,
    cluster,
    el,
    init,
    pieces,
    read,
    same,
    sb,
    see,
    uint,
    without_silence,
)

LIMIT = 20_000
SHORT = {name: read(name)[:30_000] for name in CLEAN}
SHORT[MP4] = read(MP4)[:120_000]


def survive(data: bytes, size: int, limit: int = LIMIT) -> Seen:
    seen = see(pieces(data, max(1, size)), Splitter(max_element=limit, max_init=limit))
    assert seen.most_buffered <= max(limit, 12) + size
    return seen


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=500), st.integers(1, 100))
def test_any_bytes(data: bytes, size: int) -> None:
    for start in (b"", init(), init() + cluster(0, sb(1, 0, True)), SHORT[MP4][:1221], SHORT[MP4]):
        same(survive(start + data, size), survive(start + data, len(start + data)))


_parts = st.one_of(
    st.builds(sb, st.integers(1, 200), st.integers(-40, 900), st.booleans(), st.integers(0, 300)),
    st.builds(bg, st.integers(1, 3), st.integers(-40, 900), st.booleans()),
    st.builds(cluster, st.integers(0, 1 << 40), known=st.just(False)),
    st.builds(cluster, st.integers(0, 5000), st.just(sb(1, 0, True)), known=st.just(True)),
    st.builds(el, st.sampled_from([0xEC, 0xBF, 0x1C53BB6B, 0x1F43B675]), st.binary(max_size=40)),
    st.builds(uint, st.just(0xE7), st.integers(0, 9000)),
    st.just(el(0x1F43B675, size=-1)),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(_parts, max_size=40), st.booleans(), st.integers(1, 400))
def test_any_elements(parts: list[bytes], audio_only: bool, size: int) -> None:
    data = (init(audio_track()) if audio_only else init()) + b"".join(parts)
    whole = survive(data, len(data), 1000)
    same(survive(data, size, 1000), whole)
    for index, unit in enumerate(whole.units):
        assert whole.init
        again = see(
            [data[unit.offset :]], Splitter.resume(whole.init, unit.offset, unit.prefix, max_element=1000)
        )
        if not whole.malformed:  # the end of a Cluster of known size is not known where it is resumed
            assert without_silence(again.units) == without_silence(whole.units[index:])


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(CLEAN), st.data())
def test_damaged_recordings(name: str, draw: st.DataObject) -> None:
    data = bytearray(SHORT[name])
    for _ in range(draw.draw(st.integers(1, 8))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at : at + draw.draw(st.integers(0, 3))] = draw.draw(st.binary(max_size=3))
    same(survive(bytes(data), 997), survive(bytes(data), len(data)))


@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_a_large_block_is_held_no_longer_than_the_limit(size: int) -> None:
    limit = 200_000
    held = [sb(2, ticks, True, size=1500) for ticks in range(12)]
    large = sb(1, 30, True, size=limit - 100)
    stream = init() + cluster(0, sb(1, 0, True)) + cluster(10, *held, large, sb(1, 60))
    seen = see(pieces(stream, size), Splitter(max_element=limit))
    assert seen.stream() == stream and seen.units[1].prefix
    assert seen.most_buffered <= limit
    refused = see(pieces(stream, size), Splitter(max_element=limit - 200))
    assert refused.malformed and "claims" in refused.malformed.message
    assert refused.most_buffered <= 20_000 + size
