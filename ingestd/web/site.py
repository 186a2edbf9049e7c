"""The HTTP face: routes, pages and their security headers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_LATEST, gzip_accepted
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from ingestd.errors import Refusal
from ingestd.ingest.echo import Echo, asked
from ingestd.ingest.websocket import Ingest
from ingestd.metrics.exposition import Exposition
from ingestd.web.api import ROOT, ApiContext, api
from ingestd.web.api.errors import http_error, mistake
from ingestd.web.api.stats import xml
from ingestd.web.cards import TAGS, base_of, card
from ingestd.web.hardening import hardened
from ingestd.web.health import Health

_NOBODY = "'none'"
_EMBED = "embed.html"
_PAGES = {
    "/": "index.html",
    "/broadcast": "broadcast.html",
    "/watch/{channel}": "watch.html",
    "/embed/{channel}": _EMBED,
    "/diagnose": "diagnose.html",
    "/sign-in": "sign-in.html",
    "/account": "account.html",
    "/channels": "channels.html",
    "/channels/{channel}": "channel.html",
    "/channels/{channel}/studio": "broadcast.html",
    "/channels/{channel}/settings": "settings.html",
    "/channels/{channel}/broadcasts/{broadcast}": "diagnosis.html",
    "/admin": "admin.html",
    "/admin/overview": "overview.html",
}


@dataclass(frozen=True, slots=True)
class Site:
    """What the routes answer from. ``hls_port`` is nginx's, as viewers reach it.

    ``trusted_proxies`` are the networks whose X-Forwarded headers count; ``internal`` routes are for
    nginx alone, those of ``webrtc`` for everybody.
    """

    api: ApiContext
    ingest: Ingest
    health: Health
    metrics: Exposition
    pages: Path
    hls_port: int
    trusted_proxies: Sequence[str]
    internal: Sequence[BaseRoute] = ()
    webrtc: Sequence[BaseRoute] = ()
    access_log: bool = False
    echo: Echo = field(default_factory=Echo)

    def app(self) -> ASGIApp:
        """The ASGI application."""
        routes: list[BaseRoute] = [
            WebSocketRoute("/ws", self.socket),
            Mount(ROOT, api(self.api)),
            *self.internal,
            *self.webrtc,
            Route("/healthz", self.alive),
            Route("/readyz", self.ready),
            Route("/metrics", self.scrape),
            Route("/stat", self.stat),
            Route("/hls/{path:path}", self.to_nginx),
            *(Route(path, self.page(name)) for path, name in _PAGES.items()),
            Mount("/assets", _Assets(directory=self.pages, check_dir=False)),
        ]
        handlers: dict[Any, Any] = {HTTPException: http_error, 500: mistake}
        site = Starlette(routes=routes, exception_handlers=handlers)
        return hardened(site, self.trusted_proxies, tls=self.api.tls, access_log=self.access_log)

    async def socket(self, websocket: WebSocket) -> None:
        """``/ws``: a publisher, or somebody who finds out whether one would get through."""
        if asked(websocket):
            await self.echo.serve(websocket, self.api.origins)
        else:
            await self.ingest.serve(websocket)

    async def alive(self, _request: Request) -> Response:
        """``GET /healthz``: the loop turns."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """``GET /readyz``: 200 when a broadcast can be taken now, else 503 with every reason.

        ``nginx`` are the last ends of our own one, oldest first; ``webrtc`` is what is wrong with that, and
        all else works without it.
        """
        reasons = await self.health.reasons()
        said = {"ready": not reasons, "reasons": reasons, "nginx": self.health.nginx_ends()}
        said["webrtc"] = self.health.webrtc_trouble()
        return JSONResponse(said, 503 if reasons else 200)

    async def scrape(self, request: Request) -> Response:
        """``GET /metrics`` for Prometheus."""
        packed = gzip_accepted(request.headers.get("accept-encoding", ""))
        headers = {"Content-Type": CONTENT_TYPE_LATEST, "Vary": "Accept-Encoding"}
        headers |= {"Content-Encoding": "gzip"} if packed else {}
        return Response(self.metrics.get(packed=packed), headers=headers)

    async def stat(self, request: Request) -> Response:
        """``GET /stat``: as nginx-rtmp answers, for admins."""
        return await xml(self.api, request)

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
            text = file.read_text(encoding="utf-8")
            if TAGS in text:
                text = text.replace(TAGS, self.tags(request))
            ancestors = await self.ancestors(request) if name == _EMBED else _NOBODY
            headers = page_headers(_host(request), self.hls_port, ancestors, self.styles(name))
            return HTMLResponse(text, headers=headers)

        return show

    def styles(self, name: str) -> list[str]:
        """Hashes of the style elements that a library brings into this page (web/chrome.mjs)."""
        file = self.pages / "styles.json"
        found: dict[str, list[str]] = json.loads(file.read_text()) if file.exists() else {}
        return found.get(name, [])

    def tags(self, request: Request) -> str:
        """What other sites read in the page of a channel; "" for one that is not public, or is none."""
        base = base_of(request)
        found = card(self.api, base, request.path_params["channel"])
        return found.tags(base + request.url.path) if found else ""

    async def ancestors(self, request: Request) -> str:
        """On whose pages this channel's player may stand.

        To show a private one there takes a watch token in the query: a fragment never reaches us.
        """
        name = request.path_params["channel"]
        channel = self.api.accounts.directory.channels.get(name)
        if channel is None:
            return _NOBODY
        refusal = await self.api.gate.viewer(name, request.query_params.get("token", ""))
        return _NOBODY if isinstance(refusal, Refusal) else " ".join(("'self'", *channel.embed_sites))


def page_headers(
    host: str, hls_port: int, ancestors: str = _NOBODY, styles: Sequence[str] = ()
) -> dict[str, str]:
    """Headers of every page: nothing inline, nothing from elsewhere but nginx on the same host.

    ``ancestors``: whose pages may have it in a frame. ``styles``: hashes of style elements that it
    may have all the same.
    """
    nginx = f"http://{host}:{hls_port} https://{host}:{hls_port}"
    policy = {
        "default-src": "'self'",
        "connect-src": f"'self' ws: wss: {nginx}",
        "media-src": f"'self' blob: {nginx}",
        "img-src": f"'self' data: blob: {nginx}",
        "style-src": " ".join(["'self'", *(f"'{style}'" for style in styles)]),
        "worker-src": "'self' blob:",
        "frame-ancestors": ancestors,
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    return {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in policy.items()),
        "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    }


def _host(request: Request) -> str:
    """The host that the client named, if it is one: it goes into headers."""
    host = request.url.hostname or ""
    return host if re.fullmatch(r"[\w.:-]+", host) else "localhost"


class _Assets(StaticFiles):
    """The built pages' files: their names carry no hash, so a browser asks each time (304 mostly).

    A worker lives by the policy of its own file: it needs to load others of ours.
    """

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response
