"""``/whep/<channel>``: viewers by WebRTC (WHEP, draft-ietf-wish-whep)."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingestd.errors import Code, Refusal, Refused
from ingestd.watch.stage import Session, Stages
from ingestd.web.api.context import ApiContext
from ingestd.web.api.guard import COOKIE, Caller, address, by_session
from ingestd.webrtc.http import (
    PREFLIGHT,
    Unanswered,
    bearer,
    created,
    malformed,
    read_fragment,
    read_offer,
    turned_away,
)
from ingestd.webrtc.ice import IceServers
from ingestd.webrtc.sdp import BadSdp

_BELIEVED_SECONDS = 5.0  # for which a viewer is taken for who that was
_UNKNOWN = Refusal(Code.NOT_FOUND, "There is no such WHEP session: it has ended. Watch again.")

_Call = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Whep:
    """Whoever may fetch a channel's playlists may watch it so."""

    context: ApiContext
    stages: Stages
    servers: IceServers

    def routes(self) -> list[Route]:
        at, session = "/whep/{channel}", "/whep/{channel}/{session}"
        return [
            Route(at, self._guarded(self.watch), methods=["POST"]),
            Route(session, self._guarded(self.trickle), methods=["PATCH"]),
            Route(session, self._guarded(self.leave), methods=["DELETE"]),
            Route(at, self.options, methods=["OPTIONS"]),
            Route(session, self.options, methods=["OPTIONS"]),
        ]

    def _guarded(self, call: _Call) -> _Call:
        async def answer(request: Request) -> Response:
            try:
                return await call(request)
            except Refused as error:
                return turned_away(error.refusal)
            except Unanswered as error:
                return error.answer()

        return answer

    async def options(self, _request: Request) -> Response:
        """For pages of other sites (CORS)."""
        return Response(status_code=204, headers=PREFLIGHT)

    async def watch(self, request: Request) -> Response:
        """201 with an answer to the viewer's offer."""
        channel, watcher = request.path_params["channel"], _Watcher(self.context, request)
        if refusal := await watcher.refusal():
            raise Refused(refusal)
        offer = await read_offer(request)
        try:
            session = await self.stages.watch(channel, offer, watcher.refusal, watcher.who)
        except BadSdp as error:
            raise malformed(error) from None
        return created(session.peer.answer, f"/whep/{channel}/{session.key}", offer, self.servers)

    async def trickle(self, request: Request) -> Response:
        session = self._session(request)
        await self.stages.trickle(session, await read_fragment(request, session.peer.offer))
        return Response(status_code=204)

    async def leave(self, request: Request) -> Response:
        await self._session(request).peer.close()
        return Response(status_code=200)

    def _session(self, request: Request) -> Session:
        """By an address that cannot be guessed; all that it allows is to end this one viewer's session."""
        session = self.stages.find(request.path_params["session"])
        if session is None or session.channel != request.path_params["channel"]:
            raise Refused(_UNKNOWN)
        return session


class _Watcher:
    """Who watches a channel: with a token, or signed in as somebody who may publish there. ``who``: as nginx
    tells of viewers by HLS, address and User-Agent."""

    def __init__(self, context: ApiContext, request: Request) -> None:
        self.who = f"{address(request)} {request.headers.get('user-agent', '')}".encode("latin-1", "replace")
        self._context = context
        self._request = request
        self._channel: str = request.path_params["channel"]
        self._token = bearer(request)
        self._caller = Caller(address(request))
        self._known = -math.inf  # when it was looked who that is

    async def refusal(self) -> Refusal | None:
        """Why they may not, or not any more. Raises :class:`Refused` the first time only."""
        refusal = await self._context.gate.viewer(self._channel, self._token)
        found = self._context.accounts.directory.channels.get(self._channel)
        if refusal and found and (secret := self._request.cookies.get(COOKIE)):
            if time.monotonic() - self._known > _BELIEVED_SECONDS:
                await self._look(secret)
            return None if self._caller.may_publish(self._context, found) else refusal
        return refusal

    async def _look(self, secret: str) -> None:
        """They may have been signed out since; while the database does not answer nobody is."""
        try:
            self._caller = await by_session(self._context, self._request, secret)
        except Refused:
            if self._known < 0:
                raise
        self._known = time.monotonic()
