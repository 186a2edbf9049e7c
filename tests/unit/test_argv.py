"""FFmpeg's command lines: golden files, and what the real FFmpeg makes of one.

python -m tests.unit.test_argv     writes the golden files anew
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from ingestd.container.model import InitSegment, Track, TrackKind
from ingestd.encoder.argv import LEAD, Plan, argv
from ingestd.encoder.ladder import Rendition, ladder
from ingestd.settings import Encoder, Rung
from tests.container.samples import MP4, VP8, Seen, read, see

GOLDEN = Path(__file__).parent / "golden"
RUNGS = Encoder().ladder
AUDIO = Track(2, TrackKind.AUDIO, "opus", channels=2, sample_rate=48000)


def plan(
    width: int,
    height: int,
    *,
    audio: bool = True,
    container: str = "matroska",
    rungs: tuple[Rung, ...] = RUNGS,
    origins: Mapping[str, float] | None = None,
    preset: str = "veryfast",
    separate: bool = False,
) -> Plan:
    """What a generation is told of a source of that size; of width 0: without video."""
    video = (Track(1, TrackKind.VIDEO, "vp8", width, height),) if width else ()
    init = InitSegment(b"", container, video + ((AUDIO,) if audio else ()))
    made = ladder(init, rungs, frame_rate=30, audio_kbps=96, preset=preset, separate=separate)
    names = [one.name for one in made]
    targets = {name: f"rtmp://127.0.0.1:1935/live/66112233aabbccdd-4-{name}" for name in names}
    return Plan(init, made, origins or dict.fromkeys(names, 0.0), targets, preset=preset)


PLANS = {
    "720p-three-rungs": plan(1280, 720),
    "restart": plan(1280, 720, origins={"720p": 12.0, "480p": 12.033, "360p": 11.9666667}),
    "portrait": plan(720, 1280),
    "audio-only": plan(0, 0),
    "video-only": plan(1280, 720, audio=False),
    "single-rung": plan(1280, 720, rungs=(Rung(height=720, bitrate=2500),)),
    "mp4": plan(1280, 720, container="mp4"),
    "separate-audio": plan(1280, 720, separate=True),
    "separate-audio-restart": plan(
        1280, 720, separate=True, origins={"720p": 12.0, "480p": 12.0, "360p": 12.0, "audio": 12.01066667}
    ),
    "separate-audio-without-sound": plan(1280, 720, audio=False, separate=True),
    "half-second-segments": replace(plan(640, 360), segment=0.5, preset="superfast"),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_command_line_is_the_golden_one(name: str) -> None:
    assert "\n".join(argv("ffmpeg", PLANS[name])) + "\n" == (GOLDEN / f"{name}.txt").read_text(
        encoding="utf-8"
    )


def test_every_golden_file_belongs_to_a_plan() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*")) == sorted(PLANS)


def test_no_argument_is_ever_read_by_a_shell() -> None:
    target = "rtmp://127.0.0.1/live/$(reboot);`id` && \"x\" 'y' | z > w \\ *"
    told = argv("/opt/a b/ffmpeg;", replace(plan(0, 0), targets={"audio": target}))
    assert (told[0], told[-1]) == ("/opt/a b/ffmpeg;", target)
    assert told[1:-1] == argv("ffmpeg", plan(0, 0))[1:-1]


@pytest.mark.parametrize("name", PLANS)
def test_packets_that_probing_has_read_are_never_thrown_away(name: str) -> None:
    assert "nobuffer" not in " ".join(argv("ffmpeg", PLANS[name]))


def test_a_rendition_without_an_origin_begins_at_the_beginning() -> None:
    assert "-ss" not in argv("ffmpeg", replace(plan(1280, 720), origins={}))


def test_an_origin_is_trimmed_after_decoding_by_each_output_for_itself() -> None:
    told = argv("ffmpeg", PLANS["restart"])
    assert told.index("-ss") > told.index("-i")
    assert [told[at + 1] for at, word in enumerate(told) if word == "-ss"] == [
        "12.000000",
        "12.033000",
        "11.966667",
    ]


# Real FFmpeg


@dataclass(frozen=True)
class Made:
    """A file that FFmpeg made, by ffprobe, and the first bytes of its H.264 configuration."""

    codecs: tuple[str, ...]
    size: tuple[int, int]
    times: tuple[float, ...]
    keys: tuple[float, ...]
    profile: bytes  # profile_idc, constraint flags, level_idc of the SPS

    @classmethod
    def of(cls, path: Path) -> Made:
        entries = "stream=codec_name,width,height:packet=pts_time,flags,stream_index"
        command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", entries, str(path)]
        found: dict[str, Any] = json.loads(
            subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        )
        streams = found["streams"]
        video = next((index for index, stream in enumerate(streams) if "width" in stream), -1)
        packets = [packet for packet in found["packets"] if packet["stream_index"] == video]
        sps = re.search(
            rb"\x17\x00\x00\x00\x00\x01(...)", path.read_bytes(), re.DOTALL
        )  # AVCDecoderConfigurationRecord
        return cls(
            tuple(stream["codec_name"] for stream in streams),
            (streams[video]["width"], streams[video]["height"]) if video >= 0 else (0, 0),
            tuple(float(packet["pts_time"]) for packet in packets),
            tuple(float(packet["pts_time"]) for packet in packets if "K" in packet["flags"]),
            sps[1] if sps else b"",
        )


def encode(made: Plan, given: bytes, directory: Path) -> dict[str, Made]:
    """Run FFmpeg for a plan, into files instead of nginx-rtmp."""
    files = {one.name: directory / f"{one.name}.flv" for one in made.renditions}
    command = argv("ffmpeg", replace(made, targets={name: str(path) for name, path in files.items()}))
    ended = subprocess.run(command, input=given, capture_output=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return {name: Made.of(path) for name, path in files.items()}


@pytest.fixture(scope="module")
def recording() -> Seen:
    return see([read(VP8)])


@pytest.fixture(scope="module")
def whole(recording: Seen, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """The first two units of a recording, four seconds, in all three renditions."""
    given = recording.stream(0, 2)
    return encode(replace(plan(1280, 720), preset="superfast"), given, tmp_path_factory.mktemp("flv"))


def test_ffmpeg_makes_every_rendition_in_its_size_with_sound(whole: dict[str, Made]) -> None:
    assert {name: made.size for name, made in whole.items()} == {
        "720p": (1280, 720),
        "480p": (854, 480),
        "360p": (640, 360),
    }
    assert {made.codecs for made in whole.values()} == {("h264", "aac")}


def test_keyframes_come_every_second_and_at_the_same_times_in_every_rendition(whole: dict[str, Made]) -> None:
    keys = {made.keys for made in whole.values()}
    assert len(keys) == 1
    (times,) = keys
    assert len(times) >= 4
    assert times == pytest.approx([times[0] + second for second in range(len(times))], abs=0.002)


def test_the_frame_rate_is_constant(whole: dict[str, Made]) -> None:
    for made in whole.values():
        steps = [after - before for before, after in zip(made.times, made.times[1:], strict=False)]
        assert steps == pytest.approx([1 / 30] * len(steps), abs=0.0011)  # FLV counts milliseconds


def test_the_codecs_of_a_rendition_are_what_ffmpeg_writes(whole: dict[str, Made]) -> None:
    for one in plan(1280, 720).renditions:
        assert one.codecs == f"avc1.{whole[one.name].profile.hex().upper()},mp4a.40.2"


def test_a_restart_from_a_later_unit_begins_with_the_very_frame_of_its_origin(
    recording: Seen, whole: dict[str, Made], tmp_path: Path
) -> None:
    rungs = (Rung(height=360, bitrate=700),)
    made = replace(plan(1280, 720, rungs=rungs, origins={"360p": 2.5}), preset="ultrafast")
    again = encode(made, recording.stream(1, 2), tmp_path)["360p"]
    missing = [time for time in whole["360p"].times if time >= 2.5 - 0.001]
    assert len(again.times) == len(missing) > 30
    assert again.keys[0] == again.times[0]


def test_separate_sound_begins_with_the_very_sample_of_its_origin(recording: Seen, tmp_path: Path) -> None:
    """As it does for the whole: so the next generation goes on where the last packet ended."""
    rungs = (Rung(height=360, bitrate=700),)
    first = replace(plan(1280, 720, rungs=rungs, separate=True), preset="ultrafast")
    origin = 117 * 1024 / 48000
    begins = {"360p": 2.5, "audio": origin}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = encode(first, recording.stream(0, 2), tmp_path / "a")
    again = encode(replace(first, origins=begins), recording.stream(0, 2), tmp_path / "b")
    assert (whole["360p"].codecs, whole["audio"].codecs) == (("h264",), ("aac",))
    assert whole["360p"].times[0] == pytest.approx(LEAD, abs=0.002)
    pieces = [packets(tmp_path / name / "audio.flv") for name in ("a", "b")]
    # the first packet is the encoder's run-up
    assert pieces[0][1] == pytest.approx(LEAD, abs=0.002)
    assert pieces[1][1] == pytest.approx(LEAD + origin - 2.5, abs=0.002)
    assert len(pieces[0]) - len(pieces[1]) == 117
    assert again["360p"].times[0] == pytest.approx(LEAD, abs=0.002)


def packets(path: Path) -> list[float]:
    """Times of all packets of a file."""
    command = ["ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", "packet=pts_time", str(path)]
    said = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()
    return [float(line.strip(",")) for line in said.split()]


def test_ffmpeg_takes_fragmented_mp4_from_a_pipe(tmp_path: Path) -> None:
    rungs = (Rung(height=360, bitrate=700),)
    made = encode(
        replace(plan(1280, 720, container="mp4", rungs=rungs), preset="ultrafast"), read(MP4), tmp_path
    )
    assert made["360p"].codecs == ("h264", "aac")
    assert len(made["360p"].times) > 150


def picture(preset: str, directory: Path) -> Made:
    """A few small frames, as a Matroska file, encoded with a preset."""
    source = "-f lavfi -i testsrc=s=96x64:r=30:d=0.2 -c:v libvpx -deadline realtime -f matroska pipe:"
    command = ["ffmpeg", "-v", "error", *source.split()]
    given = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return encode(plan(96, 64, audio=False, preset=preset), given, directory)["64p"]


@pytest.mark.parametrize("preset", get_args(Encoder.model_fields["preset"].annotation))
def test_the_codecs_are_true_with_every_preset(preset: str, tmp_path: Path) -> None:
    made = picture(preset, tmp_path)
    rendition: Rendition = plan(96, 64, audio=False, preset=preset).renditions[0]
    assert rendition.codecs == f"avc1.{made.profile.hex().upper()}"


if __name__ == "__main__":
    for stem, one in PLANS.items():
        (GOLDEN / f"{stem}.txt").write_text("\n".join(argv("ffmpeg", one)) + "\n", encoding="utf-8")
