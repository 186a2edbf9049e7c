"""What bad input gets: a close code, a clear message, a log line; and the server serves others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import jwt
import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support import http
from tests.support.media import check_ended, frames
from tests.support.publisher import RECORDINGS, STOP, blobs, dial, send
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.conftest import SMALL

CLEAN = (RECORDINGS / "vp8-opus_ts250_kf2000.webm").read_bytes()
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + bytes(2000)
IDLE = 6  # seconds: longer than a busy machine lets a publisher wait for its turn


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Nobody is refused for silence, or replaced because of it, and no encoder for being slow."""
    patient = ("ingest_idle_timeout", "ingest_silent_after", "encoder_stall_timeout", "encoder_slow_timeout")
    settings = SMALL | dict.fromkeys(patient, 2 * PATIENCE)
    with running(channels=12, ingest_max_broadcasts=12, **settings) as made:
        yield made


@pytest.fixture(scope="module")
def hasty() -> Iterator[Server]:
    """Who is silent is dropped."""
    with running(channels=6, ingest_idle_timeout=IDLE, **SMALL) as made:
        yield made


def closed(connection: ClientConnection, *messages: bytes | str) -> tuple[int, str]:
    """Send messages and wait for the server's close: its code and reason."""
    with pytest.raises(ConnectionClosed) as caught:
        for message in messages:
            connection.send(message)
        connection.recv(timeout=PATIENCE)
    assert caught.value.rcvd is not None, "no close frame came"
    return caught.value.rcvd.code, caught.value.rcvd.reason


def test_handshake_refusals_are_http_with_a_reason(server: Server) -> None:
    other = server.on("demo1")
    expired = jwt.encode(
        {"aud": "ingestd", "scope": "publish", "channel": "demo", "iat": 1, "exp": 2, "jti": "1"},
        (server.data / "secret").read_text().strip(),
        "HS256",
    )
    cases = [
        (server.stream_key, "", 401, "token_missing"),
        (server.stream_key, "rubbish", 401, "not_authenticated"),
        (server.stream_key, expired, 401, "token_expired"),
        (server.stream_key, other.token, 403, "not_allowed"),
        ("no-such-key", server.token, 401, "not_authenticated"),
        ("", server.token, 403, "not_allowed"),  # it names no user, so it opens nothing alone
        (server.stream_key + "\u00e9", server.token, 401, "not_authenticated"),
    ]
    for key, token, status, code in cases:
        with pytest.raises(InvalidStatus) as caught:
            dial(server, stream_key=key, token=token)
        response = caught.value.response
        assert response.status_code == status, (key, token)
        error = json.loads(response.body or b"")["error"]
        assert error["code"] == code
        assert error["message"].endswith(".")


def test_an_unknown_key_gets_the_answer_of_a_wrong_token(server: Server) -> None:
    answers = []
    for key, token in ((server.stream_key, "rubbish"), ("unknown-key-unknown-key", server.token)):
        with pytest.raises(InvalidStatus) as caught:
            dial(server, stream_key=key, token=token)
        answers.append((caught.value.response.status_code, caught.value.response.body))
    assert answers[0] == answers[1]


def test_a_client_that_names_a_subprotocol_gets_the_reason_as_a_close_code(server: Server) -> None:
    """A browser cannot see the status of a failed upgrade."""
    url = f"{server.ws}?streamKey={server.stream_key}"
    expected = {"rubbish": 4401, server.on("demo1").token: 4403}
    for token, code in expected.items():
        with offering(url, f"bearer.{token}") as connection:
            assert closed(connection)[0] == code
    with offering(url, "ingestd.v9") as connection:
        assert closed(connection)[0] == 4401


def offering(url: str, subprotocol: str) -> ClientConnection:
    return connect(url, subprotocols=[subprotocol], compression=None, open_timeout=PATIENCE)  # type: ignore[list-item]


@pytest.mark.parametrize("way", ["query", "header", "subprotocol"])
def test_the_token_is_taken_in_three_ways(server: Server, way: str) -> None:
    channel = server.on("demo2")
    url = f"{channel.ws}?streamKey={channel.stream_key}"
    if way == "query":
        connection = connect(f"{url}&token={channel.token}", compression=None, open_timeout=PATIENCE)
    elif way == "header":
        bearer = {"Authorization": f"Bearer {channel.token}"}
        connection = connect(url, additional_headers=bearer, open_timeout=PATIENCE)
    else:
        subprotocols: list[Any] = [f"bearer.{channel.token}"]
        connection = connect(url, subprotocols=subprotocols, open_timeout=PATIENCE)
    with connection:
        assert connection.subprotocol == (f"bearer.{channel.token}" if way == "subprotocol" else None)
        assert connection.response is not None
        assert "permessage-deflate" not in connection.response.headers.get("Sec-WebSocket-Extensions", "")
        assert closed(connection, "hello")[0] == 4400
    assert wait_for("the claim to be let go", lambda: server.metric_now("ingestd_publishers") == 0)


