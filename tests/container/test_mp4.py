"""Fragmented MP4, made by hand: each rule of the splitter by itself."""

from __future__ import annotations

import struct

import pytest

from ingestd.container.model import Track, TrackKind
from ingestd.container.splitter import Splitter
from tests.container.samples import MP4, box, full, pieces, read, same, see

FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso5")
SYNC, NON_SYNC = 0x2000000, 0x1010000


def visual(kind: bytes = b"avc1") -> bytes:
    return box(kind, bytes(24) + struct.pack(">HH", 64, 48) + bytes(50))


def sound(kind: bytes = b"mp4a") -> bytes:
    return box(kind, bytes(16) + struct.pack(">HHHHI", 2, 16, 0, 0, 48000 << 16))


def trak(number: int, handler: bytes, entry: bytes, scale: int, version: int = 0, drop: bytes = b"") -> bytes:
    dates = (0, 0) if version == 0 else (0, 0, 0, 0)
    stsd = box(b"stsd", struct.pack(">II", 0, 1) + entry)
    mdia = full(b"mdhd", 0, *dates, scale, version=version)
    mdia += box(b"hdlr", bytes(8) + handler + bytes(13)) + box(b"minf", box(b"stbl", stsd))
    body = full(b"tkhd", 3, *dates, number, version=version) + box(b"mdia", mdia)
    return box(b"trak", body.replace(drop, b"free") if drop else body)


VIDEO, AUDIO = trak(1, b"vide", visual(), 1000), trak(2, b"soun", sound(), 48000, 1)
MVEX = box(
    b"mvex", full(b"mehd", 0, 0) + full(b"trex", 0, 1, 1, 40, 0, NON_SYNC) + full(b"trex", 0, 2, 1, 960, 0, 0)
)


def init(tracks: bytes = VIDEO + AUDIO, mvex: bytes = MVEX) -> bytes:
    return FTYP + box(b"moov", full(b"mvhd", 0) + tracks + mvex)


def traf(track: int, time: int | None, *truns: bytes, tfhd: bytes = b"", version: int = 0) -> bytes:
    head = tfhd or full(b"tfhd", 0x20000, track)
    long = () if version == 0 else (0,)
    tfdt = b"" if time is None else full(b"tfdt", 0, *long, time, version=version)
    return box(b"traf", head + tfdt + b"".join(truns))


def pair(*trafs: bytes, media: bytes = bytes(40)) -> bytes:
    return box(b"moof", full(b"mfhd", 0, 1) + b"".join(trafs)) + box(b"mdat", media)


KEY = full(b"trun", 0x004, 2, SYNC)  # first-sample-flags
REST = full(b"trun", 0x000, 2)  # the trex says: no keyframe


def check(stream: bytes) -> list[tuple[float, float, bytes]]:
    seen = see([stream])
    assert seen.init and not seen.malformed, seen.malformed
    for size in (1, 7, 150):
        same(see(pieces(stream, size)), seen)
    return [(u.media_time, u.end_time, bytes(u.data)) for u in seen.units]


@pytest.mark.parametrize(
    ("trun", "tfhd", "key"),
    [
        (KEY, b"", True),
        (REST, b"", False),
        (full(b"trun", 0x400, 2, SYNC, NON_SYNC), b"", True),
        (full(b"trun", 0x700, 2, 40, 9, NON_SYNC, 40, 9, SYNC), b"", False),
        (full(b"trun", 0x000, 2), full(b"tfhd", 0x20020, 1, SYNC), True),
        (full(b"trun", 0x000, 2), full(b"tfhd", 0x2003A, 1, 1, 40, 9, SYNC), True),
        (full(b"trun", 0x004, 2, NON_SYNC), full(b"tfhd", 0x20020, 1, SYNC), False),
        (full(b"trun", 0x000, 0) + KEY, b"", True),
        (KEY + REST, b"", True),
        (b"", b"", False),
    ],
)
def test_where_a_keyframe_is_said_to_be(trun: bytes, tfhd: bytes, key: bool) -> None:
    one = pair(traf(1, 0, KEY))
    two = pair(traf(1, 80, trun, tfhd=tfhd))
    assert len(check(init() + one + two)) == 1 + key


