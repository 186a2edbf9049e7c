"""What browsers really record, cut as they cut it, and in every other way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.container.model import TrackKind
from ingestd.container.splitter import Splitter
from tests.container.samples import (
    CLEAN,
    ENDED,
    MP4,
    SILENT,
    VP8,
    Seen,
    blobs,
    decodes,
    key_times,
    pieces,
    read,
    run,
    same,
    see,
    silent,
    without_silence,
)

FACTS = {  # container, units, first track, bytes of the init segment
    "audioonly-opus_ts250.webm": ("matroska", 17, "opus", 146),
    "canvas-alpha-vp8_BlockGroup_resize.webm": ("matroska", 4, "vp8", 208),
    "h264annexb-opus_ts250_kf2000.mkv": ("matroska", 5, "h264", 195),
    "mp4-avc1-opus_ts250_kf1000.mp4": ("mp4", 6, "h264", 1221),
    "tabcapture-vp8_audiotrack1_resize900x700.webm": ("matroska", 4, "opus", 208),
    "videoonly-vp8_ts250_gop-long-clusters.webm": ("matroska", 2, "vp8", 126),
    "vp8-opus_ts100_defaultkf.webm": ("matroska", 4, "vp8", 189),
    "vp8-opus_ts250_kf2000.webm": ("matroska", 5, "vp8", 189),
    "vp8_audiotrack-ends-2.5s.webm": ("matroska", 2, "vp8", 189),
    "vp8_firstblob-1byte_lowfps.webm": ("matroska", 6, "vp8", 189),
    "vp8_pause2500-resume5000.webm": ("matroska", 1, "vp8", 189),
    "vp8_restart-part1.webm": ("matroska", 1, "vp8", 189),
    "vp8_restart-part2.webm": ("matroska", 1, "vp8", 189),
    "vp8_tracks-disabled_rfps1000.webm": ("matroska", 4, "vp8", 189),
}
DECODED = [VP8, MP4, "h264annexb-opus_ts250_kf2000.mkv", "canvas-alpha-vp8_BlockGroup_resize.webm"]
DECODED += ["tabcapture-vp8_audiotrack1_resize900x700.webm", "audioonly-opus_ts250.webm"]

_whole: dict[str, Seen] = {}


def whole(name: str) -> Seen:
    if name not in _whole:
        _whole[name] = see([read(name)])
    return _whole[name]


def test_every_recording_has_its_facts() -> None:
    assert sorted(FACTS) == CLEAN


@pytest.mark.parametrize("name", CLEAN)
def test_facts(name: str) -> None:
    seen = whole(name)
    assert seen.init and not seen.malformed and seen.rest is None
    facts = (seen.init.container, len(seen.units), seen.init.tracks[0].codec, len(seen.init.data))
    assert facts == FACTS[name]
    stream = seen.stream()
    assert (SILENT.sub(b"", stream) if name == ENDED else stream) == read(name), "not a byte is lost"


@pytest.mark.parametrize("name", CLEAN)
def test_tracks_are_those_that_ffprobe_finds(name: str) -> None:
    init = whole(name).init
    assert init
    argv = ("ffprobe", "-v", "quiet", "-show_streams", "-of", "json", "-i", "pipe:")
    streams = json.loads(run(*argv, given=read(name)).stdout)["streams"]
    assert [(t.kind, t.codec) for t in init.tracks] == [(s["codec_type"], s["codec_name"]) for s in streams]
    for track, stream in zip(init.tracks, streams, strict=True):
        if track.kind is TrackKind.VIDEO:
            assert (track.width, track.height) == (stream["width"], stream["height"])
        else:
            assert (track.channels, track.sample_rate) == (stream["channels"], int(stream["sample_rate"]))


@pytest.mark.parametrize("name", CLEAN)
def test_units_start_at_the_keyframes_that_ffprobe_finds(name: str) -> None:
    seen = whole(name)
    assert seen.init
    if seen.init.video:
        assert [unit.media_time for unit in seen.units] == pytest.approx(key_times(read(name)), abs=1e-6)
    else:
        assert len(seen.units) == read(name).count(bytes.fromhex("1f43b675"))


@pytest.mark.parametrize("name", CLEAN)
def test_times_grow(name: str) -> None:
    units = whole(name).units
    assert all(unit.media_time < unit.end_time for unit in units)
    assert all(a.end_time <= b.media_time + 0.1 for a, b in zip(units, units[1:], strict=False))


@pytest.mark.parametrize("name", CLEAN)
def test_at_the_browsers_own_boundaries(name: str) -> None:
    seen = see(blobs(name))
    same(seen, whole(name))
    # one fragment for each blob, but where a unit starts, a Cluster was held back or silence put in
    most = len(list(blobs(name))) + len(seen.units) + 1
    assert len(seen.fragments) <= most + 2 * len(silent(seen))


@pytest.mark.parametrize("name", CLEAN)
def test_byte_by_byte(name: str) -> None:
    data = read(name)[:120_000]
    same(see(pieces(data)), see([data]))


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(CLEAN), st.data())
def test_at_any_boundaries(name: str, draw: st.DataObject) -> None:
    data = read(name)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=60)))
    same(see(data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)), whole(name))


@pytest.mark.parametrize("name", CLEAN)
def test_resume_at_every_unit(name: str) -> None:
    data, seen = read(name), whole(name)
    assert seen.init
    for index, unit in enumerate(seen.units):
        splitter = Splitter.resume(seen.init, unit.offset, unit.prefix)
        again = see(pieces(data[unit.offset :], 50_000), splitter)
        assert again.init is None and not again.malformed
        if name == ENDED:  # where it is resumed, it counts anew
            assert without_silence(again.units) == without_silence(seen.units[index:])
        else:
            assert again.units == seen.units[index:]


@pytest.mark.parametrize("name", DECODED)
def test_each_unit_decodes_by_itself(name: str) -> None:
    seen = whole(name)
    assert seen.init
    for index in range(min(5, len(seen.units))):
        decodes(seen.stream(index, index + 1), seen.init.container)


@pytest.mark.parametrize("name", [VP8, MP4])
def test_all_from_a_unit_on_decodes(name: str) -> None:
    seen = whole(name)
    assert seen.init
    decodes(seen.stream(3), seen.init.container)


def test_good_file_from_a_key_cluster_on() -> None:
    seen = see([read("GOOD_init+keycluster.webm")])
    assert [unit.media_time for unit in seen.units] == [2.033, 4.066, 6.099, 8.099]
    assert seen.stream() == read("GOOD_init+keycluster.webm")


def test_a_cut_off_block_is_refused_and_not_handed_on() -> None:
    seen = see(pieces(read("BAD_dangling-A3-before-cluster.webm"), 10_000))
    assert seen.malformed and seen.malformed.offset == 277_741
    assert "cut off before the next Cluster" in seen.malformed.message
    assert seen.stream() == read("BAD_dangling-A3-before-cluster.webm")[:277_741]


def test_a_second_recording_is_handed_back() -> None:
    one, two = read("vp8_restart-part1.webm"), read("vp8_restart-part2.webm")
    seen = see([one[:100_000], one[100_000:] + two[:5000], two[5000:]])
    assert seen.stream() == one
    assert seen.rest == two[:5000]


def test_fed_bytes_are_not_copied() -> None:
    data = read(VP8)
    assert all(fragment.data.obj is data for fragment in see([data]).fragments)
    views = [f.data for f in see([memoryview(data)]).fragments]
    assert all(view.obj is data for view in views)
