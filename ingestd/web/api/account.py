"""``/account``: what people do about themselves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ingestd.accounts.failures import by_account, by_address
from ingestd.accounts.model import Session, User
from ingestd.errors import Code, Refusal, Refused
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import refusals
from ingestd.web.api.guard import Person, failed, heard
from ingestd.web.api.models import PasswordChange, SessionList, SessionView
from ingestd.web.views import iso

router = APIRouter(prefix="/account", tags=["account"])

_WRONG = Refusal(Code.FORBIDDEN, "The current password is wrong.")
_NO_SESSION = Refusal(Code.NOT_FOUND, "You have no such session.")


@router.put("/password", status_code=204)
async def change_password(body: PasswordChange, person: Person, context: Context) -> None:
    """Set a new password. Every other session of yours ends: somebody may have known the old one."""
    names = by_address(person.actor.address), by_account(person.user.name)
    async with context.signing_in:
        heard(context, *names)
        found = await context.accounts.users.authenticate(person.user.name, body.current)
        if found is None:
            failed(context, *names)
            raise Refused(_WRONG)
    await context.accounts.users.set_password(person.actor, person.user.name, body.new)
    await context.accounts.sessions.close_all(person.actor, person.user.id, but=person.session.id)


@router.get("/sessions", response_model=SessionList)
async def list_sessions(person: Person, context: Context) -> SessionList:
    """Where you are signed in, the last used first."""
    return await sessions_of(context, person.user, person.session)


@router.delete("/sessions/{session}", status_code=204, responses=refusals(404))
async def end_session(session: str, person: Person, context: Context) -> None:
    """End one of your sessions."""
    if session not in [one.id for one in await context.accounts.sessions.of(person.user.id)]:
        raise Refused(_NO_SESSION)
    await context.accounts.sessions.close(person.actor, session)


@router.delete("/sessions", status_code=204)
async def end_other_sessions(
    person: Person,
    context: Context,
    this_too: Annotated[bool, Query(alias="this", description="This one, too.")] = False,
) -> None:
    """End all of your sessions but this one, or that as well."""
    but = None if this_too else person.session.id
    await context.accounts.sessions.close_all(person.actor, person.user.id, but)


async def sessions_of(context: ApiContext, user: User, here: Session | None) -> SessionList:
    """The sessions of ``user``, the last used first; ``here``: the one by which this is asked."""
    found = await context.accounts.sessions.of(user.id)
    return SessionList(sessions=[_view(one, here) for one in found])


def _view(one: Session, here: Session | None) -> SessionView:
    return SessionView(
        id=one.id,
        device=one.device,
        address=one.address,
        created_at=iso(one.created_at),
        last_used_at=iso(one.last_used_at),
        current=here is not None and one.id == here.id,
    )
