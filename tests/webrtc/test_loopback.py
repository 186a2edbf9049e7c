"""/diagnose on the wire: what a page gets to try WebRTC with, and how little of it.

The offers are of browsers that never come: their sessions need nothing but the server.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from tests.support import http
from tests.support.accounts import admin_password
from tests.support.administrator import administrator, good, signed_in
from tests.support.server import Server, running, wait_for
from tests.support.whep import url as whep
from tests.support.whip import publishing
from tests.system.conftest import SMALL
from tests.webrtc.goldens import OFFERS
from tests.webrtc.offers import OPUS
from tests.webrtc.test_whip_requests import SDP, TURN, code, offered

SENDS, PLAYS = OFFERS["chromium-publish"], OFFERS["chromium-play"]
STUN = "stun:192.0.2.7:3478"


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    servers: dict[str, Any] = {"webrtc_turn": f'["{TURN}"]', "webrtc_stun": f'["{STUN}"]'}
    servers["webrtc_turn_secret"] = "a secret of theirs"
    with running(channels=2, webrtc_enabled=True, **servers, **SMALL) as made:
        yield made


def asks(
    server: Server, path: str, offer: str | bytes = SENDS, address: str = "192.0.2.1", **headers: str
) -> httpx.Response:
    """As a browser at that address, which a proxy of ours tells."""
    said = {"Content-Type": SDP, "X-Forwarded-For": address} | headers
    return http.post(f"{server.http}/diagnose/{path}", content=offer, headers=said)


def plays(server: Server, made: httpx.Response, offer: str | bytes = PLAYS) -> httpx.Response:
    return asks(server, made.headers["location"].replace("/diagnose/whip/", "whep/"), offer)


def ends(server: Server, made: httpx.Response) -> int:
    return http.request("DELETE", server.http + made.headers["location"]).status_code


def test_a_browser_sends_and_plays_once_and_takes_leave(server: Server) -> None:
    made = asks(server, "whip")
    assert made.status_code == 201, made.text
    assert made.headers["content-type"] == SDP and made.text.startswith("v=0\r\n")
    assert made.headers["location"].startswith("/diagnose/whip/")
    assert "link" not in made.headers and "access-control-allow-origin" not in made.headers
    nothing = plays(server, made, OPUS.replace("sendonly", "recvonly").replace("opus", "PCMU"))
    assert (nothing.status_code, code(nothing)) == (400, "malformed")
    played = plays(server, made)
    assert played.status_code == 201 and played.text.startswith("v=0\r\n")
    again = plays(server, made)
    assert (again.status_code, code(again)) == (409, "already_live")
    assert ends(server, made) == 200
    assert ends(server, made) == 404
    assert plays(server, made).status_code == 404
    next_one = asks(server, "whip")  # at once
    assert next_one.status_code == 201
    assert ends(server, next_one) == 200
    assert server.broadcasts() == []


def test_what_is_no_offer_is_refused_and_so_are_pages_of_other_sites(server: Server) -> None:
    words = asks(server, "whip", **{"Content-Type": "text/plain"})
    assert (words.status_code, code(words)) == (415, "unsupported_media")
    for offer in (b"", b"\xff\xfe", "v=0\r\nnonsense", OPUS.replace("sendonly", "recvonly")):
        garbage = asks(server, "whip", offer)
        assert (garbage.status_code, code(garbage)) == (400, "malformed"), offer
    assert asks(server, "whip", OPUS + "a=x\r\n" * 20_000).status_code == 413
    assert http.get(f"{server.http}/diagnose/whip").status_code == 405
    unknown = asks(server, "whep/no-such-check", PLAYS)
    assert (unknown.status_code, code(unknown)) == (404, "not_found")
    foreign = asks(server, "whip", Origin="https://example.org")
    assert (foreign.status_code, code(foreign)) == (403, "not_allowed")
    ours = asks(server, "whip", Origin=server.http)
    assert ours.status_code == 201
    assert ends(server, ours) == 200


def test_one_for_an_address_and_a_few_in_all(server: Server) -> None:
    begun = [asks(server, "whip", address=f"192.0.2.{number}") for number in (11, 12, 13, 14)]
    assert [made.status_code for made in begun] == [201] * 4
    mine = asks(server, "whip", address="192.0.2.11")
    assert (mine.status_code, code(mine)) == (429, "too_many")
    full = asks(server, "whip", address="192.0.2.15")
    assert (full.status_code, code(full)) == (503, "no_capacity")
    assert int(mine.headers["retry-after"]) > 0 and int(full.headers["retry-after"]) > 0
    assert plays(server, begun[0]).status_code == 201
    for made in begun:  # nobody takes leave
        wait_for("its end", partial(ends_by_itself, server, made))
    another = asks(server, "whip", address="192.0.2.15")
    assert another.status_code == 201
    assert ends(server, another) == 200


def ends_by_itself(server: Server, made: httpx.Response) -> bool:
    """Asked with something that no living one takes, either."""
    return plays(server, made, b"").status_code == 404


def test_it_takes_no_place_that_publishers_and_viewers_need(network: None) -> None:
    ports: dict[str, Any] = {"webrtc_publish_ports": "20000-20003", "webrtc_max_viewers": 3}
    with running(channels=2, webrtc_enabled=True, **ports, **SMALL) as server:
        with publishing(server):
            server.wait_for("something to watch", lambda one: bool(one["whep"]))
            first = asks(server, "whip")
            assert first.status_code == 201
            assert ends(server, first) == 200
            viewer = http.post(whep(server), content=PLAYS, headers={"Content-Type": SDP})
            assert viewer.status_code == 201
            refused = asks(server, "whip")
            assert (refused.status_code, code(refused)) == (503, "no_capacity")
            assert int(refused.headers["retry-after"]) > 0
            http.request("DELETE", server.http + viewer.headers["location"])
            other = server.on("demo1")
            assert offered(other).status_code == 201
            refused = asks(server, "whip")
            assert "Publishers need the places" in refused.json()["error"]["message"]


def test_turn_is_told_for_a_minute_to_those_who_may_watch_something(server: Server) -> None:
    path = f"{server.http}/diagnose/servers"
    said = http.get(path).json()
    assert said["off"] == "" and said["stun"] == [{"urls": STUN}]
    assert said["ports"] == {"publish": "20000-20099", "watch": "20100-20399"}
    (turn,) = said["turn"]
    assert turn["urls"] == TURN and turn["credential"]
    assert 0 < int(turn["username"]) - time.time() <= 60
    with administrator(server) as api:
        channels = [one["channel"] for one in good(api.get("/channels"))["channels"]]
        for name in channels:
            good(api.patch(f"/channels/{name}", json={"private": True}))
        assert http.get(path).json()["turn"] is None
        assert http.get(path, cookies={"ingestd_session": "guessed"}).json()["turn"] is None
        with signed_in(server, "admin", admin_password(server.data)) as person:
            assert person.get(path).json()["turn"][0]["urls"] == TURN
        for name in channels:
            good(api.patch(f"/channels/{name}", json={"private": False}))


def test_without_webrtc_it_says_so() -> None:
    with running(webrtc_enabled=False, **SMALL) as server:
        words = "WebRTC is switched off (webrtc.enabled)."
        refused = asks(server, "whip")
        assert (refused.status_code, code(refused)) == (503, "unavailable")
        assert refused.json()["error"]["message"] == words
        said = http.get(f"{server.hls}/diagnose/servers").json()
        assert said["off"] == words and said["stun"] == said["turn"] == []
