"""What is told of WebRTC's peers: to Prometheus, and to whoever asks what is on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import http
from tests.support.network import loss
from tests.support.server import Server, running, wait_for
from tests.support.whep import more, watching
from tests.support.whip import publishing
from tests.system.conftest import SMALL

COUNTERS = [f"ingestd_webrtc_{name}_total" for name in ("bytes", "packets", "lost_packets", "nacks")]
ROLES = ("publisher", "viewer")


@pytest.fixture(scope="module")
def server(network: None) -> Iterator[Server]:
    settings = SMALL | {"encoder_ladder": "[{height=144,bitrate=200}]"}
    with running(webrtc_enabled=True, **settings) as made:
        yield made


def metrics(server: Server) -> dict[str, float]:
    """Those of WebRTC, by name and labels."""
    answer = http.get(f"{server.http}/metrics")
    assert answer.status_code == 200
    rows = [line.rpartition(" ") for line in answer.text.splitlines() if line.startswith("ingestd_webrtc")]
    return {name.replace('"', ""): float(value) for name, _, value in rows}


def counters(server: Server) -> dict[str, float]:
    found = metrics(server)
    return {f"{name}{{role={role}}}": found[f"{name}{{role={role}}}"] for name in COUNTERS for role in ROLES}


def until(server: Server, what: str, **wanted: float) -> None:
    """So many peers of each role."""
    names = {f"ingestd_webrtc_peers{{role={role}}}": count for role, count in wanted.items()}
    wait_for(what, lambda: metrics(server).items() >= names.items())


def told(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = http.get(f"{server.http}/api/v1/channels/{server.channel}").json()
    return found


def test_peers_are_measured_and_what_was_counted_stays(server: Server) -> None:
    assert metrics(server)["ingestd_webrtc_up{role=viewer}"] == 1
    with publishing(server):
        server.wait_state("live")
        with watching(server) as viewer:
            more("pictures", lambda: viewer.frames["video"], 30)
            until(server, "both", publisher=1, viewer=1)
            before = counters(server)
            with loss(8):
                wait_for(
                    lambda: f"losses on both ways after {before}: {counters(server)}",
                    lambda: all(count > before[name] for name, count in counters(server).items()),
                )
            assert 0 < metrics(server)["ingestd_webrtc_rtt_seconds{of=worst}"] < 60
        after = counters(server)
        until(server, "the viewer's end", publisher=1, viewer=0)
        assert not any("rtt" in name for name in metrics(server))
    until(server, "the publisher's end", publisher=0, viewer=0)
    assert all(count >= after[name] for name, count in counters(server).items())
    server.wait_state("ended", "failed")


def test_who_is_there_is_told_and_who_changes_over_to_hls_is_not_there_twice(server: Server) -> None:
    with publishing(server):
        live = server.wait_for(
            "WebRTC and a playlist", lambda one: bool(one["whep"] and one["hls"] and one["sources"])
        )
        (source,) = live["sources"]
        assert (source["kind"], source["video"]["codec"]) == ("whip", "h264")
        assert live["rtmp"]["port"] == int(server.rtmp.rpartition(":")[2].partition("/")[0])
        with watching(server) as viewer:
            more("pictures", lambda: viewer.frames["video"], 10)
            wait_for("a viewer", lambda: told(server)["viewers"] == 1)
            server.wait_for(
                "the way of the publisher",
                lambda one: one["peers"] == {"viewers": 1, "publisher": {"state": "sending", "way": "prflx"}},
            )
            playlist = f"{server.hls}{live['hls']}"
            assert http.get(playlist, headers={"User-Agent": "another"}).status_code == 200
            wait_for("another by HLS", lambda: told(server)["viewers"] == 2)
            assert viewer.answer
            mine = {"User-Agent": viewer.answer.request.headers["user-agent"]}
            assert http.get(playlist, headers=mine).status_code == 200
            wait_for("the same by HLS", lambda: 'ingestd_viewers{channel="demo"} 2.0' in page(server))
            assert told(server)["viewers"] == 2
        wait_for("nobody by WebRTC", lambda: told(server)["broadcast"]["peers"]["viewers"] == 0)
        server.wait_for("nobody", lambda one: one["viewers"] == 0 and one["viewers_peak"] == 2)
    ended = server.wait_state("ended", "failed")
    assert (ended["peers"], ended["sources"], ended["rtmp"]) == (None, [], None)


def page(server: Server) -> str:
    return http.get(f"{server.http}/metrics").text


def test_a_janus_that_hangs_holds_up_nobody_and_takes_nothing_back(server: Server) -> None:
    with publishing(server):
        server.wait_state("live")
        until(server, "the publisher", publisher=1)
        before, hung = counters(server), server.children("janus")
        for janus in hung:
            janus.suspend()
        for _ in range(100):
            assert all(count >= before[name] for name, count in counters(server).items())
        wait_for("others", lambda: len({*server.children("janus")} - {*hung}) == len(hung))
        until(server, "nobody", publisher=0, viewer=0)
        wait_for("them to answer", lambda: metrics(server)["ingestd_webrtc_up{role=publisher}"] == 1)
        assert all(count >= before[name] for name, count in counters(server).items())
