"""Who may publish and who may watch: decided from values, without a database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from ingestd.accounts.directory import Directory
from ingestd.accounts.gate import Admitted, Gate
from ingestd.accounts.model import Channel, Claims, Role, Scope, StreamKey, User
from ingestd.accounts.tokens import EXPIRED, MISSING, WRONG
from ingestd.errors import Code, Refusal

ADMIN = User("ad", "admin", Role.ADMIN, 0.0)
OWNER = User("ow", "owner", Role.BROADCASTER, 0.0)
GUEST = User("gu", "guest", Role.BROADCASTER, 0.0)
OTHER = User("ot", "other", Role.BROADCASTER, 0.0)
GONE = User("go", "gone", Role.ADMIN, 0.0, disabled=True)
SHOW = Channel("c1", "show", "Show", owner="ow", publishers=("gu", "go"))
SECRET = Channel("c2", "secret", "Secret", owner="ow", private=True)
KEYS = {"k1": StreamKey("k1", "show", "", 0.0), "k2": StreamKey("k2", "secret", "", 0.0)}
DIRECTORY = Directory(
    users={user.id: user for user in (ADMIN, OWNER, GUEST, OTHER, GONE)},
    channels={"show": SHOW, "secret": SECRET},
    keys=KEYS,
    digests={b"show's key": "k1", b"secret's key": "k2"},
    digest=lambda key: key.encode(errors="surrogatepass"),
)


@dataclass
class Tokens:
    """A token's text is ``scope channel user``, each perhaps ``-``; or a refusal's name."""

    asked: list[str] = field(default_factory=list)

    async def read(self, token: str) -> Claims | Refusal:
        self.asked.append(token)
        if token in ("wrong", "expired"):
            return WRONG if token == "wrong" else EXPIRED
        scope, channel, user = (None if word == "-" else word for word in token.split())
        return Claims(Scope(scope or ""), channel, user, f"id of {token}", 0.0)


@dataclass
class Known:
    directory: Directory = DIRECTORY
    tokens: Tokens = field(default_factory=Tokens)


def publisher(key: str, token: str) -> Admitted | Refusal:
    return asyncio.run(Gate(Known()).publisher(key, token))


def viewer(channel: str, token: str) -> Refusal | None:
    return asyncio.run(Gate(Known()).viewer(channel, token))


@pytest.mark.parametrize(
    ("user", "publishes", "manages"),
    [
        (ADMIN, True, True),
        (OWNER, True, True),
        (GUEST, True, False),
        (OTHER, False, False),
        (GONE, False, False),
    ],
)
def test_rights_on_a_channel(user: User, publishes: bool, manages: bool) -> None:
    assert DIRECTORY.may_publish(user.id, SHOW) is publishes
    assert DIRECTORY.may_manage(user, SHOW) is manages
    assert DIRECTORY.may_watch(user.id, SHOW) and DIRECTORY.may_watch(None, SHOW)
    assert DIRECTORY.may_watch(user.id, SECRET) is manages


def test_nobody_has_no_rights() -> None:
    for nobody in (None, "", "xx"):
        assert not DIRECTORY.may_publish(nobody, SHOW) and not DIRECTORY.may_watch(nobody, SECRET)
    assert not DIRECTORY.may_manage(None, SHOW)
    assert not DIRECTORY.may_manage(replace(OTHER, id="xx", role=Role.ADMIN), SHOW)
    unowned = replace(SHOW, owner=None)
    assert not DIRECTORY.may_publish(None, unowned) and not DIRECTORY.may_publish("ot", unowned)


@pytest.mark.parametrize(
    "token",
    ["publish show -", "publish - -", "admin - -", "publish show gu", "publish show ow", "admin - ad"],
)
def test_a_key_with_a_token_for_its_channel_publishes(token: str) -> None:
    admitted = publisher("show's key", token)
    assert isinstance(admitted, Admitted) and admitted.channel is SHOW and admitted.key == "k1"
    assert admitted.token == f"id of {token}" and (admitted.user or "-") == token.split()[2]


@pytest.mark.parametrize("user", ["ad", "ow", "gu"])
def test_a_token_alone_publishes_where_its_user_may(user: str) -> None:
    token = f"publish show {user}"
    assert publisher("", token) == Admitted(SHOW, None, user, f"id of {token}")


@pytest.mark.parametrize(
    ("key", "token"),
    [
        *(("show's key", token) for token in ("watch show -", "publish secret -", "publish show ot")),
        *(
            ("show's key", token)
            for token in ("publish show go", "publish show xx", "admin - gu", "admin - go")
        ),
        *(("", token) for token in ("publish show -", "publish show ot", "publish show go", "publish - gu")),
        *(("", token) for token in ("publish none ad", "watch show gu", "admin - -", "admin - ad")),
    ],
)
def test_what_a_token_does_not_give_is_refused(key: str, token: str) -> None:
    refusal = publisher(key, token)
    assert isinstance(refusal, Refusal) and refusal.code is Code.FORBIDDEN and refusal.close_code == 4403


@pytest.mark.parametrize(
    ("key", "token", "refusal"),
    [
        ("show's key", "", MISSING),
        ("guess", "", MISSING),
        ("", "", MISSING),
        ("show's key", "wrong", WRONG),
        ("guess", "wrong", WRONG),
        ("guess", "publish show -", WRONG),
        ("guess", "publish show gu", WRONG),
        ("guess", "expired", WRONG),
        ("", "wrong", WRONG),
        ("show's key", "expired", EXPIRED),
    ],
)
def test_a_wrong_key_and_a_wrong_token_are_told_alike(key: str, token: str, refusal: Refusal) -> None:
    assert publisher(key, token) == refusal


def test_a_wrong_key_saves_no_work() -> None:
    known = Known()
    asyncio.run(Gate(known).publisher("guess", "publish show -"))
    assert known.tokens.asked == ["publish show -"]


def test_rtmp_has_its_key_alone() -> None:
    gate = Gate(Known())
    assert gate.key("secret's key") == Admitted(SECRET, "k2", None, None)
    for wrong in ("guess", "", "\0", "\ud800"):
        refusal = gate.key(wrong)
        assert isinstance(refusal, Refusal) and refusal.code is Code.UNAUTHENTICATED


BY_KEY = Admitted(SHOW, "k1", None, None)
BY_USER = Admitted(SHOW, None, "gu", "t1")


@pytest.mark.parametrize("admitted", [BY_KEY, BY_USER, Admitted(SHOW, "k1", "gu", "t1")])
def test_who_was_admitted_stays_whatever_else_changes(admitted: Admitted) -> None:
    retitled = replace(SHOW, title="New", private=True)
    known = Known(replace(DIRECTORY, version=2, channels={"show": retitled}, revocations=frozenset({"t2"})))
    assert Gate(known).still(admitted) is None


@pytest.mark.parametrize(
    ("admitted", "change"),
    [
        (BY_KEY, {"keys": {"k2": KEYS["k2"]}}),
        (BY_KEY, {"channels": {}}),
        (BY_KEY, {"channels": {"show": replace(SHOW, id="made again")}}),
        (BY_USER, {"revocations": frozenset({"t1"})}),
        (BY_USER, {"users": {}}),
        (BY_USER, {"users": {"gu": replace(GUEST, disabled=True)}}),
        (BY_USER, {"channels": {"show": replace(SHOW, publishers=())}}),
    ],
)
def test_who_was_admitted_goes_with_what_admitted_them(admitted: Admitted, change: dict[str, object]) -> None:
    refusal = Gate(Known(replace(DIRECTORY, **change))).still(admitted)  # type: ignore[arg-type]
    assert refusal and refusal.code is Code.FORBIDDEN and refusal.close_code == 4403


def test_everybody_watches_what_is_public() -> None:
    for token in ("", "wrong", "expired", "watch secret -"):
        assert viewer("show", token) is None


@pytest.mark.parametrize(
    "scope", ["watch secret -", "publish secret -", "admin - -", "watch - -", "watch secret ow", "watch - ad"]
)
def test_a_token_watches_what_is_private(scope: str) -> None:
    assert viewer("secret", scope) is None


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", Code.TOKEN_MISSING),
        ("wrong", Code.UNAUTHENTICATED),
        ("expired", Code.TOKEN_EXPIRED),
        ("watch show -", Code.FORBIDDEN),
        ("publish secret gu", Code.FORBIDDEN),
        ("watch secret go", Code.FORBIDDEN),
        ("watch secret ot", Code.FORBIDDEN),
        ("watch - ot", Code.FORBIDDEN),
        ("admin - ow", Code.FORBIDDEN),
    ],
)
def test_nobody_else_watches_what_is_private(token: str, code: Code) -> None:
    refusal = viewer("secret", token)
    assert refusal and refusal.code is code


def test_no_channel_is_no_channel_whatever_the_token() -> None:
    for token in ("", "admin - -"):
        refusal = viewer("none", token)
        assert refusal and refusal.code is Code.NO_SUCH_CHANNEL


def bearer(given: str) -> Admitted | Refusal:
    return asyncio.run(Gate(Known()).bearer(given))


def test_a_bearer_is_a_key_alone_or_a_token_alone() -> None:
    assert bearer("show's key") == Admitted(SHOW, "k1", None, None)
    assert bearer("publish show gu") == Admitted(SHOW, None, "gu", "id of publish show gu")
    for given in ("publish show -", "watch show gu", "publish show ot", "admin - ad"):
        refusal = bearer(given)
        assert isinstance(refusal, Refusal) and refusal.code is Code.FORBIDDEN, given
    assert bearer("wrong") == WRONG and bearer("expired") == EXPIRED


def test_a_good_key_is_read_as_no_token() -> None:
    known = Known()
    asyncio.run(Gate(known).bearer("show's key"))
    assert known.tokens.asked == []
