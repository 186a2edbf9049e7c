"""An installation with people in every relation to its channels, asked by ASGI: no process, no socket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jsonschema_rs
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp

from ingestd.accounts.accounts import Accounts
from ingestd.accounts.failures import Failures
from ingestd.accounts.gate import Gate
from ingestd.accounts.model import Actor, Role, Scope, User
from ingestd.accounts.passwords import Passwords
from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.registry import Broadcasts, Limits
from ingestd.delivery.pictures import Pictures
from ingestd.ingest.origin import Origins
from ingestd.log import Recent
from ingestd.monitor.diagnosis import Diagnosis
from ingestd.monitor.host import Host
from ingestd.monitor.monitor import Monitor
from ingestd.monitor.overview import Overview
from ingestd.settings import Settings
from ingestd.web.api import ApiContext, api
from ingestd.web.api.errors import http_error, mistake
from ingestd.web.api.models import Rtmp
from ingestd.web.feed import Feed
from ingestd.web.hardening import hardened
from ingestd.web.internal import Internal
from tests.support.server import PATIENCE
from tests.unit import live

HOST = "tv.example.org"
OURS = {"Origin": f"http://{HOST}", "X-Ingestd": "1"}
SELF = Actor(None, "", "test")
INTERNAL = "internal-secret"
FAILURES = 10
CLIENT = "192.0.2.7"

T = TypeVar("T")


async def _versions() -> dict[str, str]:
    return {"ffmpeg": "ffmpeg version 0"}


def password(name: str) -> str:
    return f"password of {name}"


@dataclass(frozen=True)
class Channel:
    """A channel with an owner and a publisher, and one broadcast that has just begun."""

    name: str
    broadcast: str
    key: str
    key_id: str


class World:
    """Everybody signs in once. ``anonymous`` is a page without a session, ``nobody`` a program without
    anything; ``token`` is an admin's bearer token."""

    def __init__(
        self, accounts: Accounts, broadcasts: Broadcasts, data: Path, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.accounts, self.broadcasts, self.data, self.loop = accounts, broadcasts, data, loop
        self.failures = Failures(10**6)  # else one test would lock out the next
        self.gate = Gate(accounts)
        self.lines = Recent()
        self.diagnosis = Diagnosis(broadcasts, self.lines, lambda _: {"hls": {}}, _versions)
        self.pictures = Pictures(data, "ffmpeg")
        self.overview = Overview(broadcasts, Monitor(), lambda: 0, Host(Path()))
        self.feed = Feed(broadcasts, 1000)
        self.context = self.make_context()
        self.app = self.make_app(self.context)
        self.document = api(self.context).openapi()
        self.cookies: dict[str, str] = {}
        self.users: dict[str, User] = {}
        self._numbers = itertools.count()

    def make_context(self, **changes: Any) -> ApiContext:
        values: dict[str, Any] = {"accounts": self.accounts, "gate": self.gate, "failures": self.failures}
        values |= {"broadcasts": self.broadcasts, "origins": Origins(["https://studio.example.net"])}
        values |= {"session_lifetime": 3600.0, "token_lifetime": 600.0}
        values |= {"rtmp": Rtmp(host=None, port=1935, tls_port=None, local=False)}
        values |= {"diagnosis": self.diagnosis, "overview": self.overview, "feed": self.feed}
        values |= {"pictures": self.pictures}
        return ApiContext(**(values | changes))

    def make_app(self, context: ApiContext) -> ASGIApp:
        routes = [Mount("/api/v1", api(context)), *Internal(context, INTERNAL).routes()]
        return hardened(
            Starlette(routes=routes, exception_handlers={HTTPException: http_error, 500: mistake}),
            ["127.0.0.1/32"],
            tls=context.tls,
        )

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return _run(coroutine, self.loop)

    def ask(
        self,
        who: str,
        method: str,
        path: str,
        json: Any = None,
        *,
        headers: dict[str, str] | None = None,
        client: str = CLIENT,
        app: ASGIApp | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One request by somebody's page (or program, for ``token``), as it should be sent."""
        sent = self.credentials(who) | (headers or {})
        if json is not None:
            more["json"] = json

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(
                app or self.app, raise_app_exceptions=False, client=(client, 4000)
            )
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as http:
                where = path if path.startswith("/internal") else f"/api/v1{path}"
                return await http.request(method, where, headers=sent, **more)

        answer = self.do(send())
        if not path.startswith("/internal"):
            self._is_true(method, path.partition("?")[0], answer)
        return answer

    def operation(self, method: str, path: str) -> tuple[str, str] | None:
        """The method and path of the document under which a request comes."""
        for known in self.document["paths"]:
            pattern = re.sub(r"{\w+}", "[^/]+", known)
            if re.fullmatch(pattern, path) and method.lower() in self.document["paths"][known]:
                return method.lower(), known
        return None

    def _is_true(self, method: str, path: str, answer: httpx.Response) -> None:
        """Every answer that any test gets is one of those in the document."""
        where = self.operation(method, path)
        if where is None:
            return
        answers = self.document["paths"][where[1]][where[0]]["responses"]
        assert str(answer.status_code) in answers, (method, path, answer.status_code, answer.text)
        content = answers[str(answer.status_code)].get("content", {})
        if schema := content.get("application/json", {}).get("schema"):
            whole = {**schema, "components": self.document["components"]}
            jsonschema_rs.validator_for(whole).validate(answer.json())

    def fresh(self) -> str:
        """A name that nothing has."""
        return f"fresh-{next(self._numbers)}"

    def credentials(self, who: str) -> dict[str, str]:
        if who == "nobody":
            return {}
        if who == "anonymous":
            return dict(OURS)
        if who == "token":
            return {"Authorization": f"Bearer {self.token(Scope.ADMIN)}"}
        return {"Cookie": f"ingestd_session={self.cookies[who]}", **OURS}

    def token(self, scope: Scope, channel: str | None = None, user: str | None = None) -> str:
        found = self.users[user].id if user else None
        return self.accounts.tokens.mint(SELF, scope, channel, 600, found)

    def person(self, name: str | None = None, role: Role = Role.BROADCASTER) -> str:
        """Somebody new, signed in."""
        name = name or f"person-{next(self._numbers)}"

        async def make() -> None:
            user = await self.accounts.users.create(SELF, name, password(name), role)
            self.users[name] = user

        self.do(make())
        self.sign_in(name)
        return name

    def sign_in(self, name: str) -> None:
        opened = self.accounts.sessions.open(self.users[name], "Firefox on Linux", CLIENT)
        self.cookies[name], _ = self.do(opened)

    def channel(self, *, private: bool = False) -> Channel:
        """A new one of ``owner``, where ``publisher`` may publish."""
        name = f"channel-{next(self._numbers)}"

        async def make() -> Channel:
            owner = Actor(self.users["owner"], "", "test")
            await self.accounts.channels.create(owner, name, "A title", private=private)
            await self.accounts.channels.allow(owner, name, "publisher")
            key, made = await self.accounts.keys.create(owner, name, "OBS")
            broadcast = self.begin(name)
            await asyncio.sleep(0)
            return Channel(name, broadcast.id, key, made.id)

        return self.do(make())

    def begin(self, channel: str) -> Broadcast:
        broadcast = self.broadcasts.begin(channel, "Live").broadcast
        assert broadcast
        return broadcast


def _run(coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result(PATIENCE)


async def _rest() -> None:
    """End what others have left running."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@contextmanager
def _looping() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in a thread of its own: schemathesis brings another one, and has to get at ours."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="installation")
    thread.start()
    try:
        yield loop
    finally:
        _run(_rest(), loop)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def installation(root: Path) -> Iterator[World]:
    """With ``admin``, ``owner``, ``publisher`` and ``other`` signed in."""
    data = root / "data"
    data.mkdir()
    with _looping() as loop, contextlib.ExitStack() as stack:
        exits = AsyncExitStack()
        stack.callback(lambda: _run(exits.aclose(), loop))
        quick = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        accounts = _run(Accounts.open(Settings(), data, passwords=quick), loop)
        exits.push_async_callback(accounts.close)
        limits = Limits(broadcasts=1000, free_disk=0, keep_ended=3600.0)
        broadcasts = _run(exits.enter_async_context(live.running(root, limits)), loop)
        world = World(accounts, broadcasts, data, loop)
        loop.call_soon_threadsafe(world.feed.start)
        exits.push_async_callback(world.feed.close)
        world.person("root", Role.ADMIN)
        for name in ("owner", "publisher", "other"):
            world.person(name)
        yield world
