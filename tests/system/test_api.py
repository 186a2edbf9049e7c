"""API, events, health, metrics, and that no secret stands where it does not belong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import http
from tests.support.files import below, content
from tests.support.publisher import STOP, blobs, dial, publish, send
from tests.support.server import PATIENCE, Server, argv, given, running, wait_for
from tests.system.conftest import SMALL

CLIP = "vp8-opus_ts250_kf2000.webm"
LESS = 3  # blobs of a quarter of a second: less than a segment, but a picture is in them


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Server-sent events as (name, data)."""
    name = ""
    for line in response.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def test_a_broadcast_is_described_and_its_changes_are_sent(server: Server) -> None:
    channel = server.on("demo20")
    url = f"{server.hls}/api/v1/events"
    with http.stream("GET", url, params={"channel": "demo20"}, timeout=PATIENCE) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = events(response)
        assert next(stream) == ("snapshot", {"broadcasts": []})
        pieces = [(0.0, data) for _, data in blobs(CLIP)]
        states = []
        with dial(channel) as connection:
            send(connection, pieces[:LESS])  # it goes on starting until the rest comes
            for name, one in stream:
                assert name == "broadcast"
                assert one["channel"] == "demo20"
                states.append(one["state"])
                if len(states) == 1:
                    send(connection, pieces[LESS:])
                    connection.close(STOP)
                if one["state"] in ("ended", "failed"):
                    break
    assert states[0] == "starting"
    assert states[-1] == "ended"
    one = channel.newest()
    assert one is not None
    assert one["source"] == {
        "video": {"codec": "vp8", "width": 1280, "height": 720},
        "audio": {"codec": "opus", "channels": 1, "sample_rate": 48000},
    }
    assert [made["name"] for made in one["renditions"]] == ["360p", "240p"]
    assert one["hls"] == f"/hls/demo20/{one['id']}/index.m3u8"
    assert one["received_bytes"] == sum(len(data) for _, data in blobs(CLIP))
    assert one["media_time"] == pytest.approx(9.98, abs=0.1)
    assert one["id"] in [
        other["id"] for other in server.get("/api/v1/broadcasts", ended="true")["broadcasts"]
    ]
    assert one["id"] not in [other["id"] for other in server.get("/api/v1/broadcasts")["broadcasts"]]


def test_unknown_things_get_json_errors(server: Server) -> None:
    for path in ("/api/v1/channels/nobody", "/api/v1/channels/..%2f..%2fetc", "/api/v1/nothing"):
        answer = http.get(server.http + path)
        assert answer.status_code == 404, path
        assert set(answer.json()["error"]) == {"code", "message"}
    assert server.get("/api/v1/channels/demo21") == {
        "channel": "demo21",
        "title": "Demo21",
        "description": "",
        "private": False,
        "record": False,
        "owner": None,
        "may": {"publish": False, "manage": False},
        "rtmp": None,
        "viewers": 0,
        "broadcast": None,
        "last_live_at": None,
        "picture": None,
        "next_at": None,
        "next_title": "",
        "embeddable": False,
        "embed_sites": None,
    }


