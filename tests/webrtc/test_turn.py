"""Where a firewall lets no UDP through: publishers and viewers go by a real coturn, or by the playlist."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiortc import RTCIceServer
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ingestd.doctor.finding import Status, ok
from ingestd.doctor.webrtc import relays
from ingestd.settings import Settings, WebRtc
from ingestd.webrtc.ice import LIFETIME, IceServers
from tests.browser.conftest import CHROMIUM, PATIENCE_MS, QUIET
from tests.support import http
from tests.support.files import below, content
from tests.support.network import ADDRESS, udp_blocked
from tests.support.recorder import broadcasting
from tests.support.server import Server, given, running, wait_for
from tests.support.turn import BY_TCP, BY_UDP, PORT, RELAYS, coturn, lets_in, told
from tests.support.whep import more, watching
from tests.support.whip import publishing_aiortc
from tests.system.conftest import SMALL
from tests.webrtc.test_watch_page import LOWEST, PEERS, moves, plays
from tests.webrtc.test_whip_requests import asked, offered

SECRET = "0123456789abcdef-shared-with-coturn"
OPEN = {"udp": (PORT, RELAYS[1]), "tcp": RELAYS}  # the ports that a firewall leaves open for UDP, if any
URLS = {"udp": BY_UDP, "tcp": BY_TCP}
# The way that media take, of the page's newest connection: [our candidate's type, how we talk to the relay].
ROUTE = """async () => {
  const all = (await window.peers?.at(-1)?.getStats()) ?? new Map();
  const pair = [...all.values()].find((one) => one.type === "candidate-pair" && one.nominated);
  const ours = pair && all.get(pair.localCandidateId);
  return [ours?.candidateType, ours?.relayProtocol];
}"""


@pytest.fixture(scope="module")
def server(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    file = tmp_path_factory.mktemp("secrets") / "turn_secret"
    file.write_text(f"{SECRET}\n")
    turn: dict[str, Any] = {"webrtc_turn": f'["{BY_UDP}", "{BY_TCP}"]', "webrtc_turn_secret_file": file}
    with running(channels=4, webrtc_enabled=True, ingest_resume_window=2, **turn, **SMALL) as made:
        yield made


@pytest.fixture
def turn(server: Server) -> Iterator[None]:
    with coturn(SECRET):
        yield


@pytest.fixture(scope="module")
def live(server: Server) -> Iterator[Server]:
    """Somebody broadcasts by WebSocket, which no firewall here minds."""
    with broadcasting(server):
        server.wait_for("WebRTC and a playlist", lambda one: bool(one["whep"] and one["hls"]))
        yield server


@contextmanager
def page_of(browser: Browser, server: Server) -> Iterator[Page]:
    """The watch page, which asks for WebRTC again soon after it has failed."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(PEERS)
    page.add_init_script(LOWEST)
    page.goto(f"{server.hls}/watch/{server.channel}")
    yield page
    page.close()


@pytest.fixture(scope="module")
def browser(live: Server) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield made
        made.close()


def given_to(channel: Server, transport: str) -> RTCIceServer:
    """The TURN server with a credential, as a publisher is told."""
    answer = offered(channel)
    assert asked(channel, "DELETE", answer).status_code == 200
    return told(answer, URLS[transport])


def goes_by_the_relay(page: Page, talks: list[str]) -> None:
    """The page plays what comes so; it may have had to try again."""
    wait_for("the relay", lambda: page.evaluate(ROUTE) in [["relay", one] for one in talks])
    plays(page, "webrtc")


@pytest.mark.parametrize("transport", URLS)
def test_coturn_lets_in_whom_we_have_given_a_credential_and_nobody_else(
    server: Server, turn: None, transport: str
) -> None:
    good = given_to(server.on("demo1"), transport)
    assert lets_in(good)
    begun = time.time()
    expires = int(str(good.username))
    assert begun < expires <= begun + LIFETIME

    def other(secret: str, now: float) -> RTCIceServer:
        return RTCIceServer(good.urls, *IceServers(secret=secret).credentials(now))

    assert lets_in(other(SECRET, begun - LIFETIME + 60))
    assert not lets_in(other(SECRET, begun - LIFETIME - 5)), "it has expired"
    assert not lets_in(other(f"{SECRET}x", begun)), "of another secret"
    assert not lets_in(RTCIceServer(good.urls, good.username, "wrong"))
    assert not lets_in(RTCIceServer(good.urls, str(expires + 3600), good.credential)), "made longer"


@pytest.mark.parametrize("url", [BY_UDP, BY_TCP, f"stun:{ADDRESS}:{PORT}"])
def test_the_doctor_knows_whether_it_answers(network: None, url: str) -> None:
    told = {"stun": (url,)} if url.startswith("stun") else {"turn": (url,), "turn_secret": SECRET}
    settings = Settings(webrtc=WebRtc.model_validate(told))
    with coturn(SECRET):
        assert relays(settings) == ok(url)
    assert relays(settings)[:2] == (Status.WARNING, f"no answer from {url}")


@pytest.mark.parametrize("transport", OPEN)
def test_a_watch_page_behind_a_firewall_is_sent_by_the_relay(
    live: Server, browser: Browser, turn: None, transport: str
) -> None:
    talks = {"udp": ["udp", "tcp"], "tcp": ["tcp"]}  # where both go it is the browser's choice
    with udp_blocked(but=OPEN[transport]), page_of(browser, live) as page:
        goes_by_the_relay(page, talks[transport])
        moves(page, 3)


@pytest.mark.parametrize("transport", OPEN)
def test_a_publisher_and_a_viewer_behind_a_firewall_go_by_the_relay(
    server: Server, turn: None, transport: str
) -> None:
    channel = server.on(f"demo{1 + list(OPEN).index(transport)}")
    known = given_to(channel, transport)
    with udp_blocked(but=OPEN[transport]), publishing_aiortc(channel, known):
        channel.wait_for("media", lambda one: one["state"] == "live" and one["media_time"] > 4)
        with watching(channel, turn=known) as viewer:
            more("pictures", lambda: viewer.frames["video"], 30)
            more("sounds", lambda: viewer.frames["audio"], 30)
    channel.wait_state("ended", "failed")


def test_where_not_even_the_relay_is_reached_the_watch_page_plays_the_playlist(
    live: Server, browser: Browser
) -> None:
    with udp_blocked(but=OPEN["tcp"]), page_of(browser, live) as page:
        plays(page, "playlist")
        moves(page, 3)
        with coturn(SECRET, udp=False):
            goes_by_the_relay(page, ["tcp"])
            moves(page)
        plays(page, "playlist")
        moves(page)


def test_the_secret_is_told_to_nobody(live: Server, turn: None) -> None:
    """It stands in no log and no answer, nor in what a child or the list of processes shows."""
    with watching(live) as viewer:
        more("pictures", lambda: viewer.frames["video"], 1)
        children = [child for name in ("janus", "nginx", "ffmpeg") for child in live.children(name)]
        assert len(children) >= 5
        shown = [word for child in children for word in given(child)]
        paths = "/metrics", "/readyz", "/api/v1/broadcasts", "/api/v1/openapi.json"
        shown += [http.get(live.http + path).text for path in paths]
        assert viewer.answer is not None
        shown += [live.logged(), str(viewer.answer.headers), *live.process.args]  # type: ignore[misc]
        shown += [content(path) for path in below(live.data)]
    assert shown and not [text for text in shown if SECRET in text]