BAD: dict[str, tuple[list[bytes | str], int, str]] = {
    "text": (["hello"], 4400, "text message"),
    "jpeg": ([JPEG], 4415, "JPEG"),
    "a 20 MiB message": ([bytes(20 * 2**20)], 4413, "16 MiB"),
    "nothing": ([], 4408, "Nothing was received"),
    "only empty messages": ([b"", b"", b""], 4408, "Nothing was received"),
    "garbage after the header": ([CLEAN[:180] + bytes(1000)], 4415, ""),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_bytes_get_their_close_code(server: Server, hasty: Server, case: str) -> None:
    messages, code, words = BAD[case]
    server = hasty if code == 4408 else server
    channel = server.on("demo3")
    before = server.metric_now("ingestd_refusals_total")
    with dial(channel) as connection:
        got, reason = closed(connection, *messages)
    assert got == code
    assert words in reason
    assert reason.endswith(".")
    wait_for("the refusal to be counted", lambda: server.metric("ingestd_refusals_total") == before + 1)
    assert reason in server.logged()


def test_an_empty_message_in_a_recording_is_passed_over(server: Server) -> None:
    """MediaRecorder hands over empty blobs now and then."""
    channel = server.on("demo4")
    with dial(channel) as connection:
        for piece in (b"", CLEAN[:1], b"", CLEAN[1:]):
            connection.send(piece)
        connection.close(STOP)
    assert channel.wait_state("ended", "failed")["state"] == "ended"


def test_a_recording_without_a_cluster_is_dropped_though_bytes_come(hasty: Server) -> None:
    """Init segment, then Void elements for ever: bytes, but never media."""
    channel = hasty.on("demo5")
    void = bytes.fromhex("ec84") + bytes(4)
    init = CLEAN[: CLEAN.index(bytes.fromhex("1f43b675"))]

    def trickle(connection: ClientConnection) -> Iterator[bytes]:
        yield init
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            time.sleep(0.2)
            yield void

    with dial(channel) as connection:
        with pytest.raises(ConnectionClosed) as caught:
            for message in trickle(connection):
                connection.send(message)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4408
    assert "no media" in caught.value.rcvd.reason


def test_a_codec_outside_the_list_is_refused_by_name(server: Server) -> None:
    with dial(server.on("demo6")) as connection:
        code, reason = closed(connection, CLEAN[:4000].replace(b"V_VP8", b"V_AVI"))
    assert code == 4415
    assert "V_AVI" in reason


def test_a_channel_that_is_live_is_not_taken_by_a_second_publisher(server: Server) -> None:
    channel = server.on("demo7")
    with dial(channel) as first:
        first.send(CLEAN[:300_000])
        channel.wait_state("starting", "live")
        with pytest.raises(InvalidStatus) as caught:
            dial(channel)
        assert caught.value.response.status_code == 409
        with offering(f"{channel.ws}?streamKey={channel.stream_key}", f"bearer.{channel.token}") as second:
            assert closed(second)[0] == 4409
        first.send(CLEAN[300_000:])
        first.close(STOP)
    ended = channel.wait_state("ended", "failed")
    for path in check_ended(channel, ended):
        assert frames(channel, path)[0] == pytest.approx(300, abs=1)


def test_other_broadcasts_are_not_disturbed(server: Server) -> None:
    """While one channel is live, everything bad is thrown at the others."""
    channel = server.on("demo8")
    with dial(channel) as connection:
        camera = Thread(target=send, args=(connection, blobs("vp8-opus_ts250_kf2000.webm")))
        camera.start()
        for messages, code, _ in BAD.values():
            if code != 4408:
                with dial(server.on("demo9")) as bad:
                    assert closed(bad, *messages)[0] == code
        camera.join()
        connection.close(STOP)
    ended = channel.wait_state("ended", "failed")
    assert ended["encoder"]["restarts"] == 0
    for path in check_ended(channel, ended):
        assert frames(channel, path)[0] == pytest.approx(300, abs=1)


def test_faster_than_the_encoder_is_slowed_down_and_memory_stays_bounded(server: Server) -> None:
    """Six copies of a recording at once: the socket is read only as fast as FFmpeg encodes."""
    channel = server.on("demo10")
    daemon = psutil.Process(server.process.pid)
    before, highest = daemon.memory_info().rss, 0
    with dial(channel) as connection:
        for _ in range(6):
            connection.send(CLEAN)
            highest = max(highest, daemon.memory_info().rss)
        connection.close(STOP)
    ended = channel.wait_state("ended", "failed", seconds=120)
    assert ended["state"] == "ended"
    assert highest - before < 64 * 2**20
    assert ended["media_time"] == pytest.approx(6 * 9.98, abs=1)


def test_pages_and_api_answer_through_it_all(server: Server) -> None:
    assert http.get(f"{server.http}/healthz").json() == {"status": "ok"}
    well = {"ready": True, "reasons": [], "nginx": [], "webrtc": []}
    wait_for("all to be well", lambda: server.get("/readyz") == well)
    assert "Traceback" not in server.logged()
