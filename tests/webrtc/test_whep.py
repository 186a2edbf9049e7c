"""WHEP viewers: of a WHIP publisher, and of every other; and what ends them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, QUIET
from tests.support import http
from tests.support.accounts import token_for
from tests.support.administrator import administrator, good
from tests.support.media import check_ended, frames
from tests.support.publisher import STOP, dial
from tests.support.recorder import broadcasting, recording
from tests.support.server import Server, alive, argv, running, wait_for
from tests.support.whep import KINDS, more, over, patch, post, url, watching
from tests.support.whip import publishing
from tests.system.conftest import SMALL

ROOM = 5  # viewers
NEVER_CAME = 20  # seconds after which a viewer who does not connect loses its place
VANISHED = 60  # and one of whom nothing is heard any more: the SFU's own time
OFFERS = Path(__file__).parent / "sdp"
FIREFOX = (OFFERS / "firefox-play.sdp").read_bytes()
PLAY = (Path(__file__).parent / "play.js").read_text()

# as OBS sends it: High profile, B-frames, AAC
OBS = [
    *["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-f", "lavfi", "-i", "sine=sample_rate=44100"],
    *["-pix_fmt", "yuv420p", "-c:v", "libx264", "-profile:v", "high", "-bf", "2", "-b_strategy", "0"],
    *["-preset", "veryfast", "-g", "60", "-c:a", "aac", "-b:a", "96k"],
]


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    settings = SMALL | {"encoder_ladder": "[{height=144,bitrate=200}]"}
    with running(
        channels=20,
        webrtc_enabled=True,
        webrtc_max_viewers=ROOM,
        webrtc_stun='["stun:stun.example.org:3478"]',
        ingest_resume_window=2,
        **settings,
    ) as made:
        yield made


@pytest.fixture(scope="module")
def recorded(server: Server) -> Iterator[Server]:
    """A channel on which a browser broadcasts as long as these tests last."""
    channel = server.on("demo1")
    with broadcasting(channel):
        yield channel


@pytest.fixture(scope="module", autouse=True)
def vanished(recorded: Server) -> str:
    """The session of a viewer who is killed, and so says nothing any more: the first of all, for it takes a
    minute until that is noticed."""
    command = [sys.executable, "-m", "tests.support.whep", url(recorded)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        session = process.stdout.readline().strip()
        process.kill()
    assert patch(session).status_code == 204
    return session


@contextmanager
def by_rtmp(server: Server) -> Iterator[None]:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-re", *OBS, "-f", "flv"]
    process = subprocess.Popen([*command, f"{server.rtmp}/{server.stream_key}"])
    try:
        server.wait_state("live")
        yield
    finally:
        process.kill()
        process.wait()


def taps(server: Server) -> list[psutil.Process]:
    """The FFmpegs that send RTP for viewers."""
    return [one for one in server.children("ffmpeg") if "rtp://" in argv(one)]


def sfu(server: Server) -> psutil.Process:
    """Viewers' Janus."""

    def find() -> psutil.Process | None:
        found = server.children("janus")
        return next((one for one in found if one.cwd().endswith("/out")), None)

    return wait_for("viewers' Janus", find)


def watched(channel: Server) -> None:
    """Somebody can watch and hear the channel now."""

    def seen() -> bool:
        with watching(channel) as viewer:
            if viewer.answer is None or viewer.answer.status_code != 201:
                return False
            more("pictures", lambda: viewer.frames["video"], 10)
            more("sounds", lambda: viewer.frames["audio"], 10)
        return True

    wait_for(f"a viewer of {channel.channel}", seen)


def test_a_whip_publisher_is_watched_at_once(server: Server) -> None:
    channel = server.on("demo2")
    with publishing(channel):
        assert channel.wait_state("live")["whep"] == "/whep/demo2"
        with watching(channel) as viewer:
            assert viewer.answer and viewer.answer.status_code == 201, viewer.answer
            more("pictures", lambda: viewer.frames["video"], 30)
            more("sounds", lambda: viewer.frames["audio"], 30)
            session = viewer.session
            assert not [tap for tap in taps(server) if "demo2" in argv(tap)]
    assert channel.wait_state("ended", "failed")["whep"] is None
    over(session)


