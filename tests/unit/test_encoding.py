"""The command lines of taps: golden files, and what the real FFmpeg sends.

python -m tests.unit.test_encoding     writes the golden files anew
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from ingestd.container.model import InitSegment, Track, TrackKind
from ingestd.watch.encoding import Kinds, argv, cost, kinds
from ingestd.webrtc.ports import Port
from tests.container.samples import MP4, VP8, read, see

GOLDEN = Path(__file__).parent / "golden_taps"
PORTS = {"video": Port(10000, 10001), "audio": Port(10002, 10003)}
BASELINE, HIGH = 66, 100


def init(video: str, audio: str, container: str = "matroska", profile: int = 0) -> InitSegment:
    """Of a recording with these codecs; ``profile``: of its H.264, as its configuration record says."""
    record = bytes([1, profile, 0, 31, 0xFF, 0xE1, 0, 4, 0x67, profile, 0, 31])
    tracks = [Track(1, TrackKind.VIDEO, video, 640, 360)] if video else []
    tracks += [Track(2, TrackKind.AUDIO, audio, channels=2, sample_rate=48000)] if audio else []
    return InitSegment(b"avcC" + record if profile else b"", container, tuple(tracks))


INITS = {
    "vp8-opus": init("vp8", "opus"),
    "vp9-opus": init("vp9", "opus"),
    "h264-baseline": init("h264", "opus", profile=BASELINE),
    "h264-high-aac": init("h264", "aac", profile=HIGH),
    "h264-not-described": init("h264", "opus"),
    "mp4-aac": init("h264", "aac", "mp4", BASELINE),
    "audio-only": init("", "opus"),
    "video-only": init("vp8", ""),
}
SENT = {
    "vp8-opus": Kinds("vp8", True),
    "vp9-opus": Kinds("h264", True),
    "audio-only": Kinds("", True),
    "video-only": Kinds("vp8", False),
}


@pytest.mark.parametrize("name", INITS)
def test_the_command_line_is_the_golden_one(name: str) -> None:
    assert written(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", INITS)
def test_what_is_encoded_takes_processors_and_what_is_copied_none(name: str) -> None:
    assert (cost(INITS[name]) > 0) is ("libx264" in argv("ffmpeg", INITS[name], PORTS))


def test_a_larger_picture_costs_more_to_read_and_no_more_to_make_than_a_bound() -> None:
    sizes = [(640, 360), (1280, 720), (3840, 2160), (720, 1280)]
    tracks = [Track(1, TrackKind.VIDEO, "vp9", *size) for size in sizes]
    small, medium, large, upright = (cost(InitSegment(b"", "matroska", (track,))) for track in tracks)
    assert small < medium < large and upright < medium


def test_every_golden_file_belongs_to_a_recording() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*")) == sorted(INITS)


@pytest.mark.parametrize("name", SENT)
def test_pictures_that_every_browser_plays_are_copied_and_all_others_become_h264(name: str) -> None:
    assert kinds(INITS[name]) == SENT[name]


@pytest.mark.parametrize("name", INITS)
def test_the_first_keyframe_is_never_thrown_away(name: str) -> None:
    assert "nobuffer" not in written(name)


@pytest.mark.parametrize(("ports", "maps"), [({}, []), ({"audio": Port(4, 5)}, ["0:a:0"])])
def test_what_has_no_port_is_left_out(ports: dict[str, Port], maps: list[str]) -> None:
    told = argv("ffmpeg", INITS["vp8-opus"], ports)
    assert [told[at + 1] for at, word in enumerate(told) if word == "-map"] == maps


# Real FFmpeg


@dataclass(frozen=True)
class Heard:
    """RTP packets (RFC 3550 §5.1) of one medium, and the local addresses of the sockets they came from."""

    packets: list[bytes]
    sockets: set[str]


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        made.bind(("127.0.0.1", 0))
        made.settimeout(20)
        yield made


def heard(name: str) -> dict[str, Heard]:
    """What comes of a recording that is handed over at once."""
    recording = see([read(name)])
    assert recording.init
    with listening() as video, listening() as audio, listening() as control:
        places = {"video": video, "audio": audio}
        rtcp = control.getsockname()[1]
        ports = {kind: Port(one.getsockname()[1], rtcp) for kind, one in places.items()}
        command = argv("ffmpeg", recording.init, ports)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            assert process.stdin
            process.stdin.write(read(name))
            process.stdin.flush()
            first = {kind: one.recv(2000) for kind, one in places.items()}
            bound = {one.laddr[0] for one in psutil.Process(process.pid).net_connections("udp")}
            process.stdin.close()
            process.wait(30)
        return {kind: Heard([first[kind], *rest(one)], bound) for kind, one in places.items()}


def rest(one: socket.socket) -> list[bytes]:
    one.setblocking(False)
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(one.recv(2000))
    return found


@pytest.mark.parametrize("name", [VP8, MP4])
def test_both_media_are_sent_in_packets_that_fit_from_sockets_that_nobody_else_reaches(name: str) -> None:
    found = heard(name)
    for kind, payload in (("video", 96), ("audio", 111)):
        assert {packet[1] & 0x7F for packet in found[kind].packets} == {payload}
        assert max(map(len, found[kind].packets)) <= 1200
        assert len(found[kind].packets) > 50
        assert found[kind].sockets == {"127.0.0.1"}


def written(name: str) -> str:
    return "\n".join(argv("ffmpeg", INITS[name], PORTS)) + "\n"


def main() -> None:
    os.makedirs(GOLDEN, exist_ok=True)
    for name in INITS:
        (GOLDEN / f"{name}.txt").write_text(written(name), encoding="utf-8")


if __name__ == "__main__":
    main()
