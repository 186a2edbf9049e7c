"""Whoever's right is taken back has to go, at once and from everywhere; everybody else stays.

All scenes are played side by side, each on a channel of its own; the tests look at what became of them.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.support import http
from tests.support.administrator import (
    administrator,
    going_on,
    good,
    listed,
    only_key,
    publishing,
    rtmp_publisher,
    signed_in,
)
from tests.support.media import probe
from tests.support.publisher import dial
from tests.support.resumable import Resumable
from tests.support.rtmp import RtmpPublisher
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.numbered import NUMBERED, check_whole, recording
from tests.system.test_up import ingestd

PASSWORD = "a horse, a battery and a staple"
FORBIDDEN = 4403
_SCENE = 240.0  # seconds that any of them may take, all at once on a busy machine
_LATE = 20.0  # seconds: who has not gone by then stays until it is dropped for its silence
_SHARE = 0.75  # of a recording that is sent before its key is exchanged


# How a key is exchanged


def by_api(server: Server) -> str:
    with administrator(server) as admin:
        path = f"/channels/{server.channel}/keys/{only_key(admin, server.channel)}/regenerate"
        return str(good(admin.post(path))["key"])


def by_command_line(server: Server) -> str:
    with administrator(server) as admin:
        key = only_key(admin, server.channel)
    done = ingestd("key", "regenerate", key, "--data-dir", str(server.data))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# What is done to somebody who may publish to a channel, and publishes with a token of theirs


@dataclass
class Person:
    """A broadcaster of a channel, and the token that they made for themselves."""

    name: str
    token: str
    token_id: str


def token_revoked(admin: httpx.Client, _server: Server, person: Person) -> None:
    good(admin.delete(f"/tokens/{person.token_id}"))


def user_disabled(admin: httpx.Client, _server: Server, person: Person) -> None:
    good(admin.patch(f"/users/{person.name}", json={"disabled": True}))


def user_deleted(admin: httpx.Client, _server: Server, person: Person) -> None:
    good(admin.delete(f"/users/{person.name}"))


def right_taken_back(admin: httpx.Client, server: Server, person: Person) -> None:
    good(admin.delete(f"/channels/{server.channel}/publishers/{person.name}"))


def channel_deleted(admin: httpx.Client, server: Server, _person: Person) -> None:
    good(admin.delete(f"/channels/{server.channel}"))


Deed = Callable[[httpx.Client, Server, Person], None]
DEEDS: tuple[Deed, ...] = (token_revoked, user_disabled, user_deleted, right_taken_back, channel_deleted)


# The scenes


@dataclass
class Exchanged:
    """What became of a publisher whose key was exchanged: how it ended (close code or exit code), how its
    successor did with the old key, the broadcast before and after, and what viewers got meanwhile."""

    ended: int
    old_key: int
    before: dict[str, Any]
    after: dict[str, Any]
    viewers: int


def by_websocket(server: Server, exchange: Callable[[Server], str]) -> Exchanged:
    material = recording()
    data = material.path.read_bytes()
    publisher = Resumable.start(server)
    publisher.send(data[: int(len(data) * _SHARE)], pace=material.bytes_per_second)
    before = listed(server)
    key = exchange(server)
    ended = publisher.wait_closed()
    viewers = http.get(server.hls + before["hls"]).status_code
    with pytest.raises(InvalidStatus) as caught:
        dial(server)
    successor = Resumable.resume(replace(server, stream_key=key), publisher.broadcast)
    successor.send(data[successor.offset :])
    successor.finish()
    after = server.wait_state("ended", "failed")
    return Exchanged(ended, caught.value.response.status_code, before, after, viewers)


def by_rtmp(server: Server, exchange: Callable[[Server], str]) -> Exchanged:
    with publishing(server) as publisher:
        before = listed(server)
        key = exchange(server)
        ended = publisher.wait(PATIENCE)
    viewers = http.get(server.hls + before["hls"]).status_code
    old = subprocess.run(rtmp_publisher(server), stderr=subprocess.DEVNULL, timeout=PATIENCE).returncode
    with publishing(replace(server, stream_key=key)):
        going_on(server, 1.0)
        after = listed(server)
    return Exchanged(ended, old, before, after, viewers)


def deed(server: Server, what: Deed) -> tuple[int, int]:
    """The close code of the person's publisher, and the status of another try."""
    with administrator(server) as admin:
        person = somebody(admin, server)
        by_token = replace(server, stream_key="", token=person.token)
        publisher = Resumable.start(by_token)
        what(admin, server, person)
        code = publisher.wait_closed()
        with pytest.raises(InvalidStatus) as caught:
            dial(by_token)
    return code, caught.value.response.status_code


