"""nginx's callbacks answered, without nginx: who is let in, who is counted, who has to go."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette

from ingestd.accounts.failures import Failures
from ingestd.accounts.gate import Admitted
from ingestd.accounts.model import Channel
from ingestd.broadcast.registry import Broadcasts
from ingestd.encoder.encoder import EncoderSettings
from ingestd.errors import Code, Refusal
from ingestd.ingest import relay, rtmp
from ingestd.ingest.relay import Relay, RelaySettings
from ingestd.ingest.rtmp import Rtmp
from ingestd.ingest.session import Patience
from tests.unit.live import LIMITS, running

SECRET = "secret-of-nginx"
WRONG = Refusal(Code.UNAUTHENTICATED, "wrong")
GONE = Refusal(Code.FORBIDDEN, "taken back")


class Gate:
    """Lets in whoever has the key ``good``, until ``revoked``."""

    def __init__(self) -> None:
        self.revoked = False

    def key(self, stream_key: str) -> Admitted | Refusal:
        return Admitted(Channel("1", "demo", "Demo"), "k1", None, None) if stream_key == "good" else WRONG

    def still(self, admitted: Admitted) -> Refusal | None:
        return GONE if self.revoked else None


class Door:
    """Our side of the callbacks, and nginx's: a relay that is a script, and joins as soon as it runs."""

    def __init__(
        self,
        registry: Broadcasts,
        relay: Path,
        idle: float,
        silent: float,
        used: Callable[[str, str], None],
    ) -> None:
        self.gate = Gate()
        ffmpeg = EncoderSettings(str(relay), relay.parent, nice=5, memory=300)
        settings = RelaySettings(ffmpeg, "rtmp://127.0.0.1/live", Patience(1 << 20, idle))
        self.rtmp = Rtmp(registry, self.gate, Failures(3), settings, SECRET, silent, used)
        transport = httpx.ASGITransport(Starlette(routes=self.rtmp.routes()))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://ingestd")

    async def call(self, route: str, extra: str = "", secret: str = SECRET, **form: str) -> httpx.Response:
        body = urlencode({"addr": "192.0.2.1", "clientid": "1", **form}) + extra
        return await self.client.post(f"/internal/{secret}/rtmp/{route}", content=body)

    async def publish(self, **form: str) -> httpx.Response:
        """What nginx does in between: the relay asks to play."""
        asked = asyncio.create_task(self.call("publish", **{"name": "good", **form}))
        while not asked.done():
            for name in list(self.rtmp._relays):
                await self.call("play", name=name)
            await asyncio.sleep(0.01)
        return asked.result()

    async def update(self, client: str, timestamp: str) -> int:
        """Its status."""
        form = {"call": "update_publish", "name": "good", "clientid": client, "timestamp": timestamp}
        return (await self.call("update", **form)).status_code


