"""What a relay's FFmpeg is told, and what is made of its words."""

from __future__ import annotations

import pytest

from ingestd.container.model import InitSegment, Track, TrackKind
from ingestd.ingest.remux import CODECS, Words, argv

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
