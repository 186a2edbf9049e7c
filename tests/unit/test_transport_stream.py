"""The program map of a segment names the streams that are in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.delivery.transport_stream import (
    HEAD,
    PACKET,
    Facts,
    counter,
    elapsed,
    examine,
    head,
    join,
    prune,
    silence,
    sounds,
)


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A transport stream with picture and sound whose second packet is its program map."""
    path = tmp_path_factory.mktemp("ts") / "a.ts"
    source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=64x64:duration=0.5",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=0.5",
    ]
    codecs = ["-c:v", "libx264", "-c:a", "aac", "-mpegts_flags", "pat_pmt_at_frames"]
    subprocess.run(["ffmpeg", "-v", "error", *source, *codecs, str(path)], check=True)
    packets = path.read_bytes()
    # FFmpeg puts a service description first; nginx-rtmp does not
    return packets[188:] if packets[1] & 0x1F == 0 and packets[2] == 0x11 else packets


def test_a_whole_segment_is_whole(segment: bytes) -> None:
    facts = examine(segment)
    assert facts.whole
    assert facts.pictures == 12 or facts.pictures == 13  # half a second of 25
    assert facts.first == pytest.approx(1.4, abs=0.1)  # FFmpeg's muxer begins there


def test_wherever_a_packet_is_missing_it_is_noticed(segment: bytes) -> None:
    for number in range(2, len(segment) // PACKET - 1):
        at = number * PACKET
        pid = int.from_bytes(segment[at + 1 : at + 3], "big") & 0x1FFF
        if pid in (0x100, 0x101) and _not_the_last(segment, number, pid):
            assert not examine(segment[:at] + segment[at + PACKET :]).whole


def _not_the_last(segment: bytes, number: int, pid: int) -> bool:
    """Of its stream, and not the first: those two have no neighbour to be missed by."""
    of = [
        other
        for other in range(len(segment) // PACKET)
        if int.from_bytes(segment[other * PACKET + 1 : other * PACKET + 3], "big") & 0x1FFF == pid
    ]
    return of[0] < number < of[-1]


@pytest.mark.parametrize("cut", [1, 100, PACKET - 1])
def test_half_a_packet_is_noticed(segment: bytes, cut: int) -> None:
    assert not examine(segment[:-cut]).whole
    assert not examine(segment[: 3 * PACKET] + segment[3 * PACKET + cut :]).whole


def test_nothing_is_a_segment_without_pictures() -> None:
    assert examine(b"") == Facts(True, 0, None)


@given(st.binary(max_size=1000))
def test_anything_can_be_examined(data: bytes) -> None:
    assert examine(data).pictures >= 0


@pytest.mark.parametrize(
    ("earlier", "later", "seconds"), [(1.0, 2.5, 1.5), (2.5, 1.0, -1.5), (95443.0, 0.7, 1.4176889)]
)
def test_time_stamps_begin_again(earlier: float, later: float, seconds: float) -> None:
    assert elapsed(earlier, later) == pytest.approx(seconds)


def streams(data: bytes, path: Path) -> list[str]:
    """What ffprobe finds declared in the file."""
    path.write_bytes(data)
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", str(path)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return sorted({line.strip(",") for line in lines})


@pytest.mark.parametrize(
    ("video", "audio", "left"),
    [(True, True, ["aac", "h264"]), (True, False, ["h264"]), (False, True, ["aac"])],
)
def test_only_what_is_there_is_declared(
    segment: bytes, tmp_path: Path, video: bool, audio: bool, left: list[str]
) -> None:
    head = prune(segment[:HEAD], video=video, audio=audio)
    assert len(head) == HEAD
    # the head alone: ffprobe would find undeclared streams by their packets
    assert streams(head, tmp_path / "b.ts") == left


@pytest.mark.parametrize("data", [b"", b"short", bytes(HEAD), b"\x47" * HEAD])
def test_what_is_no_program_map_is_left_alone(data: bytes) -> None:
    assert prune(data, video=True, audio=False) == data


@given(st.binary(min_size=HEAD, max_size=HEAD))
def test_nothing_makes_it_raise(data: bytes) -> None:
    prune(data[:188] + b"\x47" + data[189:192] + b"\x00\x02" + data[194:], video=False, audio=True)


# Sound apart from pictures

# As nginx-rtmp 1.2.2 begins every segment
NGINX = bytes.fromhex("474000100000b00d0001c100000001f0012e701905").ljust(PACKET, b"\xff") + bytes.fromhex(
    "475001100002b0170001c10000e100f0001be100f0000fe101f0002f44b99b"
).ljust(PACKET, b"\xff")


def test_the_head_is_the_one_of_nginx_rtmp() -> None:
    assert head(video=True, audio=True) == NGINX
    assert head(video=False, audio=True) == prune(NGINX, video=False, audio=True)
    assert head(video=True, audio=False) == prune(NGINX, video=True, audio=False)


def test_silence_is_sound_that_ffmpeg_decodes_to_nothing(tmp_path: Path) -> None:
    begins = [0.764 + number * 1024 / 48000 for number in range(50)]
    parts = [silence(time, number % 16) for number, time in enumerate(begins)]
    assert {len(part) for part in parts} == {PACKET}
    assert [counter(part) for part in parts[:17]] == [*range(16), 0]
    stream = head(video=False, audio=True) + b"".join(parts)
    facts = examine(stream)
    assert (facts.whole, facts.pictures) == (True, 0)
    assert facts.first == pytest.approx(0.764, abs=1e-4)
    assert [time for time, _ in sounds(stream)] == pytest.approx(begins, abs=1e-4)
    (tmp_path / "a.ts").write_bytes(stream)
    command = ["ffmpeg", "-v", "warning", "-i", "a.ts", "-f", "s16le", "-"]
    made = subprocess.run(command, capture_output=True, cwd=tmp_path, check=True, timeout=60)
    assert (made.stderr, made.stdout) == (b"", bytes(50 * 1024 * 2 * 2))


def test_a_time_stamp_begins_again_after_26_hours() -> None:
    wrap = (1 << 33) / 90_000
    assert sounds(silence(wrap + 1.5, 0))[0][0] == pytest.approx(1.5, abs=1e-4)


def test_pictures_and_sound_are_put_together_by_time(segment: bytes) -> None:
    apart = []
    for pid in (0x100, 0x101):
        packets = [segment[at : at + PACKET] for at in range(HEAD, len(segment), PACKET)]
        mine = [one for one in packets if int.from_bytes(one[1:3], "big") & 0x1FFF == pid]
        apart.append(head(video=pid == 0x100, audio=pid == 0x101) + b"".join(mine))
    made = join(*apart)
    facts = examine(made)
    assert (facts.whole, facts.pictures) == (True, examine(segment).pictures)
    assert sounds(made) == sounds(segment)
    assert made[:HEAD] == NGINX
    places = [made.find(packets) for _, packets in sounds(made)]
    assert places == sorted(places) and places[0] < len(made) / 4 < len(made) / 2 < places[-1]
