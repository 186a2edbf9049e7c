"""What an operator finds afterwards: in the log by ids, and in the diagnosis of a broadcast."""

from __future__ import annotations

import json
from typing import Any

from tests.support import http
from tests.support.administrator import administrator, good
from tests.support.publisher import blobs, dial, send
from tests.support.server import Server, running, wait_for
from tests.system.conftest import SMALL

GIVEN = "0af7651916cd43dd8448eb211c80319c"


def lines(server: Server, event: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in server.logged().splitlines() if line.startswith("{")]
    return [one for one in found if one["event"] == event]


def request(server: Server, name: str) -> dict[str, Any] | None:
    """What the log says of the request with this id."""
    return next((one for one in lines(server, "request") if one["request_id"] == name), None)


def test_requests_and_broadcasts_can_be_followed() -> None:
    with running(log_access="true", log_style="auto", **SMALL) as server:
        path = f"{server.hls}/api/v1/broadcasts/none/generations"
        given = http.get(f"{path}?token=x", headers={"X-Request-Id": GIVEN})
        made = http.get(path, headers={"X-Request-Id": "short"})
        assert given.headers["X-Request-Id"] == GIVEN, "nginx passes on what a trusted proxy has given"
        assert len(made.headers["X-Request-Id"]) == 32, "and makes one where there is none"
        asked = wait_for("its line, which comes after the answer", lambda: request(server, GIVEN))
        assert asked["path"] == "/api/v1/broadcasts/none/generations"
        assert asked["status"] in (401, 404)

        with dial(server) as connection:
            # Not all at once: a rate is what came between two measurements.
            send(connection, [(due / 2, data) for due, data in blobs("vp8-opus_ts250_kf2000.webm")])
            server.wait_for("media", lambda one: one["media_time"] > 1)
            found = server.newest()
            assert found
            with administrator(server) as admin:
                path = f"/broadcasts/{found['id']}/diagnosis"
                measured = wait_for("samples", lambda: sampled(good(admin.get(path))))
        started, *_ = lines(server, "encoder_started")
        about = {name: started[name] for name in ("broadcast", "channel", "generation")}
        assert about == {"broadcast": found["id"], "channel": server.channel, "generation": 0}
        assert "request_id" not in started
        (connected,) = lines(server, "publisher_connected")
        assert connected["request_id"] and connected["channel"] == server.channel
        assert measured["publishers"][0]["address"] == "127.0.0.1"
        assert any('"encoder_started"' in line for line in measured["lines"])


def sampled(told: dict[str, Any]) -> dict[str, Any] | None:
    return told if any(told["samples"]["bitrate"]) and any(told["samples"]["speed"]) else None
