"""The API's client, with a Janus that answers as a test wants it to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from websockets.asyncio.server import Server, ServerConnection, unix_serve
from websockets.typing import Subprotocol

from ingestd.webrtc import gateway as gateway_module
from ingestd.webrtc.gateway import Away, Event, Gateway, JanusError, short

SECRET = "sesame"
SESSION = 77


class FakeJanus:
    """Keeps one session, gives out handles, and answers requests to plugins with ``answer``: messages
    without their transaction."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.attached = 0
        self.claimable = True
        self.mute: set[str] = set()  # requests without an answer
        self.answer: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda _: []
        self.connections: list[ServerConnection] = []

    async def serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        async for text in connection:
            request = json.loads(text)
            self.heard.append(request)
            for answer in [] if request["janus"] in self.mute else self.answers(request):
                await connection.send(json.dumps({"transaction": request["transaction"], **answer}))

    def answers(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        match request["janus"]:
            case "create":
                return [{"janus": "success", "data": {"id": SESSION}}]
            case "claim" if not self.claimable:
                return [{"janus": "error", "error": {"code": 458, "reason": "No such session"}}]
            case "attach":
                self.attached += 1
                return [{"janus": "success", "session_id": SESSION, "data": {"id": self.attached}}]
            case "message":
                return self.answer(request)
            case "keepalive" | "trickle":
                return [{"janus": "ack"}]
            case _:
                return [{"janus": "success"}]

    async def say(self, **message: Any) -> None:
        await self.connections[-1].send(json.dumps({"session_id": SESSION, **message}))

    def names(self) -> list[str]:
        return [request["janus"] for request in self.heard]


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    """In a directory whose path no socket's address would take."""
    place = tmp_path / ("long" * 25) / ("longer" * 20)
    place.mkdir(parents=True)
    return place / "api"


async def open_at(socket: Path, janus: FakeJanus) -> Server:
    socket.unlink(missing_ok=True)
    with short(socket) as path:
        return await unix_serve(janus.serve, path, subprotocols=[Subprotocol("janus-protocol")])


@asynccontextmanager
async def talking(socket: Path, janus: FakeJanus) -> AsyncIterator[tuple[Gateway, Server]]:
    async with await open_at(socket, janus) as server:
        gateway = Gateway("in", socket, SECRET, "key")
        gateway.start()
        try:
            await gateway.there()
            yield gateway, server
        finally:
            await gateway.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.01)


def plugin(**data: Any) -> dict[str, Any]:
    return {"session_id": SESSION, "sender": 1, "plugindata": {"plugin": "p", "data": data}}


def test_an_answer_at_once_and_one_behind_an_ack_are_both_waited_for(socket: Path) -> None:
    async def story() -> None:
        janus = FakeJanus()
        async with talking(socket, janus) as (gateway, _):
            handle = await gateway.attach("p", lambda _: None)
            janus.answer = lambda _: [{"janus": "success", **plugin(list=[1])}]
            assert (await handle.request({"request": "list"})).data == {"list": [1]}
            offer = {"type": "offer", "sdp": "v=0"}
            joined = {"janus": "event", **plugin(joined=True), "jsep": {"type": "answer", "sdp": "v=1"}}
            janus.answer = lambda _: [{"janus": "ack"}, joined]
            reply = await handle.request({"request": "join"}, offer)
            assert (reply.data, reply.jsep) == ({"joined": True}, {"type": "answer", "sdp": "v=1"})
            sent = janus.heard[-1]
            assert (sent["jsep"], sent["session_id"], sent["handle_id"]) == (offer, SESSION, 1)
            assert sent["body"] == {"request": "join", "admin_key": "key"}
            assert {one["apisecret"] for one in janus.heard} == {SECRET}

    asyncio.run(story())


