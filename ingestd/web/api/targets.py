"""``/channels/{channel}/targets``: other places that a channel is pushed to."""

from __future__ import annotations

from fastapi import APIRouter

from ingestd.accounts.model import Target
from ingestd.errors import Code, Refusal, Refused
from ingestd.push.state import PushState, State
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import refusals
from ingestd.web.api.guard import At, Manager
from ingestd.web.api.models import NewTarget, Pushing, TargetChange, TargetList, TargetView
from ingestd.web.views import iso

router = APIRouter(prefix="/channels/{channel}/targets", tags=["targets"])

_NO_TARGET = Refusal(Code.NOT_FOUND, "This channel has no such target.")
_WAITING = Pushing(state=State.WAITING.value, message="Nothing is on now.", bitrate=None, speed=None)


@router.get("", response_model=TargetList, responses=refusals(404))
async def list_targets(at: Manager, context: Context) -> TargetList:
    """The targets, how each of them goes, and none of their keys."""
    found = await context.accounts.targets.list(at.channel.name)
    return TargetList(targets=[_view(context, one) for one in found])


@router.post("", status_code=201, response_model=TargetView, responses=refusals(404))
async def create_target(body: NewTarget, at: Manager, context: Context) -> TargetView:
    """Another place to push to, from the next segment on."""
    await context.target_address(at.channel.name, body.url)
    targets = context.accounts.targets
    made = await targets.create(
        at.actor, at.channel.name, body.url, body.key, body.rendition, enabled=body.enabled
    )
    return _view(context, made)


@router.patch("/{target}", response_model=TargetView, responses=refusals(404))
async def change_target(target: str, body: TargetChange, at: Manager, context: Context) -> TargetView:
    """Change what is named; a push under way begins anew."""
    found = await _own(context, at, target)
    changes = body.model_dump(exclude_none=True)
    if body.url:
        await context.target_address(at.channel.name, body.url)
    if changes:
        found = await context.accounts.targets.update(at.actor, found.id, **changes)
    return _view(context, found)


@router.delete("/{target}", status_code=204, responses=refusals(404))
async def delete_target(target: str, at: Manager, context: Context) -> None:
    """The push ends, and its key is forgotten."""
    await _own(context, at, target)
    await context.accounts.targets.delete(at.actor, target)


async def _own(context: ApiContext, at: At, identity: str) -> Target:
    """Raises :class:`Refused` unless the target is this channel's."""
    for one in await context.accounts.targets.list(at.channel.name):
        if one.id == identity:
            return one
    raise Refused(_NO_TARGET)


def _view(context: ApiContext, one: Target) -> TargetView:
    return TargetView(
        id=one.id,
        url=one.url,
        rendition=one.rendition,
        enabled=one.enabled,
        created_at=iso(one.created_at),
        **dict(_pushing(context.pushing(one.id))),
    )


def _pushing(state: PushState | None) -> Pushing:
    """Speed and bitrate only while there is something to measure."""
    if state is None:
        return _WAITING
    measured = state.state is State.PUSHING
    return Pushing(
        state=state.state.value,
        message=state.message,
        bitrate=state.bitrate if measured else None,
        speed=state.speed if measured else None,
    )
