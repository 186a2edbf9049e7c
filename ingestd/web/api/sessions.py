"""``/users/{user}/sessions``: where somebody is signed in, for admins; one's own are in ``account``."""

from __future__ import annotations

from fastapi import APIRouter

from ingestd.errors import Code, Refusal, Refused
from ingestd.web.api.account import sessions_of
from ingestd.web.api.context import Context
from ingestd.web.api.document import refusals
from ingestd.web.api.guard import Admin, Anyone, Slug
from ingestd.web.api.models import SessionList
from ingestd.web.api.users import user_named

router = APIRouter(prefix="/users/{user}/sessions", tags=["users"], responses=refusals(404))

_NO_SESSION = Refusal(Code.NOT_FOUND, "They have no such session.")


@router.get("", response_model=SessionList)
async def list_sessions_of(user: Slug, _actor: Admin, caller: Anyone, context: Context) -> SessionList:
    """Where they are signed in, the last used first."""
    return await sessions_of(context, await user_named(context, user), caller.session)


@router.delete("", status_code=204)
async def end_sessions_of(user: Slug, actor: Admin, context: Context) -> None:
    """Sign them out everywhere."""
    found = await user_named(context, user)
    await context.accounts.sessions.close_all(actor, found.id)


@router.delete("/{session}", status_code=204)
async def end_session_of(user: Slug, session: str, actor: Admin, context: Context) -> None:
    """Sign them out in one place."""
    found = await user_named(context, user)
    if session not in [one.id for one in await context.accounts.sessions.of(found.id)]:
        raise Refused(_NO_SESSION)
    await context.accounts.sessions.close(actor, session)
