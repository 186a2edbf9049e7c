"""Who guesses, who comes with names that are none, and who speaks no RTMP: others are served meanwhile."""

from __future__ import annotations

import json
import os
import re
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.support import http
from tests.support.administrator import administrator, going_on, good, listed, publishing
from tests.support.publisher import blobs, dial
from tests.support.rtmp import RtmpPublisher
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.conftest import SMALL

GUESSES = 100
FREE = 10  # guesses of an address in a minute
GUESSER, OTHER = "198.51.100.7", "198.51.100.8"  # as a proxy tells it
HERE = "127.0.0.1"
ELSEWHERE, FRIEND = "127.0.0.2", "127.0.0.3"  # addresses of this machine that nobody else uses
OF_ONE, OF_ALL = 16, 512  # connections that nginx takes where publishers are taken
IDLE = 10  # seconds until a silent publisher is dropped: longer than a busy machine stands still
MINUTE = 60.0  # seconds in which so many guesses are free
REFUSED = {307, 400, 401, 403, 404, 405, 429}  # 307: asked of ingestd, media is nginx's to refuse
PATHS = "../../etc", "..", "de\0mo", "\0", "DEMO", "-demo", "demo/../x", "%2e%2e", "a" * 65, "é", "\udc80"


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server that counts guesses, with a broadcast by RTMP that has to go on through everything."""
    with (
        running(channels=8, auth_failures=FREE, ingest_idle_timeout=IDLE, **SMALL) as server,
        publishing(server),
    ):
        listed(server)
        yield server
        going_on(server, 1.0)
        assert "nginx_died" not in server.logged()


def guess(server: Server, key: str, address: str = GUESSER) -> int:
    """The status that somebody at this address gets, through nginx."""
    url = f"{server.hls.replace('http', 'ws', 1)}/ws?streamKey={key}"
    headers = {"Authorization": f"Bearer {server.token}", "X-Forwarded-For": address}
    with pytest.raises(InvalidStatus) as caught:
        connect(url, additional_headers=headers, open_timeout=PATIENCE)
    return caught.value.response.status_code


def test_a_hundred_guesses_by_websocket(strict: Server) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        guesses = pool.map(lambda _: guess(strict, os.urandom(12).hex()), range(GUESSES))
        going_on(strict, 1.0)
        with dial(strict.on("demo1")):
            found = Counter(guesses)
    check_counted(found, 401, 429, time.monotonic() - began)
    assert guess(strict, strict.on("demo1").stream_key) == 429  # not even looked at


def check_counted(found: Counter[Any], looked_at: object, refused: object, seconds: float) -> None:
    """So many are free, and so many again for each minute that all of them took."""
    assert set(found) == {looked_at, refused} and found.total() == GUESSES, found
    assert FREE <= found[looked_at] <= FREE * (1 + seconds // MINUTE), (found, seconds)


def test_who_has_guessed_too_often_is_told_when_to_come_again(strict: Server) -> None:
    for _ in range(FREE):
        guess(strict, "wrong", OTHER)
    url = f"{strict.ws}?streamKey=wrong"
    headers = {"X-Forwarded-For": OTHER}
    with pytest.raises(InvalidStatus) as refused:
        connect(url, additional_headers=headers, open_timeout=PATIENCE)
    assert refused.value.response.status_code == 429
    later = json.loads(refused.value.response.body or b"")["error"]["retry_after"]
    assert 0 < later <= 60
    assert refused.value.response.headers["retry-after"] == str(later)
    bearer = f"bearer.{strict.token}"
    with (
        connect(
            url,
            additional_headers=headers,
            subprotocols=[bearer],  # type: ignore[list-item]
            open_timeout=PATIENCE,
        ) as connection,
        pytest.raises(ConnectionClosed) as closed,
    ):
        connection.recv(timeout=PATIENCE)
    assert closed.value.rcvd and closed.value.rcvd.code == 4429


def guess_by_rtmp(server: Server, key: str) -> bool:
    """Whether somebody elsewhere is thrown out."""
    with RtmpPublisher(server.rtmp, source=ELSEWHERE) as publisher:
        publisher.publish(key)
        return publisher.closed()


def refusals(server: Server) -> Counter[str]:
    reasons = ("not_authenticated", "too_many")
    return Counter({name: int(server.metric_now("ingestd_refusals_total", reason=name)) for name in reasons})


def test_a_hundred_guesses_by_rtmp(strict: Server) -> None:
    before, began = refusals(strict), time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        guesses = pool.map(lambda _: guess_by_rtmp(strict, os.urandom(12).hex()), range(GUESSES))
        going_on(strict, 1.0)
        with RtmpPublisher(strict.rtmp) as other:
            other.publish(strict.on("demo2").stream_key)
            other.granted()
        assert all(guesses)
    wait_for("all refusals", lambda: (refusals(strict) - before).total() == GUESSES)
    found = refusals(strict) - before
    check_counted(found, "not_authenticated", "too_many", time.monotonic() - began)
    lines = [json.loads(line) for line in strict.logged().splitlines() if "rtmp_publisher_refused" in line]
    told = Counter(one["code"] for one in lines if one["address"] == ELSEWHERE)
    assert told["not_authenticated"] == found["not_authenticated"]
    assert 0 < told["too_many"] < GUESSES - FREE, "a flood does not fill the log"
    assert guess_by_rtmp(strict, strict.on("demo2").stream_key)


@pytest.mark.parametrize("name", PATHS)
def test_a_name_that_is_none_gets_nowhere(strict: Server, name: str) -> None:
    before = {path.name for path in strict.data.parent.iterdir()}
    assert odd_names(strict, name) <= REFUSED
    assert {path.name for path in strict.data.parent.iterdir()} == before


def odd_names(server: Server, name: str) -> set[int]:
    """The statuses that a name has wherever one can be given."""
    raw = quote(name.encode(errors="surrogatepass"), safe="").replace(".", "%2E")  # no client tidies it up
    with administrator(server) as admin, http.Client(base_url=server.hls) as viewer:
        bodies = [
            ("/channels", {"name": name, "title": "x"}),
            ("/users", {"name": name, "password": "long enough for all", "role": "admin"}),
            (f"/channels/demo3/{raw}/keys", {"label": "x"}),
            (f"/channels/{raw}/keys", {"label": "x"}),
            (f"/channels/{raw}/tokens", {"scope": "watch"}),
        ]
        answers = [admin.post(path, content=json.dumps(body)) for path, body in bodies]
        answers += [
            admin.request(method, path)
            for method, path in (
                ("GET", f"/channels/{raw}/source"),
                ("PATCH", f"/channels/{raw}"),
                ("DELETE", f"/channels/{raw}"),
                ("PUT", f"/channels/demo3/publishers/{raw}"),
                ("DELETE", f"/channels/demo3/keys/{raw}"),
                ("DELETE", f"/users/{raw}"),
                ("GET", f"/audit?channel={raw}"),
                ("GET", f"/broadcasts/{raw}/generations"),
            )
        ]
        body = json.dumps({"name": name, "password": name})
        answers.append(http.post(f"{server.http}/api/v1/session", content=body))
        answers += [viewer.get(f"/hls/{raw}/{file}") for file in ("index.m3u8", "x/index.m3u8")]
        answers.append(viewer.get(f"/hls/-/{raw}/none/index.m3u8"))
        answers.append(viewer.get(f"/ws?streamKey={raw}&token={raw}&title={raw}"))
    return {answer.status_code for answer in answers}


@pytest.mark.parametrize("where", ["title", "description", "label"])
def test_a_nul_is_refused_in_words(strict: Server, where: str) -> None:
    with administrator(strict) as admin:
        if where == "label":
            answer = admin.post("/channels/demo3/keys", json={"label": "a\0b"})
        else:
            answer = admin.patch("/channels/demo3", json={where: "a\0b"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


@pytest.mark.parametrize("before", ["0", "-1", "1" * 30, "x", "\0"])
def test_a_number_that_no_database_takes_harms_nobody(strict: Server, before: str) -> None:
    with administrator(strict) as admin:
        assert admin.get("/audit", params={"before": before}).status_code in (200, 400)


def test_a_title_with_a_nul_harms_nobody(strict: Server) -> None:
    channel = strict.on("demo4")
    url = f"{channel.ws}?streamKey={channel.stream_key}&title=a%00%1b%5B31m"
    bearer = {"Authorization": f"Bearer {channel.token}"}
    with connect(url, additional_headers=bearer, open_timeout=PATIENCE):
        assert good(http.get(f"{channel.http}/api/v1/channels/{channel.channel}"))


GARBAGE = {
    "noise": os.urandom(1 << 16),
    "version 3 and noise": b"\x03" + os.urandom(1 << 16),
    "another version": b"\x06" + bytes(1536),
    "HTTP": b"GET / HTTP/1.1\r\nHost: demo\r\n\r\n" * 100,
    "TLS": bytes.fromhex("1603010200010001fc0303") + os.urandom(512),
    "half a handshake": b"\x03" + bytes(700),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_where_rtmp_is_due(strict: Server, kind: str) -> None:
    with raw(strict) as connection, suppress(OSError):
        connection.sendall(GARBAGE[kind])
        going_on(strict, 0.5)


@pytest.mark.parametrize(
    "chunks",
    [
        b"\x02" + bytes(3) + b"\x00\x00\x04\x01" + bytes(4) + b"\x7f\xff\xff\xff",  # chunks of 2 GiB
        b"\x03" + bytes(3) + b"\xff\xff\xff\x14" + bytes(4) + bytes(1 << 16),  # a command of 16 MiB
        b"\x03" + bytes(3) + b"\x00\x00\x20\x14" + bytes(4) + b"\x03" * 32,  # objects in objects
        b"\x02" + bytes(3) + b"\x00\x00\x04\x01" + bytes(4) + bytes(4),  # chunks of nothing
        os.urandom(1 << 16),
    ],
    ids=["huge chunks", "huge message", "nested", "empty chunks", "noise"],
)
def test_garbage_behind_a_handshake(strict: Server, chunks: bytes) -> None:
    with raw(strict) as connection:
        connection.sendall(b"\x03" + bytes(8) + os.urandom(1528))
        theirs = b""
        while len(theirs) < 1 + 2 * 1536:
            theirs += (more := connection.recv(1 + 2 * 1536 - len(theirs)))
            assert more, "the server closed the connection in the handshake"
        with suppress(OSError):
            connection.sendall(theirs[1:1537] + chunks)
        going_on(strict, 0.5)


def raw(server: Server, source: str = HERE) -> socket.socket:
    parts = urlsplit(server.rtmp)
    assert parts.hostname and parts.port
    return socket.create_connection((parts.hostname, parts.port), PATIENCE, (source, 0))


def test_a_stranger_with_many_sockets_stops_nobody(strict: Server) -> None:
    """More than there may be in all, from one address: others publish by RTMP and by WebSocket."""
    with ExitStack() as stack:
        idle = [stack.enter_context(raw(strict, ELSEWHERE)) for _ in range(OF_ALL + 100)]
        wait_for("those above the limit to be closed", lambda: open_ones(idle) == OF_ONE)
        with RtmpPublisher(strict.rtmp, source=FRIEND) as other:
            other.publish(strict.on("demo2").stream_key)
            other.granted()
        with dial(strict.on("demo7")) as connection:
            assert open_ones(idle) == OF_ONE  # nginx closes them after a minute
            for _, data in blobs("vp8-opus_ts250_kf2000.webm"):
                connection.send(data)
            strict.on("demo7").wait_for("media", lambda one: one["media_time"] > 0)


def open_ones(connections: list[socket.socket]) -> int:
    """How many of them the server has not closed."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN)
    return len(connections) - len(poll.poll(0))


