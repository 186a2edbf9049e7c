"""What stands in playlists and segments, looked at with FFmpeg and the RFC 8216 checker."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.hls.rfc8216 import (
    check_aligned,
    check_dates,
    check_media,
    check_multivariant,
    parse_media,
    parse_multivariant,
)
from tests.support import http
from tests.support.server import Server


def media_playlists(server: Server, path: str) -> dict[str, str]:
    """Every media playlist of a multivariant one, by path; both kinds are checked against RFC 8216."""
    text = server.fetch(path)
    assert check_multivariant(text) == []
    base = path.rpartition("/")[0]
    found = {
        f"{base}/{variant.uri}": server.fetch(f"{base}/{variant.uri}")
        for variant in parse_multivariant(text).variants
    }
    for playlist in found.values():
        faults = check_media(playlist)
        assert not faults, f"{faults}\n{playlist}"
    return found


def check_ended(server: Server, broadcast: dict[str, Any]) -> dict[str, str]:
    """The playlists of a broadcast that is over: valid, complete, aligned; every segment is there."""
    playlists = media_playlists(server, broadcast["hls_broadcast"])
    texts = list(playlists.values())
    for path, text in playlists.items():
        faults = [*check_media(text, final=True), *check_aligned(texts[0], text), *check_dates(text)]
        assert not faults, f"{faults}\n{texts[0]}\n{text}"
        for segment in parse_media(text).segments:
            answer = http.head(f"{server.hls}{path.rpartition('/')[0]}/{segment.uri}")
            assert answer.status_code == 200, segment.uri
            assert "immutable" in answer.headers["cache-control"]
    return playlists


def probe(url: str, seconds: int = 0) -> dict[str, Any]:
    """What ffprobe says of a playlist or segment, all packets counted; of what is live: those ``seconds``."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-count_packets", "-show_streams"]
    part = ["-read_intervals", f"%+{seconds}"] if seconds else []
    ended = subprocess.run([*command, *part, url], capture_output=True, check=True, timeout=120)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def frames(server: Server, path: str) -> tuple[int, int]:
    """Decoded video frames, and audio packets, of a media playlist that has ended."""
    streams = probe(server.hls + path)["streams"]
    count = {stream["codec_type"]: int(stream.get("nb_read_packets", 0)) for stream in streams}
    return count.get("video", 0), count.get("audio", 0)


def decode_errors(server: Server, path: str) -> str:
    """What FFmpeg complains of when it decodes a playlist from start to end.

    Behind a discontinuity times begin anew (RFC 8216 §4.3.2.3), be it before the last ones: FFmpeg's
    demuxer takes no notice of the tag, and its null muxer complains.
    """
    # in the segments' own time: else FFmpeg guesses a frame rate, and complains where another epoch has more
    own_time = ["-fps_mode", "passthrough", "-enc_time_base:v", "-1"]
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", server.hls + path, *own_time, "-f", "null", "-"]
    with tempfile.TemporaryDirectory() as scratch:
        ended = subprocess.run(command, capture_output=True, cwd=Path(scratch), timeout=120)
    joined = "#EXT-X-DISCONTINUITY\n" in server.fetch(path)
    lines = ended.stderr.decode().splitlines(keepends=True)
    return "".join(line for line in lines if not (joined and "monotonically increasing dts to muxer" in line))
