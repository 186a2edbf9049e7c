"""Matroska that no browser writes, made by hand: each rule of the splitter by itself."""

from __future__ import annotations

import pytest

from ingestd.container.matroska import cluster_header
from ingestd.container.splitter import Splitter
from tests.container.samples import (
    UNKNOWN,
    audio_track,
    bg,
    cluster,
    ebml,
    el,
    head,
    init,
    pieces,
    same,
    sb,
    see,
    uint,
    video_track,
)

VOID = el(0xEC, bytes(20))
CUES = el(0x1C53BB6B, bytes(300))
CRC = el(0xBF, bytes(4))


def check(stream: bytes, resume: bool = True) -> list[tuple[float, float, bytes, bytes]]:
    """The units, which are the same however the stream is cut, and when it is resumed at them."""
    seen = see([stream])
    assert seen.init and not seen.malformed
    for size in (1, 7, 150):
        same(see(pieces(stream, size)), seen)
    for index, unit in enumerate(seen.units if resume else ()):
        again = see(pieces(stream[unit.offset :], 11), Splitter.resume(seen.init, unit.offset, unit.prefix))
        assert again.units == seen.units[index:]
    return [(u.media_time, u.end_time, u.prefix, bytes(u.data)) for u in seen.units]


def test_a_keyframe_after_audio_starts_the_unit_at_its_cluster() -> None:
    one = cluster(0, sb(1, 0, True), sb(2, 10, True), sb(1, 40))
    two = cluster(100, sb(2, 0, True), sb(2, 20, True), sb(1, 30, True), sb(1, 60))
    assert check(init() + one + two) == [(0, 0.04, b"", one), (0.13, 0.16, b"", two)]


def test_a_cluster_without_keyframe_continues_the_unit() -> None:
    one = cluster(0, sb(1, 0, True)) + cluster(100, sb(2, 0, True), sb(1, 5)) + cluster(200, sb(2, 0, True))
    assert check(init() + one) == [(0, 0.2, b"", one)]


def test_the_first_fragment_starts_a_unit_though_it_has_no_keyframe() -> None:
    one = cluster(0, sb(2, 0, True), sb(1, 5))
    two = cluster(100, sb(1, 5, True))
    assert check(init() + one + two) == [(0, 0.005, b"", one), (0.105, 0.105, b"", two)]


def test_a_keyframe_inside_a_cluster_starts_a_unit_with_a_prefix() -> None:
    one = cluster(70_000, sb(1, 0, True), sb(2, 1, True))
    two = sb(1, 50, True) + sb(2, 60, True)
    prefix = cluster_header(70_000)
    assert prefix == bytes.fromhex("1f43b67501ffffffffffffff e788 0000000000011170")
    assert check(init() + one + two) == [(70, 70.001, b"", one), (70.05, 70.06, prefix, two)]


def test_block_groups() -> None:
    one = cluster(0, bg(1, 0, True), bg(2, 10, True), bg(1, 40))
    two = cluster(100, bg(2, 0, True), bg(1, 10, True))
    assert check(init() + one + two) == [(0, 0.04, b"", one), (0.11, 0.11, b"", two)]


def test_only_the_first_video_track_counts() -> None:
    stream = cluster(0, sb(1, 0, True), sb(3, 10, True)) + cluster(100, sb(3, 0, True), sb(1, 5))
    tracks = video_track() + video_track(3)
    assert check(init(tracks) + stream) == [(0, 0.105, b"", stream)]


def test_audio_alone_starts_a_unit_at_every_cluster() -> None:
    one, two = cluster(0, sb(2, 0, True), sb(2, 20, True)), cluster(60, sb(2, 0, True, size=20))
    assert check(init(audio_track()) + one + two) == [(0, 0.02, b"", one), (0.06, 0.06, b"", two)]


@pytest.mark.parametrize(
    "audio",
    [
        [sb(2, ticks, True) for ticks in range(16)],
        [sb(2, ticks, True) for ticks in (0, 250, 500)],
        [sb(2, ticks, True, size=100_000) for ticks in range(4)],
    ],
    ids=["16 blocks", "500 ms", "256 KiB"],
)
def test_a_cluster_is_held_back_only_so_long(audio: list[bytes]) -> None:
    one = cluster(0, sb(1, 0, True)) + cluster(1000, *audio)
    two = sb(1, 550, True)
    units = check(init() + one + two)
    assert [(unit[2], unit[3]) for unit in units] == [(b"", one), (cluster_header(1000), two)]


def test_what_is_held_back_goes_out_as_soon_as_it_is_decided() -> None:
    splitter = Splitter()
    splitter.feed(init() + cluster(0, sb(1, 0, True)))
    assert splitter.feed(cluster(100, sb(2, 0, True))) == []
    assert splitter.buffered == len(cluster(100, sb(2, 0, True)))
    assert len(splitter.feed(sb(1, 3))) == 1
    assert splitter.buffered == 0


