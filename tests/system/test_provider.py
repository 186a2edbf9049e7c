"""An identity provider that is slow or mad, asked by strangers, while others are on the air."""

from __future__ import annotations

import asyncio
import time

import jwt
import psutil
import pytest

from tests.support import http
from tests.support.administrator import going_on, listed, publishing
from tests.support.server import PATIENCE, Server, running
from tests.system.conftest import SMALL
from tests.unit.jwks_provider import Answer, Writer, jwk, private, provider

ISSUER = "https://id.example.org"
STRANGERS = 20
MOST = 32 * 2**20  # bytes of memory that all of it may cost
LARGE = 50 * 2**20
PAUSE = 10.0  # seconds between two fetches at least
BEAT = 0.05  # seconds


async def slow(writer: Writer) -> None:
    """One byte a second, of an answer that looks good so far."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(1)


async def large(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
    for _ in range(LARGE // 2**16):
        writer.write(b" " * 2**16)
        await writer.drain()


def token(kid: str) -> str:
    claims = {"iss": ISSUER, "aud": "ingestd", "scope": "publish", "channel": "demo"}
    claims |= {"exp": time.time() + 600}  # type: ignore[dict-item]
    return jwt.encode(claims, private("rsa"), "RS256", {"kid": kid})


class Standstill:
    """The longest that this process itself did nothing, though it was due: no wait of the server's making."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        while True:
            due = time.monotonic() + BEAT
            await asyncio.sleep(BEAT)
            self.longest = max(self.longest, time.monotonic() - due)


async def strangers(server: Server) -> tuple[list[int], float]:
    """They name keys that nobody knows; the answers that they get, and the longest that others wait."""
    async with http.AsyncClient(base_url=server.http, timeout=PATIENCE) as client:

        async def one(number: int) -> int:
            bearer = {"Authorization": f"Bearer {token(f'unknown-{number}')}"}
            return (await client.get("/api/v1/session", headers=bearer)).status_code

        asked = asyncio.gather(*(one(number) for number in range(STRANGERS)))
        longest = 0.0
        while not asked.done():
            began = time.monotonic()
            assert (await client.get("/api/v1/channels/demo")).status_code == 200
            longest = max(longest, time.monotonic() - began)
        return await asked, longest


@pytest.mark.parametrize("answer", [slow, large])
def test_a_provider_that_is_slow_or_mad_holds_up_nobody_else(answer: Answer) -> None:
    async def story() -> None:
        async with provider(jwk("rsa")) as made:
            made.answer = answer
            with running(auth_jwks_url=made.url, auth_issuer=ISSUER, **SMALL) as server, publishing(server):
                await asyncio.to_thread(listed, server)
                daemon = psutil.Process(server.process.pid)
                before, began = daemon.memory_info().rss, time.monotonic()
                ours = Standstill()
                watching = asyncio.create_task(ours.watch())
                statuses, longest = await strangers(server)
                seconds = time.monotonic() - began
                watching.cancel()
                assert set(statuses) <= {401, 503}
                assert seconds - ours.longest < 10, "each token waits 3 s at most"
                assert longest - ours.longest < 3, "nobody waits as long as one of them"
                assert 1 <= made.asked <= 1 + seconds // PAUSE
                await asyncio.to_thread(going_on, server, 2.0)
                assert daemon.memory_info().rss - before < MOST
                assert '"jwks_unavailable"' in server.logged()

    asyncio.run(story())
