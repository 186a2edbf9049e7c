"""What the init segment of Matroska says, and when it is refused."""

from __future__ import annotations

import struct

import pytest

from ingestd.container.model import Track, TrackKind
from ingestd.container.splitter import Splitter
from tests.container.samples import (
    UNKNOWN,
    audio_track,
    cluster,
    ebml,
    el,
    init,
    pieces,
    same,
    sb,
    see,
    uint,
    video_track,
)

MEDIA = cluster(0, sb(1, 0, True))
SEGMENT = el(0x18538067, size=UNKNOWN)


def tracks(*entries: bytes) -> tuple[Track, ...]:
    found = see([init(b"".join(entries)) + MEDIA]).init
    assert found
    return found.tracks


def test_tracks() -> None:
    assert tracks(video_track(), audio_track()) == (
        Track(1, TrackKind.VIDEO, "vp8", 64, 48),
        Track(2, TrackKind.AUDIO, "opus", channels=2, sample_rate=48000),
    )


@pytest.mark.parametrize(
    ("ident", "codec"),
    [
        ("V_VP9", "vp9"),
        ("V_AV1", "av1"),
        ("V_MPEG4/ISO/AVC", "h264"),
        ("V_MPEGH/ISO/HEVC", "hevc"),
        ("A_VORBIS", "vorbis"),
        ("A_AAC", "aac"),
        ("A_AAC/MPEG4/LC", "aac"),
        ("A_MPEG/L3", "mp3"),
        ("A_PCM/INT/LIT", "pcm"),
        ("V_THEORA", "V_THEORA"),
        ("A_OPUS\0\0", "opus"),
    ],
)
def test_codecs(ident: str, codec: str) -> None:
    assert tracks(video_track(codec=ident.encode()))[0].codec == codec


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        (struct.pack(">d", 44100.0), 44100),
        (struct.pack(">f", float("nan")), 0),
        (struct.pack(">f", float("inf")), 0),
        (struct.pack(">f", -1.0), 0),
        (b"", 0),
    ],
)
def test_sampling_frequencies(value: bytes, rate: int) -> None:
    entry = el(0xAE, uint(0xD7, 1) + uint(0x83, 2) + el(0xE1, el(0xB5, value)))
    assert tracks(entry) == (Track(1, TrackKind.AUDIO, "", channels=1, sample_rate=rate),)


def test_defaults_and_other_tracks() -> None:
    subtitles = el(0xAE, uint(0xD7, 3) + uint(0x83, 17))
    bare = el(0xAE, uint(0xD7, 1) + uint(0x83, 2))
    assert tracks(uint(0x4DBB, 1), subtitles, bare)[0].sample_rate == 8000
    found = see([init(subtitles + video_track()) + MEDIA]).init
    assert found and found.audio is None and found.video


def test_everything_up_to_the_first_cluster_belongs_to_it() -> None:
    start = init(extra=el(0x1254C367, bytes(30)) + el(0x1654AE6B, video_track(9)))
    seen = see([start + MEDIA])
    assert seen.init and seen.init.data == start and seen.init.tracks[0].number == 1
    same(see(pieces(start + MEDIA)), seen)


def test_a_timestamp_scale_of_zero_is_read_as_the_default() -> None:
    assert see([init(scale=0) + cluster(1000, sb(1, 0, True))]).units[0].media_time == 1


def test_nothing_is_handed_on_before_the_first_cluster() -> None:
    seen = see([init()])
    assert seen.init is None and seen.malformed is None


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (ebml(b"mkv"), "document type is 'mkv'"),
        (ebml(extra=uint(0x42F7, 2)), "a version of EBML after 1"),
        (ebml(extra=uint(0x42F2, 5)), "identifiers of more than four"),
        (ebml(extra=uint(0x42F3, 9)), "sizes of more than eight"),
        (ebml(extra=el(0x42F3, bytes(9))), "integer is longer"),
        (ebml() + ebml(), "second EBML header"),
        (init() + ebml(), "second EBML header"),
        (ebml() + SEGMENT + MEDIA, "no video or audio track"),
        (ebml() + MEDIA, "misplaced"),
        (ebml() + SEGMENT + SEGMENT, "misplaced"),
        (init(video_track(codec=b"")[:0]) + MEDIA, "no video or audio track"),
        (init() + sb(1, 0), "outside of any Cluster"),
        (init() + el(0xA0, bytes(9)), "outside of any Cluster"),
        (init() + el(0x1654AE6B, size=UNKNOWN), "misplaced or has no size"),
        (init(extra=el(0xEC, size=2 << 20)), "longer than 1,048,576"),
        (init(el(0xAE, uint(0x83, 2) + el(0xE1, el(0xB5, bytes(3))))), "float has"),
        (ebml() + SEGMENT + el(0x1654AE6B, b"\xae\x99"), "reaches past the end"),
    ],
)
def test_refused(stream: bytes, says: str) -> None:
    seen = see([stream + bytes(9)])
    assert seen.malformed and says in seen.malformed.message
    assert seen.init is None and not seen.fragments
    same(see(pieces(stream + bytes(9))), seen)


def test_an_init_segment_of_many_elements_is_limited_too() -> None:
    splitter = Splitter(max_init=2000)
    seen = see(pieces(init(extra=el(0xEC) * 2000) + MEDIA), splitter)
    assert seen.malformed and "longer than 2,000" in seen.malformed.message
    assert seen.most_buffered <= 2000
