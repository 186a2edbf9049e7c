"""Which renditions are made of a source."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.container.model import InitSegment, Track, TrackKind
from ingestd.encoder.ladder import Rendition, ladder, with_picture, without_largest
from ingestd.settings import Encoder, Rung

RUNGS = (Rung(height=720, bitrate=2500), Rung(height=480, bitrate=1200), Rung(height=360, bitrate=700))
AUDIO = Track(2, TrackKind.AUDIO, "opus", channels=2, sample_rate=48000)


def source(width: int = 0, height: int = 0, *, audio: bool = True, video: bool = True) -> InitSegment:
    tracks = (Track(1, TrackKind.VIDEO, "vp8", width, height),) if video else ()
    return InitSegment(b"", "matroska", tracks + ((AUDIO,) if audio else ()))


def made(width: int, height: int, *, rungs: tuple[Rung, ...] = RUNGS) -> list[tuple[str, int, int]]:
    return [(one.name, one.width, one.height) for one in ladder(source(width, height), rungs, 30, 96)]


def rendition(width: int, height: int, rate: int = 30, video: int = 1000, audio: int = 96) -> Rendition:
    return Rendition("x", width, height, rate, video * 1000, audio * 1000)


def test_a_source_as_large_as_the_top_rung_gets_every_rung() -> None:
    assert made(1280, 720) == [("720p", 1280, 720), ("480p", 854, 480), ("360p", 640, 360)]


def test_a_larger_source_is_made_smaller() -> None:
    assert made(1920, 1080)[0] == ("720p", 1280, 720)


def test_rungs_above_the_source_are_left_out() -> None:
    assert made(854, 480) == [("480p", 854, 480), ("360p", 640, 360)]
    assert made(852, 479) == [("360p", 640, 360)]


def test_a_portrait_source_has_the_same_names() -> None:
    assert made(720, 1280) == [("720p", 720, 1280), ("480p", 480, 854), ("360p", 360, 640)]


def test_a_square_source_stays_square() -> None:
    assert made(1000, 1000) == [("720p", 720, 720), ("480p", 480, 480), ("360p", 360, 360)]


def test_odd_sizes_become_even() -> None:
    assert made(1367, 769)[0] == ("720p", 1280, 720)
    assert made(901, 701) == [("480p", 616, 480), ("360p", 462, 360)]


def test_a_source_below_every_rung_gets_one_of_its_own_size_at_the_lowest_bitrate() -> None:
    (only,) = ladder(source(320, 240), RUNGS, 30, 96)
    assert (only.name, only.width, only.height, only.video_bitrate) == ("240p", 320, 240, 700_000)


def test_the_tiniest_source_still_has_pixels() -> None:
    assert made(1, 1) == [("2p", 2, 2)]


def test_a_size_that_the_container_does_not_tell_is_taken_for_720p() -> None:
    assert made(0, 0)[0] == ("720p", 1280, 720)


def test_a_source_without_video_gets_one_rendition_of_sound() -> None:
    assert ladder(source(video=False), RUNGS, 30, 96) == (Rendition("audio", 0, 0, 0, 0, 96_000),)


def test_a_source_without_sound_gets_none() -> None:
    assert {one.audio_bitrate for one in ladder(source(1280, 720, audio=False), RUNGS, 30, 96)} == {0}


def test_bitrates_and_frame_rate_are_those_of_the_settings() -> None:
    found = ladder(source(1280, 720), RUNGS, 25, 64)
    assert [one.video_bitrate for one in found] == [2_500_000, 1_200_000, 700_000]
    assert {(one.frame_rate, one.audio_bitrate) for one in found} == {(25, 64_000)}


sizes = st.integers(2, 4096)
heights = st.lists(st.integers(8, 1100).map(lambda half: 2 * half), min_size=1, max_size=8, unique=True)


@given(sizes, sizes, heights)
def test_every_rung_is_even_and_keeps_the_shape(width: int, height: int, rungs: list[int]) -> None:
    ladder_rungs = tuple(Rung(height=rung, bitrate=1000) for rung in sorted(rungs, reverse=True))
    found = made(width, height, rungs=ladder_rungs)
    assert len({name for name, _, _ in found}) == len(found) > 0
    for _, wide, high in found:
        assert wide % 2 == high % 2 == 0
        if min(width, height) >= 16:  # of less there is no shape to keep
            scale = min(wide, high) / min(width, height)
            assert abs(wide - width * scale) <= 1 + width * scale / min(wide, high)
            assert abs(high - height * scale) <= 1 + height * scale / min(wide, high)


@given(sizes, sizes, heights)
def test_no_rung_is_larger_than_its_source(width: int, height: int, rungs: list[int]) -> None:
    ladder_rungs = tuple(Rung(height=rung, bitrate=1000) for rung in sorted(rungs, reverse=True))
    found = made(width, height, rungs=ladder_rungs)
    assert all(wide <= width and high <= height for _, wide, high in found)


def test_a_source_of_odd_size_below_every_rung_gets_the_even_one_of_its_shape() -> None:
    assert made(803, 303) == [("302p", 800, 302)]
    assert made(17, 999) == [("16p", 16, 940)]


def test_the_profile_is_the_one_that_the_preset_makes() -> None:
    for preset in get_args(Encoder.model_fields["preset"].annotation):
        profiles = {one.profile for one in ladder(source(1280, 720), RUNGS, 30, 96, preset)}
        assert profiles == {"42C0" if preset == "ultrafast" else "6400"}
    assert ladder(source(1280, 720), RUNGS, 30, 96) == ladder(source(1280, 720), RUNGS, 30, 96, "veryfast")


# What the playlist says


@pytest.mark.parametrize(
    ("width", "height", "rate", "level"),
    [
        (640, 360, 30, 30),
        (854, 480, 25, 30),  # 54 × 30 macroblocks: the most of level 3
        (854, 480, 30, 31),
        (720, 1280, 30, 31),
        (1280, 720, 30, 31),
        (1280, 720, 31, 32),
        (1280, 720, 60, 32),
        (1280, 1024, 30, 32),
        (1920, 1080, 30, 40),
        (1920, 1080, 60, 42),
        (2560, 1440, 30, 50),
        (3840, 2160, 30, 51),
        (3840, 2160, 60, 52),
        (7680, 4320, 120, 52),  # over every level: the highest has to do
    ],
)
def test_the_level_is_the_smallest_that_takes_size_and_rate(
    width: int, height: int, rate: int, level: int
) -> None:
    assert rendition(width, height, rate).level == level


def test_codecs_name_profile_level_and_sound() -> None:
    assert rendition(1280, 720).codecs == "avc1.64001F,mp4a.40.2"
    assert rendition(1280, 720, audio=0).codecs == "avc1.64001F"
    assert rendition(0, 0, 0, video=0).codecs == "mp4a.40.2"
    assert replace(rendition(1280, 720), profile="42C0").codecs == "avc1.42C01F,mp4a.40.2"


@given(st.integers(0, 20_000), st.integers(0, 512))
def test_the_bandwidth_bounds_the_average_and_the_average_the_bitrate(video: int, audio: int) -> None:
    one = rendition(1280, 720, video=video, audio=audio)
    assert one.bandwidth >= one.average_bandwidth >= (video + audio) * 1000


# Separate sound


def test_separate_sound_is_the_last_rendition_and_no_other_has_any() -> None:
    found = ladder(source(1280, 720), RUNGS, 30, 96, separate=True)
    assert [(one.name, one.audio_bitrate) for one in found] == [
        ("720p", 0),
        ("480p", 0),
        ("360p", 0),
        ("audio", 96_000),
    ]
    assert all(one.separate for one in found)
    assert [one.codecs for one in found[-2:]] == ["avc1.64001E", "mp4a.40.2"]
    assert with_picture(found) == found[:3]


def test_where_the_source_has_no_sound_the_separate_one_is_silent() -> None:
    *_, sound = ladder(source(640, 360, audio=False), RUNGS, 30, 96, separate=True)
    assert (sound.name, sound.audio_bitrate, sound.codecs) == ("audio", 0, "mp4a.40.2")


def test_separate_sound_of_a_source_without_pictures_is_all_there_is() -> None:
    (only,) = ladder(source(video=False), RUNGS, 30, 96, separate=True)
    assert (only.name, only.audio_bitrate, only.separate) == ("audio", 96_000, True)


@pytest.mark.parametrize("separate", [False, True])
def test_however_many_are_left_out_a_picture_stays_and_so_does_its_sound(separate: bool) -> None:
    found = ladder(source(1280, 720), RUNGS, 30, 96, separate=separate)
    sound = ["audio"] * separate
    names = [[one.name for one in without_largest(found, count)] for count in (0, 1, 2, 9)]
    assert names == [
        ["720p", "480p", "360p", *sound],
        ["480p", "360p", *sound],
        ["360p", *sound],
        ["360p", *sound],
    ]
    alone = ladder(source(video=False), RUNGS, 30, 96, separate=separate)
    assert without_largest(alone, 3) == alone
