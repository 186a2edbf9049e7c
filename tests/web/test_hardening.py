"""What every answer carries, and what no request may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestd.ingest.origin import Origin, Origins
from ingestd.web import hardening
from ingestd.web.hardening import BODY_BYTES, hardened
from tests.web.world import HOST, World

SAFE = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/broadcasts", 200), ("GET", "/users", 401), ("GET", "/nothing", 404), ("TRACE", "/users", 405)],
)
def test_every_answer_has_the_headers(method: str, path: str, status: int, world: World) -> None:
    answer = world.ask("anonymous", method, path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in SAFE} == SAFE
    assert "strict-transport-security" not in answer.headers
    tls = world.make_app(world.make_context(tls=True))
    assert "max-age" in world.ask("anonymous", method, path, app=tls).headers["strict-transport-security"]


def test_whatever_webrtc_s_addresses_answer_a_page_of_another_site_may_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardening, "BODY_SECONDS", 0.1)

    async def answer(_: Request) -> Response:
        return Response(status_code=201)

    async def silence() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""

    async def ask(method: str, path: str, content: Any = None) -> httpx.Response:
        routes = [Route(f"/{way}/{{channel}}", answer, methods=["POST"]) for way in ("whip", "whep", "other")]
        app = hardening.hardened(Starlette(routes=routes), [], tls=False)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{HOST}") as client:
            return await client.request(method, path, content=content)

    for way in ("whip", "whep"):
        asked: list[tuple[int, str, Any]] = [(201, "POST", b""), (413, "POST", bytes(70_000))]
        for status, method, content in [*asked, (405, "GET", None), (408, "POST", silence())]:
            found = world.do(ask(method, f"/{way}/demo", content))
            assert found.status_code == status
            assert found.headers["access-control-allow-origin"] == "*"
            assert "Retry-After" in found.headers["access-control-expose-headers"]
        assert "access-control-allow-origin" in world.do(ask("GET", f"/{way}/")).headers
    assert "access-control-allow-origin" not in world.do(ask("POST", "/other/demo")).headers


def test_a_mistake_of_ours_has_them_too_and_says_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(type(world.broadcasts), "__iter__", broken)
    answer = world.ask("anonymous", "GET", "/broadcasts")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert {name: answer.headers[name] for name in SAFE} == SAFE
    assert "secret" not in answer.text


def test_an_address_that_knows_other_methods_says_which(world: World) -> None:
    answer = world.ask("anonymous", "PUT", "/channels/demo")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, PATCH")
    assert set(answer.json()["error"]) == {"code", "message"}


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"{", "application/json", "malformed"),
        (b"[" * 30000, "application/json", "malformed"),
        (b"9" * 5000, "application/json", "malformed"),
        (b'{"name": "\xff"}', "application/json", "malformed"),
        (b'{"name": "a", "title": "A title"}', "text/plain", "malformed"),
        (b"", "application/json", "malformed"),
        (b'{"name": "../../etc", "title": "A title"}', "application/json", "invalid"),
        (b'{"name": "a\\u0000", "title": "A title"}', "application/json", "invalid"),
        (b'{"name": "\\ud800", "title": "A title"}', "application/json", "invalid"),
        (b'{"name": "a", "title": "A\\u0000title"}', "application/json", "invalid"),
        (b'{"name": "a", "title": " "}', "application/json", "invalid"),
        (b'{"name": "a", "title": "A title", "\\ud800": 1}', "application/json", "malformed"),
        (b'{"name": "a", "title": "A title", "private": "yes"}', "application/json", "invalid"),
    ],
)
def test_a_body_that_does_not_fit(body: bytes, content_type: str, code: str, world: World) -> None:
    more: Any = {"content": body, "headers": {"Content-Type": content_type}}
    answer = world.ask("owner", "POST", "/channels", **more)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), answer.text


def test_a_refusal_does_not_repeat_what_was_sent(world: World) -> None:
    body = {"name": "a", "password": "short", "role": "admin"}
    answer = world.ask("root", "POST", "/users", body)
    assert answer.status_code == 400
    assert "password" in answer.json()["error"]["message"]
    assert "short" not in answer.text.replace("shorter", "")


@pytest.mark.parametrize("known", [True, False], ids=["announced", "streamed"])
def test_a_large_body_is_refused(known: bool, world: World) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    content: Any = b" " * (BODY_BYTES + 1) if known else pieces()
    answer = world.ask("owner", "POST", "/channels", content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert answer.headers["connection"] == "close"


def test_a_body_that_does_not_come_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardening, "BODY_SECONDS", 0.01)

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    answer = world.ask("owner", "POST", "/channels", content=nothing())
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "nothing_received")


def test_who_asks_is_told_by_trusted_proxies_alone(world: World) -> None:
    async def show(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope)
        found: Response = JSONResponse([scope["client"][0], request.url.scheme])
        await found(scope, receive, send)

    app = hardened(show, ["10.0.0.0/8"], tls=False)
    said = {"X-Forwarded-For": "1.2.3.4, 198.51.100.9, 10.1.1.1", "X-Forwarded-Proto": "https"}
    through = world.ask("nobody", "GET", "/internal", headers=said, client="10.0.0.1", app=app)
    assert through.json() == ["198.51.100.9", "https"]
    directly = world.ask("nobody", "GET", "/internal", headers=said, client="198.51.100.1", app=app)
    assert directly.json() == ["198.51.100.1", "http"]


def asked(origin: str | None, host: str = HOST, scheme: str = "ws") -> Request:
    headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin is not None else [])
    scope = {"type": "http", "scheme": scheme, "path": "/ws", "headers": headers, "query_string": b""}
    return Request({**scope, "server": (host, 80)})


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        (None, True),  # a program
        (f"http://{HOST}", True),
        (f"http://{HOST}:80", True),
        (f"HTTP://{HOST.upper()}", True),
        ("https://studio.example.net", True),
        ("", False),
        ("null", False),
        ("http://studio.example.net", False),
        ("https://studio.example.net.evil.example", False),
        (f"http://{HOST}@evil.example", False),
        (f"http://{HOST}:99999", False),
        ("http://[", False),
        (f"file://{HOST}", False),
    ],
)
def test_which_pages_are_ours(origin: str | None, ours: bool) -> None:
    origins = Origins(["https://studio.example.net"])
    assert (origins.refusal(asked(origin)) is None) is ours


def test_an_origin_has_a_port() -> None:
    assert Origins().refusal(asked("http://tv:8080", host="tv:8080")) is None
    assert Origins().refusal(asked("http://tv", host="tv:8080")) is not None
    assert Origins().refusal(asked("http://[::1]:8080", host="[::1]:8080")) is None
    assert Origins().refusal(asked("http://tv", host="tv", scheme="wss")) is not None
    assert Origin.of("https://tv") == Origin("https", "tv", 443)


def test_other_origins_of_ours_may_call_the_api(world: World) -> None:
    asks = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "x-ingestd"}
    ours = world.ask("nobody", "OPTIONS", "/users", headers={"Origin": "https://studio.example.net", **asks})
    assert ours.headers["access-control-allow-origin"] == "https://studio.example.net"
    other = world.ask("nobody", "OPTIONS", "/users", headers={"Origin": "https://evil.example", **asks})
    assert "access-control-allow-origin" not in other.headers