def test_a_browsers_broadcast_is_watched_with_less_than_a_second_of_delay(recorded: Server) -> None:
    with watching(recorded) as viewer:
        more("pictures", lambda: viewer.frames["video"], 150)
        more("sounds", lambda: viewer.frames["audio"], 10)
        ages = sorted(viewer.ages[90:])
        assert ages[len(ages) // 2] < 1.0, ages


def test_sound_alone_is_heard(recorded: Server) -> None:
    with watching(recorded, kinds=["audio"]) as viewer:
        more("sounds", lambda: viewer.frames["audio"], 30)


def test_obs_is_watched_in_chromium_by_a_page_of_another_site(server: Server) -> None:
    channel = server.on("demo3")
    with by_rtmp(channel), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            page = browser.new_page(bypass_csp=True)
            page.goto(f"{server.hls}/hls/nothing")
            found = page.evaluate(PLAY, url(channel))
        finally:
            browser.close()
    assert found["frames"] >= 60 and found["time"] > 0 and found["samples"] > 0, found
    assert found["left"] == 200, found


@pytest.mark.parametrize("sound", [True, False])
def test_when_the_recording_changes_its_codec_viewers_begin_anew(server: Server, sound: bool) -> None:
    channel = server.on("demo4" if sound else "demo5")
    kinds = KINDS if sound else ["video"]
    with dial(channel) as connection, ExitStack() as stack:
        with recording(connection, "vp8", sound=sound):
            channel.wait_state("live")
            before = stack.enter_context(watching(channel, kinds=kinds))
            more("pictures", lambda: before.frames["video"], 10)
        with recording(connection, "h264", sound=sound):
            over(before.session)
            with watching(channel, kinds=kinds) as viewer:
                more("pictures", lambda: viewer.frames["video"], 10)
                assert viewer.answer and "H264" in viewer.answer.text and "VP8" not in viewer.answer.text
                connection.close(STOP)
                over(viewer.session)


def test_a_broadcast_that_is_watched_loses_nothing_and_a_tap_that_dies_is_made_anew(server: Server) -> None:
    channel = server.on("demo6")
    others = {one.pid for one in taps(server)}
    with broadcasting(channel) as recorder, watching(channel) as viewer:
        more("pictures", lambda: viewer.frames["video"], 30)
        (tap,) = (one for one in taps(server) if one.pid not in others)
        tap.kill()
        psutil.wait_procs([tap], 10)
        more("pictures", lambda: viewer.frames["video"], 60)
        assert patch(viewer.session).status_code == 204
        (tap,) = (one for one in taps(server) if one.pid not in others)
        tap.suspend()  # it takes nothing more: nobody waits for it
        before = channel.newest()
        assert before
        channel.wait_for("more media", lambda one: one["media_time"] > before["media_time"] + 3)
        tap.kill()
    ended = channel.wait_state("ended", "failed")
    assert ended["state"] == "ended"
    for path in check_ended(channel, ended):
        assert abs(frames(channel, path)[0] - recorder.source.pictures) <= 3


def test_nothing_is_made_for_nobody(server: Server) -> None:
    channel = server.on("demo7")
    others = {one.pid for one in taps(server)}
    with broadcasting(channel):
        watched(channel)
        made = [one for one in taps(server) if one.pid not in others]
        assert made
        wait_for("its end", lambda: not any(map(alive, made)), 20)
        watched(channel)


def test_who_may_not_or_cannot_watch_is_told_why(server: Server, recorded: Server) -> None:
    idle = server.on("demo8")
    offer = FIREFOX.decode()
    answers = [
        (post(idle, FIREFOX), 404, "no_such_broadcast"),
        (http.post(f"{server.http}/whep/nobody", content=FIREFOX), 404, "no_such_channel"),
        (post(recorded, b"v=0\r\ngarbage"), 400, "malformed"),
        (
            post(
                recorded, offer.replace("H264/", "H265/").replace("VP8/", "VP9/").replace("opus/", "speex/")
            ),
            400,
            "",
        ),
        (post(recorded, offer.replace("recvonly", "sendonly")), 400, "malformed"),
        (post(recorded, b"{}", **{"Content-Type": "application/json"}), 415, "unsupported_media"),
        (post(recorded, bytes(70_000)), 413, "too_large"),
    ]
    for answer, status, code in answers:
        assert answer.status_code == status, answer.text
        assert answer.json()["error"]["code"] == (code or "malformed")
    assert int(answers[0][0].headers["retry-after"]) > 0
    assert answers[0][0].headers["access-control-allow-origin"] == "*"


def test_a_session_by_the_draft(recorded: Server) -> None:
    allowed = http.request("OPTIONS", url(recorded), headers={"Origin": "https://example.org"})
    assert (allowed.status_code, allowed.headers["accept-post"]) == (204, "application/sdp")
    assert "PATCH" in allowed.headers["access-control-allow-methods"]
    made = post(recorded, FIREFOX, Origin="https://example.org")
    assert made.status_code == 201 and made.headers["content-type"].startswith("application/sdp")
    assert '<stun:stun.example.org:3478>; rel="ice-server"' in made.headers["link"]
    assert "Location" in made.headers["access-control-expose-headers"]
    session, etag = recorded.http + made.headers["location"], made.headers["etag"]
    candidate = "candidate:1 1 udp 2122260223 198.51.100.77 50000 typ host"
    assert patch(session, candidate, **{"If-Match": etag}).status_code == 204
    assert patch(session, candidate, **{"If-Match": '"other"'}).status_code == 412
    assert patch(session, "ice-ufrag:abcd", "ice-pwd:" + "x" * 22).status_code == 422
    assert patch(session, "candidate:garbage").status_code == 400
    assert patch(f"{url(recorded)}/wrong").status_code == 404
    assert http.request("DELETE", session.replace("demo1", "demo2")).status_code == 404
    assert http.request("DELETE", session).status_code == 200
    over(session, 5)
    assert http.request("DELETE", session).status_code == 404


def test_payload_types_are_the_viewers_choice_and_cost_no_more_the_more_there_are(recorded: Server) -> None:
    janus = sfu(recorded)
    with watching(recorded) as viewer:
        more("pictures", lambda: viewer.frames["video"], 1)
        for payload in range(35, 60):  # that of Opus
            made = post(recorded, re.sub(rb"\b109\b", b"%d" % payload, FIREFOX))
            assert made.status_code == 201, made.text
            assert f"a=rtpmap:{payload} opus/48000/2" in made.text
            assert http.request("DELETE", recorded.http + made.headers["location"]).status_code == 200
        more("pictures", lambda: viewer.frames["video"], 30)  # it came by one that is no more
        assert len([one for one in janus.net_connections("udp") if one.laddr[0] == "127.0.0.1"]) < 70


def test_a_private_channel_is_watched_with_a_token_as_long_as_that_is_good(server: Server) -> None:
    channel = server.on("demo9")
    with administrator(channel) as admin, broadcasting(channel):
        with watching(channel) as before:
            more("pictures", lambda: before.frames["video"], 1)
            good(admin.patch("/channels/demo9", json={"private": True}))
            over(before.session, 10)
        assert post(channel, FIREFOX).json()["error"]["code"] == "token_missing"
        other = token_for(server.data, "demo8", scope="watch")
        assert post(channel, FIREFOX, Authorization=f"Bearer {other}").status_code == 403
        made = good(admin.post("/channels/demo9/tokens", json={"scope": "watch", "lifetime": 600}))
        brief = token_for(server.data, "demo9", lifetime=6, scope="watch")
        with watching(channel, made["token"]) as viewer, watching(channel, brief) as guest:
            more("pictures", lambda: viewer.frames["video"], 30)
            over(guest.session, 10)
            assert patch(viewer.session).status_code == 204
            good(admin.delete(f"/tokens/{made['id']}"))
            over(viewer.session, 5)


def test_there_is_room_for_so_many_and_who_never_comes_or_vanishes_loses_it(
    recorded: Server, vanished: str
) -> None:
    here = 1 if patch(vanished).status_code == 204 else 0
    with ThreadPoolExecutor(ROOM + 2) as pool:
        answers = list(pool.map(lambda _: post(recorded, FIREFOX), range(ROOM + 2)))
    sessions = [recorded.http + one.headers["location"] for one in answers if one.status_code == 201]
    refused = [one for one in answers if one.status_code != 201]
    assert len(sessions) == ROOM - here
    assert all(one.status_code == 503 and int(one.headers["retry-after"]) > 0 for one in refused)
    for session in sessions[1:]:
        http.request("DELETE", session)
    over(sessions[0], NEVER_CAME + 5)
    over(vanished, VANISHED + 10)


def test_when_the_sfu_dies_its_sessions_are_over_and_new_ones_begin(recorded: Server, vanished: str) -> None:
    over(vanished, VANISHED + 10)
    with watching(recorded) as viewer:
        more("pictures", lambda: viewer.frames["video"], 10)
        died = sfu(recorded)
        died.kill()
        over(viewer.session, 15)
        wait_for("another Janus", lambda: sfu(recorded).pid != died.pid)
    watched(recorded)
    assert recorded.newest() and recorded.newest()["state"] == "live"  # type: ignore[index]
