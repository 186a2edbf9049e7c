"""Connections to another place, and what is shown of them: real sockets, a server of our own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import uvloop

from ingestd.accounts.model import Target
from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.lifecycle import State as BroadcastState
from ingestd.broadcast.registry import Broadcasts as Registry
from ingestd.broadcast.subscriber import Subscriber
from ingestd.delivery.playlist import MediaPlaylist, Segment
from ingestd.encoder.encoder import EncoderSettings
from ingestd.push import connection as module
from ingestd.push import state
from ingestd.push.allowance import Allowance
from ingestd.push.allowed import Resolver, parse
from ingestd.push.amf import Malformed
from ingestd.push.chunks import Message, write
from ingestd.push.connection import Closed, Connection
from ingestd.push.flv import Tag
from ingestd.push.lookup import Lookups, Unanswered
from ingestd.push.push import Live, explain
from ingestd.push.pushes import Broadcasts, Pushes
from ingestd.push.rtmp import VIDEO
from ingestd.push.state import State
from tests.support.remote import certificate
from tests.unit.rtmp_server import ACCEPT, RtmpServer

KEY = "nobody-reads-this-key"
LOOPBACK = ["127.0.0.1"]


def fits(registry: Registry) -> Broadcasts:
    """Checked by mypy: the real registry is what a push takes."""
    return registry


@contextlib.asynccontextmanager
async def listening(
    made: Callable[[], RtmpServer],
    tls: ssl.SSLContext | None = None,
    *,
    deaf: bool = False,
    brief: bool = False,
    reset: bool = False,
    chatter: bytes = b"",
) -> AsyncIterator[int]:
    """The port of a server; a ``deaf`` one reads nothing once it has accepted, but says ``chatter`` again and
    again; a ``brief`` one closes, and one that is to ``reset`` does so without a word."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = made()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(65536):
                writer.write(server.receive(data))
                if brief and server.key:
                    break
                if reset and server.key:
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    break
                if deaf and server.key:
                    writer.transport.pause_reading()  # type: ignore[attr-defined]
                    while chatter:
                        writer.write(chatter)
                        await writer.drain()
                    await asyncio.Event().wait()
        writer.close()

    listener = await asyncio.start_server(serve, LOOPBACK[0], 0, ssl=tls, limit=1024)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


