"""Every request has an id; the access log tells no secret."""

from __future__ import annotations

import asyncio
import re
from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.contextvars import bind_contextvars, get_contextvars

from ingestd.accounts.address import networks
from ingestd.web.requests import HEADER, Requests, harmless, request_id

KEY = "Zk3_9-aQxw7LrT0vKfB2nYcU5hPd8sEj"
TRUSTED = ["10.0.0.0/8"]
GIVEN = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("peer", "given", "kept"),
    [
        ("10.1.2.3", GIVEN, True),
        ("10.1.2.3", "a.b-c_8d", True),
        ("192.0.2.1", GIVEN, False),
        ("", GIVEN, False),
        ("10.1.2.3", "", False),
        ("10.1.2.3", "short", False),
        ("10.1.2.3", "x" * 65, False),
        ("10.1.2.3", "new\nline12", False),
        ("10.1.2.3", "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl", False),
    ],
)
def test_only_a_trusted_proxy_gives_an_id(peer: str, given: str, kept: bool) -> None:
    found = request_id(peer, given, networks(TRUSTED))
    assert (found == given) is kept
    assert re.fullmatch(r"[\w.-]{8,64}", found)
    assert kept or found != request_id(peer, given, networks(TRUSTED))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "/"),
        ("/api/v1/broadcasts", "/api/v1/broadcasts"),
        (f"/internal/{KEY}/watch", "/internal/[hidden]/watch"),
        (f"/ws/{KEY}", "/ws/[hidden]"),
        (f"/whep/demo/{KEY[:22]}", "/whep/demo/[hidden]"),
        (f"/{KEY[:15]}", f"/{KEY[:15]}"),
        ("/a" * 300, "/a" * 100),
    ],
)
def test_a_path_is_shown_without_what_may_be_secret(path: str, shown: str) -> None:
    assert harmless(path) == shown


def ask(
    *requests: tuple[str, dict[str, str]], access: bool = True, client: str = "10.1.2.3"
) -> tuple[list[httpx.Response], list[MutableMapping[str, Any]], list[dict[str, Any]]]:
    """Answers, lines of the log, and what stood in the context of each."""
    seen: list[dict[str, Any]] = []

    async def answer(request: Request) -> Response:
        seen.append(get_contextvars())
        bind_contextvars(user="u1")
        if request.url.path == "/fails":
            raise ValueError("no")
        return PlainTextResponse("four", 404 if request.url.path == "/none" else 200)

    app = Requests(Starlette(routes=[Route("/{path:path}", answer)]), TRUSTED, access=access)

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(client, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            return [await http.get(path, headers=headers) for path, headers in requests]

    with structlog.testing.capture_logs() as logs:
        return asyncio.run(run()), logs, seen


def test_the_id_is_in_the_answer_and_in_the_context_and_nothing_of_the_last_one() -> None:
    answers, _, seen = ask(("/a", {HEADER: GIVEN}), ("/none", {}), ("/fails", {}))
    names = [answer.headers[HEADER] for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 404, 500]
    assert names[0] == GIVEN and len(set(names)) == 3
    assert seen == [{"request_id": name} for name in names]


def test_the_access_log_says_what_was_asked_without_the_query() -> None:
    _, logs, _ = ask((f"/api?streamKey={KEY}", {}), ("/fails", {}))
    first, second = logs
    assert first.pop("seconds") >= 0
    assert first == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": "/api",
        "status": 200,
        "bytes": 4,
    }
    assert second["status"] == 500


def test_what_machines_ask_all_the_time_is_not_logged() -> None:
    assert ask(("/healthz", {}), ("/metrics", {}), ("/readyz", {}))[1] == []


def test_it_is_off_unless_it_is_wanted() -> None:
    assert ask(("/a", {}), access=False)[1] == []