def test_times() -> None:
    one = pair(traf(1, 500, KEY, version=1), traf(2, 24000, full(b"trun", 0, 10)))
    two = pair(traf(1, 580, full(b"trun", 0x304, 2, SYNC, 33, 9, 34, 9)))
    three = pair(traf(1, None, full(b"trun", 0x004, 1, SYNC), tfhd=full(b"tfhd", 0x8, 1, 17)))
    times = [unit[:2] for unit in check(init() + one + two + three)]
    assert times == [(0.5, 0.7), (0.58, 0.647), (0.647, pytest.approx(0.664))]


def test_a_fragment_without_video_continues_the_unit() -> None:
    parts = [pair(traf(1, 0, KEY)), pair(traf(2, 0, REST)), pair(traf(1, 80, REST))]
    assert check(init() + b"".join(parts)) == [(0, 0.16, b"".join(parts))]
    assert len(see([init() + b"".join(parts)]).fragments) == 1


def test_the_first_fragment_starts_a_unit_whatever_it_is() -> None:
    one, two = pair(traf(2, 0, REST)), pair(traf(1, 0, KEY))
    assert [unit[2] for unit in check(init() + one + two)] == [one, two]


def test_audio_alone_starts_a_unit_at_every_moof() -> None:
    one, two = pair(traf(2, 0, REST)), pair(traf(2, 1920, REST))
    assert check(init(AUDIO) + one + two) == [(0, 0.04, one), (0.04, 0.08, two)]


def test_other_boxes_are_dropped() -> None:
    one, two = pair(traf(1, 0, KEY)), pair(traf(1, 80, REST))
    styp = box(b"styp", bytes(8)) + box(b"sidx", bytes(30)) + box(b"\xa9abc")
    large = box(b"free", bytes(100_000))
    stream = (
        FTYP + large[:0] + init()[len(FTYP) :] + styp + one + large + styp + two + box(b"mfra", bytes(30))
    )
    assert check(stream) == [(0, 0.16, one + two)]
    assert see(pieces(stream, 1000), Splitter(max_element=5000)).most_buffered < 2000


def test_boxes_with_sizes_of_64_bits() -> None:
    small = pair(traf(1, 0, KEY), media=b"")[:-8]
    one = small + struct.pack(">I4sQ", 1, b"mdat", 56) + bytes(40)
    assert check(init() + one) == [(0, 0.08, one)]


def test_base_data_offsets_are_taken_out() -> None:
    start = len(init())
    absolute = full(b"tfhd", 0x39, 1, 0, start, 40, 9, SYNC)
    one = pair(traf(1, 0, REST, tfhd=absolute), traf(2, 0, REST))
    two = pair(traf(1, 80, REST))
    relative = full(b"tfhd", 0x20038, 1, 40, 9, SYNC) + box(b"free")
    assert len(relative) == len(absolute)
    moved = pair(traf(1, 0, REST, tfhd=relative), traf(2, 0, REST))
    assert check(init() + one + two) == [(0, 0.16, moved + two)]
    assert check(init() + two + one + two)[1] == (0, 0.16, moved + two)
    inside = absolute.replace(struct.pack(">3I", 40, 9, SYNC), struct.pack(">3I", 40, 9, NON_SYNC))
    assert len(check(init() + two + pair(traf(1, 160, REST, tfhd=inside)))) == 1


def test_tracks() -> None:
    subtitles = trak(7, b"text", box(b"tx3g", bytes(40)), 1000)
    entries = [visual(k) for k in (b"avc3", b"hvc1", b"vp09", b"av01", b"mp4v")]
    videos = b"".join(trak(10 + i, b"vide", entry, 1000) for i, entry in enumerate(entries))
    seen = see([init(subtitles + AUDIO + videos + trak(3, b"soun", sound(b"Opus"), 9))])
    assert seen.init and seen.init.data == init(
        subtitles + AUDIO + videos + trak(3, b"soun", sound(b"Opus"), 9)
    )
    assert seen.init.tracks[0] == Track(2, TrackKind.AUDIO, "aac", channels=2, sample_rate=48000)
    assert seen.init.video == Track(10, TrackKind.VIDEO, "h264", 64, 48)
    assert [t.codec for t in seen.init.tracks] == ["aac", "h264", "hevc", "vp9", "av1", "mp4v", "opus"]