def test_janus_says_no(socket: Path) -> None:
    async def story() -> None:
        janus = FakeJanus()
        async with talking(socket, janus) as (gateway, _):
            handle = await gateway.attach("p", lambda _: None)
            janus.answer = lambda _: [{"janus": "success", **plugin(error_code=426, error="No such room")}]
            with pytest.raises(JanusError, match=r"No such room \(426\)") as refused:
                await handle.request({"request": "join"})
            assert refused.value.code == 426

    asyncio.run(story())


def test_candidates_go_on_and_so_does_their_end(socket: Path) -> None:
    async def story() -> None:
        janus = FakeJanus()
        async with talking(socket, janus) as (gateway, _):
            handle = await gateway.attach("p", lambda _: None)
            one = {"candidate": "candidate:1 …", "sdpMid": "0"}
            await handle.trickle([one])
            await handle.trickle(None)
            assert [request.get("candidates") for request in janus.heard[-2:]] == [[one], None]
            assert janus.heard[-1]["candidate"] == {"completed": True}

    asyncio.run(story())


def test_events_are_heard_in_order_and_one_that_is_not_understood_hinders_nobody(socket: Path) -> None:
    async def story() -> None:
        janus, heard = FakeJanus(), list[Event]()

        def hear(event: Event) -> None:
            heard.append(event)
            if event.kind == "webrtcup":
                raise ValueError("a mistake of ours")

        async with talking(socket, janus) as (gateway, _):
            handle = await gateway.attach("p", hear)
            await janus.say(janus="webrtcup", sender=1)
            await janus.say(janus="media", sender=1, mid="0", receiving=False)
            await janus.say(janus="event", **plugin(left=1))
            await janus.say(janus="media", sender=2, mid="0")  # nobody's
            await janus.say(janus="detached", sender=1)
            await until(lambda: len(heard) == 4)
            assert [event.kind for event in heard] == ["webrtcup", "media", "event", "detached"]
            assert [event.data for event in heard[1:3]] == [{"mid": "0", "receiving": False}, {"left": 1}]
            assert handle.lost
            with pytest.raises(Away):
                await handle.request({})

    asyncio.run(story())


def test_garbage_is_logged_and_survived(socket: Path) -> None:
    async def story() -> None:
        janus = FakeJanus()
        async with talking(socket, janus) as (gateway, _):
            handle = await gateway.attach("p", lambda _: None)
            with structlog.testing.capture_logs() as logged:
                for text in (
                    "{",
                    b"\xff",
                    "[]",
                    '{"janus":[]}',
                    '{"janus":"event","transaction":{}}',
                    "9" * 9000,
                ):
                    await janus.connections[-1].send(text)
                await handle.trickle(None)  # so they were read
            garbage = [line for line in logged if line["event"] == "janus_garbage"]
            assert len(garbage) == 5
            assert all(len(line["text"]) < 250 for line in garbage)
            assert len(janus.connections) == 1

    asyncio.run(story())


def test_a_message_that_is_too_large_costs_the_connection_and_nothing_else(socket: Path) -> None:
    async def story() -> None:
        janus, heard = FakeJanus(), list[Event]()
        async with talking(socket, janus) as (gateway, _):
            handle = await gateway.attach("p", heard.append)
            await janus.connections[-1].send("x" * (2 << 20))
            await until(lambda: len(janus.connections) == 2)
            await handle.trickle(None)
            assert "claim" in janus.names() and janus.names().count("create") == 1
            assert heard == []

    asyncio.run(story())


def test_a_broken_connection_fails_what_waits_and_keeps_the_handles(socket: Path) -> None:
    async def story() -> None:
        janus, heard = FakeJanus(), list[Event]()
        async with talking(socket, janus) as (gateway, _):
            handle = await gateway.attach("p", heard.append)
            waiting = asyncio.create_task(handle.request({"request": "slow"}))
            await until(lambda: janus.names()[-1] == "message")
            janus.connections[-1].transport.abort()
            with pytest.raises(Away, match="broke"):
                await waiting
            await handle.trickle(None)  # waits until the connection is there again
            assert janus.heard[-2] | {"transaction": "", "apisecret": ""} == {
                "janus": "claim",
                "session_id": SESSION,
                "transaction": "",
                "apisecret": "",
            }
            assert heard == [] and not handle.lost

    asyncio.run(story())


