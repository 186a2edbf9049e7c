"""Tokens (JWT, RFC 7519): minted and verified with our own secret, or verified with a provider's keys.

What a token's header says of itself decides nothing but which of two verifiers takes it, by a fixed
table: HS256 is verified with our secrets alone, RS256, ES256 and EdDSA with the provider's keys of
exactly that type alone. So a public key never serves as a secret, and ``none`` is in no table.

The ``jti`` of a token of ours is random; before that stand the ids of its channel and of its user, if it
has any, each with a dot behind it. So who manages the channel may revoke it by its id, and it is worth
nothing at a later channel of the same name.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import jwt

from ingestd.accounts import checks
from ingestd.accounts.directory import Directory
from ingestd.accounts.jwks import Jwks, Key
from ingestd.accounts.model import Actor, Channel, Claims, Role, Scope, User
from ingestd.accounts.secrets import Secrets
from ingestd.errors import Code, Refusal, Refused, StartError
from ingestd.settings import Auth

LEEWAY = 30.0  # seconds by which clocks of different machines may differ

_OURS = "HS256"
_OUTSIDE = frozenset({"RS256", "ES256", "EdDSA"})
_SIZE = 8 * 1024  # characters of a token
_END_OF_TIME = 253402300800  # seconds; the year 10000, which no calendar of ours can show
_LONGEST = 10 * 365 * 86400.0  # seconds for which a token may be minted
_NEEDED = ["aud", "exp", "iat", "jti"]
_STRONGEST_FIRST = (Scope.ADMIN, Scope.PUBLISH, Scope.WATCH)

WRONG = Refusal(Code.UNAUTHENTICATED, "The stream key or the token is not valid.")
MISSING = Refusal(
    Code.TOKEN_MISSING, "A token is missing: give token=…, Authorization: Bearer, or bearer.TOKEN."
)
EXPIRED = Refusal(Code.TOKEN_EXPIRED, "The token has expired; get a new one from the server's operator.")
_DOWN = Refusal(
    Code.UNAVAILABLE, "The keys of the identity provider cannot be fetched now; try again in a minute."
)
_REVOKED = Refusal(Code.FORBIDDEN, "The token has been revoked; get a new one from the server's operator.")
_NO_USER = Refusal(Code.FORBIDDEN, "The user of this token has been disabled or deleted.")
_NO_USE = Refusal(Code.FORBIDDEN, "This token allows nothing here: its scope or its channel is none of ours.")
_EARLIER = Refusal(Code.FORBIDDEN, "The channel that this token was for is gone; another has its name now.")
_NAMES_NOBODY = Refusal(
    Code.FORBIDDEN,
    "This token allows nothing here: it names neither a channel nor a user of ours with rights.",
)

Revoke = Callable[[str, float, Actor, str], Awaitable[None]]
"""Stores the id of a token until a time, and notes who did it to what (:class:`Entry`)."""


class Tokens:
    """All tokens of one installation."""

    def __init__(
        self,
        auth: Auth,
        keys: Secrets,
        directory: Callable[[], Directory],
        revoke: Revoke,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if auth.jwks_url and not auth.issuer:
            raise StartError(
                "auth.jwks_url needs auth.issuer: without it, everything would be taken that those keys have"
                " signed, for whatever issuer. Set it to the iss of the provider's tokens."
            )
        self._auth, self._secrets, self._directory, self._revoke = auth, keys, directory, revoke
        self._clock = clock
        self._provider = Jwks(auth.jwks_url) if auth.jwks_url else None

    @classmethod
    def open(
        cls,
        auth: Auth,
        data: Path,
        directory: Callable[[], Directory],
        revoke: Revoke,
        clock: Callable[[], float] = time.time,
    ) -> Tokens:
        """Raises StartError: secrets or JWKS URL cannot be used, or the issuer to go with it is missing."""
        return cls(auth, Secrets.open(auth, data), directory, revoke, clock)

    async def close(self) -> None:
        if self._provider:
            await self._provider.close()

    def mint(
        self, actor: Actor, scope: Scope, channel: str | None, lifetime: float, user: str | None = None
    ) -> str:
        """A token for ``lifetime`` seconds; ``user`` is the id of who will be its bearer.

        Raises Refused where ``actor`` may not, or there is no such channel or user.
        """
        if not 1 <= lifetime <= _LONGEST:
            raise checks.refuse(Code.INVALID, "A token is good for one second to ten years.")
        place = self._checked(actor, scope, channel, user)
        issued = int(self._clock())
        identity = [place.id if place else None, user, secrets.token_hex(8)]
        claims = {"aud": self._auth.audience, "scope": scope.value, "iat": issued}
        claims |= {"exp": issued + int(lifetime), "jti": ".".join(part for part in identity if part)}
        optional = {"channel": channel, "sub": user, "iss": self._auth.issuer or None}
        claims |= {name: value for name, value in optional.items() if value is not None}
        return jwt.encode(claims, self._secrets.now().current, _OURS)

    async def revoke(self, actor: Actor, jti: str, expires_at: float) -> None:
        """Refuse this token from now on; remembered until it would have expired anyway.

        An admin may revoke every token, who manages a channel those of it, who publishes there their own.
        Raises Refused for everybody else: each id costs room, in the database and in memory.
        """
        jti = checks.token_id(jti)
        if actor.user is not None and not _may_revoke(self._directory(), actor.user, jti):
            raise checks.refuse(Code.FORBIDDEN, "You are not allowed to revoke this token.")
        await self._revoke(jti, expires_at + LEEWAY, actor, self.subject(jti))

    def subject(self, jti: str) -> str:
        """What the audit log has a token of ours under: its channel, so that who manages that finds it."""
        place = _place(self._directory(), jti)
        return f"channel:{place.name}" if place else f"token:{jti}"

    async def read(self, token: str) -> Claims | Refusal:
        """What a genuine token says, or why it is refused. Never raises."""
        if not token:
            return MISSING
        algorithm, kid = _header(token)
        if algorithm == _OURS:
            return self._read(token, algorithm, self._secrets.now().valid)
        if algorithm not in _OUTSIDE or self._provider is None:
            return WRONG
        key = await self._provider.key(algorithm, kid)
        if key is None:
            return _DOWN if self._provider.down else WRONG
        return self._read(token, algorithm, (key,))

    def _read(self, token: str, algorithm: str, keys: tuple[bytes, ...] | tuple[Key]) -> Claims | Refusal:
        found = (self._genuine(token, algorithm, key) for key in keys)
        claims = next((each for each in found if each is not None), None)
        if claims is None or not _is_in_time(claims, self._clock()) or not _is_revocable(claims["jti"]):
            return WRONG
        # what we have minted ourselves ends when we said: only another's clock may differ from ours
        late = self._clock() - claims["exp"]
        if late >= (0.0 if algorithm == _OURS else LEEWAY):
            return EXPIRED
        if self._directory().revoked(claims["jti"]):
            return _REVOKED
        return self._meaning(claims, ours=algorithm == _OURS)

    def _genuine(self, token: str, algorithm: str, key: bytes | Key) -> dict[str, Any] | None:
        """The claims under a good signature, for us and from the right issuer; None: not genuine."""
        options: Any = {"require": _NEEDED, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            return jwt.decode(
                token,
                key,
                [algorithm],
                options=options,
                audience=self._auth.audience,
                issuer=self._auth.issuer or None,
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None

    def _meaning(self, claims: Mapping[str, Any], *, ours: bool) -> Claims | Refusal:
        scope, channel = _scope(claims.get("scope")), claims.get("channel")
        if scope is None or not (channel is None or (isinstance(channel, str) and checks.is_slug(channel))):
            return _NO_USE
        place = self._directory().channels.get(channel or "")
        if place is not None and not _is_of(claims, place, ours=ours):
            return _EARLIER
        user = self._user(claims.get("sub"), ours=ours)
        if isinstance(user, Refusal):
            return user
        if not ours and not self._is_enough(scope, channel, user):
            return _NAMES_NOBODY
        if not ours and scope is Scope.WATCH and channel is not None:
            user = None  # the provider has said who may watch what: to have an account here is no drawback
        return Claims(scope, channel, user, claims["jti"], float(claims["exp"]))

    def _is_enough(self, scope: Scope, channel: str | None, user: str | None) -> bool:
        """Whether a provider's token says enough. Of ours those for everything are minted by admins alone;
        a provider may have people and programs of whom nobody here has ever heard."""
        person = self._directory().user(user)
        if scope is Scope.ADMIN:
            return person is not None and person.role is Role.ADMIN
        return person is not None or channel is not None

    def _user(self, subject: str | None, *, ours: bool) -> str | Refusal | None:
        """The id of the user; a provider knows our users by name, and others whom we do not know."""
        known = self._directory()
        if subject is None:
            return None
        if ours:
            found = known.users.get(subject)
        else:
            found = next((user for user in known.users.values() if user.name == subject), None)
        if found is None:
            return _NO_USER if ours or known.deleted(subject) else None
        return _NO_USER if found.disabled else found.id

    def _checked(self, actor: Actor, scope: Scope, channel: str | None, user: str | None) -> Channel | None:
        """The channel. Rights first: whoever has none is not told which channels and users there are."""
        known = self._directory()
        place = known.channels.get(channel) if channel is not None else None
        if actor.user is not None and not _may_mint(known, actor.user, scope, channel, user):
            raise checks.refuse(Code.FORBIDDEN, "You are not allowed to make such a token.")
        if channel is not None and place is None:
            raise checks.refuse(Code.NO_SUCH_CHANNEL, "There is no channel of that name.")
        if user is not None and known.user(user) is None:
            raise checks.refuse(Code.NOT_FOUND, "There is no user of that name.")
        if user is not None and place is not None and not known.may_publish(user, place):
            words = "This user may not publish there, and a token gives no more than its user has: allow them"
            raise checks.refuse(Code.INVALID, f"{words} first, or make one to watch that names nobody.")
        return place


def _may_mint(known: Directory, giver: User, scope: Scope, channel: str | None, user: str | None) -> bool:
    """An admin every token; who manages a channel those of it; who publishes there their own."""
    current, place = known.user(giver.id), known.channels.get(channel or "")
    if current is None or current.role is Role.ADMIN:
        return current is not None
    if scope is Scope.ADMIN or place is None or user not in (None, current.id):
        return False
    return known.may_manage(current, place) or (user == current.id and known.may_publish(user, place))


def _may_revoke(known: Directory, taker: User, jti: str) -> bool:
    current, place = known.user(taker.id), _place(known, jti)
    if current is None or current.role is Role.ADMIN:
        return current is not None
    if place is None:
        return False
    own = jti.startswith(f"{place.id}.{current.id}.") and known.may_publish(current.id, place)
    return own or known.may_manage(current, place)


def _place(known: Directory, jti: str) -> Channel | None:
    """The channel for which we minted the token of this id; None: it is gone, or there was none."""
    identity, dot, _ = jti.partition(".")
    return next((one for one in known.channels.values() if dot and one.id == identity), None)


def _is_of(claims: Mapping[str, Any], place: Channel, *, ours: bool) -> bool:
    """Whether a token is for this channel, and not for an earlier one of its name."""
    if ours and "." in claims["jti"]:
        return bool(claims["jti"].startswith(f"{place.id}."))
    return int(place.created_at) <= float(claims["iat"]) + (0.0 if ours else LEEWAY)


def _header(token: str) -> tuple[str, str | None]:
    """``alg`` and ``kid`` of a token; no algorithm: it is none."""
    if len(token) > _SIZE:
        return "", None
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return "", None
    algorithm = header.get("alg")
    return (algorithm if isinstance(algorithm, str) else ""), header.get("kid")


def _is_in_time(claims: Mapping[str, Any], now: float) -> bool:
    """Whether all times are times, and it is valid already."""
    times = [claims[name] for name in ("exp", "iat", "nbf") if name in claims]
    if not all(type(value) in (int, float) and 0 <= value < _END_OF_TIME for value in times):
        return False
    return max(claims["iat"], claims.get("nbf", 0)) <= now + LEEWAY  # type: ignore[no-any-return]


def _is_revocable(jti: str) -> bool:
    """Whether it is an id that we could store; a token that nobody can take back is not taken."""
    try:
        return checks.token_id(jti) == jti
    except Refused:
        return False


def _scope(text: object) -> Scope | None:
    """The strongest of a blank-separated list (RFC 8693 §4.2) that is one of ours."""
    words = text.split(" ") if isinstance(text, str) else []
    return next((scope for scope in _STRONGEST_FIRST if scope in words), None)