def somebody(admin: httpx.Client, server: Server) -> Person:
    name = f"of-{server.channel}"
    good(admin.post("/users", json={"name": name, "password": PASSWORD, "role": "broadcaster"}))
    good(admin.put(f"/channels/{server.channel}/publishers/{name}"))
    with signed_in(server, name, PASSWORD) as own:
        made = good(own.post(f"/channels/{server.channel}/tokens", json={"scope": "publish"}))
    return Person(name, made["token"], made["id"])


@dataclass
class Closed:
    """What viewers of a channel get that was made private under a live broadcast: statuses by path."""

    public: dict[str, int]
    refused: dict[str, int]
    other_token: int
    watched: list[dict[str, Any]]  # streams that a player with a token found
    with_token: dict[str, int]
    public_again: int


def made_private(server: Server) -> Closed:
    with publishing(server), administrator(server) as admin:
        path = listed(server)["hls"]
        with http.Client(base_url=server.hls) as viewer:
            return _made_private(server, admin, viewer, path)


def _made_private(server: Server, admin: httpx.Client, viewer: httpx.Client, path: str) -> Closed:
    def statuses(*headers: tuple[str, str]) -> dict[str, int]:
        return {one: viewer.get(one, headers=dict(headers)).status_code for one in paths}

    channel = f"/channels/{server.channel}"
    paths = below(viewer, path)
    public = statuses()
    good(admin.patch(channel, json={"private": True}))
    refused = statuses()
    made = good(admin.post(f"{channel}/tokens", json={"scope": "watch"}))
    other = good(admin.post("/channels/demo/tokens", json={"scope": "watch"}))["token"]
    bearer = ("Authorization", f"Bearer {made['token']}")
    closed = Closed(
        public,
        refused,
        viewer.get(f"{path}?token={other}", follow_redirects=True).status_code,
        probe(f"{server.hls}{path}?token={made['token']}", seconds=1)["streams"],
        statuses(bearer),
        0,
    )
    good(admin.delete(f"/tokens/{made['id']}"))
    wait_for("a token to be good no longer", lambda: 200 not in statuses(bearer).values())
    good(admin.patch(channel, json={"private": False}))
    closed.public_again = viewer.get(path).status_code
    return closed


def below(viewer: httpx.Client, path: str) -> list[str]:
    """A multivariant playlist, a child of it, and a segment of that."""
    found = [path]
    for _ in range(2):
        lines = viewer.get(found[-1]).raise_for_status().text.splitlines()
        first = next(line for line in lines if line and not line.startswith("#"))
        found.append(str(httpx.URL(found[-1]).join(first)))
    return found


WAYS = (by_websocket, by_rtmp)
EXCHANGES = (by_api, by_command_line)
Scene = tuple[Any, ...]
SCENES: list[Scene] = [
    *((way, exchange) for way in WAYS for exchange in EXCHANGES),
    *((deed, one) for one in DEEDS),
    (made_private,),
]


