"""Who asks, and whether they may: the dependencies of every endpoint.

Two ways to be somebody: the session's cookie, or ``Authorization: Bearer`` with an admin token.
A browser sends the cookie by itself, so an unsafe request with it has to come from a page of ours
(Origin, else Referer) and carry ``X-Ingestd: 1``, which a form cannot. It never sends the other
by itself, so that needs neither; where it is given, the cookie does not count.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from structlog.contextvars import bind_contextvars

from ingestd.accounts.address import parse
from ingestd.accounts.failures import by_address
from ingestd.accounts.model import SLUG, Actor, Channel, Claims, Role, Scope, Session, User
from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.origin import FOREIGN
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.errors import Limited
from ingestd.web.hardening import SAFE

COOKIE = "ingestd_session"

SIGN_IN = Refusal(Code.UNAUTHENTICATED, "Sign in first, or give an admin token: Authorization: Bearer.")
NOT_YOURS = Refusal(Code.FORBIDDEN, "You are not allowed to do this.")
_WRONG_SCOPE = Refusal(Code.FORBIDDEN, "This token is not for this: a token with the scope admin is needed.")
_NO_SESSION = Refusal(Code.FORBIDDEN, "This is for people who are signed in, not for tokens.")
_NO_HEADER = Refusal(Code.FORBIDDEN, "A request with the session's cookie needs the header X-Ingestd: 1.")
_NOT_BEARER = Refusal(Code.UNAUTHENTICATED, "Authorization has to be: Bearer, a space, and a token.")
PRIVATE = Refusal(Code.FORBIDDEN, "This channel is private: ask its owner for a link to watch it.")
NO_CHANNEL = Refusal(Code.NO_SUCH_CHANNEL, "There is no channel of that name.")

_COOKIE = APIKeyCookie(name=COOKIE, scheme_name="session", auto_error=False)
_BEARER = HTTPBearer(scheme_name="bearer", bearerFormat="JWT", auto_error=False)

Slug = Annotated[str, Path(pattern=f"^{SLUG.pattern}$", max_length=64)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``actor`` None: nobody that we know, and never to be handed to a service.

    ``token``: one of another scope than admin; it opens channels to watch and nothing else.
    """

    address: str
    actor: Actor | None = None
    session: Session | None = None
    token: str = ""

    @property
    def user(self) -> User | None:
        return self.actor.user if self.actor else None

    @property
    def admin(self) -> bool:
        return self.actor is not None and (self.actor.user is None or self.actor.user.role is Role.ADMIN)

    def may_publish(self, context: ApiContext, channel: Channel) -> bool:
        if self.user is None:
            return self.admin
        return context.accounts.directory.may_publish(self.user.id, channel)

    def may_manage(self, context: ApiContext, channel: Channel) -> bool:
        if self.user is None:
            return self.admin
        return context.accounts.directory.may_manage(self.user, channel)


def address(request: Request) -> str:
    """The client's address, as the proxies that are trusted say; "" when that is no address."""
    found = parse(request.client.host) if request.client else None
    return str(found or "")


def heard(context: ApiContext, *names: str) -> None:
    """Raise when one of these has failed too often; whoever is refused so is not even looked at."""
    if (wait := context.failures.allowed(time.monotonic(), *names)) > 0:
        raise Limited(wait)


def failed(context: ApiContext, *names: str) -> None:
    context.failures.failed(time.monotonic(), *names)


def same_site(context: ApiContext, request: Request) -> None:
    """Raise unless a page of ours sent this, by its own script."""
    page = request.headers.get("origin") or request.headers.get("referer", "")
    if not context.origins.ours(request, page):
        raise Refused(FOREIGN)
    if request.headers.get("x-ingestd") != "1":
        raise Refused(_NO_HEADER)


async def identify(context: ApiContext, request: Request) -> Caller:
    """Who asks; raises for credentials that are wrong, and for a cookie that another site's page sends."""
    if "authorization" in request.headers:
        return await _by_token(context, request)
    secret = request.cookies.get(COOKIE)
    if not secret:
        return Caller(address(request))
    if request.method not in SAFE:
        same_site(context, request)
    return await by_session(context, request, secret)


async def by_session(context: ApiContext, request: Request, secret: str) -> Caller:
    """A session that is over makes nobody: a page may ask whether it is, and public things stay open."""
    here = address(request)
    found = await context.accounts.sessions.find(secret, here)
    if found is None:
        return Caller(here)
    user, session = found
    bind_contextvars(user=user.id)
    return Caller(here, Actor(user, here, "session"), session)


async def _by_token(context: ApiContext, request: Request) -> Caller:
    scheme, token = get_authorization_scheme_param(request.headers["authorization"])
    if scheme.lower() != "bearer" or not token:
        raise Refused(_NOT_BEARER)
    claims = await genuine(context, request, token)
    here = address(request)
    if claims.scope is not Scope.ADMIN:
        return Caller(here, token=token)
    user = context.accounts.directory.user(claims.user)
    if claims.user and user is None:  # went while we read
        raise Refused(SIGN_IN)
    if user:
        bind_contextvars(user=user.id)
    return Caller(here, Actor(user, here, f"token {claims.id}"))


