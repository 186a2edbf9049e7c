"""The judge of broadcasts: what it says of playlists whose faults are known."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.chaos.analysis import decode, examine, unbroken
from tests.chaos.clip import clip
from tests.chaos.transport import PACKET, SAMPLES, times
from tests.chaos.verdict import (
    Run,
    Skew,
    Verdict,
    before_and_after,
    descents,
    judge,
    silences,
    skews,
    written,
)

LENGTH = SAMPLES / 48000
PARTS = 16


def run(first: int, last: int, *, start: float = 0.0, sound: tuple[float, float] | None = None) -> Run:
    """A run with these frames, whose own clock shows ``start`` at the first; sound in media time."""
    numbers = np.arange(first, last + 1)
    begin, end = sound or (first / 30, (last + 1) / 30)
    packets = round((end - begin) / LENGTH)
    shift = start - first / 30
    audio = [begin + shift + number * LENGTH for number in range(packets)]
    moments = np.repeat(audio, PARTS) + np.tile(np.arange(PARTS) * LENGTH / PARTS, packets) - shift
    return Run(
        numbers,
        numbers % 30 == 15,
        [start + index / 30 for index in range(len(numbers))],
        audio,
        np.where((moments - 0.5) % 1 < 0.1, 0.35, 0.0),
    )


def verdict(*runs: Run, frames: int = 180) -> Verdict:
    return judge(runs, 0, frames)


def test_a_whole_rendition_has_no_damage() -> None:
    found = verdict(run(0, 89, start=7.3), run(90, 179, start=0.1))
    assert (found.damage, found.runs) == (0, "0-179")
    assert found.gap < LENGTH
    assert found.overlap < LENGTH


def test_what_is_lost_is_named() -> None:
    found = verdict(run(0, 79), run(90, 170))
    assert found.lost == (*range(80, 90), *range(171, 180))
    assert found.runs == "0-79, 90-170"
    assert found.damage == 19
    assert found.gap == pytest.approx(10 / 30, abs=LENGTH)


def test_sound_that_is_missing_at_an_edge_or_altogether_is_a_gap() -> None:
    assert verdict(run(0, 179, sound=(0.5, 6.0))).gap == pytest.approx(0.5, abs=2 * LENGTH)
    assert verdict(run(0, 89), run(90, 179, sound=(3.0, 5.0))).gap == pytest.approx(1.0, abs=2 * LENGTH)
    assert verdict(run(0, 179, sound=(0.0, 0.0))).gap == 6.0


def test_what_stands_there_twice_is_doubled_and_out_of_order() -> None:
    found = verdict(run(0, 99), run(95, 179))
    assert (found.lost, found.doubled, found.disordered) == ((), 5, 1)
    assert found.overlap == pytest.approx(5 / 30, abs=LENGTH)


def test_one_frame_twice_in_a_row_is_doubled_only() -> None:
    found = verdict(run(0, 99), run(99, 179))
    assert (found.doubled, found.disordered) == (1, 0)


def test_runs_in_the_wrong_order_are_damage() -> None:
    found = verdict(run(90, 179), run(0, 89))
    assert (found.lost, found.doubled, found.disordered) == ((), 0, 1)


def test_unreadable_and_strange_frames_are_damage() -> None:
    spoiled = run(0, 179)
    spoiled.numbers[7] = -1
    found = verdict(spoiled)
    assert (found.lost, found.unreadable) == ((7,), 1)
    assert found.runs == "0-6, ?, 8-179"
    assert verdict(run(0, 190)).unreadable == 11


def test_a_picture_that_the_decoder_does_not_show_is_damage() -> None:
    whole = run(0, 179)
    assert verdict(replace(whole, video=[*whole.video, 6.0])).unreadable == 1


def test_nothing_at_all_is_all_lost() -> None:
    assert verdict().damage == 180


def test_numbers_are_written_as_runs() -> None:
    assert written([]) == ""
    assert written([5]) == "5"
    assert written([0, 1, 2, 2, 3, 9, -1, -1, 0]) == "0-2, 2-3, 9, ?, ?, 0"
    assert descents([0, 1, 1, -1, 0, 5, 4]) == 2


def test_sound_is_held_against_the_frames_of_its_own_run() -> None:
    early = run(0, 89, start=100.0, sound=(0, 2.9))
    late = run(90, 179, start=3.0, sound=(3.05, 6.0))
    assert max(silences([early, late])) == pytest.approx(0.15, abs=LENGTH)
    assert min(silences([early, run(90, 179, start=3.0, sound=(2.8, 6))])) == pytest.approx(-0.1, abs=LENGTH)


def test_skew_is_found_in_each_second_whose_flash_and_beep_are_there() -> None:
    found = skews(run(30, 119, start=50.0))
    assert [skew.at for skew in found] == [1.5, 2.5, 3.5]
    assert all(abs(skew.late) < 0.002 for skew in found)


def test_skew_of_sound_that_comes_late() -> None:
    shifted = run(0, 89)
    late = replace(shifted, audio=[at + 0.08 for at in shifted.audio])
    assert [skew.late for skew in skews(late)] == pytest.approx([0.08] * 3, abs=0.002)


def test_a_beep_that_is_cut_off_has_no_skew() -> None:
    assert [skew.at for skew in skews(run(0, 89, sound=(0.55, 3)))] == [1.5, 2.5]
    assert [skew.at for skew in skews(run(0, 89, sound=(0, 2.4)))] == [0.5, 1.5]


def test_skew_before_and_after_a_fault() -> None:
    seen = [Skew(0.5, 0.25), Skew(1.5, 0.5), Skew(2.5, 0.75), Skew(4.5, 1.0)]
    assert before_and_after(seen, 3.0) == (0.5, 1.0)
    assert before_and_after(seen, 0.0) == (None, 0.625)
    assert before_and_after([], 1.0) == (None, None)


# With FFmpeg


@cache
def segments(directory: Path) -> Path:
    """A clip of four seconds as HLS, as a broadcast without any fault leaves it."""
    source = clip("h264", 256, 144, 4)
    encode = ["ffmpeg", "-v", "error", "-i", str(source.path), "-vf", "fps=30,scale=128:72"]
    encode += ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"]
    encode += ["-force_key_frames", "expr:gte(t,n_forced)", "-c:a", "aac", "-ar", "48000", "-ac", "2"]
    encode += ["-f", "hls", "-hls_time", "1", "-hls_list_size", "0"]
    encode += ["-hls_segment_filename", str(directory / "%d.ts"), str(directory / "72p.m3u8")]
    subprocess.run(encode, check=True)
    (directory / "index.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n72p.m3u8\n")
    return directory


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return segments(tmp_path_factory.mktemp("hls"))


def test_a_broadcast_without_faults(made: Path) -> None:
    found = examine(lambda path: (made / path.lstrip("/")).read_bytes(), "/index.m3u8", 0, 120)
    whole = found.renditions["72p"]
    assert (whole.runs, whole.damage) == ("0-119", 0)
    assert whole.gap < 0.005
    assert whole.overlap < 0.005
    assert [skew.at for skew in whole.skews] == [0.5, 1.5, 2.5, 3.5]
    assert all(abs(skew.late) < 0.03 for skew in whole.skews)


def test_a_segment_that_is_missing_shows_in_frames_and_sound(made: Path) -> None:
    stream = b"".join((made / f"{number}.ts").read_bytes() for number in (0, 1, 3))
    decoded, complaints = decode(stream)
    found = judge([decoded], 0, 120)
    assert complaints == []
    assert found.lost == tuple(range(60, 90))
    assert found.gap == pytest.approx(1.0, abs=0.05)


def test_a_segment_that_is_cut_short_is_seen(made: Path) -> None:
    data = (made / "1.ts").read_bytes()
    decoded, complaints = decode(data[: len(data) // 2 // PACKET * PACKET + 100])
    assert complaints
    assert judge([decoded], 30, 30).damage > 0


def test_times_of_a_segment(made: Path) -> None:
    found = times((made / "2.ts").read_bytes())
    assert (len(found.video), found.rate, found.spoiled) == (30, 48000, 0)
    assert found.video[-1] - found.video[0] == pytest.approx(29 / 30, abs=0.001)
    assert found.audio[-1] - found.audio[0] == pytest.approx((len(found.audio) - 1) * LENGTH, abs=0.001)


def test_a_playlist_is_divided_at_its_discontinuities() -> None:
    rows = ["#EXTINF:1,", "0.ts", "#EXTINF:1,", "1.ts", "#EXT-X-DISCONTINUITY", "#EXTINF:1,", "2.ts"]
    assert unbroken("\n".join(["#EXTM3U", *rows])) == [["0.ts", "1.ts"], ["2.ts"]]


def test_what_ffmpeg_says_is_a_complaint_but_for_what_it_says_to_root_of_a_box(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = b"Warning: using insecure memory!\nInvalid data found\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, b"", said))
    assert decode(b"")[1] == ["Invalid data found"]
