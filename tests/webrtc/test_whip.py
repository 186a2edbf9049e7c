"""WHIP publishers: they take the same road as all others, to the playlist."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FAKE_CAMERA, QUIET
from tests.support.accounts import admin_password, exchange_key
from tests.support.administrator import administrator, good, signed_in
from tests.support.media import check_ended, frames
from tests.support.server import Server, running
from tests.support.whip import generated, publishing, publishing_aiortc, url
from tests.system.conftest import SMALL
from tests.webrtc.test_whip_requests import asked

PAGE = """
async ([place, bearer, sendEncodings]) => {
    const peer = new RTCPeerConnection()
    const media = await navigator.mediaDevices.getUserMedia({ video: true, audio: true })
    for (const track of media.getTracks()) {
        const layers = track.kind === "video" && sendEncodings ? { sendEncodings } : {}
        peer.addTransceiver(track, { direction: "sendonly", ...layers })
    }
    await peer.setLocalDescription()
    await new Promise((done) => {
        peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done()
    })
    const headers = { Authorization: `Bearer ${bearer}`, "Content-Type": "application/sdp" }
    const answer = await fetch(place, { method: "POST", headers, body: peer.localDescription.sdp })
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() })
    window.peer = peer
    window.leave = () => fetch(answer.headers.get("location"), { method: "DELETE", headers })
}
"""

_SENT = """
async () => [...(await window.peer.getStats()).values()]
    .filter((one) => one.type === "outbound-rtp" && one.kind === "video" && one.bytesSent)
    .map((one) => one.rid)
"""


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    with running(channels=12, webrtc_enabled=True, ingest_resume_window=30, **SMALL) as made:
        yield made


def media(server: Server, seconds: float) -> dict[str, Any]:
    return server.wait_for(f"{seconds:g} s of media", lambda one: one["media_time"] >= seconds)


def check(server: Server, seconds: float, *, video: bool = True, audio: bool = True) -> dict[str, Any]:
    """The channel's broadcast ends well, with so much in every rendition."""
    ended = server.wait_state("ended", "failed")
    assert ended["state"] == "ended", ended
    for path in check_ended(server, ended):
        pictures, sounds = frames(server, path)
        assert (pictures >= seconds * 25) if video else pictures == 0
        assert (sounds >= seconds * 40) if audio else sounds == 0
    return ended


def test_a_publisher_is_in_the_playlist_and_ends_it_when_it_takes_leave(server: Server) -> None:
    channel = server.on("demo1")
    with publishing(channel):
        live = channel.wait_state("live")
        with administrator(channel) as admin:
            said = good(admin.get("/channels/demo1/source"))["source"]
            assert (said["kind"], said["video"]["codec"], said["audio"]["codec"]) == ("whip", "h264", "opus")
            (visit,) = good(admin.get(f"/broadcasts/{live['id']}/diagnosis"))["publishers"]
            assert visit["way"] == "whip" and visit["address"] == "127.0.0.1"
        media(channel, 5)
    assert check(channel, 5)["id"] == live["id"]


def test_a_publisher_of_vp8_that_only_hangs_up_is_waited_for(server: Server) -> None:
    channel = server.on("demo2")
    with publishing_aiortc(channel):
        media(channel, 3)
        source = channel.newest()
        assert source and source["source"]["video"]["codec"] == "vp8"
    channel.wait_state("interrupted")


def test_who_hangs_up_and_takes_leave_at_once_has_ended_its_broadcast(server: Server) -> None:
    """As a browser does that leaves a page."""
    channel = server.on("demo11")
    with publishing_aiortc(channel) as publisher:
        media(channel, 2)
    assert asked(channel, "DELETE", publisher.answer).status_code == 200
    assert channel.wait_state("ended", "failed", "interrupted")["state"] != "interrupted"
    check(channel, 2)


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_publisher_of_one_kind_alone(server: Server, kind: str) -> None:
    channel = server.on("demo3" if kind == "video" else "demo4")
    video, audio = kind == "video", kind == "audio"
    with publishing(channel, what=generated(video=video, audio=audio)):
        media(channel, 3)
    check(channel, 3, video=video, audio=audio)


def test_a_token_of_somebody_publishes_until_it_is_revoked(server: Server) -> None:
    channel = server.on("demo5")
    with signed_in(server, "admin", admin_password(server.data)) as admin:
        made = good(admin.post("/channels/demo5/tokens", json={"scope": "publish"}))
    with publishing(channel, bearer=made["token"]) as process:
        channel.wait_state("live")
        with administrator(channel) as admin:
            good(admin.delete(f"/tokens/{made['id']}"))
        channel.wait_state("interrupted")
        process.kill()


def test_one_that_vanishes_is_missed_and_goes_on_when_it_comes_back(server: Server) -> None:
    channel = server.on("demo6")
    with publishing(channel) as process:
        broadcast = media(channel, 2)["id"]
        process.kill()
        channel.wait_state("interrupted", seconds=15)
    with publishing(channel):
        media(channel, 5)
    assert check(channel, 5)["id"] == broadcast


def test_another_takes_a_live_channel_over_and_goes_on_with_its_broadcast(server: Server) -> None:
    channel = server.on("demo7")
    with publishing(channel) as first:
        broadcast = media(channel, 2)["id"]
        with publishing(channel) as refused:
            assert refused.wait(30) != 0
        assert first.poll() is None
        with publishing(channel, query="?takeover=true"):
            first.kill()  # FFmpeg does not see that nobody listens any more
            media(channel, 5)
    assert check(channel, 5)["id"] == broadcast


def test_whose_key_is_taken_back_has_to_go(server: Server) -> None:
    channel = server.on("demo8")
    with publishing(channel) as process:
        broadcast = media(channel, 1)["id"]
        exchange_key(server.data, "demo8")
        channel.wait_state("interrupted")
        process.kill()
    with administrator(channel) as admin:
        (visit,) = good(admin.get(f"/broadcasts/{broadcast}/diagnosis"))["publishers"]
    assert visit["reason"] == "The right to publish here has been taken back."


@contextmanager
def browser(server: Server, folder: Path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=[*QUIET, *FAKE_CAMERA]
        )
        page = made.new_page()
        page.goto(server.http)
        yield page
        made.close()


def test_a_browser_publishes(server: Server, tmp_path: Path) -> None:
    channel = server.on("demo9")
    with browser(server, tmp_path) as page:
        page.evaluate(PAGE, [url(channel), channel.stream_key])
        media(channel, 4)
        page.evaluate("() => window.leave()")
        check(channel, 4)


def test_of_a_browser_that_offers_layers_the_first_is_taken(server: Server, tmp_path: Path) -> None:
    channel = server.on("demo10")
    layers = [
        {"rid": "f"},
        {"rid": "h", "scaleResolutionDownBy": 2},
        {"rid": "q", "scaleResolutionDownBy": 4},
    ]
    with browser(server, tmp_path) as page:
        page.evaluate(PAGE, [url(channel), channel.stream_key, layers])
        media(channel, 4)
        assert page.evaluate(_SENT) == ["f"]
        page.evaluate("() => window.leave()")
        check(channel, 4)