def test_a_second_recording_ends_this_one() -> None:
    one = pair(traf(1, 0, KEY))
    seen = see([init() + one + FTYP, init()])
    assert seen.stream() == init() + one and seen.rest == FTYP


def test_a_fragment_that_is_not_whole_is_dropped_at_the_end() -> None:
    one = pair(traf(1, 0, KEY))
    for cut in (5, 30, len(one) - 45, len(one) - 30, len(one) - 1):
        assert see([init() + one + one[:cut]]).stream() == init() + one


def test_resume() -> None:
    parts = [pair(traf(1, time, KEY), traf(2, time, REST)) for time in (0, 80, 160)]
    whole = see([init() + b"".join(parts)])
    assert whole.init
    for index, unit in enumerate(whole.units):
        again = Splitter.resume(whole.init, unit.offset, unit.prefix)
        assert see(pieces((init() + b"".join(parts))[unit.offset :], 9), again).units == whole.units[index:]


def test_the_limit_of_a_fragment() -> None:
    data = read(MP4)
    assert not see(pieces(data, 9000), Splitter(max_element=200_000)).malformed
    seen = see(pieces(data, 9000), Splitter(max_element=100_000))
    assert seen.malformed and "claims 111,154 bytes" in seen.malformed.message
    assert seen.most_buffered <= 100_000


NO_VIDEO_ENTRY = trak(1, b"vide", b"", 1000)
BAD_TFHD = struct.pack(">I4sQIIII", 1, b"tfhd", 32, 1, 1, 0, 0)


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (init(mvex=b""), "ordinary MP4 file, which is not fragmented"),
        (FTYP + box(b"free") + box(b"mdat", bytes(50)), "ordinary MP4 file"),
        (init(b""), "no video or audio track"),
        (init(trak(7, b"text", sound(), 1000)), "no video or audio track"),
        (init(trak(1, b"vide", visual(), 0)), "timescale of 0"),
        (init(trak(1, b"vide", visual(), 9, drop=b"tkhd")), "has no tkhd"),
        (init(trak(1, b"vide", visual(), 9, drop=b"mdia")), "has no mdhd"),
        (init(NO_VIDEO_ENTRY), "no sample entry"),
        (init(trak(1, b"vide", box(b"avc1", bytes(9)), 9)), "too short for its fields"),
        (FTYP + box(b"moov", box(b"trak", struct.pack(">I4s", 99, b"tkhd"))), "reaches past the end"),
        (FTYP + box(b"moov", bytes(7)), "reaches past the end"),
        (init() + b"\0\0\0\7free" + bytes(20), "claims 7 bytes"),
        (FTYP + struct.pack(">I4s", 2 << 20, b"moov"), "longer than 1,048,576"),
        (FTYP + pair(traf(1, 0, KEY)), "before the moov"),
        (init() + init(), "second ftyp"),
        (init() + init()[len(FTYP) :], "second moov"),
        (init() + box(b"mdat", bytes(50)), "mdat stands without its moof"),
        (init() + box(b"moof") + box(b"free", bytes(9)), "followed by free"),
        (init() + box(b"moof") + struct.pack(">I4s", 0, b"mdat"), "lasts to the end of a file"),
        (init() + box(b"moof") + struct.pack(">I4s", 17 << 20, b"mdat"), "claims"),
        (init() + struct.pack(">I4s", 17 << 20, b"moof"), "claims"),
        (init() + struct.pack(">I4sQ", 1, b"free", 2 << 30), "claims more than"),
        (init() + b"\0\0\0\x09\1\2\3\4", "No MP4 box starts here: 01020304"),
        (init() + pair(), "has no traf"),
        (init() + pair(traf(9, 0, KEY)), "track 9, which the moov does not name"),
        (init() + pair(box(b"traf", KEY)), "has no tfhd"),
        (init() + pair(traf(1, 0, full(b"trun", 0x100, 2, 1))), "too short for its samples"),
        (init() + pair(traf(1, 0, KEY, tfhd=full(b"tfhd", 1, 1))), "too short"),
        (init() + pair(traf(1, 0, KEY, tfhd=BAD_TFHD)), "64 bits"),
    ],
)
def test_malformed(stream: bytes, says: str) -> None:
    seen = see([stream])
    assert seen.malformed and says in seen.malformed.message
    for size in (1, 13):
        same(see(pieces(stream, size)), seen)
