"""What is true now of people, channels, keys and targets: an immutable picture, kept in memory.

Who may publish and who may watch is decided from it alone, so a database that is gone stops no live
stream. It is replaced as a whole whenever something has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingestd.accounts.model import Channel, Role, StreamKey, Target, User


def deleted_user(name: str) -> str:
    """What stands for somebody who was deleted among the revocations: whom we do not know an identity
    provider's token may name, but not whom we knew and threw out."""
    return f"user:{name}"


@dataclass(frozen=True, slots=True)
class Directory:
    """``users``, ``keys`` by id, ``channels`` by slug; ``digests`` are ids of keys by their digests.

    ``digest`` is :meth:`Digests.of_key`; ``sealed`` holds the encrypted key of each target.
    """

    version: int = 0
    users: Mapping[str, User] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    keys: Mapping[str, StreamKey] = field(default_factory=dict)
    digests: Mapping[bytes, str] = field(default_factory=dict, repr=False)
    revocations: frozenset[str] = field(default=frozenset(), repr=False)
    sealed: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    digest: Callable[[str], bytes] = field(default=str.encode, repr=False)

    def by_key(self, key: str) -> tuple[Channel, StreamKey] | None:
        """The channel that this stream key publishes to, or None.

        It is looked for by its keyed digest. How long that takes tells nothing of any key: nobody
        without the storage key can foresee, let alone choose, what is compared with what.
        """
        identity = self.digests.get(self.digest(key))
        if identity is None:
            return None
        found = self.keys[identity]
        return self.channels[found.channel], found

    def revoked(self, jti: str) -> bool:
        """Whether the token of this id was taken back before its time."""
        return jti in self.revocations

    def deleted(self, name: str) -> bool:
        """Whether there was a user of this name who is gone."""
        return deleted_user(name) in self.revocations

    def user(self, user_id: str | None) -> User | None:
        """Somebody who is here and may do things: not a user who was disabled."""
        user = self.users.get(user_id) if user_id else None
        return None if user is None or user.disabled else user

    def may_manage(self, user: User | None, channel: Channel) -> bool:
        """Settings, keys, targets, publishers: admins and the owner. What ``user`` was does not count."""
        current = self.user(user.id) if user else None
        return current is not None and (current.role is Role.ADMIN or channel.owner == current.id)

    def may_publish(self, user_id: str | None, channel: Channel) -> bool:
        """Who manages the channel, and who was allowed to."""
        current = self.user(user_id)
        if current is None:
            return False
        return self.may_manage(current, channel) or current.id in channel.publishers

    def may_watch(self, user_id: str | None, channel: Channel) -> bool:
        """Everybody a public channel; a private one who may publish there (others need a token)."""
        return not channel.private or self.may_publish(user_id, channel)