def run(story: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await story

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the server does
        runner.run(bounded())


async def dial(url: str, tls: ssl.SSLContext | None = None) -> Connection:
    return await Connection.open(parse(url), LOOPBACK, KEY, tls or ssl.create_default_context())


def test_it_goes_to_the_address_that_was_looked_up_and_names_the_host(tmp_path: Path) -> None:
    async def story() -> None:
        serving, client = certificate(tmp_path, "push.example.org")
        named: list[str | None] = []
        serving.sni_callback = lambda _socket, name, _context: named.append(name)
        server = RtmpServer()
        async with listening(lambda: server, serving) as port:
            made = await dial(f"rtmps://push.example.org:{port}/live", client)
            await made.send(Tag(VIDEO, 5, b"picture"))
            await made.close()
            await left(server)
        assert named == ["push.example.org"]
        assert server.connected == {
            "app": "live",
            "type": "nonprivate",
            "flashVer": "FMLE/3.0 (compatible; ingestd)",
            "tcUrl": f"rtmps://push.example.org:{port}/live",
        }
        assert [(one.kind, one.time, one.data) for one in server.media] == [(VIDEO, 5, b"picture")]

    run(story())


def test_a_certificate_of_another_host_is_not_taken(tmp_path: Path) -> None:
    async def story() -> None:
        serving, client = certificate(tmp_path, "other.example.org")
        server = RtmpServer()
        async with listening(lambda: server, serving) as port:
            with pytest.raises(ssl.SSLCertVerificationError) as refused:
                await dial(f"rtmps://push.example.org:{port}/live", client)
        assert "certificate" in explain(refused.value) and server.key == ""

    run(story())


def test_the_other_side_closes() -> None:
    async def story() -> None:
        async with listening(RtmpServer, brief=True) as port:
            made = await dial(f"rtmp://localhost:{port}/live")
            with pytest.raises(Closed):
                await made.listen()
            await made.close()

    run(story())


def test_the_other_side_takes_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(module, "_CLOSE_SECONDS", 0.2)

    async def story() -> None:
        async with listening(RtmpServer, deaf=True) as port:
            made = await dial(f"rtmp://localhost:{port}/live")
            with pytest.raises(TimeoutError):
                while True:
                    await made.send(Tag(VIDEO, 0, bytes(1 << 20)))
            await made.close()

    run(story())


def test_who_asks_and_does_not_read_the_answers_costs_neither_memory_nor_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Slowly enough that nothing else stops it: what is not taken is not answered any more."""
    monkeypatch.setattr(module, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(module, "_CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(module, "_BUFFER", 1024)
    monkeypatch.setattr(Allowance, "take", lambda *_: None)
    question = write(Message(4, struct.pack(">HI", 6, 1)), 2)

    async def story() -> None:
        async with listening(RtmpServer, deaf=True, chatter=question * 1000) as port:
            made = await dial(f"rtmp://localhost:{port}/live")
            made._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            with pytest.raises(TimeoutError):
                await made.listen()
            assert made._writer.transport.get_write_buffer_size() < 64 * 1024
            await made.close()

    run(story())


def test_who_never_stops_talking_is_let_go() -> None:
    question = write(Message(4, struct.pack(">HI", 6, 1)), 2)

    async def story() -> None:
        async with listening(RtmpServer, deaf=True, chatter=question * 1000) as port:
            made = await dial(f"rtmp://localhost:{port}/live")
            with pytest.raises(Malformed):
                await made.listen()
            await made.close()

    run(story())


def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)

    async def story() -> None:
        silent = SimpleNamespace(receive=lambda data: b"", key="")
        async with listening(lambda: silent) as port:  # type: ignore[arg-type, return-value]
            with pytest.raises(TimeoutError):
                await dial(f"rtmp://localhost:{port}/live")

    run(story())


# What is shown of a push


@dataclass
class OnAir:
    """A channel that is live, though nothing of it stands in the playlist yet."""

    state: BroadcastState = BroadcastState.LIVE
    id: str = "b1"
    subscriber: Subscriber = field(default_factory=Subscriber)

    def __post_init__(self) -> None:
        self.channel, self.open = "demo", True
        self.media = MediaPlaylist(2, 60.0)
        listed = SimpleNamespace(rendition=SimpleNamespace(name="360p"), media=self.media)
        self.delivery = SimpleNamespace(directory=Path("/nowhere"), listed=[listed])

    def __iter__(self) -> Iterator[Live]:
        return iter([self])

    @contextmanager
    def subscribe(self) -> Iterator[Subscriber]:
        yield self.subscriber

    def tell(self) -> None:
        self.subscriber.note(_as_broadcast(self))


def _as_broadcast(one: Any) -> Broadcast:
    broadcast: Broadcast = one
    return broadcast


@contextlib.asynccontextmanager
async def pushing(
    air: OnAir,
    targets: list[Target],
    root: Path,
    key: str = KEY,
    allow: Sequence[str] = LOOPBACK,
    *,
    program: str = "no-such-program",
    resolver: Callable[[str], Resolver] | None = None,
) -> AsyncIterator[Pushes]:
    encoder = EncoderSettings(program, root)
    made = Pushes(air, lambda: targets, lambda _: key, encoder, resolver or Lookups().of, allow)
    made.start()
    try:
        yield made
    finally:
        await made.close()


async def reaches(pushes: Pushes, state: State, after: float = 0.0) -> str:
    """Its message, as soon as it is in this state, that it entered ``after`` a moment (Unix time)."""
    while True:
        found = pushes.states().get("t1")
        if found and found.state is state and found.since > after:
            assert KEY not in str(found)
            return found.message
        await asyncio.sleep(0.01)


async def until(probe: Callable[[], bool]) -> None:
    while True:
        if probe():
            return
        await asyncio.sleep(0.01)


async def left(*servers: RtmpServer) -> None:
    """Until each of them has heard the goodbye, which is read some turns of the loop later."""
    await until(lambda: all(one.commands[-1] == "deleteStream" for one in servers))


def to(port: int) -> Target:
    return Target("t1", "demo", f"rtmp://127.0.0.1:{port}/live", "", 0.0)


def test_from_waiting_to_pushing_and_back(tmp_path: Path) -> None:
    async def story() -> None:
        air, server = OnAir(BroadcastState.STARTING), RtmpServer()
        async with listening(lambda: server) as port, pushing(air, [to(port)], tmp_path) as pushes:
            await reaches(pushes, State.WAITING)
            air.state = BroadcastState.LIVE
            air.tell()
            await reaches(pushes, State.PUSHING)
            assert server.key == KEY and pushes.states()["t1"].rendition == "360p"
            air.media.ended = True
            air.tell()
            await reaches(pushes, State.WAITING)
            await left(server)

    run(story())


def test_no_refusal_brings_the_key_to_light(tmp_path: Path) -> None:
    async def story() -> None:
        verdicts = ["NetStream.Publish.BadName"]
        with structlog.testing.capture_logs() as logs:
            async with (
                listening(lambda: RtmpServer(verdicts[-1], f"{KEY} is taken")) as port,
                pushing(OnAir(), [to(port)], tmp_path) as pushes,
            ):
                assert "refuses the key" in await reaches(pushes, State.BACKING_OFF)
                verdicts.append(ACCEPT)
                await reaches(pushes, State.PUSHING)
        assert logs and KEY not in str(logs)

    run(story())


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("rtmp://127.0.0.1:1/live", KEY, "push.allow"),
        ("http://example.org/live", KEY, "rtmp://"),
        ("rtmp://[::ffff:127.0.0.1]:1/live", "", "push.allow"),
    ],
)
def test_what_is_hopeless_is_said_and_not_tried_again(tmp_path: Path, url: str, key: str, words: str) -> None:
    async def story() -> None:
        async with pushing(OnAir(), [replace(to(1), url=url)], tmp_path, key, ()) as pushes:
            assert words in await reaches(pushes, State.FAILED)

    run(story())


def test_a_connection_that_is_reset_is_tried_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            listening(RtmpServer, reset=True) as port,
            pushing(OnAir(), [to(port)], tmp_path) as pushes,
        ):
            await reaches(pushes, State.BACKING_OFF)

    run(story())


def test_a_target_without_a_key(tmp_path: Path) -> None:
    async def story() -> None:
        async with pushing(OnAir(), [to(1)], tmp_path, "") as pushes:
            assert "key" in await reaches(pushes, State.FAILED)

    run(story())


def test_the_next_broadcast_tries_again_what_was_given_up(tmp_path: Path) -> None:
    async def story() -> None:
        air, targets = OnAir(), [replace(to(1), url="http://example.org")]
        async with pushing(air, targets, tmp_path) as pushes:
            await reaches(pushes, State.FAILED)
            since = pushes.states()["t1"].since
            air.id = "b2"
            air.tell()
            await reaches(pushes, State.FAILED, after=since)

    run(story())


def test_targets_come_change_and_go(tmp_path: Path) -> None:
    async def story() -> None:
        air, first, second = OnAir(), RtmpServer(), RtmpServer()
        targets: list[Target] = []
        async with (
            listening(lambda: first) as one,
            listening(lambda: second) as other,
            pushing(air, targets, tmp_path) as pushes,
        ):
            assert pushes.states() == {}
            targets.append(to(one))
            pushes.changed()
            await reaches(pushes, State.PUSHING)
            targets[0] = to(other)
            pushes.changed()
            await reaches(pushes, State.PUSHING)
            targets[0] = replace(to(other), enabled=False)
            pushes.changed()
            assert pushes.states() == {}
            await left(first, second)

    run(story())


@pytest.mark.parametrize("wrong", [False, True], ids=["pushing", "failed"])
def test_another_key_is_used_at_once(tmp_path: Path, wrong: bool) -> None:
    """Which the revision tells, for a target holds nothing else of its key."""

    async def story() -> None:
        servers: list[RtmpServer] = []
        keys, targets = ["" if wrong else "the old one"], [to(1)]

        def accept() -> RtmpServer:
            servers.append(RtmpServer())
            return servers[-1]

        async with listening(accept) as port:
            targets[0] = replace(to(port), revision="1")
            made = Pushes(
                OnAir(),
                lambda: targets,
                lambda _: keys[-1],
                EncoderSettings("no-such-program", tmp_path),
                Lookups().of,
                LOOPBACK,
            )
            made.start()
            await reaches(made, State.FAILED if wrong else State.PUSHING)
            keys.append(KEY)
            made.changed()
            assert made.states()["t1"].state is not State.WAITING, "nothing has changed but in secret"
            targets[0] = replace(to(port), revision="2")
            made.changed()
            await until(lambda: servers != [] and servers[-1].key == KEY)
            await reaches(made, State.PUSHING)
            await made.close()
            await left(*servers)

    run(story())


def test_a_name_that_points_inside_later_is_not_followed(tmp_path: Path) -> None:
    async def story() -> None:
        answers = [["127.0.0.1"], ["127.0.0.1", "10.0.0.1"]]

        async def resolve(host: str) -> Sequence[str]:
            return answers.pop(0)

        async with listening(RtmpServer, brief=True) as port:
            air, target = OnAir(), replace(to(port), url=f"rtmp://push.example.org:{port}/live")
            async with pushing(air, [target], tmp_path, resolver=lambda _: resolve) as pushes:
                await reaches(pushes, State.BACKING_OFF)
                air.media.append(Segment("0.ts", 1.0, 0.0))  # without media it is not tried again
                air.tell()
                assert "push.allow" in await reaches(pushes, State.FAILED)
                assert pushes.states()["t1"].connections == 1

    run(story())


def test_a_name_server_that_is_silent_is_no_reason_to_give_a_target_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "_UNCOUNTED", 0.01)
    tries: list[str] = []

    async def resolve(host: str) -> Sequence[str]:
        tries.append(host)
        if len(tries) < 20:
            raise Unanswered("no answer in time")
        return LOOPBACK

    async def story() -> None:
        server, air = RtmpServer(), OnAir()
        air.media.append(Segment("0.ts", 1.0, 0.0))  # without media it is not tried again
        async with (
            listening(lambda: server) as port,
            pushing(air, [to(port)], tmp_path, resolver=lambda _: resolve) as pushes,
        ):
            assert "looked up" in await reaches(pushes, State.BACKING_OFF)
            await until(lambda: server.key == KEY)

    run(story())


@pytest.mark.parametrize("program", ["false", "no-such-program"])
def test_an_ffmpeg_that_ends_at_once(tmp_path: Path, program: str) -> None:
    """Also while a segment waits for room in its pipe."""

    async def story() -> None:
        air = OnAir()
        air.delivery.directory = tmp_path
        for number in range(4):
            (tmp_path / f"{number}.ts").write_bytes(bytes(1 << 20))
            air.media.append(Segment(f"{number}.ts", 1.0, 0.0))
        async with (
            listening(RtmpServer) as port,
            pushing(air, [to(port)], tmp_path, program=program) as pushes,
        ):
            assert "FFmpeg" in await reaches(pushes, State.BACKING_OFF)

    run(story())
