"""What an administrator does from outside: by the API, as a program and as a person, and by RTMP's means."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.chaos.clip import RTMP, clip
from tests.support import http
from tests.support.accounts import token_for
from tests.support.server import PATIENCE, Server

_LONGEST = 600  # seconds for which anybody publishes; every test ends it before


def administrator(server: Server) -> httpx.Client:
    """The API with an admin token."""
    token = token_for(server.data, server.channel, scope="admin")
    return http.Client(
        base_url=f"{server.http}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
    )


@contextmanager
def signed_in(server: Server, name: str, password: str) -> Iterator[httpx.Client]:
    """The API with the session of a person, as a page of ours uses it."""
    page = {"Origin": server.http, "X-Ingestd": "1"}
    with http.Client(base_url=f"{server.http}/api/v1", headers=page, timeout=PATIENCE) as client:
        good(client.post("/session", json={"name": name, "password": password}))
        yield client


def good(answer: httpx.Response) -> Any:
    """The JSON of an answer that has to be good; None: it has none."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text}"
    return answer.json() if answer.content else None


def only_key(admin: httpx.Client, channel: str) -> str:
    """The id of the one stream key that a channel has."""
    (key,) = good(admin.get(f"/channels/{channel}/keys"))["keys"]
    return str(key["id"])


def rtmp_publisher(server: Server, key: str | None = None, seconds: int = _LONGEST) -> list[str]:
    """The command line of an encoder that publishes by RTMP, in real time."""
    url = f"{server.rtmp}/{server.stream_key if key is None else key}"
    looped = ["-re", "-stream_loop", "-1", "-t", str(seconds), "-i", str(clip(RTMP, 256, 144, 4).path)]
    return ["ffmpeg", "-v", "error", "-nostdin", *looped, "-c", "copy", "-f", "flv", url]


@contextmanager
def publishing(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    """An encoder publishes by RTMP until the test has seen enough."""
    process = subprocess.Popen(rtmp_publisher(server), stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def listed(server: Server) -> dict[str, Any]:
    """The channel's broadcast as soon as viewers see it."""
    return server.wait_for("a playlist", lambda one: one["hls"] is not None)


def timeline(server: Server, broadcast: str) -> list[dict[str, Any]]:
    """What happened to a broadcast: also the states that were over before anybody looked."""
    with administrator(server) as admin:
        found: list[dict[str, Any]] = good(admin.get(f"/broadcasts/{broadcast}/diagnosis"))["timeline"]
        return found


def going_on(server: Server, seconds: float) -> None:
    """Wait until so much more of the channel's broadcast stands in the playlists."""
    before = listed(server)["media_time"]
    server.wait_for(f"{seconds:g} s more", lambda one: one["media_time"] >= before + seconds)