def test_clusters_of_known_size_get_a_header_of_our_own() -> None:
    blocks = [sb(1, 0, True), sb(2, 1, True), sb(1, 2), sb(1, 40, True)]
    stream = init() + cluster(0, *blocks, known=True) + CUES + cluster(100, *blocks[:3], known=True)
    body = cluster_header(0) + b"".join(blocks[:3])
    assert check(stream) == [
        (0, 0.002, b"", body),
        (0.04, 0.04, cluster_header(0), blocks[3]),
        (0.1, 0.102, b"", cluster_header(100) + b"".join(blocks[:3])),
    ]


@pytest.mark.parametrize("known", [True, False])
def test_other_children_of_a_cluster_are_dropped(known: bool) -> None:
    blocks = [sb(2, 0, True), sb(1, 1, True), sb(1, 30)]
    inside = (
        CRC + VOID + uint(0xE7, 5) + uint(0xAB, 77) + blocks[0] + VOID + CRC + blocks[1] + VOID + blocks[2]
    )
    one = el(0x1F43B675, inside + VOID, size=None if known else UNKNOWN)
    stream = init() + CUES + one + VOID + CUES + one
    body = cluster_header(5) + b"".join(blocks)
    assert check(stream) == [(0.006, 0.035, b"", body)] * 2


def test_what_is_dropped_while_a_cluster_is_held_back() -> None:
    blocks = [sb(2, 0, True), VOID, sb(2, 1, True), VOID, sb(1, 2, True)]
    one, two = cluster(0, sb(1, 0, True)), cluster(100, *blocks)
    kept = two.replace(VOID, b"")
    assert check(init() + one + two) == [(0, 0, b"", one), (0.102, 0.102, b"", kept)]


def test_large_elements_are_dropped_without_being_held() -> None:
    large = el(0x1941A469, bytes(500_000))
    one, two = cluster(0, sb(1, 0, True)), cluster(100, sb(2, 0, True), large[:0], sb(1, 1, True))
    stream = init() + one + large + two
    seen = see(pieces(stream, 1000), Splitter(max_element=10_000))
    assert bytes(seen.units[0].data) == one and bytes(seen.units[1].data) == two
    assert seen.most_buffered < 1000
    inside = el(0xEC, bytes(300_000))
    seen = see(pieces(init() + cluster(0, sb(2, 0, True), inside, sb(1, 0, True)), 1000))
    assert bytes(seen.units[0].data) == cluster(0, sb(2, 0, True), sb(1, 0, True))
    assert seen.most_buffered < 1000


def test_a_cluster_without_blocks_is_dropped() -> None:
    one = cluster(0, sb(1, 0, True))
    for empty in (cluster(50), el(0x1F43B675, size=UNKNOWN), cluster(50, known=True), el(0x1F43B675)):
        assert check(init() + empty + one + empty + one + empty)[1:] == [(0, 0, b"", one)]


def test_lacing_and_sizes_of_any_width() -> None:
    laced = el(0xA3, head(1, 5, 0x06) + bytes(300))
    sizes = [
        sb(1, 10, size=9),
        sb(2, 11, size=60),
        sb(1, 12, size=30_000),
        sb(1, 13, width=8),
        sb(2, 14, width=4),
    ]
    one = cluster(0, sb(1, 0, True), laced, *sizes)
    assert check(init() + one) == [(0, 0.014, b"", one)]


def test_large_track_numbers_and_negative_times() -> None:
    tracks = video_track(300) + audio_track(2)
    one = cluster(1000, sb(300, 0, True), sb(2, -50), sb(300, 20))
    two = sb(300, 40, True)
    prefix = cluster_header(1000)
    assert check(init(tracks) + one + two) == [(1, 1.02, b"", one), (1.04, 1.04, prefix, two)]


def test_cluster_headers_of_any_width_are_handed_on_as_they_came() -> None:
    for head_of_cluster in (b"\x1f\x43\xb6\x75\xff\xe7\x81\x05", b"\x1f\x43\xb6\x75\x7f\xff\xe7\x40\x01\x05"):
        one = head_of_cluster + sb(1, 0, True) + sb(2, 1, True)
        assert check(init() + one + one) == [(0.005, 0.006, b"", one)] * 2


def test_timestamp_scale() -> None:
    one = cluster(96_000, sb(1, 4800, True))
    assert check(init(scale=20_833) + one) == [(2.0999664, 2.0999664, b"", one)]


def test_times_that_make_no_sense_are_told_as_they_are() -> None:
    one, two = cluster((1 << 64) - 1, sb(1, 32767, True)), cluster(7, sb(1, 0, True))
    times = [unit[0] for unit in check(init() + one + two)]
    assert times == [pytest.approx(1.8446744e16), 0.007]


