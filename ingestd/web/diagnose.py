"""``/diagnose/…``: what the page for checking browser and connection asks the server for.

For everybody, but for pages of ours alone.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestd.errors import Refused
from ingestd.watch.loopback import Loop, Loopback
from ingestd.web.api.context import ApiContext
from ingestd.web.api.guard import COOKIE, by_session
from ingestd.webrtc.http import SDP, malformed, read_offer, turned_away
from ingestd.webrtc.ice import LIFETIME, IceServers
from ingestd.webrtc.sdp import BadSdp

_GOOD_FOR = 60  # seconds for which a TURN server lets one in who checks

_Call = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Diagnose:
    """``off``: why there is no WebRTC; ``ports``: which a firewall has to let in, by what they are for."""

    context: ApiContext
    loopback: Loopback
    servers: IceServers
    off: str
    ports: dict[str, str]

    def routes(self) -> list[Route]:
        return [
            Route("/diagnose/servers", self._guarded(self.facts), methods=["GET"]),
            Route("/diagnose/whip", self._guarded(self.publish), methods=["POST"]),
            Route("/diagnose/whip/{key}", self._guarded(self.end), methods=["DELETE"]),
            Route("/diagnose/whep/{key}", self._guarded(self.play), methods=["POST"]),
        ]

    def _guarded(self, call: _Call) -> _Call:
        async def answer(request: Request) -> Response:
            try:
                if refusal := self.context.origins.refusal(request):
                    raise Refused(refusal)
                return await call(request)
            except BadSdp as error:
                return turned_away(malformed(error).refusal)
            except Refused as error:
                return turned_away(error.refusal)

        return answer

    async def facts(self, request: Request) -> Response:
        """What is there to be checked. ``turn`` null: who asks is not told of those servers."""
        stun = [{"urls": url} for url in self.servers.stun]
        turn = self._turn() if await self._may_relay(request) or not self.servers.turn else None
        return JSONResponse({"off": self.off, "stun": stun, "turn": turn, "ports": self.ports})

    async def publish(self, request: Request) -> Response:
        """201 with an answer to what the browser offers to send; ``Location`` is where it takes leave."""
        address = request.client.host if request.client else ""
        loop = await self.loopback.publish(await read_offer(request), address)
        headers = {"Location": f"/diagnose/whip/{loop.key}"}
        return Response(loop.answer, 201, headers, SDP)

    async def play(self, request: Request) -> Response:
        """201 with an answer to what it offers to receive: what it sends itself."""
        loop = self._loop(request)
        return Response(await self.loopback.play(loop, await read_offer(request)), 201, media_type=SDP)

    async def end(self, request: Request) -> Response:
        await self.loopback.end(self._loop(request))
        return Response(status_code=200)

    def _loop(self, request: Request) -> Loop:
        """By an address that cannot be guessed."""
        return self.loopback.find(request.path_params["key"])

    def _turn(self) -> list[dict[str, Any]]:
        user, password = self.servers.credentials(time.time() - LIFETIME + _GOOD_FOR)
        known = {"username": user, "credential": password} if self.servers.secret else {}
        return [{"urls": url, **known} for url in self.servers.turn]

    async def _may_relay(self, request: Request) -> bool:
        """With its credentials one may use a TURN server for whatever one likes. WHEP tells them to whoever
        may watch: that is everybody where a channel is public, and else who is signed in."""
        if any(not channel.private for channel in self.context.accounts.directory.channels.values()):
            return True
        caller = await by_session(self.context, request, request.cookies.get(COOKIE, ""))
        return caller.user is not None
