"""FFmpeg's own levels."""

from __future__ import annotations

import pytest
import structlog

from ingestd.encoder.encoder import log_line
from ingestd.encoder.words import parse


@pytest.mark.parametrize(
    ("line", "level", "words"),
    [
        ("[error] Conversion failed!", "error", "Conversion failed!"),
        ("[flv @ 0x55d0c8] [warning] DTS 17", "warning", "[flv @ 0x55d0c8] DTS 17"),
        ("[in#0 @ 0x1a] [h264 @ 0x2b] [error] no frame", "error", "[in#0 @ 0x1a] [h264 @ 0x2b] no frame"),
        ("[info] Stream mapping:", "info", "Stream mapping:"),
        ("[verbose] x", "debug", "x"),
        ("[fatal] out of memory", "critical", "out of memory"),
        ("[panic] y", "critical", "y"),
        ("Error: no level", "warning", "Error: no level"),
        ("title: [error] is part of the words", "warning", "title: [error] is part of the words"),
        ("", "warning", ""),
    ],
)
def test_level_and_words(line: str, level: str, words: str) -> None:
    assert parse(line) == (level, words)
    with structlog.testing.capture_logs() as logs:
        log_line(line)
    assert logs == [{"event": "ffmpeg", "line": words, "log_level": level}]
