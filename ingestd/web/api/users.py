"""``/users``: people, for admins."""

from __future__ import annotations

from fastapi import APIRouter

from ingestd.accounts.model import Role, User
from ingestd.errors import Code, Refusal, Refused
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import refusals
from ingestd.web.api.guard import Admin, Anyone, Slug
from ingestd.web.api.models import NewUser, UserChange, UserList, UserView
from ingestd.web.views import iso

router = APIRouter(prefix="/users", tags=["users"])

_NO_USER = Refusal(Code.NOT_FOUND, "There is no user of that name.")


def user_view(user: User) -> UserView:
    """A user as JSON."""
    return UserView(
        name=user.name, role=user.role.value, disabled=user.disabled, created_at=iso(user.created_at)
    )


async def user_named(context: ApiContext, name: str) -> User:
    """Raises :class:`Refused` where there is none."""
    found = await context.accounts.users.get(name)
    if found is None:
        raise Refused(_NO_USER)
    return found


@router.get("", response_model=UserList)
async def list_users(_actor: Admin, context: Context) -> UserList:
    """Everybody, by name."""
    found = await context.accounts.users.list()
    return UserList(users=[user_view(user) for user in sorted(found, key=lambda user: user.name)])


@router.post("", status_code=201, response_model=UserView)
async def create_user(body: NewUser, actor: Admin, context: Context) -> UserView:
    """A new user, with a password that an admin chose."""
    made = await context.accounts.users.create(actor, body.name, body.password, Role(body.role))
    return user_view(made)


@router.patch("/{user}", response_model=UserView, responses=refusals(404))
async def change_user(
    user: Slug, body: UserChange, actor: Admin, caller: Anyone, context: Context
) -> UserView:
    """Another role, a new password, shut out or let in again. A new password ends their sessions."""
    users = context.accounts.users
    found = await user_named(context, user)
    if body.role is not None:
        await users.set_role(actor, user, Role(body.role))
    if body.disabled is not None:
        await users.set_disabled(actor, user, body.disabled)
    if body.password is not None:
        await users.set_password(actor, user, body.password)
        here = caller.session.id if caller.session and caller.session.user == found.id else None
        await context.accounts.sessions.close_all(actor, found.id, but=here)
    return user_view(await user_named(context, user))


@router.delete("/{user}", status_code=204, responses=refusals(404))
async def delete_user(user: Slug, actor: Admin, context: Context) -> None:
    """Their sessions, and tokens in their name, end with them; their channels stay."""
    await user_named(context, user)
    await context.accounts.users.delete(actor, user)
