"""Tokens: to publish or to watch one channel, and for programs that administer."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Path

from ingestd.accounts.model import Actor, Scope
from ingestd.errors import Refusal, Refused
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import refusals
from ingestd.web.api.guard import Admin, Publisher, Somebody
from ingestd.web.api.models import NewAdminToken, NewToken, TokenView
from ingestd.web.views import iso

router = APIRouter(tags=["tokens"])

_MEMORY = 10 * 366 * 86400.0  # seconds that a revoked id is remembered: no token of ours is good for longer
_OWN_WATCH = 3600.0  # seconds at most: who may only publish lets nobody else watch by it for long

TokenId = Annotated[str, Path(pattern=r"^[!-.0-~]{1,200}$")]


@router.post("/channels/{channel}/tokens", status_code=201, response_model=TokenView, responses=refusals(404))
async def create_token(body: NewToken, at: Publisher, context: Context) -> TokenView:
    """A token of yours to publish, which ends with your right to; or one that lets anybody watch.

    Who may publish without managing the channel gets one to watch in their own name, for an hour at most.
    """
    scope, lifetime = Scope(body.scope), body.lifetime or context.token_lifetime
    if scope is Scope.WATCH and at.caller.may_manage(context, at.channel):
        return await _mint(context, at.actor, scope, at.channel.name, lifetime, None)
    user = at.actor.user.id if at.actor.user else None
    if scope is Scope.WATCH:
        lifetime = min(lifetime, _OWN_WATCH)
    return await _mint(context, at.actor, scope, at.channel.name, lifetime, user)


@router.post("/tokens", status_code=201, response_model=TokenView)
async def create_admin_token(body: NewAdminToken, actor: Admin, context: Context) -> TokenView:
    """A token for a program that administers; it ends with your right to."""
    user = actor.user.id if actor.user else None
    lifetime = body.lifetime or context.token_lifetime
    return await _mint(context, actor, Scope(body.scope), None, lifetime, user)


@router.delete("/tokens/{token}", status_code=204, responses=refusals(404))
async def revoke_token(token: TokenId, actor: Somebody, context: Context) -> None:
    """The token with this id is good no longer, whether or not there ever was one.

    Admins may revoke every token, who manages a channel those of it, who publishes there those made for
    themselves. The ids stand in the audit log of the channel.
    """
    await context.accounts.tokens.revoke(actor, token, time.time() + _MEMORY)


async def _mint(
    context: ApiContext,
    actor: Actor,
    scope: Scope,
    channel: str | None,
    lifetime: float,
    user: str | None,
) -> TokenView:
    token = context.accounts.tokens.mint(actor, scope, channel, lifetime, user)
    claims = await context.accounts.tokens.read(token)
    if isinstance(claims, Refusal):
        raise Refused(claims)
    await context.accounts.audit.note(
        actor, "token.create", context.accounts.tokens.subject(claims.id), f"token {claims.id} {scope.value}"
    )
    return TokenView(token=token, id=claims.id, expires_at=iso(claims.expires_at))
