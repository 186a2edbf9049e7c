"""Playlists of nginx-rtmp read, public ones kept and written."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.delivery.playlist import (
    MediaPlaylist,
    PrivateSegment,
    Segment,
    Variant,
    multivariant,
    parse_private,
    target_duration,
)
from ingestd.encoder.ladder import Rendition
from tests.hls.rfc8216 import (
    check_aligned,
    check_media,
    check_multivariant,
    check_update,
    parse_media,
    parse_multivariant,
)
from tests.unit.nginx_output import R360, R720, SOUND

PRIVATE = """\
#EXTM3U
#EXT-X-VERSION:3
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-TARGETDURATION:1
#EXT-X-DISCONTINUITY
#EXTINF:1.000,
7.ts
#EXTINF:0.967,
8.ts
"""
DATE = 1_700_000_000.0


# Private playlists


def test_the_segments_of_nginx_rtmp_are_read_with_their_numbers() -> None:
    assert parse_private(PRIVATE) == [PrivateSegment(7, "7.ts", 1.0), PrivateSegment(8, "8.ts", 0.967)]


def test_numbers_begin_at_nought_where_none_is_given() -> None:
    assert parse_private("#EXTINF:2,title\n0.ts\n") == [PrivateSegment(0, "0.ts", 2.0)]


@pytest.mark.parametrize("text", ["", "\n\n", "#EXTM3U\n", "not a playlist", "\x00\xff", "#EXTINF:1.0,\n"])
def test_a_playlist_without_segments_has_none(text: str) -> None:
    assert parse_private(text) == []


@pytest.mark.parametrize(
    "uri",
    [
        "../secret.ts",
        "/etc/passwd",
        "a/b.ts",
        "..\\x.ts",
        "7.ts?x",
        "7.mp4",
        "http://a/7.ts",
        "7 .ts",
        ".ts\x00",
    ],
)
def test_a_file_outside_of_the_directory_is_passed_over(uri: str) -> None:
    assert parse_private(f"#EXTINF:1.000,\n{uri}\n") == []


@pytest.mark.parametrize(
    "extinf", ["#EXTINF:,", "#EXTINF:-1.0,", "#EXTINF:nan,", "#EXTINF:1e3,", "#EXTINF:1.0", ""]
)
def test_a_segment_without_a_readable_duration_is_passed_over(extinf: str) -> None:
    assert parse_private(f"{extinf}\n7.ts\n") == []


def test_a_duration_counts_for_one_segment_only() -> None:
    assert parse_private("#EXTINF:1.000,\n0.ts\n1.ts\n") == [PrivateSegment(0, "0.ts", 1.0)]


def test_every_beginning_of_a_playlist_gives_a_beginning_of_its_segments() -> None:
    whole = parse_private(PRIVATE)
    for cut in range(len(PRIVATE)):
        found = parse_private(PRIVATE[:cut])
        assert found == whole[: len(found)]


@given(st.lists(st.sampled_from(PRIVATE.splitlines()) | st.text(max_size=30), max_size=12))
@settings(deadline=None)
def test_junk_between_the_lines_breaks_nothing(lines: list[str]) -> None:
    found = parse_private("\n".join(lines))
    assert all("/" not in one.file and one.duration >= 0 for one in found)


# Media playlists


def playlist(*durations: float, target: int = 1, window: float = 5.0) -> MediaPlaylist:
    made = MediaPlaylist(target, window)
    for number, duration in enumerate(durations):
        made.append(Segment(f"{number}.ts", duration, DATE + math.fsum(durations[:number])))
    return made


def test_a_playlist_is_written_as_the_rfc_wants_it() -> None:
    made = playlist(1.0, 0.967)
    made.append(Segment("1-0.ts", 1.0, DATE + 2, discontinuity=True))
    assert made.render() == (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n#EXTINF:1.000,\n0.ts\n"
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:21.000Z\n#EXTINF:0.967,\n1.ts\n"
        "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:22.000Z\n#EXTINF:1.000,\n1-0.ts\n"
    )


def test_a_last_segment_whose_sound_goes_on_keeps_to_the_target_duration() -> None:
    made = playlist(1.0, 1.592)
    made.ended = True
    assert "#EXTINF:1.499,\n1.ts" in made.render()
    assert check_media(made.render(), final=True) == []


def test_the_end_is_written_once_nothing_more_comes() -> None:
    made = playlist(1.0)
    assert "#EXT-X-ENDLIST" not in made.render()
    made.ended = True
    assert made.render().endswith("0.ts\n#EXT-X-ENDLIST\n")
    assert check_media(made.render(), final=True) == []


def test_segments_go_as_soon_as_a_whole_window_stays() -> None:
    made = playlist(*[1.0] * 8)
    assert [gone.uri for gone in made.slide()] == ["0.ts", "1.ts", "2.ts"]
    assert (made.sequence, made.duration, made.slide()) == (3, 5.0, [])


def test_a_window_that_is_not_full_keeps_all() -> None:
    made = playlist(1.0, 1.0, 1.0, 1.0, 1.9)
    assert made.slide() == []
    assert made.sequence == 0


def test_three_target_durations_stay_however_small_the_window() -> None:
    made = playlist(*[2.0] * 9, target=2, window=0.1)
    made.slide()
    assert made.duration == 6.0


def test_discontinuities_that_slide_out_are_counted() -> None:
    made = playlist(1.0)
    for number in range(8):
        made.append(Segment(f"n{number}.ts", 1.0, DATE + 1 + number, discontinuity=number in (1, 2, 6)))
    made.slide()
    assert (made.sequence, made.discontinuities) == (4, 2)


def test_a_copy_has_the_same_past_and_a_future_of_its_own() -> None:
    made = playlist(*[1.0] * 7)
    made.slide()
    copy = made.copy()
    assert copy.render() == made.render()
    copy.append(Segment("x.ts", 1.0, DATE + 7))
    copy.slide()
    assert (made.sequence, len(made.segments)) == (2, 5)
    assert check_update(made.render(), copy.render()) == []


stories = st.lists(
    st.tuples(st.floats(0.033, 1.04).map(lambda s: round(s, 3)), st.booleans()), min_size=1, max_size=40
)


@given(stories, st.floats(0.1, 12.0))
@settings(deadline=None, max_examples=30)
def test_any_story_gives_valid_playlists_and_valid_updates(
    story: list[tuple[float, bool]], window: float
) -> None:
    made, date, texts = MediaPlaylist(target_duration(1.0, 30), window), DATE, list[str]()
    for number, (duration, broken) in enumerate(story):
        date += 10.0 * broken
        made.append(Segment(f"{number}.ts", duration, date, discontinuity=broken and number > 0))
        made.slide()
        date += duration
        texts.append(made.render())
    made.ended = True
    texts.append(made.render())
    for text in texts:
        assert check_media(text) == []
    for old, new in zip(texts, texts[1:], strict=False):
        assert check_update(old, new) == []
    assert check_update(texts[0], texts[-1]) == []
    assert check_aligned(texts[-1], texts[-1], by_sequence=True) == []
    assert parse_media(texts[-1]).endlist


# Target duration


@given(st.floats(0.5, 10.0), st.integers(5, 120), st.integers(1, 60))
def test_no_segment_rounds_above_the_target_duration(segment: float, rate: int, number: int) -> None:
    first, last = math.ceil((number - 1) * segment * rate), math.ceil(number * segment * rate)
    of_picture, of_sound = (last - first) / rate, segment + 0.049
    assert math.floor(max(of_picture, of_sound) + 0.5) <= target_duration(segment, rate)


@pytest.mark.parametrize(
    ("segment", "rate", "target"),
    [
        *((0.5, 30, 1), (1.0, 30, 1), (1.44, 30, 1), (1.46, 30, 2), (2.0, 30, 2), (10.0, 30, 10)),
        *((0.5, 5, 1), (1.0, 5, 1), (1.29, 5, 1), (1.31, 5, 2), (10.0, 120, 10)),
    ],
)
def test_the_target_duration_is_as_small_as_can_be(segment: float, rate: int, target: int) -> None:
    assert target_duration(segment, rate) == target


def test_the_target_duration_allows_for_the_next_frame_of_a_slow_picture() -> None:
    longest = math.ceil(1.41 * 5) / 5  # at five frames a second
    assert math.floor(longest + 0.5) <= target_duration(1.41, 5) == 2


# Multivariant playlists


def test_variants_say_what_they_are() -> None:
    text = multivariant([Variant(R720, 3_400_000, 2_900_000), Variant(SOUND, 110_000, 106_000)], prefix="id/")
    assert text == (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=3400000,AVERAGE-BANDWIDTH=2900000,"
        'CODECS="avc1.64001F,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000\nid/720p.m3u8\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=110000,AVERAGE-BANDWIDTH=106000,CODECS="mp4a.40.2"\nid/audio.m3u8\n'
    )


@pytest.mark.parametrize("renditions", [[R720, R360], [R720], [SOUND], [R360, SOUND]])
def test_a_multivariant_playlist_is_valid(renditions: list[Rendition]) -> None:
    variants = [Variant(one, one.bandwidth, one.average_bandwidth) for one in renditions]
    assert check_multivariant(multivariant(variants)) == []


def test_separate_sound_goes_with_every_variant_of_pictures() -> None:
    pictures = replace(R720, audio_bitrate=0, separate=True)
    sound = Variant(replace(SOUND, separate=True), 150_000, 106_000)
    text = multivariant([Variant(pictures, 3_400_000, 2_900_000), sound], prefix="id/")
    assert check_multivariant(text) == []
    assert text == (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
        'URI="id/audio.m3u8"\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=3550000,AVERAGE-BANDWIDTH=3006000,"
        'CODECS="avc1.64001F,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="sound"\nid/720p.m3u8\n'
    )


def test_separate_sound_without_pictures_is_a_variant() -> None:
    sound = Variant(replace(SOUND, separate=True), 150_000, 106_000)
    assert "EXT-X-MEDIA:" not in multivariant([sound])
    assert parse_multivariant(multivariant([sound])).variants[0].uri == "audio.m3u8"
