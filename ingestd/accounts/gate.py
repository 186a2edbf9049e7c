"""Every decision about publishing and watching, in one place, from the directory in memory alone.

A wrong key and a wrong token are refused with the same words after the same work, so neither answer
nor timing tells which of the two was wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ingestd.accounts.directory import Directory
from ingestd.accounts.model import Channel, Claims, Role, Scope
from ingestd.accounts.tokens import MISSING, WRONG
from ingestd.errors import Code, Refusal

WRONG_KEY = Refusal(Code.UNAUTHENTICATED, "The stream key is not valid.")
_NOT_THIS = Refusal(Code.FORBIDDEN, "This token does not allow publishing with this stream key.")
_NOT_ALONE = Refusal(
    Code.FORBIDDEN, "This token allows publishing with a stream key only: it names no user who may publish."
)
_NO_LONGER = Refusal(Code.FORBIDDEN, "The right to publish here has been taken back.")
_NO_CHANNEL = Refusal(Code.NO_SUCH_CHANNEL, "There is no channel of that name.")
_PRIVATE = Refusal(Code.TOKEN_MISSING, "This channel is private: a watch token is needed.")
_NOT_YOURS = Refusal(Code.FORBIDDEN, "This token does not allow watching this channel.")


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who publishes where, by right of what: ids of key, user and token, each None if it plays no part."""

    channel: Channel
    key: str | None
    user: str | None
    token: str | None


class Reader(Protocol):
    """What is asked of :class:`Tokens`."""

    async def read(self, token: str) -> Claims | Refusal: ...


class Known(Protocol):
    """What is asked of :class:`Accounts`."""

    @property
    def directory(self) -> Directory: ...
    @property
    def tokens(self) -> Reader: ...


class Gate:
    def __init__(self, accounts: Known) -> None:
        self._accounts = accounts

    @property
    def _directory(self) -> Directory:
        return self._accounts.directory

    async def publisher(self, stream_key: str, token: str) -> Admitted | Refusal:
        """By key and token; or by a token alone that names a user who may publish to its channel."""
        claims = await self._accounts.tokens.read(token) if token else MISSING
        found = self._directory.by_key(stream_key)
        if stream_key and found is None and token:
            return WRONG
        if isinstance(claims, Refusal):
            return WRONG if claims.code is Code.UNAUTHENTICATED else claims
        if not stream_key:
            return self._by_token(claims)
        if found is None:
            return WRONG
        channel, key = found
        if not self._holds(claims, channel, Scope.PUBLISH):
            return _NOT_THIS
        return Admitted(channel, key.id, claims.user, claims.id)

    def key(self, stream_key: str) -> Admitted | Refusal:
        """By the key alone, as RTMP encoders have nothing else."""
        found = self._directory.by_key(stream_key)
        return Admitted(found[0], found[1].id, None, None) if found else WRONG_KEY

    async def bearer(self, given: str) -> Admitted | Refusal:
        """By a stream key alone, or a token alone, where there is room for one of them."""
        found = self.key(given)
        return found if isinstance(found, Admitted) else await self.publisher("", given)

    def still(self, admitted: Admitted) -> Refusal | None:
        """Why who was admitted must go now: the key, token, user or right is gone, or the channel itself.

        A token that merely expires ends nothing that is under way.
        """
        now = self._directory
        channel = now.channels.get(admitted.channel.name)
        stays = (
            channel is not None
            and channel.id == admitted.channel.id
            and (admitted.key is None or admitted.key in now.keys)
            and (admitted.token is None or not now.revoked(admitted.token))
            and (admitted.user is None or now.may_publish(admitted.user, channel))
        )
        return None if stays else _NO_LONGER

    async def viewer(self, channel: str, token: str) -> Refusal | None:
        """Why nobody may watch with this token; a public channel everybody may."""
        found = self._directory.channels.get(channel)
        if found is None:
            return _NO_CHANNEL
        if not found.private:
            return None
        if not token:
            return _PRIVATE
        claims = await self._accounts.tokens.read(token)
        if isinstance(claims, Refusal):
            return claims
        return None if self._holds(claims, found, Scope.WATCH) else _NOT_YOURS

    def _by_token(self, claims: Claims) -> Admitted | Refusal:
        channel = self._directory.channels.get(claims.channel or "")
        if channel is None or claims.user is None or not self._holds(claims, channel, Scope.PUBLISH):
            return _NOT_ALONE
        return Admitted(channel, None, claims.user, claims.id)

    def _holds(self, claims: Claims, channel: Channel, wanted: Scope) -> bool:
        """Whether a genuine token gives the right ``wanted`` on the channel.

        Each scope contains those below it. A token that names a user gives no more than that user has.
        """
        if _RANK[claims.scope] < _RANK[wanted] or claims.channel not in (None, channel.name):
            return False
        if claims.user is None:
            return True
        if claims.scope is Scope.ADMIN:
            user = self._directory.user(claims.user)
            return user is not None and user.role is Role.ADMIN
        return self._directory.may_publish(claims.user, channel)


_RANK = {Scope.WATCH: 0, Scope.PUBLISH: 1, Scope.ADMIN: 2}
