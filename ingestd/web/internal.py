"""``/internal/<secret>/…``: questions of our own nginx, which nobody else may ask.

nginx's front leads nobody here, and the secret in the path keeps out who reaches our port directly.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestd.accounts.model import Channel
from ingestd.errors import Code, Refusal, Refused
from ingestd.web.api.context import ApiContext
from ingestd.web.api.guard import COOKIE, NO_CHANNEL, by_session

# For how long nginx goes by an answer, in seconds; by a yes for a minute more while we are gone.
_YES, _NO = "max-age=10, stale-if-error=60", "max-age=2"

_NOTHING_HERE = Refusal(Code.NOT_FOUND, "There is nothing at this address.")


@dataclass(frozen=True, slots=True)
class Internal:
    """What nginx asks us."""

    context: ApiContext
    secret: str = field(repr=False)

    def routes(self) -> list[Route]:
        return [Route("/internal/{secret}/watch", self.watch)]

    def known(self, request: Request) -> bool:
        """Whether the path holds our secret; compared in constant time."""
        return hmac.compare_digest(request.path_params["secret"].encode(), self.secret.encode())

    async def watch(self, request: Request) -> Response:
        """May this viewer have a file of a private channel? For ``auth_request``: 204, 401 or 403.

        X-Channel and X-Token are nginx's, Cookie and Authorization the viewer's own. 503 when that
        cannot be told now: nginx makes 500 of it, after which players try again.
        """
        if not self.known(request):
            return JSONResponse(_NOTHING_HERE.body(), _NOTHING_HERE.status)
        refusal = await self._refusal(request)
        if refusal is None:
            return Response(status_code=204, headers={"Cache-Control": _YES})
        status = refusal.status if refusal.status in (401, 503) else 403
        return JSONResponse(refusal.body(), status, headers=None if status == 503 else {"Cache-Control": _NO})

    async def _refusal(self, request: Request) -> Refusal | None:
        """Wrong tokens are not counted here: none can be guessed, and players ask for every file."""
        context, name = self.context, request.headers.get("x-channel", "")
        channel = context.accounts.directory.channels.get(name)
        if channel is None:
            return NO_CHANNEL
        _, bearer = get_authorization_scheme_param(request.headers.get("authorization"))
        given = [token for token in (request.headers.get("x-token"), bearer) if token]
        refusals = [await context.gate.viewer(name, token) for token in given or [""]]
        if None in refusals:
            return None
        return await self._by_cookie(request, channel, refusals[0])

    async def _by_cookie(self, request: Request, channel: Channel, refusal: Refusal | None) -> Refusal | None:
        """``refusal`` unless somebody is signed in who may publish there."""
        if secret := request.cookies.get(COOKIE):
            try:
                caller = await by_session(self.context, request, secret)
            except Refused as error:
                return error.refusal
            if caller.may_publish(self.context, channel):
                return None
        return refusal
