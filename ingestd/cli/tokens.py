"""``ingestd token`` and ``ingestd secret``: passes that expire by themselves, and what signs them."""

from __future__ import annotations

import argparse
import re
import sys
import time
from typing import TYPE_CHECKING

from ingestd.accounts.model import Claims, Scope
from ingestd.cli import show
from ingestd.cli.installation import CLI, Commands, Group, data_of, say, user_named
from ingestd.cli.options import settings_of
from ingestd.errors import IngestdError, Refusal, Refused

if TYPE_CHECKING:
    from ingestd.accounts.accounts import Accounts

_TOKENS = """\
Tokens: passes that expire by themselves. Whoever has a channel's publish token and one of its stream
keys may publish there; with a watch token one may watch a private channel; with an admin token one
may do everything by the API. A token is kept nowhere, and is told apart by its id.
"""

_SECRET = """\
The secret that signs this installation's tokens.
"""

_ROTATE = """\
Tokens are signed with the new secret from now on; those of the one before stay good until they
expire. A daemon that runs takes it over by itself. Should the old secret have leaked, rotate twice:
then every token of before is worthless.
"""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LONGEST = 10 * 365 * 86400.0  # seconds for which any token can be minted
_STDIN = "-"


def register(commands: Commands) -> None:
    """Add both groups to the command line."""
    group = Group(commands, "token", "tokens that let publish, watch or administer: create, revoke", _TOKENS)
    _register_create(group)
    revoke = group.add(
        "revoke",
        _revoke,
        "make a token worthless before its time",
        "ingestd token revoke 0123456789abcdef\ningestd token revoke - <leaked-token.txt",
        "Who publishes with it is cut off within a second.\n",
    )
    revoke.add_argument(
        "id",
        metavar="ID",
        help="the token's id: 'token create' said it, 'ingestd audit' knows it; - reads the token from stdin",
    )
    secret = Group(commands, "secret", "the secret that signs tokens: rotate", _SECRET)
    secret.add("rotate", _rotate, "sign tokens with a new secret", "ingestd secret rotate", _ROTATE)


def _register_create(group: Group) -> None:
    create = group.add(
        "create",
        _create,
        "make a token",
        "TOKEN=$(ingestd token create --channel demo)\n"
        "ingestd token create --channel demo --scope watch --lifetime 12h\n"
        "printf 'Authorization: Bearer %s' $(ingestd token create --scope admin --lifetime 5m) |\n"
        "    curl -H @- http://127.0.0.1:4000/api/v1/users",
        "The token is all that goes to stdout.\n",
    )
    create.add_argument(
        "--scope",
        choices=[scope.value for scope in Scope],
        default=Scope.PUBLISH.value,
        help="what it is for (default: publish)",
    )
    create.add_argument("--channel", metavar="C", help="the channel; needed unless the scope is admin")
    create.add_argument(
        "--lifetime",
        metavar="TIME",
        type=lifetime,
        help="30s, 15m, 1h, 7d, 4w: how long it is good (default: the setting ingest.token_lifetime)",
    )
    create.add_argument(
        "--user",
        metavar="NAME",
        help="whom it stands for: who may publish there then needs no stream key beside it",
    )


def lifetime(text: str) -> float:
    """Seconds of ``90s``, ``15m``, ``1h``, ``7d``, ``4w``, or of a number alone."""
    found = re.fullmatch(r"([0-9]{1,9})([smhdw]?)", text.strip())
    if not found or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: say for example 90s, 15m, 1h, 7d or 4w")
    return float(int(found[1]) * _SECONDS[found[2] or "s"])


async def _create(accounts: Accounts, arguments: argparse.Namespace) -> None:
    scope, channel = Scope(arguments.scope), arguments.channel
    if (scope is Scope.ADMIN) == (channel is not None):
        wrong = (
            "is for every channel: leave --channel out" if channel else "is for one channel: say --channel C"
        )
        raise IngestdError(f"A token with the scope {scope} {wrong}.")
    seconds = arguments.lifetime or settings_of(arguments).ingest.token_lifetime
    user = await user_named(accounts, arguments.user) if arguments.user else None
    token = accounts.tokens.mint(CLI, scope, channel, seconds, user.id if user else None)
    claims = await _claims(accounts, token)
    for_what = f"{scope} {channel}" if channel else str(scope)
    subject = accounts.tokens.subject(claims.id)
    await accounts.audit.note(CLI, "token.create", subject, f"token {claims.id} {scope}")
    say(f"Token {claims.id} ({for_what}), good until {show.moment(claims.expires_at)}:")
    print(token)


async def _claims(accounts: Accounts, token: str) -> Claims:
    """What a token says; raises Refused for one that is no good anyway."""
    claims = await accounts.tokens.read(token)
    if isinstance(claims, Refusal):
        raise Refused(claims)
    return claims


async def _revoke(accounts: Accounts, arguments: argparse.Namespace) -> None:
    # of an id alone nobody knows when it would have expired
    identity, expires_at = arguments.id, time.time() + _LONGEST
    if identity == _STDIN:
        claims = await _claims(accounts, sys.stdin.readline().strip())
        identity, expires_at = claims.id, claims.expires_at
    await accounts.tokens.revoke(CLI, identity, expires_at)
    say(f"Token {identity} is worthless now.")


async def _rotate(accounts: Accounts, arguments: argparse.Namespace) -> None:
    settings = settings_of(arguments)
    for name in ("secret", "previous_secret"):
        if getattr(settings.auth, name):
            words = "Change it there, and put the present one into auth.previous_secret."
            raise IngestdError(f"The secret is not ours to rotate: auth.{name} is set. {words}")
    await accounts.audit.note(CLI, "secret.rotate", "secret")  # first: it needs a database that answers
    from ingestd.accounts.secrets import rotate

    rotate(data_of(settings))
    say("Tokens are signed with a new secret now; those signed with the one before stay good.")
