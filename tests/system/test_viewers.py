"""Who watches, counted from what a real nginx logs; and nginx-rtmp's own statistics."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import pytest

from tests.support import http
from tests.support.accounts import token_for
from tests.support.administrator import administrator, good, publishing
from tests.support.foreign import serving
from tests.support.ports import free_port
from tests.support.server import Server, running, wait_for
from tests.system.conftest import SMALL

_FIRST, _SECOND = "VLC/3.0.18 LibVLC/3.0.18", "AppleCoreMedia/1.0.0.21A329 (Apple TV)"


@dataclass(frozen=True)
class Scene:
    """What was seen while two players and FFmpeg watched, and once they had gone."""

    server: Server
    fetched: int  # bytes of bodies, by the two
    during: dict[str, Any]  # the channel
    event: dict[str, Any]  # of /api/v1/events
    metrics: dict[str, float]
    stats: dict[str, Any]
    xml: str
    refused: list[int]
    after: dict[str, Any]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with running(**SMALL | {"hls_poster_every": 1}) as server:
        with publishing(server):
            server.wait_for("a poster", lambda one: one["hls"] is not None and one["poster"] is not None)
            yield play(server)


def play(server: Server) -> Scene:
    path = f"/hls/{server.channel}/index.m3u8"
    for agent in ("a page", "a search engine"):  # who looks at a poster, or for what is not there
        poster = str(server.wait_state("live")["poster"])
        http.get(server.hls + poster, headers={"User-Agent": agent}).raise_for_status()
        http.get(f"{server.hls}/hls/{server.channel}/none.ts", headers={"User-Agent": agent})
    http.get(f"{server.hls}/hls/nobodys/index.m3u8")
    with watching(server, path) as fetched:
        found = seen(server, fetched)
    after = server.wait_for("everybody to be gone", lambda one: one["viewers"] == 0)
    return Scene(server, **found, after=after)


@contextmanager
def watching(server: Server, path: str) -> Iterator[int]:
    """Two players and FFmpeg watch on for as long as it takes to look at them: who asks for nothing for ten
    seconds is gone. Gives the bytes that the two had of the first that they asked for."""
    over = Event()

    def go_on() -> None:
        while not over.wait(1.0):
            for agent in (_FIRST, _SECOND):
                http.get(server.hls + path, headers={"User-Agent": agent})

    fetched = sum(watch(server.hls, path, agent) for agent in (_FIRST, _SECOND))
    player = ["ffmpeg", "-v", "error", "-nostdin", "-i", server.hls + path, "-c", "copy", "-f", "null", "-"]
    players, ffmpeg = Thread(target=go_on), subprocess.Popen(player)
    players.start()
    try:
        yield fetched
    finally:
        over.set()
        players.join()
        ffmpeg.kill()
        ffmpeg.wait()


def seen(server: Server, fetched: int) -> dict[str, Any]:
    """All of a scene but its end."""
    wait_for("three viewers", lambda: server.get(f"/api/v1/channels/{server.channel}")["viewers"] == 3)
    during = server.wait_for("the broadcast to know", lambda one: one["viewers"] == 3)
    event = snapshot(server)
    during = {**server.get(f"/api/v1/channels/{server.channel}"), "broadcast": during}
    names = ("ingestd_viewers", "ingestd_hls_bytes_total", "ingestd_viewer_lines_lost_total")
    metrics = {name: server.metric(name) for name in names}
    for kind in ("2xx", "4xx"):
        name = "ingestd_hls_requests_total"
        metrics[kind] = server.metric(name, channel=server.channel, **{"class": kind})
    metrics["other"] = server.metric("ingestd_hls_requests_total", channel="other")
    wait_for("statistics", lambda: server.metric("ingestd_nginx_stream_bandwidth_bytes", direction="in"))
    metrics["up"] = server.metric("ingestd_nginx_up")
    metrics["publisher"] = server.metric("ingestd_nginx_stream_clients", rendition="")
    with administrator(server) as admin:
        stats = good(admin.get("/stats"))
        xml = admin.get(f"{server.hls}/stat").text
    watcher = {"Authorization": f"Bearer {token_for(server.data, server.channel, scope='watch')}"}
    places = [f"{server.hls}/stat", f"{server.http}/stat", f"{server.http}/api/v1/stats"]
    refused = [http.get(place, headers=who).status_code for place in places for who in ({}, watcher)]
    return {
        "fetched": fetched,
        "during": during,
        "event": event,
        "metrics": metrics,
        "stats": stats,
        "xml": xml,
        "refused": refused,
    }


def watch(entry: str, path: str, agent: str) -> int:
    """What a player does: the playlist, its first rendition, a segment. Bytes of the answers."""
    size = 0
    with http.Client(base_url=entry, headers={"User-Agent": agent}) as client:
        for _ in range(2):
            answer = client.get(path).raise_for_status()
            size += answer.num_bytes_downloaded
            path = str(answer.url.join(re.findall("^[^#].*$", answer.text, re.MULTILINE)[-1]))
        return size + client.get(path).raise_for_status().num_bytes_downloaded


def snapshot(server: Server) -> dict[str, Any]:
    with http.stream("GET", f"{server.http}/api/v1/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                found: dict[str, Any] = json.loads(line.removeprefix("data:"))["broadcasts"][0]
                return found
    raise AssertionError("no snapshot came")


def test_every_player_counts_once_and_whoever_only_looks_does_not(scene: Scene) -> None:
    assert scene.during["viewers"] == 3
    assert scene.event["viewers"] == 3
    assert scene.metrics["ingestd_viewers"] == 3


def test_who_has_gone_no_longer_counts_and_the_peak_stays(scene: Scene) -> None:
    assert (scene.after["viewers"], scene.after["viewers_peak"]) == (0, 3)


def test_bytes_and_answers_are_counted_and_no_line_is_lost(scene: Scene) -> None:
    assert scene.metrics["ingestd_hls_bytes_total"] > scene.fetched
    assert scene.metrics["2xx"] >= 8
    assert (scene.metrics["4xx"], scene.metrics["other"]) == (2, 1)
    assert scene.metrics["ingestd_viewer_lines_lost_total"] == 0


def test_statistics_say_what_is_published_and_encoded(scene: Scene) -> None:
    assert (scene.metrics["up"], scene.metrics["publisher"]) == (1, 2)  # the publisher and our relay
    streams = {(one["channel"], one["rendition"]) for one in scene.stats["nginx"]["streams"]}
    channel = scene.server.channel
    assert streams == {(channel, None), (channel, "144p")}
    [traffic] = scene.stats["channels"]
    assert traffic["channel"] == channel
    assert traffic["bytes"] > scene.fetched and traffic["requests"]["4xx"] == 2
    assert set(scene.stats["lost"].values()) == {0}


def test_the_familiar_xml_is_for_admins_and_holds_no_key(scene: Scene) -> None:
    assert re.search(r"<rtmp>.*<nginx_rtmp_version>.*<application>\s*<name>live</name>", scene.xml, re.DOTALL)
    assert scene.server.stream_key not in scene.xml + json.dumps(scene.stats)
    assert scene.refused == [401, 403] * 3


def test_nothing_of_a_viewer_is_logged(scene: Scene) -> None:
    logged = scene.server.logged()
    assert "VLC" not in logged and "AppleCoreMedia" not in logged


def test_beside_an_nginx_of_somebody_else_they_are_counted_too() -> None:
    listen, stat_port = f"127.0.0.1:{free_port('127.0.0.1')}", free_port("127.0.0.1")
    with serving(viewers_listen=listen, nginx_stat_port=stat_port) as (server, _):
        for agent in ("one", "two"):
            http.get(f"{server.hls}/hls/{server.channel}/none.ts", headers={"User-Agent": agent})
        refused = "ingestd_hls_requests_total"
        wait_for("two answers", lambda: server.metric(refused, channel=server.channel) == 2)
        wait_for("statistics", lambda: server.metric("ingestd_nginx_up") == 1)
