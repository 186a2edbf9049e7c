"""``/session``: sign in, sign out, and who is signed in."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Request, Response

from ingestd.accounts.failures import by_account, by_address
from ingestd.accounts.model import Actor
from ingestd.accounts.users import Proof
from ingestd.errors import Code, Refusal, Refused
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.device import device
from ingestd.web.api.document import FOR_ANYBODY
from ingestd.web.api.guard import COOKIE, Anyone, address, failed, heard, same_site
from ingestd.web.api.models import SessionState, SignedInAs, SignIn
from ingestd.web.api.users import user_view

log = structlog.get_logger("ingestd.web")

router = APIRouter(tags=["session"])

_WRONG = Refusal(Code.UNAUTHENTICATED, "The name or the password is wrong.")


@router.post("/session", response_model=SignedInAs)
async def sign_in(body: SignIn, request: Request, response: Response, context: Context) -> SignedInAs:
    """Sign in: the answer sets the session's cookie. A session that the browser had before ends."""
    if "origin" in request.headers:  # else a page of another site could sign somebody in as its author
        same_site(context, request)
    proof = await _who(context, request, body)
    user = proof.user
    here = address(request)
    actor = Actor(user, here, "session")
    if old := request.cookies.get(COOKIE):
        await _end(context, old, here)
    secret, _ = await context.accounts.sessions.open(
        user, device(request.headers.get("user-agent", "")), here, proof.stored
    )
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(context.session_lifetime),
        httponly=True,
        samesite="lax",
        secure=_secure(context, request),
    )
    await context.accounts.audit.note(actor, "session.open", f"user:{user.name}")
    return SignedInAs(user=user_view(user))


async def _who(context: ApiContext, request: Request, body: SignIn) -> Proof:
    """The user of this name and password; raises the same for a wrong name as for a wrong password."""
    names = by_address(address(request)), by_account(body.name)
    async with context.signing_in:  # so that guesses cannot overtake their own count
        heard(context, *names)
        proof = await context.accounts.users.prove(body.name, body.password)
        if proof is None:
            failed(context, *names)
            log.warning("sign_in_refused", address=address(request))  # a name may be a mistyped password
            raise Refused(_WRONG)
    context.failures.succeeded(by_account(proof.user.name))
    return proof


@router.get("/session", response_model=SessionState, openapi_extra=FOR_ANYBODY)
async def who_is_signed_in(caller: Anyone, context: Context) -> SessionState:
    """Who is signed in, if anybody."""
    user = caller.user and user_view(caller.user)
    return SessionState(user=user, first_start=context.accounts.first is not None)


@router.delete("/session", status_code=204, openapi_extra=FOR_ANYBODY)
async def sign_out(caller: Anyone, request: Request, response: Response, context: Context) -> None:
    """Sign out; all is well, too, when nobody was signed in."""
    if caller.actor and caller.session:
        await context.accounts.sessions.close(caller.actor, caller.session.id)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=_secure(context, request))


async def _end(context: ApiContext, secret: str, here: str) -> None:
    found = await context.accounts.sessions.find(secret, here)
    if found:
        user, session = found
        await context.accounts.sessions.close(Actor(user, here, "session"), session.id)


def _secure(context: ApiContext, request: Request) -> bool:
    return context.tls or request.url.scheme == "https"