async def genuine(context: ApiContext, request: Request, token: str) -> Claims:
    """What a token says; raises for one that is not good, and for who guesses."""
    name = by_address(address(request))
    heard(context, name)
    claims = await context.accounts.tokens.read(token)
    if isinstance(claims, Refusal):
        if claims.code is Code.UNAUTHENTICATED:  # one that has expired is no guess
            failed(context, name)
        raise Refused(claims)
    return claims


async def _caller(
    request: Request,
    context: Context,
    _cookie: Annotated[object, Security(_COOKIE)],
    _bearer: Annotated[object, Security(_BEARER)],
) -> Caller:
    return await identify(context, request)


async def _viewer(
    request: Request,
    context: Context,
    _cookie: Annotated[object, Security(_COOKIE)],
    _bearer: Annotated[object, Security(_BEARER)],
    token: Annotated[str, Query(description="A watch token, where no header can be set.")] = "",
) -> Caller:
    """Somebody, or anybody: what is public is shown, too, when the database does not answer."""
    try:
        caller = await identify(context, request)
    except Refused as error:
        if error.refusal.code is not Code.UNAVAILABLE:
            raise
        caller = Caller(address(request))
    if not token or caller.actor or caller.token:
        return caller
    await genuine(context, request, token)
    return Caller(caller.address, token=token)


Anyone = Annotated[Caller, Depends(_caller)]
Viewer = Annotated[Caller, Depends(_viewer)]


def _somebody(caller: Anyone) -> Actor:
    if caller.actor is None:
        raise Refused(_WRONG_SCOPE if caller.token else SIGN_IN)
    return caller.actor


def _admin(caller: Anyone, actor: Annotated[Actor, Depends(_somebody)]) -> Actor:
    if not caller.admin:
        raise Refused(NOT_YOURS)
    return actor


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person in a browser."""

    actor: Actor
    user: User
    session: Session


def _signed_in(caller: Anyone, actor: Annotated[Actor, Depends(_somebody)]) -> SignedIn:
    if actor.user is None or caller.session is None:
        raise Refused(_NO_SESSION)
    return SignedIn(actor, actor.user, caller.session)


@dataclass(frozen=True, slots=True)
class At:
    """Somebody at a channel where they have the right that was asked for."""

    actor: Actor
    channel: Channel
    caller: Caller


def channel_named(context: ApiContext, name: str) -> Channel:
    found = context.accounts.directory.channels.get(name)
    if found is None:
        raise Refused(NO_CHANNEL)
    return found


def _publisher(
    channel: Slug, context: Context, caller: Anyone, actor: Annotated[Actor, Depends(_somebody)]
) -> At:
    found = channel_named(context, channel)
    if not caller.may_publish(context, found):
        raise Refused(NOT_YOURS)
    return At(actor, found, caller)


def _manager(
    channel: Slug, context: Context, caller: Anyone, actor: Annotated[Actor, Depends(_somebody)]
) -> At:
    found = channel_named(context, channel)
    if not caller.may_manage(context, found):
        raise Refused(NOT_YOURS)
    return At(actor, found, caller)


@dataclass(frozen=True, slots=True)
class Sending:
    """Somebody who may publish on a channel, by whatever right."""

    channel: Channel


async def _sender(
    request: Request,
    channel: Slug,
    context: Context,
    caller: Anyone,
    key: Annotated[str, Header(alias="X-Stream-Key", description="Beside a token, as for /ws.")] = "",
) -> Sending:
    found = channel_named(context, channel)
    if caller.actor is None and caller.token:
        await _admitted(context, request, found, key, caller.token)
    elif not caller.may_publish(context, found):
        raise Refused(NOT_YOURS if caller.actor else SIGN_IN)
    return Sending(found)


async def _admitted(context: ApiContext, request: Request, channel: Channel, key: str, token: str) -> None:
    """As a publisher would be: by stream key and token, or by a token that names a person."""
    name = by_address(address(request))
    heard(context, name)
    admitted = await context.gate.publisher(key, token)
    if isinstance(admitted, Refusal):
        if admitted.code is Code.UNAUTHENTICATED:
            failed(context, name)
        raise Refused(admitted)
    if admitted.channel.id != channel.id:
        raise Refused(NOT_YOURS)


Somebody = Annotated[Actor, Depends(_somebody)]
Admin = Annotated[Actor, Depends(_admin)]
Person = Annotated[SignedIn, Depends(_signed_in)]
Publisher = Annotated[At, Depends(_publisher)]
Manager = Annotated[At, Depends(_manager)]
Sender = Annotated[Sending, Depends(_sender)]


async def watching(context: ApiContext, caller: Caller, channel: Channel) -> Refusal | None:
    """Why this caller may not see what goes on at a channel; None: they may."""
    if not channel.private or caller.may_publish(context, channel):
        return None
    refusal = await context.gate.viewer(channel.name, caller.token)
    return PRIVATE if refusal and caller.actor else refusal  # to sign in again would not help