async def until(test: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not test():  # noqa: ASYNC110 - what happens inside tells nobody
            await asyncio.sleep(0.01)


Story = Callable[[Door], Awaitable[None]]


RELAY = "ulimit -d >limits; nice >>limits; echo >>limits\nexec sleep 60"
NO_CODEC = "echo '[error] Video codec (hevc) is not implemented' >&2"


def play(
    tmp_path: Path, story: Story, idle: float = 60.0, relay: str = RELAY, silent: float = 0.3
) -> list[tuple[str, str]]:
    """The keys that were used, and from where; ``idle``: seconds until a silent publisher is dropped,
    ``silent``: until another one may have its place."""
    script = tmp_path / "relay"
    script.write_text(f"#!/bin/sh\n{relay}\n")
    script.chmod(0o755)
    used: list[tuple[str, str]] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[Door]:
        async with running(tmp_path, replace(LIMITS, silent_after=silent)) as registry:
            door = Door(registry, script, idle, silent, lambda key, address: used.append((key, address)))
            try:
                yield door
            finally:
                await door.rtmp.close()
                await door.client.aclose()

    async def run() -> None:
        async with opened() as door:
            await story(door)
            relays = door.rtmp._relays
            await until(lambda: not any(one.publication.verdict for one in relays.values()))  # they are gone

    asyncio.run(run())
    return used


def test_a_publisher_is_sent_to_a_name_that_only_its_relay_knows(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        answer = await door.publish()
        assert answer.status_code == 302
        assert door.rtmp._broadcasts.totals.connections == {"websocket": 0, "rtmp": 1, "whip": 0}
        name = answer.headers["location"]
        assert name.startswith("demo-")
        assert len(name) == len("demo-") + 16
        assert (await door.call("play", name=name)).status_code == 200
        for guess in ("demo", "good", "demo-0123456789abcdef"):
            assert (await door.call("play", name=guess)).status_code == 404
        assert (await door.call("update", call="update_publish", name="good")).status_code == 200
        assert (await door.call("update", call="update_play", name=name)).status_code == 200

    assert play(tmp_path, story) == [("k1", "192.0.2.1")]


@pytest.mark.parametrize("secret", ["", "guess", SECRET + "x"])
def test_without_the_secret_there_is_nothing(tmp_path: Path, secret: str) -> None:
    async def story(door: Door) -> None:
        assert (await door.call("publish", secret=secret, name="good")).status_code == 404

    assert play(tmp_path, story) == []


def test_an_update_of_a_publisher_that_was_never_let_in_is_refused(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await door.publish()
        for form in ({"name": "other"}, {"name": "good", "clientid": "2"}):
            assert (await door.call("update", call="update_publish", **form)).status_code == 404

    play(tmp_path, story)


def test_who_may_no_longer_is_refused_at_the_next_update_and_its_relay_ends(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await door.publish()
        door.gate.revoked = True
        assert (await door.call("update", call="update_publish", name="good")).status_code == 403
        await until(lambda: not len(door.rtmp))
        assert (await door.call("update", call="update_publish", name="good")).status_code == 404
        refused = door.rtmp.source("demo")
        assert refused and refused["advice"] == ["taken back"]

    play(tmp_path, story)


def test_guesses_are_counted_by_the_address_that_nginx_sees(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        for _ in range(3):
            # what a publisher adds to its stream's name comes last, and changes nothing
            answer = await door.call("publish", extra="&addr=198.51.100.7&name=good", name="bad")
            assert answer.status_code == 401
        assert (await door.call("publish", name="good")).status_code == 429
        assert (await door.publish(addr="198.51.100.7")).status_code == 302

    play(tmp_path, story)


def test_a_ghost_is_waited_out_and_a_publisher_that_sends_is_not_thrown_out(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await door.publish()
        (first,) = door.rtmp._relays.values()
        first.publication.silent_for = lambda now: 0.0  # type: ignore[method-assign]
        assert (await door.publish(clientid="2")).status_code == 409
        del first.publication.silent_for
        second = await door.publish(clientid="3")
        assert second.status_code == 302
        assert first.publication.verdict
        assert first.publication.verdict.code is Code.CONFLICT

    play(tmp_path, story)


def test_a_publisher_that_left_while_it_was_asked_for_is_not_let_in(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await door.publish()
        (first,) = door.rtmp._relays.values()
        first.publication.silent_for = lambda now: 0.0  # type: ignore[method-assign]
        waits = asyncio.create_task(door.publish(clientid="2"))
        await until(lambda: "2" in door.rtmp._asking)
        assert await door.update("2", "0") == 200
        await door.call("done", name="good", clientid="2")
        del first.publication.silent_for
        assert (await waits).status_code == 408
        assert len(door.rtmp) <= 1

    play(tmp_path, story)


def test_a_ghost_is_known_by_what_nginx_has_of_it_also_while_it_is_not_read(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await door.publish()
        (first,) = door.rtmp._relays.values()
        first.publication._blocked = True  # the encoder is down
        waits = asyncio.create_task(door.publish(clientid="2"))
        sent = 0
        while not waits.done():
            sent += 50
            assert await door.update("1", str(sent)) == 200
            await asyncio.sleep(0.05)
        assert waits.result().status_code == 409
        for _ in range(3):
            await door.update("1", str(sent))
        assert (await door.publish(clientid="3")).status_code == 302
        assert first.publication.verdict

    play(tmp_path, story, silent=2.0)  # longer than a busy machine takes from one update to the next


def test_of_two_that_wait_for_one_that_has_left_the_second_does_not_throw_out_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_DRAIN_SECONDS", 60.0)  # the first one does not end by itself

    async def story(door: Door) -> None:
        await door.publish()
        (first,) = door.rtmp._relays.values()
        busy(first)
        await door.call("done", name="good")
        assert (await door.publish(clientid="2")).status_code == 302
        (second,) = (one for one in door.rtmp._relays.values() if one is not first)
        busy(second)
        door.rtmp._relays["drains"] = first
        assert (await door.publish(clientid="3")).status_code == 409
        assert second.publication.verdict is None
        del door.rtmp._relays["drains"]

    play(tmp_path, story)


def busy(relay: Relay) -> None:
    relay.publication.silent_for = lambda now: 0.0  # type: ignore[method-assign]


def test_a_number_that_nginx_gives_again_is_of_the_call_that_came_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(door: Door) -> None:
        await door.publish()
        (first,) = door.rtmp._relays.values()
        busy(first)
        before = asyncio.create_task(door.publish(clientid="2"))
        await until(lambda: "2" in door.rtmp._asking)
        asked = door.rtmp._asking["2"]
        monkeypatch.setattr(rtmp, "_MARGIN", 60.0)
        after = asyncio.create_task(door.publish(clientid="2"))
        await until(lambda: door.rtmp._asking["2"] is not asked)
        assert (await before).status_code == 409
        assert "2" in door.rtmp._asking
        await door.call("done", name="good")
        assert (await after).status_code == 302
        assert "2" not in door.rtmp._asking

    play(tmp_path, story)


def test_why_somebody_was_turned_away_is_told_as_long_as_it_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(door: Door) -> None:
        await door.publish()
        (first,) = door.rtmp._relays.values()
        busy(first)
        assert (await door.publish(clientid="2")).status_code == 409
        refused = door.rtmp.source("demo")
        assert refused and "already live" in refused["advice"][0]
        del first.publication.silent_for
        await until(lambda: door.rtmp.source("demo") is None)
        door.gate.revoked = True
        await until(lambda: not len(door.rtmp))
        assert door.rtmp.source("demo")
        monkeypatch.setattr(rtmp, "_REMEMBERED", 0.0)
        assert door.rtmp.source("demo") is None

    play(tmp_path, story)


@pytest.mark.parametrize(("timestamp", "words"), [("0", "Nothing was received"), ("40", "choose H.264")])
def test_who_sends_what_nginx_does_not_pass_on_is_told_what_can_be_taken(
    tmp_path: Path, timestamp: str, words: str
) -> None:
    async def story(door: Door) -> None:
        await door.publish()
        await door.update("1", timestamp)
        await until(lambda: not len(door.rtmp))
        refused = door.rtmp.source("demo")
        assert refused and words in refused["advice"][0]

    play(tmp_path, story, idle=2.0)  # longer than a busy machine takes to tell of it


@pytest.mark.parametrize(
    ("relay", "patience", "code", "words"),
    [(NO_CODEC, 60.0, Code.UNSUPPORTED, "choose H.264"), (RELAY, 0.1, Code.INTERNAL, "could not read")],
    ids=["over", "late"],
)
def test_a_relay_that_never_joins_is_one_refusal_for_its_own_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relay: str, patience: float, code: Code, words: str
) -> None:
    monkeypatch.setattr(rtmp, "_JOIN_SECONDS", patience)

    async def story(door: Door) -> None:
        answer = await door.call("publish", name="good")  # and nobody plays
        assert answer.json()["error"]["code"] == code.value
        await until(lambda: not len(door.rtmp))
        assert door.rtmp._broadcasts.totals.refusals == {code.value: 1}
        refused = door.rtmp.source("demo")
        assert refused and words in refused["advice"][0]

    play(tmp_path, story, relay=relay)


def test_a_relay_has_the_limits_of_an_encoder(tmp_path: Path) -> None:
    limits = tmp_path / "limits"

    async def story(door: Door) -> None:
        await door.publish()
        await until(lambda: limits.exists() and limits.read_text().endswith("\n\n"))

    play(tmp_path, story)
    memory, nice = limits.read_text().split()
    assert (memory, int(nice)) == (str(300 * 1024), os.nice(0) + 5)


def test_a_callback_of_any_length_is_bounded(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        assert (await door.call("publish", name="x" * 100_000)).status_code == 413

    play(tmp_path, story)