def test_a_segment_of_known_size_becomes_one_of_unknown_size() -> None:
    body = init(extra=VOID)[len(ebml()) + 12 :]
    for width in (1, 4, 8):
        seen = see([ebml() + el(0x18538067, body, width=width) + cluster(0, sb(1, 0, True))])
        assert seen.init
        unknown = b"\x18\x53\x80\x67" + bytes((0x1FF >> width,)) + b"\xff" * (width - 1)
        assert seen.init.data == ebml() + unknown + body


def test_a_second_timestamp_is_dropped() -> None:
    stream = init() + cluster(9, sb(1, 0, True), uint(0xE7, 500), sb(1, 1))
    assert check(stream) == [(0.009, 0.01, b"", cluster(9, sb(1, 0, True), sb(1, 1)))]


def test_a_second_recording_ends_this_one() -> None:
    one = init() + cluster(0, sb(1, 0, True)) + cluster(10, sb(2, 0, True))
    seen = see([one + ebml(), b"more"])
    assert seen.stream() == one
    assert seen.rest == ebml()
    splitter = Splitter()
    splitter.feed(one + ebml())
    assert splitter.feed(one) == [] and splitter.finish() == []


def test_an_element_that_is_not_whole_is_dropped_at_the_end() -> None:
    one = cluster(0, sb(1, 0, True))
    for cut in (sb(1, 1)[:50], cluster(9)[:3], cluster(9)[:13], cluster(900)[:14], bg(1, 0)[:20]):
        assert see([init() + one + cut]).stream() == init() + one


@pytest.mark.parametrize(
    ("tail", "says"),
    [
        (sb(1, 0), "outside of any Cluster"),
        (cluster(0, sb(1, 0), known=True) + bg(1, 0), "outside of any Cluster"),
        (el(0x1F43B675, sb(1, 0), size=UNKNOWN), "before the Timestamp"),
        (cluster(0, sb(1, 0), b"\xa3" + cluster(1, sb(1, 0))), "cut off before the next Cluster"),
        (cluster(0, sb(1, 0), el(0xA3, bytes(3))), "too short for its own header"),
        (cluster(0, el(0xA3)), "too short for its own header"),
        (cluster(0, el(0xA3, bytes(30))), "too short for its own header"),
        (cluster(0, el(0xA0, uint(0xFB, 3))), "has no Block"),
        (cluster(0, el(0xA0, b"\xa1\x90")), "reaches past the end"),
        (cluster(0, el(0xA0, b"\xa1\xff")), "reaches past the end"),
        (cluster(0, el(0xA3, size=UNKNOWN)), "unknown size"),
        (cluster(0, el(0xEC, size=UNKNOWN)), "unknown size"),
        (el(0x1F43B675, el(0xE7, size=UNKNOWN), size=UNKNOWN), "unknown size"),
        (cluster(0, el(0xA3, size=17 << 20)), "claims 17,825,792 bytes"),
        (cluster(0, el(0xEC, size=2 << 30)), "claims"),
        (cluster(0, el(0x4DBB, size=17 << 20)), "claims"),
        (cluster(0, b"\x00\x00\x00\x00"), "cannot start with 00"),
        (cluster(0, b"\xa3\x00\x00\x00"), "longer than eight bytes"),
        (el(0x1F43B675, el(0xE7, bytes(9)), size=UNKNOWN), "longer than eight bytes"),
        (el(0x1F43B675, VOID + el(0xE7, bytes(9)), size=UNKNOWN), "longer than eight bytes"),
        (el(0x1F43B675, uint(0xE7, 0) + sb(1, 0), size=50), "past the end of its Cluster"),
        (el(0x1F43B675, uint(0xE7, 0) + sb(1, 0) + VOID, size=120), "past the end of its Cluster"),
        (el(0x1F43B675, uint(0xE7, 0) + VOID, size=10), "past the end of its Cluster"),
        (el(0x1F43B675, uint(0xE7, 300), size=2), "past the end of its Cluster"),
        (el(0x1F43B675, CRC + uint(0xE7, 300), size=7), "past the end of its Cluster"),
        (el(0x18538067, size=9), "A second Segment"),
    ],
)
def test_malformed(tail: bytes, says: str) -> None:
    before = init() + cluster(0, sb(1, 0, True)) + CUES
    seen = see([before + tail])
    assert seen.malformed and says in seen.malformed.message
    assert len(before) <= seen.malformed.offset <= len(before + tail)
    assert seen.stream().startswith(before.replace(CUES, b""))
    for size in (1, 13):
        same(see(pieces(before + tail, size)), seen)
    splitter = Splitter()
    splitter.feed(before + tail)
    assert splitter.feed(before) == [] and splitter.finish() == [] and splitter.buffered == 0


def test_what_was_whole_before_the_damage_is_handed_on() -> None:
    good = init() + cluster(0, sb(1, 0, True)) + cluster(10, sb(2, 0, True))
    assert see([good + b"\0"]).stream() == good
