"""``/audit``: who did what to which channel, user or key, and from where."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from ingestd.errors import Refused
from ingestd.web.api.context import Context
from ingestd.web.api.document import refusals
from ingestd.web.api.guard import NOT_YOURS, Anyone, Somebody, channel_named
from ingestd.web.api.models import Answer, When
from ingestd.web.views import iso

router = APIRouter(tags=["audit"])


class AuditEntry(Answer):
    id: int
    at: When
    who: str
    action: str
    subject: str
    address: str
    detail: str


class AuditList(Answer):
    """Newest first. ``next``: give it as ``before`` for what is older; null at the end."""

    entries: list[AuditEntry]
    next: int | None


@router.get("/audit", response_model=AuditList, responses=refusals(404))
async def list_audit(
    _actor: Somebody,
    caller: Anyone,
    context: Context,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, description="`next` of the answer before.")] = None,
    channel: Annotated[str | None, Query(description="Of this channel only, for who manages it.")] = None,
) -> AuditList:
    """The log, newest first. All of it is for admins, as is what tells of an earlier channel of the name."""
    subject = since = None
    if channel is not None:
        if not caller.may_manage(context, channel_named(context, channel)):
            raise Refused(NOT_YOURS)
        subject, since = f"channel:{channel}", None if caller.admin else "channel.create"
    elif not caller.admin:
        raise Refused(NOT_YOURS)
    found = await context.accounts.audit.list(limit, before, subject, since)
    entries = [AuditEntry(**{**asdict(one), "at": iso(one.at)}) for one in found]
    return AuditList(entries=entries, next=entries[-1].id if len(entries) == limit else None)
