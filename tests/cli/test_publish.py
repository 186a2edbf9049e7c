"""``ingestd publish``: addresses and refusals, and what arrives by the plain protocol."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestd.cli.publish import Options, publish
from ingestd.publish import connection
from ingestd.publish.errors import Exit
from tests.cli.sink import (
    PATIENCE,
    RECORDINGS,
    VP8,
    Sink,
    ended,
    ingestd,
    listening,
    recordings,
    refusal,
    start,
)

KEY, TOKEN = "stream-key-of-the-test", "token.of.the-test"
SECRETS = {"INGESTD_STREAM_KEY": KEY, "INGESTD_TOKEN": TOKEN}
CLEAN = sorted(path.stem for path in RECORDINGS.glob("*.json"))


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


@pytest.mark.parametrize("name", CLEAN)
def test_every_recording_arrives_as_it_is(name: str) -> None:
    async def test() -> None:
        async with listening(Sink()) as sink:
            finished = await ingestd(
                "publish", "--plain", str(RECORDINGS / name), "--server", sink.url, "--speed", "0", **SECRETS
            )
            assert finished.code == Exit.SENT, finished.err
            assert sink.data == (RECORDINGS / name).read_bytes()
            assert sink.codes == [4000]
            assert len(sink.messages) > 5
            assert "the server has confirmed the end" in finished.err
            assert not finished.out

    run(test())


def test_key_in_the_address_token_in_a_header_neither_in_any_output() -> None:
    async def test() -> None:
        async with listening(Sink()) as sink:
            words = ["--title", "Où? & what", "--speed", "30"]
            finished = await ingestd("publish", "--plain", str(VP8), "--server", sink.url, *words, **SECRETS)
            assert finished.code == Exit.SENT, finished.err
            (request,) = sink.requests
            asked = urlsplit(request.path)
            assert (asked.path, parse_qs(asked.query)) == (
                "/ws",
                {"streamKey": [KEY], "title": ["Où? & what"]},
            )
            assert request.headers["Authorization"] == f"Bearer {TOKEN}"
            assert "Sec-WebSocket-Extensions" not in request.headers
            assert KEY not in finished.err and TOKEN not in finished.err

    run(test())


def test_flags_go_before_the_environment_and_that_before_the_ready_file(tmp_path: Path) -> None:
    async def test() -> None:
        async with listening(Sink()) as sink:
            ready = tmp_path / "ready.json"
            ready.write_text(json.dumps({"http": sink.url, "stream_key": "k3", "token": "t3", "pid": 1}))
            base = ["publish", "--plain", str(VP8), "--ready-file", str(ready), "--speed", "0", "--quiet"]
            for more, environment in (
                ([], {}),
                ([], {"INGESTD_STREAM_KEY": "k2"}),
                (["--stream-key", "k1", "--token", "t1"], SECRETS),
            ):
                finished = await ingestd(*base, *more, **environment)
                assert (finished.code, finished.err, finished.out) == (Exit.SENT, "", "")
            seen = [
                (parse_qs(urlsplit(one.path).query)["streamKey"][0], one.headers["Authorization"])
                for one in sink.requests
            ]
            assert seen == [("k3", "Bearer t3"), ("k2", "Bearer t3"), ("k1", "Bearer t1")]

    run(test())


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, Exit.NOT_ALLOWED),
        (403, Exit.NOT_ALLOWED),
        (404, Exit.REFUSED),
        (409, Exit.BUSY),
        (413, Exit.REFUSED),
        (503, Exit.BUSY),
        (500, Exit.REFUSED),
    ],
)
def test_a_refused_handshake_is_told_in_the_servers_words(status: int, code: Exit) -> None:
    async def test() -> None:
        body = refusal("some_code", "What the server says.")
        async with listening(Sink(status=status, body=body)) as sink:
            finished = await ingestd("publish", str(VP8), "--server", sink.url, **SECRETS)
            assert finished.code == code
            assert f"The server refused ({status}): What the server says." in finished.err
            assert KEY not in finished.err

    run(test())


def test_no_redirect_is_followed() -> None:
    async def test() -> None:
        async with listening(Sink()) as other:
            headers = {"Location": other.url.replace("http", "ws")}
            async with listening(Sink(status=302, headers=headers)) as sink:
                finished = await ingestd("publish", str(VP8), "--server", sink.url, **SECRETS)
            assert finished.code == Exit.NO_CONNECTION
            assert "not ingestd: HTTP status 302" in finished.err
            assert not other.requests

    run(test())


@pytest.mark.parametrize(
    ("close_code", "code"),
    [
        (4401, Exit.NOT_ALLOWED),
        (4403, Exit.NOT_ALLOWED),
        (4409, Exit.BUSY),
        (1013, Exit.BUSY),
        (4400, Exit.REFUSED),
        (4408, Exit.REFUSED),
        (4413, Exit.REFUSED),
        (4415, Exit.REFUSED),
        (1009, Exit.REFUSED),
        (1011, Exit.LOST),
        (1012, Exit.LOST),
        (1000, Exit.LOST),
    ],
)
def test_a_close_in_mid_stream_is_told_with_its_reason(close_code: int, code: Exit) -> None:
    async def test() -> None:
        # with a pace, so that the client is waiting when the close frame comes; and without an end
        async with listening(Sink(close_after=(100_000, close_code, "the reason"))) as sink:
            words = ["--server", sink.url, "--speed", "5", "--loop"]
            finished = await ingestd("publish", "--plain", str(VP8), *words, **SECRETS)
            assert finished.code == code, finished.err
            assert "the reason" in finished.err

    run(test())


@pytest.mark.parametrize("speed", ["0", "5"])
def test_a_connection_that_breaks(speed: str) -> None:
    async def test() -> None:
        async with listening(Sink(break_after=100_000)) as sink:
            finished = await ingestd(
                "publish", "--plain", str(VP8), "--server", sink.url, "--speed", speed, "--loop", **SECRETS
            )
            assert finished.code == Exit.LOST, finished.err
            assert "connection was lost" in finished.err

    run(test())


def test_nobody_listens() -> None:
    async def test() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and does not listen, so nobody else will
            server = f"127.0.0.1:{taken.getsockname()[1]}"
            finished = await ingestd("publish", str(VP8), "--server", server, **SECRETS)
            assert finished.code == Exit.NO_CONNECTION
            assert f"Cannot connect to {server}" in finished.err
            assert "ingestd up" in finished.err and "Traceback" not in finished.err

    run(test())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.webm"], "nowhere.webm: cannot be read: No such file"),
        (["/"], "/: cannot be read"),
        (["/dev/null"], "/dev/null: not a file"),
        ([str(VP8), "--speed", "-1"], "is not a speed"),
        ([str(VP8), "--speed", "fast"], "invalid"),
        ([str(VP8), "--server", "ftp://host"], "say http://HOST:PORT"),
        ([str(VP8), "--server", "http://host:port"], "say http://HOST:PORT"),
        ([str(VP8), "--server", "http://host/?token=x"], "only an address"),
        ([str(VP8), "--server", "http://name:pass@host/"], "only an address"),
        ([str(VP8), "--ready-file", "nowhere.json"], "nowhere.json: cannot be read"),
        ([str(VP8), "--token", "a\nb"], "letters that neither can have"),
    ],
)
def test_wrong_usage(words: list[str], said: str) -> None:
    finished = asyncio.run(ingestd("publish", *words, **SECRETS))
    assert finished.code == Exit.UNUSABLE
    assert said in finished.err
    assert "Traceback" not in finished.err


def test_without_a_stream_key_it_says_where_one_comes_from() -> None:
    finished = asyncio.run(ingestd("publish", str(VP8)))
    assert finished.code == Exit.UNUSABLE
    assert "INGESTD_STREAM_KEY" in finished.err and "ingestd up" in finished.err


def test_help_teaches() -> None:
    finished = asyncio.run(ingestd("publish", "--help"))
    assert finished.code == 0
    for words in ("process list", "INGESTD_TOKEN", "exit codes", "130", "--ready-file", "examples"):
        assert words in finished.out


def test_a_loop_sends_further_recordings_until_ctrl_c() -> None:
    async def test() -> None:
        data = VP8.read_bytes()
        async with listening(Sink()) as sink:
            words = ["--server", sink.url, "--loop", "--speed", "200"]
            process = await start("publish", "--plain", str(VP8), *words, **SECRETS)
            await sink.wait(lambda one: len(one.data) > 2.5 * len(data))
            process.send_signal(signal.SIGINT)
            finished = await ended(process)
            assert finished.code == Exit.INTERRUPTED, finished.err
            await sink.done.wait()
            assert sink.codes == [4000]
            assert sink.data[: 2 * len(data)] == data + data
            assert (data * (len(sink.data) // len(data) + 1)).startswith(sink.data)
            assert len(recordings(sink.data).inits) >= 3
            assert "Traceback" not in finished.err

    run(test())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_recording_properly(number: signal.Signals) -> None:
    async def test() -> None:
        async with listening(Sink()) as sink:
            process = await start(
                "publish", "--plain", str(VP8), "--server", sink.url, "--speed", "0.5", **SECRETS
            )
            await sink.wait(lambda one: bool(one.messages))
            process.send_signal(number)
            finished = await ended(process)
            assert finished.code == Exit.INTERRUPTED
            await sink.done.wait()
            assert sink.codes == [4000]
            assert VP8.read_bytes().startswith(sink.data) and len(sink.data) < VP8.stat().st_size
            assert re.search(r"sent 0:0\d of media", finished.err)  # of ten seconds

    run(test())


def test_a_second_signal_ends_at_once_when_the_server_does_not_confirm() -> None:
    async def test() -> None:
        connected, over = asyncio.Event(), asyncio.Event()

        async def deaf(connection: Any) -> None:
            await connection.recv()
            connection.transport.pause_reading()
            connected.set()
            await over.wait()
            connection.transport.abort()  # or its server would wait for the handshake of the end

        sink = Sink()
        sink.take = deaf  # type: ignore[method-assign]
        async with listening(sink):
            process = await start(
                "publish", "--plain", str(VP8), "--server", sink.url, "--speed", "0.5", **SECRETS
            )
            async with asyncio.timeout(PATIENCE):
                await connected.wait()
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):  # the handshake of the end would get 60 s
                finished = await ended(process)
            over.set()
            assert finished.code == Exit.INTERRUPTED
            assert "Traceback" not in finished.err

    run(test())


@pytest.mark.parametrize("speed", [0.0, 50.0])
def test_a_server_that_takes_nothing_any_more(
    speed: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test() -> None:
        monkeypatch.setattr(connection, "_STALL_SECONDS", 0.3)
        over = asyncio.Event()

        async def deaf(connection: Any) -> None:
            connection.transport.pause_reading()
            await over.wait()
            connection.transport.abort()  # or its server would wait for the handshake of the end

        sink = Sink()
        sink.take = deaf  # type: ignore[method-assign]
        async with listening(sink):
            options = Options(VP8, sink.url, KEY, TOKEN, speed=speed, loop=True, plain=True)
            assert await publish(options) is Exit.LOST
            over.set()
        assert "has taken nothing for 0.3 s" in capsys.readouterr().err

    run(test())


def test_a_signal_during_the_handshake() -> None:
    async def test() -> None:
        arrived = asyncio.Event()

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            arrived.set()  # the handshake is never answered
            await reader.read()
            writer.close()

        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            process = await start("publish", str(VP8), "--server", url, **SECRETS)
            waiting = [asyncio.create_task(arrived.wait()), asyncio.create_task(process.wait())]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            finished = await ended(process)
            assert finished.code == Exit.INTERRUPTED, finished.err
            for task in waiting:
                task.cancel()

    run(test())


def test_a_damaged_file_is_sent_up_to_the_damage() -> None:
    async def test() -> None:
        damaged = RECORDINGS / "BAD_dangling-A3-before-cluster.webm"
        async with listening(Sink()) as sink:
            finished = await ingestd(
                "publish", "--plain", str(damaged), "--server", sink.url, "--speed", "0", **SECRETS
            )
            assert finished.code == Exit.UNUSABLE
            assert "damaged after 277,741 bytes" in finished.err
            assert damaged.read_bytes()[:277_741] == sink.data
            assert sink.codes == [4000]

    run(test())


def test_a_slow_server_is_waited_for() -> None:
    async def test() -> None:
        async with listening(Sink()) as sink:
            received = sink.take

            async def slowly(connection: Any) -> None:
                connection.transport.pause_reading()
                await asyncio.sleep(0.5)
                connection.transport.resume_reading()
                await received(connection)

            sink.take = slowly  # type: ignore[method-assign]
            async with listening(sink):
                finished = await ingestd(
                    "publish", "--plain", str(VP8), "--server", sink.url, "--speed", "0", **SECRETS
                )
            assert finished.code == Exit.SENT, finished.err
            assert sink.data == VP8.read_bytes()

    run(test())
