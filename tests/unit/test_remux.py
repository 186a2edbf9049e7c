"""What a relay's FFmpeg is told, and what is made of its words."""

from __future__ import annotations

import pytest

from ingestd.container.model import InitSegment, Track, TrackKind
from ingestd.ingest import remux
from ingestd.ingest.remux import CODECS, Words, argv, description, rtp_argv

SOUND = InitSegment(b"", "matroska", (Track(1, TrackKind.AUDIO, "aac"),))
BOTH = InitSegment(b"", "matroska", (Track(1, TrackKind.VIDEO, "h264"), Track(2, TrackKind.AUDIO, "aac")))
ANNOUNCED = "[info]     displayWidth    : 1280"
NO_PICTURE = "[info]     displayWidth    : 0"
UNKNOWN = "[flv @ 0x5] [warning] Video codec (c) is not implemented. Update your FFmpeg version"


def test_nothing_is_encoded() -> None:
    command = argv("ffmpeg", "rtmp://127.0.0.1/live/x", 2.5)
    assert command[command.index("-analyzeduration") + 1] == "2500000"
    assert command[command.index("-c") + 1] == "copy"
    assert command[command.index("-i") + 1] == "rtmp://127.0.0.1/live/x"
    assert command[-1] == "pipe:1"


def test_rtp_is_read_on_loopback_alone_and_put_in_order() -> None:
    command = rtp_argv("ffmpeg", "x.sdp", 3.0)
    at = command.index("-i")
    before = dict(zip(command[:at], command[1:at], strict=False))
    assert command[at + 1] == "x.sdp" and before["-f"] == "sdp"
    assert before["-localaddr"] == "127.0.0.1"  # else it listens on every address of the machine
    assert set(before["-protocol_whitelist"].split(",")) == {"file", "udp", "rtp"}
    assert int(before["-max_delay"]) > 0
    assert command[at + 2 :] == argv("ffmpeg", "x", 3.0)[-len(command[at + 2 :]) :]


def test_a_description_has_what_ffmpeg_has_to_know_of_each_track() -> None:
    video = remux.Track("video", 96, "H264/90000", "packetization-mode=1", 20000)
    audio = remux.Track("audio", 111, "opus/48000/2", "", 20002)
    lines = description([video, audio]).split("\r\n")
    assert lines[0] == "v=0" and lines[-1] == ""
    assert "c=IN IP4 127.0.0.1" in lines
    at = lines.index("m=video 20000 RTP/AVP 96")
    assert lines[at + 1 :] == [
        "a=rtpmap:96 H264/90000",
        "a=fmtp:96 packetization-mode=1",
        "m=audio 20002 RTP/AVP 111",
        "a=rtpmap:111 opus/48000/2",
        "",
    ]


@pytest.mark.parametrize(
    ("lines", "init", "refused"),
    [
        ([ANNOUNCED], BOTH, False),
        ([ANNOUNCED], SOUND, True),  # HEVC by enhanced RTMP: nginx-rtmp passes only the sound on
        ([NO_PICTURE], SOUND, False),  # nothing but sound, as announced
        ([UNKNOWN], None, True),
        ([UNKNOWN], SOUND, True),
        ([], None, False),  # the publisher went before it had sent anything
    ],
)
def test_a_picture_that_does_not_come_through_is_refused(
    lines: list[str], init: InitSegment | None, refused: bool
) -> None:
    words = Words()
    for line in lines:
        words.line(line)
    assert words.refusal(init) == (CODECS if refused else None)


def test_the_log_gets_troubles_and_each_once() -> None:
    words = Words()
    said = [words.line(line) for line in (ANNOUNCED, UNKNOWN, UNKNOWN, "[info] Stream mapping:")]
    assert [line for line in said if line] == [UNKNOWN]
    assert words.described
    many = [words.line(f"[error] {number}") for number in range(1000)]
    assert sum(line is not None for line in many) < 60
