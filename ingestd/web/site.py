"""The HTTP face: routes, pages and their security headers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from sse_starlette import EventSourceResponse, JSONServerSentEvent, ServerSentEvent
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from ingestd.broadcast.registry import Broadcasts, Subscriber
from ingestd.errors import Code, Refusal
from ingestd.ingest.credentials import SLUG, Channel
from ingestd.ingest.websocket import Ingest
from ingestd.web.health import Health
from ingestd.web.views import broadcast_view

_PING_SECONDS = 15  # a comment on the event stream, so that proxies keep it open


@dataclass(frozen=True, slots=True)
class Site:
    """What the routes answer from. ``hls_port`` is nginx's, as viewers reach it."""

    broadcasts: Broadcasts
    channels: dict[str, Channel]
    ingest: Ingest
    health: Health
    metrics: CollectorRegistry
    pages: Path
    hls_port: int

    def app(self) -> Starlette:
        """The ASGI application."""
        routes: list[BaseRoute] = [
            WebSocketRoute("/ws", self.ingest.serve),
            Route("/api/v1/broadcasts", self.list_broadcasts),
            Route("/api/v1/broadcasts/{broadcast}/generations", self.show_generations),
            Route("/api/v1/channels/{channel}", self.show_channel),
            Route("/api/v1/events", self.events),
            Route("/healthz", self.alive),
            Route("/readyz", self.ready),
            Route("/metrics", self.scrape),
            Route("/hls/{path:path}", self.to_nginx),
            Route("/", self.page("index.html")),
            Route("/broadcast", self.page("broadcast.html")),
            Route("/watch/{channel}", self.page("watch.html")),
            Mount("/assets", _Assets(directory=self.pages, check_dir=False)),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _http_error, 500: _mistake})

    async def list_broadcasts(self, request: Request) -> Response:
        """``GET /api/v1/broadcasts``: open ones; with ``?ended=true`` those that ended lately, too."""
        found = [*self.broadcasts]
        if request.query_params.get("ended") == "true":
            found += self.broadcasts.ended
        return _json({"broadcasts": [broadcast_view(one) for one in found]})

    async def show_generations(self, request: Request) -> Response:
        """``GET /api/v1/broadcasts/<id>/generations``: reports of its last encoders, oldest first."""
        found = self.broadcasts.find(request.path_params["broadcast"])
        if found is None:
            return _refused(
                Refusal(Code.NO_SUCH_BROADCAST, "There is no such broadcast, or it is long over.")
            )
        return _json({"broadcast": found.id, "generations": found.supervisor.reports.as_list()})

    async def show_channel(self, request: Request) -> Response:
        """``GET /api/v1/channels/<channel>``: the channel and its newest broadcast."""
        name = request.path_params["channel"]
        if not SLUG.fullmatch(name) or name not in self.channels:
            return _refused(Refusal(Code.NO_SUCH_CHANNEL, "There is no channel of that name."))
        newest = self.broadcasts.newest(name)
        view = newest and broadcast_view(newest)
        return _json({"channel": name, "title": self.channels[name].title, "broadcast": view})

    async def events(self, request: Request) -> Response:
        """``GET /api/v1/events``: a snapshot, then every broadcast that changes (``?channel=`` filters)."""
        return EventSourceResponse(
            self._stream(request.query_params.get("channel")), ping=_PING_SECONDS, headers=_NO_STORE
        )

    async def _stream(self, channel: str | None) -> AsyncIterator[ServerSentEvent]:
        def wanted(views: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [view for view in views if channel in (None, view["channel"])]

        with self.broadcasts.subscribe() as subscriber:
            snapshot = wanted([broadcast_view(one) for one in self.broadcasts])
            yield JSONServerSentEvent({"broadcasts": snapshot}, event="snapshot")
            async for view in _views(subscriber):
                for one in wanted(view):
                    yield JSONServerSentEvent(one, event="broadcast")

    async def alive(self, _request: Request) -> Response:
        """``GET /healthz``: the loop turns."""
        return _json({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """``GET /readyz``: 200 when a broadcast can be taken now, else 503 with every reason.

        ``nginx`` are the last ends of our own one, oldest first.
        """
        reasons = await self.health.reasons()
        said = {"ready": not reasons, "reasons": reasons, "nginx": self.health.nginx_ends()}
        return _json(said, 503 if reasons else 200)

    async def scrape(self, _request: Request) -> Response:
        """``GET /metrics`` for Prometheus."""
        return Response(generate_latest(self.metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def to_nginx(self, request: Request) -> Response:
        """Media is nginx's: whoever asks here is sent there, so Python never stands in its way."""
        url = request.url.replace(hostname=_host(request), port=self.hls_port)
        return RedirectResponse(str(url), 307, headers={"Access-Control-Allow-Origin": "*"})

    def page(self, name: str) -> Any:
        """A route that answers with one of the built pages."""

        async def show(request: Request) -> Response:
            file = self.pages / name
            if not file.exists():
                return PlainTextResponse(
                    "The pages are not built: run `make run`, or `npm run build` in web/.", 503
                )
            return FileResponse(file, headers=page_headers(_host(request), self.hls_port))

        return show


async def _views(subscriber: Subscriber) -> AsyncIterator[list[dict[str, Any]]]:
    async for changed in subscriber.changes():
        yield [broadcast_view(one) for one in changed]


_NO_STORE = {"Cache-Control": "no-store"}


def page_headers(host: str, hls_port: int) -> dict[str, str]:
    """Headers of every page: nothing inline, nothing from elsewhere but nginx on the same host."""
    nginx = f"http://{host}:{hls_port} https://{host}:{hls_port}"
    policy = {
        "default-src": "'self'",
        "connect-src": f"'self' ws: wss: {nginx}",
        "media-src": f"'self' blob: {nginx}",
        "img-src": f"'self' data: blob: {nginx}",
        "worker-src": "'self' blob:",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    return {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in policy.items()),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    }


def _host(request: Request) -> str:
    """The host that the client named, if it is one: it goes into headers."""
    host = request.url.hostname or ""
    return host if re.fullmatch(r"[\w.:-]+", host) else "localhost"


class _Assets(StaticFiles):
    """The built pages' files: their names carry no hash, so a browser asks each time (304 mostly)."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _json(body: Any, status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, headers=_NO_STORE)


def _refused(refusal: Refusal) -> JSONResponse:
    return _json(refusal.body(), refusal.status)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = "not_found" if error.status_code == 404 else "http_error"
    return _json({"error": {"code": code, "message": error.detail}}, error.status_code)


async def _mistake(_request: Request, _error: Exception) -> Response:
    return _refused(Refusal(Code.INTERNAL, "The server made a mistake; its log says more."))