@dataclass
class Stage:
    server: Server
    played: dict[Scene, Future[Any]]

    def of(self, *scene: Any) -> Any:
        return self.played[scene].result(_SCENE)

    def on(self, *scene: Any) -> Server:
        return self.server.on(f"demo{SCENES.index(scene) + 1}")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with (
        running(
            channels=len(SCENES) + 1,
            ingest_resume_window=60,
            ingest_idle_timeout=2 * PATIENCE,  # nobody is to be dropped for another reason
            ingest_max_broadcasts=20,
            hls_segment=1,
            **NUMBERED,
        ) as server,
        ThreadPoolExecutor(len(SCENES)) as pool,
        everything_made(),
    ):
        stage = Stage(server, {})
        for scene in SCENES:
            stage.played[scene] = pool.submit(scene[0], stage.on(*scene), *scene[1:])
        yield stage


@contextmanager
def everything_made() -> Iterator[None]:
    """What all scenes send, before any of them waits for another's."""
    recording()
    yield


# What has to come of them


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("way", WAYS)
def test_who_publishes_with_the_old_key_goes_and_the_new_one_goes_on(
    stage: Stage, way: Callable[..., Any], exchange: Callable[..., Any]
) -> None:
    found: Exchanged = stage.of(way, exchange)
    if way is by_websocket:
        assert (found.ended, found.old_key) == (FORBIDDEN, 401)
    else:
        assert found.ended != 0 and found.old_key != 0
    assert found.viewers == 200
    assert found.after["id"] == found.before["id"]
    assert found.after["hls"] == found.before["hls"] or found.after["state"] == "ended"


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_nothing_is_lost_when_a_key_is_exchanged(stage: Stage, exchange: Callable[..., Any]) -> None:
    found: Exchanged = stage.of(by_websocket, exchange)
    assert found.after["state"] == "ended"
    check_whole(stage.on(by_websocket, exchange), found.after["id"], 0, recording().frames)


def test_who_publishes_with_the_old_key_is_gone_within_a_second(stage: Stage) -> None:
    """Each way several times, once all else is over; what a busy machine adds is printed only."""
    for played in stage.played.values():
        played.exception(_SCENE)
    server = stage.server
    for exchange in EXCHANGES:
        took = []
        for _ in range(3):
            seconds, key = seconds_to_live(server, exchange)
            server = replace(server, stream_key=key)
            took.append(seconds)
        print(f"{exchange.__name__}: {', '.join(f'{one:.2f} s' for one in took)}")
        assert max(took) < _LATE


def seconds_to_live(server: Server, exchange: Callable[[Server], str]) -> tuple[float, str]:
    """From the moment that stands in the audit log until the connection is closed; and the new key."""
    with RtmpPublisher(server.rtmp, PATIENCE) as publisher, ThreadPoolExecutor(1) as pool:
        publisher.publish(server.stream_key)
        publisher.granted()
        closed = pool.submit(lambda: (publisher.closed(), time.time()))
        key = exchange(server)
        thrown_out, at = closed.result(2 * PATIENCE)
    assert thrown_out
    with administrator(server) as admin:
        newest = good(admin.get("/audit", params={"limit": 1}))["entries"][0]
    assert newest["action"] == "key.regenerate"
    return at - datetime.fromisoformat(newest["at"]).timestamp(), key


@pytest.mark.parametrize("what", DEEDS)
def test_who_may_publish_no_longer_is_cut_off_and_kept_out(stage: Stage, what: Deed) -> None:
    code, again = stage.of(deed, what)
    assert code == FORBIDDEN
    assert again in (401, 403)


def test_a_channel_that_is_made_private_is_closed_at_once(stage: Stage) -> None:
    found: Closed = stage.of(made_private)
    assert list(found.public.values()) == [200, 200, 200]
    assert list(found.refused.values()) == [401, 401, 401]
    assert found.other_token == 403
    assert found.public_again == 200


def test_a_player_that_knows_nothing_of_tokens_plays_a_private_channel(stage: Stage) -> None:
    """ffprobe passes on what is in the path of a playlist, as native players do."""
    found: Closed = stage.of(made_private)
    assert {one["codec_type"] for one in found.watched} == {"video", "audio"}
    assert all(int(one["nb_read_packets"]) > 0 for one in found.watched)
    assert list(found.with_token.values()) == [200, 200, 200]