def test_media_asked_of_ingestd_is_nginx_s(server: Server) -> None:
    answer = http.get(f"{server.http}/hls/demo/index.m3u8?x=1", follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{server.hls}/hls/demo/index.m3u8?x=1"


def test_nginx_serves_what_it_should_and_nothing_else(server: Server) -> None:
    channel = server.on("demo22")
    publish(channel, CLIP, fast=True)
    ended = channel.wait_state("ended", "failed")
    playlist = http.get(server.hls + ended["hls"])
    assert playlist.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert playlist.headers["cache-control"] == "public, no-cache"
    assert playlist.headers["access-control-allow-origin"] == "*"
    segment = http.get(f"{server.hls}/hls/demo22/{ended['id']}/360p/0-0.ts")
    assert segment.headers["content-type"] == "video/mp2t"
    assert "immutable" in segment.headers["cache-control"]
    assert len(segment.content) % 188 == 0
    for path in ("/metrics", "/hls/../private/", "/hls/demo22/.index.m3u8.new", "/hls/%2e%2e/%2e%2e/secret"):
        assert http.get(server.hls + path).status_code in (400, 404), path
    page = http.get(f"{server.hls}/watch/demo22")
    assert (
        "script-src" in page.headers["content-security-policy"]
        or "default-src 'self'" in (page.headers["content-security-policy"])
    )
    assert "unsafe" not in page.headers["content-security-policy"]


def test_metrics_follow_a_broadcast() -> None:
    # with time to start an encoder on a busy machine before it, or its publisher, counts as gone
    with running(ingest_idle_timeout=PATIENCE, encoder_stall_timeout=PATIENCE, **SMALL) as server:
        before = {
            name: server.metric(name) for name in ("ingestd_received_bytes_total", "ingestd_segments_total")
        }
        with dial(server) as connection:
            send(connection, [(0.0, data) for _, data in blobs(CLIP)[:20]])
            live = server.wait_state("live")
            labels = {"broadcast": live["id"], "channel": server.channel}
            assert server.metric_now("ingestd_publishers") >= 1
            assert server.metric("ingestd_broadcasts", state="live") >= 1
            assert server.metric("ingestd_encoder_memory_bytes", **labels) > 2**20
            assert server.metric("ingestd_encoder_cpu_seconds_total", **labels) > 0
            wait_for("FFmpeg's progress", lambda: server.metric("ingestd_encoder_fps", **labels) > 0)
            wait_for("its speed", lambda: server.metric("ingestd_encoder_speed_ratio", **labels) > 0)
            assert server.metric("ingestd_commit_lag_seconds", **labels) >= 0
            connection.close(STOP)
        server.wait_state("ended")
        sent = sum(len(data) for _, data in blobs(CLIP)[:20])
        received = server.metric_now("ingestd_received_bytes_total")
        assert received - before["ingestd_received_bytes_total"] >= sent
        assert server.metric("ingestd_segments_total") > before["ingestd_segments_total"]
        text = http.get(f"{server.http}/metrics").text
        assert live["id"] not in text, "the series of a broadcast that is over has to go"


def test_ready_says_what_is_missing() -> None:
    with running(data_min_free=10**9, **SMALL) as server:
        answer = http.get(f"{server.http}/readyz")
        assert answer.status_code == 503
        assert "disk is full" in " ".join(answer.json()["reasons"])
        with pytest.raises(Exception, match="503"):
            dial(server)
    with running(encoder_ffmpeg="/nonexistent/ffmpeg", **SMALL) as server:
        assert "FFmpeg is missing" in " ".join(http.get(f"{server.http}/readyz").json()["reasons"])
    with running(**SMALL) as server:
        master = server.master()
        for process in (master, *master.children()):
            process.suspend()
        master.kill()
        wait_for("the supervisor to mend it", lambda: server.master().pid != master.pid)
        wait_for("nginx", lambda: http.get(f"{server.http}/readyz").status_code == 200)


def test_one_broadcast_too_many_is_refused_with_words() -> None:
    patient: dict[str, Any] = {"ingest_idle_timeout": PATIENCE, **SMALL}
    with running(channels=2, ingest_max_broadcasts=1, **patient) as server, dial(server) as first:
        send(first, [(0.0, data) for _, data in blobs(CLIP)[:10]])
        server.wait_state("starting", "live")
        with pytest.raises(Exception, match="503"):
            dial(server.on("demo1"))
        assert "The server is full" in " ".join(http.get(f"{server.http}/readyz").json()["reasons"])
        first.close(STOP)
        server.wait_state("ended")
        with dial(server.on("demo1")):
            pass


def test_no_secret_stands_in_a_log_a_metric_a_process_list_or_a_served_file() -> None:
    with running("--set", "log.level=debug", ingest_idle_timeout=PATIENCE, **SMALL) as server:
        url = f"{server.ws}?streamKey={server.stream_key}&token={server.token}&title=hello"
        seen = []
        for base in (url, url.replace(server.http.split("//")[1], server.hls.split("//")[1])):
            for key in (server.stream_key, "wrong-" + server.stream_key):
                http.get(base.replace("ws://", "http://").replace(server.stream_key, key))
        with dial(server) as connection:
            send(connection, [(0.0, data) for _, data in blobs(CLIP)])
            # it waits for more, so it is there to be looked at
            live = server.wait_for("an encoder", lambda one: one["encoder"] is not None)
            encoder = server.encoder(live["id"])
            assert argv(encoder)
            for process in [encoder, *server.children("nginx")]:
                seen += given(process)
            connection.close(STOP)
        ended = server.wait_state("ended", "failed")
        server.kill("nginx")  # its own complaints about a lost upstream quote request lines
        seen += [server.logged(), http.get(f"{server.http}/metrics").text, json.dumps(server.broadcasts())]
        for path in below(server.data / "hls"):
            seen.append(str(path))
            if path.suffix == ".m3u8":
                seen.append(content(path))
        assert ended["id"] in "".join(seen)
        for secret in (server.stream_key, server.token, (server.data / "secret").read_text().strip()):
            assert not [text for text in seen if secret in text]
