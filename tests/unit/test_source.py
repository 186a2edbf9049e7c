"""What is told of a source, measured on recordings that FFmpeg makes."""

from __future__ import annotations

from functools import cache

import pytest

from ingestd.broadcast.source import Source, measure
from ingestd.container.h264 import picture
from ingestd.container.model import Fragment
from tests.container.samples import Seen, run, see

_X264 = ("-c:v", "libx264", "-preset", "ultrafast")


@cache
def recording(*options: str, container: str = "matroska", rate: int = 30, seconds: int = 2) -> Seen:
    made = run(
        *("ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi"),
        *("-i", f"testsrc2=s=64x48:r={rate}:d={seconds}", *options),
        *("-f", container, *(("-live", "1") if container == "matroska" else ()), "-"),
    )
    assert made.returncode == 0, made.stderr
    return see([made.stdout])


def source(*options: str, container: str = "matroska", rate: int = 30, seconds: int = 2) -> Source:
    seen = recording(*options, container=container, rate=rate, seconds=seconds)
    assert seen.init
    starts = [one.media_time for one in seen.fragments if one.starts_unit]
    return measure(seen.init, seen.fragments, starts)


def test_a_good_source_is_measured_and_needs_no_advice_but_for_its_sound() -> None:
    found = source(*_X264, "-pix_fmt", "yuv420p", "-g", "30", "-profile:v", "main", "-bf", "2")
    facts = found.facts()
    assert facts["video"] == {
        "codec": "h264",
        "width": 64,
        "height": 48,
        "profile": "Main",
        "level": "1.0",
        "pixel_format": "yuv420p",
    }
    assert facts["frame_rate"] == pytest.approx(30, abs=0.3)
    assert facts["keyframe_distance"] == pytest.approx(1, abs=0.05)
    assert 10_000 < facts["bitrate"] < 3_000_000
    assert facts["audio"] is None
    assert facts["advice"] == ["There is no sound."]


def test_keyframes_that_are_far_apart_are_advised_against() -> None:
    advice = source(*_X264, "-pix_fmt", "yuv420p", "-g", "300", seconds=11).advice
    assert "10.0 s apart" in advice[0]


@pytest.mark.parametrize(
    ("pixels", "profile"), [("yuv444p", "High 4:4:4 Predictive"), ("yuv422p", "High 4:2:2")]
)
def test_colour_that_nobody_sees_is_advised_against(pixels: str, profile: str) -> None:
    found = source(*_X264, "-pix_fmt", pixels)
    assert found.picture
    assert (found.picture.pixels, found.picture.profile) == (pixels, profile)
    assert pixels in found.advice[0]


def test_ten_bits_are_told() -> None:
    found = source(*_X264, "-pix_fmt", "yuv420p10le")
    assert found.picture
    assert found.picture.pixels == "yuv420p10le"


def test_too_much_and_too_fast_is_advised_against() -> None:
    found = source(*_X264, "-pix_fmt", "yuv420p", "-g", "30", rate=120)
    assert "120 frames" in found.advice[0]
    heavy = Source(found.init, None, 20e6, 30.0, 2.0)
    assert "20 Mb/s" in heavy.advice[0]


def test_of_vp8_there_is_no_profile_but_a_rate() -> None:
    found = source("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8")
    assert found.picture is None
    assert found.frame_rate == pytest.approx(30, abs=0.3)


@pytest.mark.parametrize("frames", ["0", "3"])
def test_pictures_that_wait_for_their_b_frames_do_not_slow_the_rate_down(frames: str) -> None:
    sound = ("-f", "lavfi", "-i", "sine=r=48000:d=2", "-c:a", "aac")  # with it a Cluster may end anywhere
    options = ("-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-bf", frames, "-b_strategy", "0")
    seen = recording(*sound, *options, "-pix_fmt", "yuv420p", "-cluster_time_limit", "10", rate=15)
    assert seen.init
    rates = [
        measure(seen.init, seen.fragments[:count], []).frame_rate for count in range(1, len(seen.fragments))
    ]
    told = [rate for rate in rates if rate]
    assert len(told) > 3
    assert told == pytest.approx([15] * len(told), abs=0.05)


def test_of_nothing_nothing_is_said() -> None:
    init = source(*_X264, "-pix_fmt", "yuv420p").init
    facts = measure(init, [], []).facts()
    assert (facts["bitrate"], facts["frame_rate"], facts["keyframe_distance"]) == (None, None, None)
    damaged = Fragment(0, memoryview(b"\x1f\x43\xb6\x75\x81\xa3\xff"), 0.0, 9.0, True)
    assert measure(init, [damaged], []).frame_rate is None


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_an_init_segment_that_is_cut_off_or_damaged_harms_nobody(cut: int) -> None:
    data = source(*_X264, "-pix_fmt", "yuv444p").init.data
    record = data.find(b"\x63\xa2")
    picture(data[: record + cut])
    picture(data[: record + cut] + bytes(40))
    picture(data[: record + cut] + b"\xff" * 40)
