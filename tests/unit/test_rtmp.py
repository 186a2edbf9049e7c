"""nginx's callbacks answered, without nginx: who is let in, who is counted, who has to go."""

from __future__ import annotations

import asyncio
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
from ingestd.errors import Code, Refusal
from ingestd.ingest.relay import RelaySettings
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

    def __init__(self, registry: Broadcasts, relay: Path, used: Callable[[str, str], None]) -> None:
        self.gate = Gate()
        settings = RelaySettings(str(relay), relay.parent, "rtmp://127.0.0.1/live", Patience(1 << 20, 60.0))
        self.rtmp = Rtmp(registry, self.gate, Failures(3), settings, SECRET, 0.3, used)
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


async def until(test: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not test():  # noqa: ASYNC110 - what happens inside tells nobody
            await asyncio.sleep(0.01)


Story = Callable[[Door], Awaitable[None]]


def play(tmp_path: Path, story: Story) -> list[tuple[str, str]]:
    """The keys that were used, and from where."""
    script = tmp_path / "relay"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    used: list[tuple[str, str]] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[Door]:
        async with running(tmp_path, replace(LIMITS, silent_after=0.3)) as registry:
            door = Door(registry, script, lambda key, address: used.append((key, address)))
            yield door
            await door.rtmp.close()
            await door.client.aclose()

    async def run() -> None:
        async with opened() as door:
            await story(door)

    asyncio.run(run())
    return used


def test_a_publisher_is_sent_to_a_name_that_only_its_relay_knows(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        answer = await door.publish()
        assert answer.status_code == 302
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
        assert (
            await door.call("update", call="update_publish", name="good", clientid="2")
        ).status_code == 200
        await door.call("done", name="good", clientid="2")
        del first.publication.silent_for
        assert (await waits).status_code == 408
        assert len(door.rtmp) <= 1

    play(tmp_path, story)


def test_a_callback_of_any_length_is_bounded(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        assert (await door.call("publish", name="x" * 100_000)).status_code == 413

    play(tmp_path, story)