@pytest.mark.parametrize("how", ["refused", "other"])
def test_every_handle_hears_that_janus_is_gone_and_new_ones_come(socket: Path, how: str) -> None:
    async def story() -> None:
        janus, heard = FakeJanus(), list[str]()
        async with talking(socket, janus) as (gateway, server):
            handles = [await gateway.attach("p", lambda event: heard.append(event.kind)) for _ in range(3)]
            janus.claimable = False
            if how == "refused":
                server.close()
                await server.wait_closed()
            else:
                janus.connections[-1].transport.abort()
            await until(lambda: heard == ["lost"] * 3)
            with pytest.raises(Away, match="no more"):
                await handles[0].request({})
            await handles[0].detach()
            async with await open_at(socket, janus):
                again = await gateway.attach("p", lambda _: None)
                await again.trickle(None)
                assert janus.names().count("create") == 2 and "detach" not in janus.names()

    asyncio.run(story())


def test_a_session_that_janus_has_ended_is_made_anew(socket: Path) -> None:
    async def story() -> None:
        janus, heard = FakeJanus(), list[str]()
        async with talking(socket, janus) as (gateway, _):
            await gateway.attach("p", lambda event: heard.append(event.kind))
            await janus.say(janus="timeout")
            await until(lambda: heard == ["lost"] and gateway.up)
            assert janus.names().count("create") == 2 and "claim" not in janus.names()

    asyncio.run(story())


def test_who_does_not_answer_in_time_is_away(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        janus = FakeJanus()
        async with talking(socket, janus) as (gateway, _):
            handle = await gateway.attach("p", lambda _: None)
            monkeypatch.setattr(gateway_module, "PATIENCE", 0.2)
            with pytest.raises(Away, match="does not answer"):
                await handle.request({"request": "slow"})

    asyncio.run(story())


def test_nobody_there_is_away_too(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        gateway = Gateway("in", socket, SECRET)
        gateway.start()
        monkeypatch.setattr(gateway_module, "PATIENCE", 0.2)
        with pytest.raises(Away, match="not there"):
            await gateway.attach("p", lambda _: None)
        await gateway.close()

    asyncio.run(story())


def test_the_session_is_kept_alive_and_a_janus_that_is_mute_is_asked_anew(
    socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "KEEPALIVE", 0.02)

    async def story() -> None:
        janus = FakeJanus()
        async with talking(socket, janus):
            await until(lambda: janus.names().count("keepalive") > 2)
            monkeypatch.setattr(gateway_module, "PATIENCE", 0.2)
            janus.mute = {"keepalive"}
            await until(lambda: "claim" in janus.names())

    asyncio.run(story())


def test_a_handle_that_nobody_waits_for_any_more_is_let_go(socket: Path) -> None:
    async def story() -> None:
        janus = FakeJanus()
        janus.mute = {"attach"}
        async with talking(socket, janus) as (gateway, _):
            attaching = asyncio.create_task(gateway.attach("p", lambda _: None))
            await until(lambda: "attach" in janus.names())
            attaching.cancel()
            await asyncio.wait({attaching})
            await janus.say(janus="success", transaction=janus.heard[-1]["transaction"], data={"id": 9})
            await until(lambda: "detach" in janus.names())
            assert janus.heard[-1]["handle_id"] == 9

    asyncio.run(story())


def test_letting_go_never_fails_and_ends_its_events(socket: Path) -> None:
    async def story() -> None:
        janus, heard = FakeJanus(), list[Event]()
        async with talking(socket, janus) as (gateway, _):
            handle = await gateway.attach("p", heard.append)
            await handle.detach()
            await handle.detach()
            await janus.say(janus="detached", sender=1)
            await janus.say(janus="hangup", sender=1)
            other = await gateway.attach("p", heard.append)
            assert (heard, janus.names().count("detach"), other.lost) == ([], 1, False)

    asyncio.run(story())
