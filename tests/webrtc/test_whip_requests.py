"""WHIP (RFC 9725) on the wire: who is let in, what is refused and how, and what becomes of a session.

The offers are of publishers that never come: their sessions need nothing but the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.support import http
from tests.support.accounts import token_for
from tests.support.server import Server, running, wait_for
from tests.support.whip import url
from tests.system.conftest import SMALL
from tests.webrtc.goldens import OFFERS
from tests.webrtc.offers import OPUS

TURN = "turn:192.0.2.7:3478?transport=udp"
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
CANDIDATE = "candidate:1 1 udp 2130706431 198.51.100.1 40000 typ host"
RESTART = "a=ice-ufrag:other\r\na=ice-pwd:0123456789012345678901\r\n"


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    turn: dict[str, Any] = {"webrtc_turn": f'["{TURN}"]', "webrtc_turn_secret": "a secret of theirs"}
    with running(channels=8, webrtc_enabled=True, **turn, **SMALL) as made:
        yield made


def offered(
    server: Server, offer: str | bytes = OPUS, query: str = "", bearer: str | None = None, **headers: str
) -> httpx.Response:
    """The answer to an offer; ``bearer`` "": none."""
    given = server.stream_key if bearer is None else bearer
    said = {"Content-Type": SDP} | ({"Authorization": f"Bearer {given}"} if given else {})
    more = {name.replace("_", "-"): text for name, text in headers.items()}
    return http.post(url(server, query), content=offer, headers=said | more)


def asked(
    server: Server, method: str, answer: httpx.Response, body: str = "", **headers: str
) -> httpx.Response:
    """Ask the session of an answer for something, as its publisher."""
    said = {"Authorization": f"Bearer {server.stream_key}"}
    said |= {name.replace("_", "-"): text for name, text in headers.items()}
    return http.request(method, server.http + answer.headers["location"], content=body, headers=said)


def code(answer: httpx.Response) -> str:
    found: Mapping[str, str] = answer.json()["error"]
    assert found["message"].endswith((".", ")"))
    return found["code"]


def test_who_has_no_right_to_publish_is_not_let_in(server: Server) -> None:
    channel, other = server.on("demo1"), server.on("demo2")
    nobody = offered(channel, bearer="")
    assert (nobody.status_code, code(nobody)) == (401, "token_missing")
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert nobody.headers["access-control-allow-origin"] == "*"
    basic = offered(channel, bearer="", Authorization="Basic YTpi")
    assert (basic.status_code, code(basic)) == (401, "token_missing")
    wrong = offered(channel, bearer="no such key")
    assert (wrong.status_code, code(wrong)) == (401, "not_authenticated")
    for bearer in (other.stream_key, token_for(server.data, "demo1", scope="watch")):
        refused = offered(channel, bearer=bearer)
        assert (refused.status_code, code(refused)) == (403, "not_allowed")
    elsewhere = http.post(
        f"{server.http}/whip/nonesuch",
        content=OPUS,
        headers={"Authorization": f"Bearer {channel.stream_key}", "Content-Type": SDP},
    )
    assert (elsewhere.status_code, code(elsewhere)) == (403, "not_allowed")
    assert offered(channel, OPUS.replace("sendonly", "recvonly")).status_code == 400  # the key itself is good


def test_what_is_no_offer_of_a_publisher_is_refused(server: Server) -> None:
    channel = server.on("demo1")
    words = offered(channel, Content_Type="text/plain")
    assert (words.status_code, code(words)) == (415, "unsupported_media")
    for offer in (b"", b"\xff\xfe", b"v=0", "v=0\r\nnonsense", OPUS.replace("sha-256", "md5")):
        garbage = offered(channel, offer)
        assert (garbage.status_code, code(garbage)) == (400, "malformed"), offer
    receives = offered(channel, OPUS.replace("sendonly", "recvonly"))
    assert receives.status_code == 400 and "sendonly" in receives.text
    foreign = offered(channel, OPUS.replace("opus/48000/2", "PCMU/8000"))
    assert foreign.status_code == 400 and "Opus" in foreign.text
    assert offered(channel, OPUS + "a=x\r\n" * 20_000).status_code == 413
    assert http.get(url(channel)).status_code == 405
    assert channel.newest() is None


def test_pages_of_other_sites_may_ask(server: Server) -> None:
    channel = server.on("demo1")
    for place in (url(channel), f"{url(channel)}/session"):
        answer = http.request("OPTIONS", place, headers={"Origin": "https://example.org"})
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert {"POST", "PATCH", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))
        allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
        assert {"authorization", "content-type", "if-match"} <= set(allowed)
        assert answer.headers["accept-post"] == SDP
        assert "link" not in answer.headers  # credentials are for who was let in


@pytest.mark.parametrize("name", ["obs-30-publish", "ffmpeg-publish", "chromium-publish", "firefox-publish"])
def test_a_session_is_answered_trickled_to_and_ended_once(server: Server, name: str) -> None:
    channel = server.on("demo3")
    made = offered(channel, OFFERS[name])
    assert made.status_code == 201, made.text
    assert made.headers["content-type"] == SDP and made.text.startswith("v=0\r\n")
    assert made.headers["location"].startswith("/whip/demo3/")
    assert made.headers["accept-patch"] == FRAGMENT
    exposed = made.headers["access-control-expose-headers"].lower().split(", ")
    assert {"location", "etag", "link"} <= set(exposed)
    (link,) = made.headers.get_list("link")
    assert link.startswith(f'<{TURN}>; rel="ice-server"; username="') and 'credential="' in link
    assert "a secret of theirs" not in link

    def patch(body: str, **headers: str) -> int:
        return asked(channel, "PATCH", made, body, **{"Content_Type": FRAGMENT} | headers).status_code

    tag, lines = made.headers["etag"], f"a={CANDIDATE}\r\na=end-of-candidates\r\n"
    assert patch(lines, If_Match=tag) == 204
    assert patch(lines) == 204
    assert patch(lines, If_Match='"of another"') == 412
    assert patch(RESTART, If_Match="*") == 422
    assert patch(RESTART, If_Match=tag) == 422
    assert patch("x=nonsense\r\n") == 400
    assert patch(lines, Content_Type="application/json") == 415
    for stranger in ("", "Bearer another", f"Bearer {server.stream_key}"):
        assert patch(lines, Authorization=stranger) == 401
        assert asked(channel, "DELETE", made, Authorization=stranger).status_code == 401
    assert asked(channel, "DELETE", made).status_code == 200
    again = asked(channel, "DELETE", made)
    assert (again.status_code, code(again)) == (404, "not_found")
    assert patch(lines) == 404


def test_one_publishes_on_a_channel_unless_another_takes_it_over(server: Server) -> None:
    channel = server.on("demo5")
    first = offered(channel)
    second = offered(channel)
    assert (second.status_code, code(second)) == (409, "already_live")
    third = offered(channel, query="?takeover=true")
    assert third.status_code == 201, third.text
    wait_for("the first to be gone", lambda: asked(channel, "DELETE", first).status_code == 404)
    assert asked(channel, "DELETE", third).status_code == 200
    fourth = offered(channel)  # though the third is still on its way out
    assert fourth.status_code == 201, fourth.text
    assert asked(channel, "DELETE", fourth).status_code == 200


def test_who_never_comes_is_not_waited_for(server: Server) -> None:
    channel = server.on("demo4")
    made = offered(channel)
    wait_for("nobody else", lambda: server.metric("ingestd_publishers") == 1)
    wait_for("it to be given up", lambda: asked(channel, "DELETE", made).status_code == 404, 20)
    wait_for("no publisher", lambda: server.metric("ingestd_publishers") == 0)
    assert server.metric("ingestd_connections_total", source="whip") > 0
    assert [path.name for path in (server.data / "scratch").glob("*.sdp")] == []


def test_wrong_bearers_are_counted_as_guesses(network: None) -> None:
    with running(webrtc_enabled=True, auth_failures=3, **SMALL) as server:
        answers = [offered(server, bearer=f"guess {number}") for number in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert int(answers[3].headers["retry-after"]) > 0
        assert offered(server).status_code == 429


def test_without_webrtc_it_says_so() -> None:
    with running(webrtc_enabled=False, **SMALL) as server:
        refused = offered(server)
        assert (refused.status_code, code(refused)) == (503, "unavailable")
        assert refused.json()["error"]["message"] == "WebRTC is switched off (webrtc.enabled)."
        assert offered(server, bearer="wrong").status_code == 401