@pytest.mark.parametrize("source", [HERE, ELSEWHERE])
def test_whoever_knows_the_name_of_a_stream_plays_it_from_loopback_alone(strict: Server, source: str) -> None:
    """The name is the server's secret; should it be known, the address still has to be right."""
    name = re.findall(r'"stream": "(demo-\w+)"', strict.logged())[-1]
    config = (strict.data / "nginx" / "nginx.conf").read_text()
    relay = re.findall(r"listen (127.0.0.1:\d+);\n\s+chunk_size", config)[0]
    for url in (strict.rtmp, f"rtmp://{relay}/live"):
        with RtmpPublisher(url, source=source) as viewer:
            assert viewer.plays(name) == (source == HERE)


def test_nobody_outside_publishes_where_encoders_do(strict: Server) -> None:
    with RtmpPublisher(strict.rtmp.replace("/live", "/renditions")) as publisher:
        publisher.publish("mine-0-240p")
        assert publisher.closed()
    assert not (strict.data / "hls" / "private" / "mine-0-240p").exists()


def test_publishers_who_send_nothing_keep_nobody_out(strict: Server) -> None:
    """Some do not even say hello, some stop behind the handshake, one has a channel: that one is dropped."""
    channel = strict.on("demo5")
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(raw(strict))
        silent = stack.enter_context(RtmpPublisher(strict.rtmp))
        silent.publish(channel.stream_key)
        silent.granted()
        with dial(strict.on("demo6")) as quiet, pytest.raises(ConnectionClosed) as closed:
            quiet.recv(timeout=PATIENCE)
        assert closed.value.rcvd and closed.value.rcvd.code == 4408
        assert silent.closed()
        with publishing(channel):
            channel.wait_state("live")
