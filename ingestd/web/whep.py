"""``/whep/<channel>``: viewers by WebRTC (WHEP, draft-ietf-wish-whep)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingestd.errors import Code, Refusal, Refused
from ingestd.watch.stage import Session, Stages
from ingestd.web.api.context import ApiContext
from ingestd.web.api.guard import COOKIE, Caller, by_session
from ingestd.webrtc.http import (
    CORS,
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
            Route(at, self._guarded(self.options), methods=["OPTIONS"]),
            Route(session, self._guarded(self.options), methods=["OPTIONS"]),
        ]

    def _guarded(self, call: _Call) -> _Call:
        async def answer(request: Request) -> Response:
            try:
                made = await call(request)
            except Refused as error:
                made = turned_away(error.refusal)
            except Unanswered as error:
                made = error.answer()
            made.headers.update(CORS)
            return made

        return answer

    async def options(self, _request: Request) -> Response:
        """For pages of other sites (CORS)."""
        return Response(status_code=204, headers=PREFLIGHT)

    async def watch(self, request: Request) -> Response:
        """201 with an answer to the viewer's offer."""
        channel, token = request.path_params["channel"], bearer(request)
        caller = await self._signed_in(request)

        async def still() -> Refusal | None:
            refusal = await self.context.gate.viewer(channel, token)
            found = self.context.accounts.directory.channels.get(channel)
            if refusal and found and caller and caller.may_publish(self.context, found):
                return None
            return refusal

        if refusal := await still():
            raise Refused(refusal)
        offer = await read_offer(request)
        try:
            session = await self.stages.watch(channel, offer, still)
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

    async def _signed_in(self, request: Request) -> Caller | None:
        """Who may publish to a private channel may watch it, too."""
        channel = self.context.accounts.directory.channels.get(request.path_params["channel"])
        secret = request.cookies.get(COOKIE)
        if channel is None or not channel.private or not secret:
            return None
        return await by_session(self.context, request, secret)
