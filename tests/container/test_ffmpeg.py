"""What FFmpeg writes, which is not what browsers write: it is split, and FFmpeg reads it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestd.container.splitter import Splitter
from tests.container.samples import decodes, key_times, pieces, run, same, see

PICTURE = "testsrc2=size=160x120:rate=25:duration=3"
SOUND = "sine=frequency=440:duration=3"
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-b:v", "200k", "-g", "20")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "20", "-bf", "0", "-pix_fmt", "yuv420p")
OPUS, AAC = ("-c:a", "libopus"), ("-c:a", "aac")
EMPTY = "frag_keyframe+empty_moov"
EACH_FRAME = "frag_every_frame+empty_moov+default_base_moof"

MADE = {
    "webm": (*VP8, *OPUS, "-f", "webm"),
    "webm-live": (*VP8, *OPUS, "-f", "webm", "-live", "1"),
    "webm-vp9-vorbis": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "20",
                        "-c:a", "libvorbis", "-f", "webm"),  # fmt: skip
    "mkv": (*H264, *AAC, "-f", "matroska"),
    "mkv-mp3": (*H264, "-c:a", "libmp3lame", "-f", "matroska", "-cluster_size_limit", "3000"),
    "mkv-pcm": (*H264, "-c:a", "pcm_s16le", "-f", "matroska", "-reserve_index_space", "5000"),
    "mp4": (*H264, *AAC, "-f", "mp4", "-movflags", EMPTY),
    "mp4-cmaf": (*H264, *AAC, "-f", "mp4", "-movflags", "cmaf+frag_keyframe"),
    "mp4-each-frame": (*H264, *AAC, "-f", "mp4", "-movflags", EACH_FRAME),
    "mp4-separate": (*H264, *AAC, "-f", "mp4", "-movflags", EMPTY + "+separate_moof"),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return {name: make(tmp_path_factory.mktemp("made") / name, *args) for name, args in MADE.items()}


def make(path: Path, *args: str) -> bytes:
    given = ("-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", SOUND, "-threads", "1")
    done = run("ffmpeg", "-v", "error", *given, *args, str(path))
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


@pytest.mark.parametrize("name", MADE)
def test_units_are_those_of_the_keyframes(made: dict[str, bytes], name: str) -> None:
    seen = see([made[name]])
    assert seen.init and not seen.malformed
    starts = key_times(made[name])
    assert len(starts) >= 4
    times = [unit.media_time for unit in seen.units]
    if name == "mp4-each-frame":
        assert times.pop(0) == 0, "what comes before the first keyframe is a unit too: a moof of audio"
    assert times == pytest.approx(starts, abs=0.05)
    # what an encoder gets has the same keyframes
    assert key_times(seen.stream()) == pytest.approx(starts, abs=0.001)


@pytest.mark.parametrize("name", MADE)
def test_every_unit_decodes(made: dict[str, bytes], name: str) -> None:
    seen = see([made[name]])
    assert seen.init
    decodes(seen.stream(), seen.init.container)
    decodes(seen.stream(2), seen.init.container)
    decodes(seen.stream(1, 2), seen.init.container)


@pytest.mark.parametrize("name", MADE)
def test_cuts_and_resuming(made: dict[str, bytes], name: str) -> None:
    data, seen = made[name], see([made[name]])
    assert seen.init
    same(see(pieces(data[:60_000])), see([data[:60_000]]))
    same(see(pieces(data, 777)), seen)
    for index, unit in enumerate(seen.units):
        splitter = Splitter.resume(seen.init, unit.offset, unit.prefix)
        assert see(pieces(data[unit.offset :], 4000), splitter).units == seen.units[index:]


def test_keyframes_inside_clusters_were_among_them(made: dict[str, bytes]) -> None:
    assert any(unit.prefix for unit in see([made["mkv-mp3"]]).units)


def test_an_ordinary_mp4_is_refused(tmp_path: Path) -> None:
    for flags in ("", "+faststart"):
        data = make(tmp_path / f"ordinary{flags}.mp4", *H264, *AAC, "-f", "mp4", "-movflags", flags or "0")
        seen = see(pieces(data, 5000))
        assert seen.malformed and "which is not fragmented" in seen.malformed.message
