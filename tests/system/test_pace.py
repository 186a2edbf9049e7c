"""A machine that is too slow: the top rendition is left out, comes back, and viewers go on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from tests.chaos.clip import clip
from tests.hls.rfc8216 import check_update, parse_media
from tests.support.media import check_ended, frames, media_playlists
from tests.support.server import PATIENCE, Server, running
from tests.system.conftest import SMALL

SLOW = Path(__file__).parents[1] / "support" / "slow_encoder.py"
LONG = 150  # seconds of the clip; the broadcast is stopped as soon as the test has seen everything
RATE = 30


@contextmanager
def on_air(server: Server, path: Path) -> Iterator[None]:
    """A publisher at real time; stopped properly at the end."""
    secrets = {"INGESTD_STREAM_KEY": server.stream_key, "INGESTD_TOKEN": server.token}
    command = [sys.executable, "-m", "ingestd", "publish", str(path), "--server", server.http, "--quiet"]
    publisher = subprocess.Popen(command, env=os.environ | secrets)
    try:
        yield
    finally:
        publisher.terminate()
        publisher.wait(PATIENCE)


def test_the_top_rendition_is_left_out_and_comes_back_and_its_viewers_go_on() -> None:
    settings = SMALL | {"encoder_ladder": "[{height=144,bitrate=200},{height=72,bitrate=100}]"}
    settings |= {"encoder_ffmpeg": SLOW, "encoder_slow_timeout": 5, "encoder_climb_after": 8}
    settings |= {"encoder_stall_timeout": 30}  # not what is tested here
    with running(hls_window=3600, hls_segment=0.5, **settings) as server:
        slow = server.data / "scratch" / "slow"
        slow.touch()
        with on_air(server, clip("vp8", 256, 144, LONG).path):
            dropped = server.wait_for("a drop", lambda one: "144p is left out" in one["message"])
            slow.unlink()  # at once: when it is tried again, it is for good
            assert server.metric("ingestd_encoder_restarts_total", reason="too_slow") == 1
            before = media_playlists(server, dropped["hls_broadcast"])
            server.wait_for("it to go on", lambda one: one["media_time"] > dropped["media_time"] + 3)
            meanwhile = media_playlists(server, dropped["hls_broadcast"])
            back = server.wait_for("the climb", lambda one: "left out" not in one["message"])
            server.wait_for("it to go on", lambda one: one["media_time"] > back["media_time"] + 3)
        ended = server.wait_state("ended")
        after = check_ended(server, ended)
        assert server.metric("ingestd_encoder_restarts_total", reason="planned") == 1
        top, low = (next(name for name in after if f"/{rung}." in name) for rung in ("144p", "72p"))
        for name in (top, low):
            assert check_update(before[name], meanwhile[name]) == []
            assert check_update(meanwhile[name], after[name]) == []
        shown = [segment.uri.partition("/")[0] for segment in parse_media(after[top]).segments]
        assert [name for name, _ in groupby(shown)] == ["144p", "72p", "144p"]
        assert frames(server, low)[0] == round(parse_media(after[low]).duration * RATE)
        generations = server.get(f"/api/v1/broadcasts/{ended['id']}/generations")["generations"]
        assert [one["reason"] for one in generations] == ["too_slow", "planned", ""]
        assert generations[1]["renditions"] == ["72p"]
        assert all("//" not in word or "@" not in word for one in generations for word in one["argv"])
