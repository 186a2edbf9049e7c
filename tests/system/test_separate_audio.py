"""Sound as a rendition of its own: with it, too, nothing is lost and nothing doubled."""

from __future__ import annotations

from collections.abc import Iterator
from signal import SIGKILL

import pytest

from tests.chaos.analysis import Autopsy, examine
from tests.chaos.clip import clip
from tests.hls.rfc8216 import check_aligned, check_multivariant, parse_media, parse_multivariant
from tests.support.media import probe
from tests.support.publisher import publish
from tests.support.resumable import Resumable
from tests.support.server import PATIENCE, Server, running
from tests.system.numbered import NUMBERED, WINDOW, fetch

SECONDS = 12  # of a clip
STEP = 4000  # bytes
LEVEL = 0.02  # seconds: a packet of sound, which is never cut
SKEW = 0.05  # seconds between flash and beep: a picture lasts 0.033


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(
        channels=8,
        encoder_separate_audio=True,
        ingest_resume_window=WINDOW,
        ingest_idle_timeout=2 * PATIENCE,
        encoder_stall_timeout=30,
        **NUMBERED,
    ) as made:
        yield made


def look(server: Server, broadcast: str, frames: int) -> Autopsy:
    """Every frame exactly once in each rendition of pictures, and their sound whole."""
    path = f"/hls/{server.channel}/{broadcast}/index.m3u8"
    found = examine(fetch(server), path, 0, frames)
    assert found.complaints == ()
    assert {name: one.runs for name, one in found.renditions.items() if one.damage} == {}
    for one in found.renditions.values():
        assert (one.gap < LEVEL, one.overlap < LEVEL) == (True, True), one
        assert one.skews and max(abs(skew.late) for skew in one.skews) < SKEW, one.skews
    return found


def playlists(server: Server, broadcast: str) -> dict[str, str]:
    """Every media playlist, sound first; the multivariant one is checked."""
    base = f"/hls/{server.channel}/{broadcast}"
    text = server.fetch(f"{base}/index.m3u8")
    assert check_multivariant(text) == []
    listed = parse_multivariant(text)
    (sound,) = listed.renditions
    assert (sound.type, sound.uri) == ("AUDIO", "audio.m3u8")
    assert all(variant.attributes["AUDIO"].strip('"') == sound.group_id for variant in listed.variants)
    assert all(variant.attributes["CODECS"].strip('"').endswith(",mp4a.40.2") for variant in listed.variants)
    names = [str(sound.uri), *(variant.uri for variant in listed.variants)]
    return {name: server.fetch(f"{base}/{name}") for name in names}


def test_an_encoder_that_is_killed_loses_no_frame_and_no_sound(server: Server) -> None:
    channel, source = server.on("demo"), clip("vp8", 256, 144, SECONDS)
    data = source.path.read_bytes()
    publisher = Resumable.start(channel)
    sent = 0
    for share in (4, 7):
        until = len(data) * share // 10
        publisher.send(data[sent:until])
        sent = until
        wanted = SECONDS * share / 10 - 2.5
        channel.wait_for("media", lambda one, wanted=wanted: one["media_time"] >= wanted)
        before = channel.newest()
        assert before is not None
        channel.encoder(publisher.broadcast).send_signal(SIGKILL)
        restarts = before["encoder"]["restarts"] + 1
        channel.wait_for("a restart", lambda one, n=restarts: one["encoder"]["restarts"] >= n)
    publisher.send(data[sent:])
    publisher.finish()
    found = look(channel, publisher.broadcast, source.frames)
    assert len(found.renditions) == 2
    texts = playlists(channel, publisher.broadcast)
    assert {text.count("#EXT-X-DISCONTINUITY\n") for text in texts.values()} == {2}
    for text in texts.values():
        assert check_aligned(texts["audio.m3u8"], text, by_sequence=True) == []
    sizes = channel.metric("ingestd_rendition_bytes", rendition="audio")
    assert sizes > 0
