"""Every recording that a browser made is published with its real blobs, and plays."""

from __future__ import annotations

import pytest
from websockets.exceptions import ConnectionClosed

from tests.hls.rfc8216 import parse_media
from tests.support.media import check_ended, decode_errors, frames
from tests.support.publisher import RECORDINGS, dial, publish, send
from tests.support.server import PATIENCE, Server

# name: (last video time stamp in s, last end of sound in s), by ffprobe of the recording itself
LENGTHS = {
    "audioonly-opus_ts250.webm": (None, 4.98),
    "canvas-alpha-vp8_BlockGroup_resize.webm": (5.725, 6.02),
    "h264annexb-opus_ts250_kf2000.mkv": (9.966, 9.98),
    "mp4-avc1-opus_ts250_kf1000.mp4": (5.966, 5.91),
    "tabcapture-vp8_audiotrack1_resize900x700.webm": (7.927, 7.98),
    "videoonly-vp8_ts250_gop-long-clusters.webm": (4.908, None),
    "vp8-opus_ts100_defaultkf.webm": (11.966, 12.0),
    "vp8-opus_ts250_kf2000.webm": (9.965, 9.99),
    "vp8_audiotrack-ends-2.5s.webm": (5.941, 5.94),  # silence is put in,
    "vp8_firstblob-1byte_lowfps.webm": (6.0, 6.06),
    "vp8_pause2500-resume5000.webm": (5.038, 5.48),
    "vp8_restart-part1.webm": (2.217, 3.02),
    "vp8_restart-part2.webm": (2.935, 3.02),
    "vp8_tracks-disabled_rfps1000.webm": (5.966, 5.99),
}
FPS = 30
AAC = 1024 / 48000  # seconds in a packet
CHANNELS = {name: f"demo{number}" for number, name in enumerate(LENGTHS, 41)}  # no other test uses these


def test_every_recording_is_in_the_table() -> None:
    listed = {path.name.removesuffix(".json") for path in RECORDINGS.glob("*.json")}
    assert listed == set(LENGTHS)


@pytest.mark.parametrize("name", LENGTHS)
def test_a_recording_with_its_real_blobs_plays(server: Server, name: str) -> None:
    channel = server.on(CHANNELS[name])
    publish(channel, name, fast=True)
    ended = channel.wait_state("ended", "failed")
    assert ended["state"] == "ended", ended
    assert ended["encoder"]["restarts"] == 0
    video, audio = LENGTHS[name]
    playlists = check_ended(channel, ended)
    assert len(playlists) == (1 if video is None else 2)
    for path, text in playlists.items():
        assert parse_media(text).duration == pytest.approx(max(video or 0, audio or 0), abs=0.2)
        pictures, packets = frames(channel, path)
        assert pictures == pytest.approx(0 if video is None else video * FPS + 1, abs=1.5)
        assert packets == pytest.approx((audio or 0) / AAC, abs=6)
        assert decode_errors(channel, path) == ""


def test_the_bad_recording_gets_a_clear_error(server: Server) -> None:
    channel = server.on("demo30")
    data = (RECORDINGS / "BAD_dangling-A3-before-cluster.webm").read_bytes()
    with dial(channel) as connection:
        send(connection, [(0.0, data)])
        with pytest.raises(ConnectionClosed) as caught:
            connection.recv(timeout=PATIENCE)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4415
    assert "a part of the recording is missing" in caught.value.rcvd.reason
    assert caught.value.rcvd.reason in channel.logged()


def test_two_recordings_on_one_connection_are_two_epochs(server: Server) -> None:
    """A recorder that was restarted on the same socket: one broadcast, one discontinuity, all frames."""
    channel = server.on("demo31")
    with dial(channel) as connection:
        for name in ("vp8_restart-part1.webm", "vp8_restart-part2.webm"):
            connection.send((RECORDINGS / name).read_bytes())
        connection.close(4000)
    ended = channel.wait_state("ended", "failed")
    assert ended["state"] == "ended"
    for path, text in check_ended(channel, ended).items():
        assert text.count("#EXT-X-DISCONTINUITY\n") == 1
        pictures, _ = frames(channel, path)
        assert pictures == pytest.approx((2.217 + 2.935) * FPS + 2, abs=3)
