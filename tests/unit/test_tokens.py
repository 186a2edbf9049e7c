"""Tokens: which are made for whom, and every way in which one is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.accounts.directory import Directory, deleted_user
from ingestd.accounts.model import Actor, Channel, Claims, Role, Scope, User
from ingestd.accounts.secrets import rotate
from ingestd.accounts.tokens import LEEWAY, Tokens
from ingestd.errors import Code, Refusal, Refused, StartError
from ingestd.settings import Auth
from tests.unit.jwks_provider import SIGNERS, Provider, jwk, private, provider, response

SECRET, PREVIOUS = "0123456789abcdef" * 4, "fedcba9876543210" * 4
NOW = 1_700_000_000.0
OURS = Auth(secret=SECRET, previous_secret=PREVIOUS)
PEOPLE = {
    name: User(f"{index:016x}", name, Role.ADMIN if name == "root" else Role.BROADCASTER, 0.0, name == "gone")
    for index, name in enumerate(["root", "owner", "helper", "other", "gone"])
}
ID = {name: user.id for name, user in PEOPLE.items()}
BEGAN = NOW - 1000.4  # when the channels were made
CHANNELS = {
    "demo": Channel(
        "c" * 16, "demo", "Demo", owner=ID["owner"], publishers=(ID["helper"],), created_at=BEGAN
    ),
    "else": Channel("d" * 16, "else", "Else", owner=ID["other"], created_at=BEGAN),
}
KNOWN = Directory(
    users=MappingProxyType({user.id: user for user in PEOPLE.values()}),
    channels=MappingProxyType(CHANNELS),
    revocations=frozenset({"revoked", deleted_user("fired"), deleted_user("owner")}),
)
ISSUER = "https://idp.example"
SERVER = Actor(None, "", "cli")
REFUSED = Refusal(Code.UNAUTHENTICATED, "The stream key or the token is not valid.")


class Store:
    """Where revocations go."""

    def __init__(self) -> None:
        self.revoked: dict[str, float] = {}
        self.subjects: list[str] = []

    async def __call__(self, jti: str, expires_at: float, _actor: Actor, subject: str) -> None:
        self.revoked[jti] = expires_at
        self.subjects.append(subject)


def tokens(
    auth: Auth = OURS, data: Path = Path("/nonexistent"), now: float = NOW, store: Store | None = None
) -> Tokens:
    """Secrets of the settings need no directory; a provider has all the time that a busy machine takes."""
    if auth.secret:
        data = Path("/")
    made = Tokens.open(auth, data, lambda: KNOWN, store or Store(), lambda: now)
    if made._provider:
        made._provider.timeout = 60.0
    return made


def claims(**changed: Any) -> dict[str, Any]:
    """Those of a good token, but for what is changed; None leaves a claim out."""
    good = {"aud": "ingestd", "scope": "publish", "channel": "demo", "iat": NOW, "exp": NOW + 60, "jti": "id"}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def signed(secret: str = SECRET, algorithm: str = "HS256", headers: Any = None, **changed: Any) -> str:
    return jwt.encode(claims(**changed), secret, algorithm, headers)


def read(token: str, auth: Auth = OURS, now: float = NOW) -> Claims | Refusal:
    return asyncio.run(tokens(auth, now=now).read(token))


def code(token: str, auth: Auth = OURS, now: float = NOW) -> Code | str:
    """The scope of a good token, or the code of the refusal."""
    found = read(token, auth, now)
    return found.code if isinstance(found, Refusal) else found.scope.value


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def hmac_signed(header: object, body: object, secret: bytes) -> str:
    """As an attacker makes it, who is held back by no library."""
    text = f"{part(header)}.{part(body)}"
    digest = hmac.digest(secret, text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


# Our own


def test_a_good_token_says_what_it_is_for() -> None:
    assert read(signed()) == Claims(Scope.PUBLISH, "demo", None, "id", NOW + 60)
    assert read(signed(scope="watch", channel=None, sub=ID["owner"])) == Claims(
        Scope.WATCH, None, ID["owner"], "id", NOW + 60
    )


def test_a_missing_token_is_told_in_the_words_of_old() -> None:
    words = "A token is missing: give token=…, Authorization: Bearer, or bearer.TOKEN."
    assert read("") == Refusal(Code.TOKEN_MISSING, words)


def test_a_token_of_ours_ends_when_it_was_said_to() -> None:
    words = "The token has expired; get a new one from the server's operator."
    assert code(signed(), now=NOW + 59.9) == "publish"
    assert read(signed(), now=NOW + 60) == Refusal(Code.TOKEN_EXPIRED, words)


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_of_a_clock_that_is_half_a_minute_ahead_is_taken_and_not_one_more(name: str) -> None:
    ahead, further = ({name: NOW + LEEWAY + more} for more in (0, 1))
    assert read(jwt.encode(claims(**ahead), SECRET)) == read(signed())
    assert read(jwt.encode(claims(**further), SECRET)) == REFUSED
    assert LEEWAY == 30


def test_the_previous_secret_verifies_and_does_not_sign() -> None:
    assert code(signed(PREVIOUS)) == "publish"
    minted = tokens().mint(SERVER, Scope.PUBLISH, "demo", 60)
    assert code(minted, Auth(secret=PREVIOUS)) is Code.UNAUTHENTICATED
    assert code(minted, Auth(secret=SECRET)) == "publish"


def test_a_rotation_leaves_tokens_good_and_the_second_one_does_not(tmp_path: Path) -> None:
    async def story() -> None:
        running = tokens(Auth(), tmp_path)
        old = running.mint(SERVER, Scope.PUBLISH, "demo", 60)
        rotate(tmp_path)
        new = running.mint(SERVER, Scope.PUBLISH, "demo", 60)
        assert [isinstance(await running.read(each), Claims) for each in (old, new)] == [True, True]
        rotate(tmp_path)
        assert await running.read(old) == REFUSED
        assert isinstance(await running.read(new), Claims)

    asyncio.run(story())


WRONG: dict[str, Callable[[], str]] = {
    "no token": lambda: "wrong",
    "another secret": lambda: signed("another secret, of the right length"),
    "another algorithm of the family": lambda: signed(algorithm="HS512"),
    "wrong audience": lambda: signed(aud="another"),
    "wrong audiences": lambda: signed(aud=["another", "third"]),
    "no audience": lambda: signed(aud=None),
    "no exp": lambda: signed(exp=None),
    "no iat": lambda: signed(iat=None),
    "no jti": lambda: signed(jti=None),
    "empty jti": lambda: signed(jti=""),
    "blank jti": lambda: signed(jti=" id"),
    "endless jti": lambda: signed(jti="x" * 201),
    "jti with a NUL": lambda: signed(jti="a\0b"),
    "exp in words": lambda: signed(exp="soon"),
    "exp in a text": lambda: signed(exp=str(int(NOW) + 60)),
    "exp in a list": lambda: signed(exp=[NOW + 60]),
    "exp is true": lambda: signed(exp=True),
    "exp is infinite": lambda: signed(exp=float("inf")),
    "exp is no number": lambda: signed(exp=float("nan")),
    "exp beyond any calendar": lambda: signed(exp=10**400),
    "iat in a text": lambda: signed(iat="1"),
    "iat is no number": lambda: signed(iat=float("nan")),
    "nbf in a text": lambda: signed(nbf="1"),
    "issued tomorrow": lambda: signed(iat=NOW + 86400, exp=NOW + 90000),
    "valid from tomorrow": lambda: signed(nbf=NOW + 86400, exp=NOW + 90000),
    "a user that is no text": lambda: hmac_signed({"alg": "HS256"}, claims(sub=7), SECRET.encode()),
    "claims that are a list": lambda: hmac_signed({"alg": "HS256"}, [claims()], SECRET.encode()),
    "a critical extension": lambda: signed(headers={"crit": ["x"], "x": 1}),
    "a detached payload": lambda: hmac_signed({"alg": "HS256", "b64": False}, claims(), SECRET.encode()),
    "8 KiB and a bit": lambda: signed(padding="x" * 8192),
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_a_token_that_is_wrong_in_one_thing_is_not_valid(make: Callable[[], str]) -> None:
    assert read(make()) == REFUSED


def test_the_limit_of_size_is_eight_kibibytes() -> None:
    bare = len(signed(padding=""))
    fits = signed(padding="x" * ((8192 - bare) // 4 * 3))
    assert 8180 < len(fits) <= 8192
    assert code(fits) == "publish"


def test_several_audiences_are_fine_if_ours_is_among_them() -> None:
    assert code(signed(aud=["another", "ingestd"])) == "publish"
    assert code(signed(aud="tv"), Auth(secret=SECRET, audience="tv")) == "publish"


def test_only_the_issuer_that_is_set_is_taken() -> None:
    auth = Auth(secret=SECRET, issuer="https://tv.example")
    assert code(signed(iss="https://tv.example"), auth) == "publish"
    assert read(signed(iss="https://evil.example"), auth) == REFUSED
    assert read(signed(), auth) == REFUSED
    assert code(signed(iss="anybody")) == "publish"
    assert code(tokens(auth).mint(SERVER, Scope.WATCH, "demo", 60), auth) == "watch"


def test_a_revoked_token_is_told_to_be_so() -> None:
    found = read(signed(jti="revoked"))
    assert found == Refusal(
        Code.FORBIDDEN, "The token has been revoked; get a new one from the server's operator."
    )


@pytest.mark.parametrize("user", [ID["gone"], "f" * 16, "owner", ""])
def test_a_token_of_a_user_who_is_gone_allows_nothing(user: str) -> None:
    assert code(signed(sub=user)) is Code.FORBIDDEN


@pytest.mark.parametrize("scope", [None, "", "stream", "Publish", "publish,watch", ["publish"], 1, {}])
def test_a_scope_that_is_none_of_ours_allows_nothing(scope: Any) -> None:
    assert code(signed(scope=scope)) is Code.FORBIDDEN


@pytest.mark.parametrize(
    ("scope", "found"),
    [("openid watch", "watch"), ("watch publish", "publish"), ("publish admin x", "admin")],
)
def test_the_strongest_of_several_scopes_counts(scope: str, found: str) -> None:
    assert code(signed(scope=scope)) == found


@pytest.mark.parametrize("channel", ["", "../../etc", "a\0b", "Demo", "x" * 65, ["demo"], 1, False])
def test_a_channel_that_can_be_none_allows_nothing(channel: Any) -> None:
    assert code(signed(channel=channel)) is Code.FORBIDDEN


# Headers that lie


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "nOnE", "", None, 1, [], "hs256", "RS256", "ES512"]
)
def test_a_token_without_a_real_signature_is_not_valid(algorithm: object) -> None:
    _, body, signature = signed().split(".")
    header = part({"typ": "JWT", "alg": algorithm})
    assert read(f"{header}.{body}.") == read(f"{header}.{body}.{signature}") == REFUSED


@pytest.mark.parametrize("kid", [7, [], {}, None])
def test_a_name_of_a_key_that_is_no_text_is_not_valid(kid: object) -> None:
    assert read(hmac_signed({"alg": "RS256", "kid": kid}, claims(), b"")) == REFUSED


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_token_with_one_changed_character_is_not_valid(which: int) -> None:
    parts = signed().split(".")
    middle = len(parts[which]) // 2
    old = parts[which][middle]
    parts[which] = parts[which][:middle] + ("A" if old != "A" else "B") + parts[which][middle + 1 :]
    assert read(".".join(parts)) == REFUSED


@pytest.mark.parametrize("text", ["[" * 3000, '{"a":' * 1000, '"' * 3000], ids=["lists", "objects", "quotes"])
def test_a_token_whose_header_or_claims_are_a_trap_for_parsers_is_not_valid(text: str) -> None:
    trap = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    signing = f"{part({'alg': 'HS256'})}.{trap}"
    digest = hmac.digest(SECRET.encode(), signing.encode(), hashlib.sha256)
    assert read(f"{trap}.e30.AAAA") == REFUSED
    assert read(f"{signing}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}") == REFUSED


HEADERS = st.sampled_from(["HS256", "RS256", "EdDSA", "none"]).map(lambda name: part({"alg": name}))


@given(st.text(min_size=1) | st.tuples(HEADERS, st.text()).map(".".join))
@settings(deadline=None)
def test_no_text_is_a_token_or_breaks_it(token: str) -> None:
    assert read(token) == REFUSED


# An outside provider


def outside(algorithm: str, signer: str = "", kid: str | None = "", **changed: Any) -> str:
    signer = signer or SIGNERS[algorithm]
    headers = {} if kid is None else {"kid": kid or signer}
    return jwt.encode(claims(**{"iss": ISSUER, **changed}), private(signer), algorithm, headers)


def told(*given_: str, keys: Any = None, now: float = NOW) -> list[Claims | Refusal]:
    """What is read from these tokens with a provider of the three kinds of keys, or of ``keys``."""

    async def story() -> list[Claims | Refusal]:
        async with provider(*(keys or [jwk("rsa"), jwk("ec"), jwk("ed")])) as served:
            mine = tokens(with_provider(served), now=now)
            try:
                return [await mine.read(token) for token in given_]
            finally:
                await mine.close()

    return asyncio.run(story())


def with_provider(served: Provider) -> Auth:
    return Auth(secret=SECRET, jwks_url=served.url, issuer=ISSUER)


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_a_provider_signs_by_each_algorithm_of_the_table(algorithm: str) -> None:
    assert (
        told(outside(algorithm), outside(algorithm, kid=None))
        == [Claims(Scope.PUBLISH, "demo", None, "id", NOW + 60)] * 2
    )


def test_our_own_tokens_go_on_beside_a_provider() -> None:
    assert isinstance(told(signed(iss=ISSUER))[0], Claims)


def test_a_provider_knows_our_users_by_name() -> None:
    found = told(*(outside("ES256", sub=name) for name in ("owner", "stranger", ID["owner"], "gone")))
    users = [each.code if isinstance(each, Refusal) else each.user for each in found]
    assert users == [ID["owner"], None, None, Code.FORBIDDEN]


def test_who_was_thrown_out_does_not_come_back_as_a_stranger() -> None:
    gone, back = told(*(outside("ES256", scope="watch", sub=name) for name in ("fired", "owner")))
    assert isinstance(gone, Refusal) and "deleted" in gone.message
    assert isinstance(back, Claims), "there is somebody of that name again"


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"scope": "admin", "channel": None, "sub": "stranger"}, None),
        ({"scope": "admin", "channel": None}, None),
        ({"scope": "admin", "sub": "stranger"}, None),
        ({"scope": "admin", "channel": None, "sub": "owner"}, None),
        ({"scope": "admin", "channel": None, "sub": "root"}, "root"),
        ({"scope": "watch", "channel": None, "sub": "stranger"}, None),
        ({"scope": "publish", "channel": None}, None),
        ({"scope": "watch", "channel": None, "sub": "helper"}, "helper"),
        ({"scope": "publish", "channel": None, "sub": "helper"}, "helper"),
        ({"scope": "watch", "sub": "stranger"}, "anybody"),
        ({"scope": "watch", "sub": "other"}, "anybody"),
        ({"scope": "publish", "sub": "other"}, "other"),
    ],
)
def test_a_provider_s_token_needs_a_user_or_a_channel_and_to_administer_an_admin(
    changed: dict[str, Any], found: str | None
) -> None:
    (read_,) = told(outside("ES256", **changed))
    if found is None:
        assert isinstance(read_, Refusal) and read_.code is Code.FORBIDDEN
    else:
        assert isinstance(read_, Claims) and read_.user == ID.get(found)


def test_a_provider_s_token_is_not_for_a_later_channel_of_the_same_name() -> None:
    times = [int(BEGAN) - LEEWAY, int(BEGAN) - LEEWAY - 1]
    taken, refused = told(*(outside("ES256", iat=time) for time in times))
    assert isinstance(taken, Claims)
    assert isinstance(refused, Refusal) and refused.code is Code.FORBIDDEN


def test_a_provider_s_clock_may_be_half_a_minute_off_and_no_more() -> None:
    def answers(now: float) -> list[bool]:
        return [isinstance(found, Claims) for found in told(outside("ES256", nbf=NOW), now=now)]

    assert answers(NOW - LEEWAY) == answers(NOW + 60 + LEEWAY - 0.1) == [True]
    assert answers(NOW - LEEWAY - 1) == [False]
    late = told(outside("ES256"), now=NOW + 60 + LEEWAY)
    assert [found.code for found in late if isinstance(found, Refusal)] == [Code.TOKEN_EXPIRED]


BAD: dict[str, Callable[[], str]] = {
    "wrong audience": lambda: outside("RS256", aud="another"),
    "no exp": lambda: outside("RS256", exp=None),
    "no jti": lambda: outside("RS256", jti=None),
    "another issuer": lambda: outside("RS256", iss="https://evil.example"),
    "no issuer": lambda: outside("RS256", iss=None),
    "a key of the wrong type": lambda: outside("RS256", kid="ec"),
    "an unknown key": lambda: outside("RS256", kid="unknown"),
    "another's signature": lambda: outside("RS256", "weak", kid="rsa"),
    "another hash": lambda: outside("RS512", "rsa"),
    "another padding": lambda: outside("PS256", "rsa"),
    "another curve": lambda: outside("ES384", "p384"),
}


@pytest.mark.filterwarnings("ignore:.*RSA key:jwt.warnings.InsecureKeyLengthWarning")  # to sign by `weak`
@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_a_provider_s_token_that_is_wrong_in_one_thing_is_not_valid(make: Callable[[], str]) -> None:
    good, bad = told(outside("RS256"), make())
    assert isinstance(good, Claims)
    assert bad == REFUSED


@pytest.mark.filterwarnings("ignore:.*RSA key:jwt.warnings.InsecureKeyLengthWarning")
def test_a_weak_key_is_not_taken_from_a_provider() -> None:
    assert told(outside("RS256", "weak"), keys=[jwk("weak")]) == [REFUSED]


def test_a_revoked_token_of_a_provider_is_refused() -> None:
    (found,) = told(outside("EdDSA", jti="revoked"))
    assert isinstance(found, Refusal)
    assert found.code is Code.FORBIDDEN


@pytest.mark.parametrize("signer", SIGNERS.values())
@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
def test_a_public_key_never_serves_as_a_secret(signer: str, form: str) -> None:
    """Algorithm confusion: everybody has the public key, so everybody could sign HS256 with it."""
    key = private(signer).public_key()
    secret = {
        "pem": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(jwk(signer)).encode(),
    }[form]
    forged = [
        hmac_signed({"alg": algorithm, "kid": signer}, claims(), secret) for algorithm in ("HS256", *SIGNERS)
    ]
    assert told(*forged) == [REFUSED] * 4


def test_a_provider_s_shared_secret_signs_nothing() -> None:
    oct_key = {"kty": "oct", "k": base64.urlsafe_b64encode(b"s" * 32).decode(), "kid": "oct", "alg": "HS256"}
    forged = [hmac_signed({"alg": name, "kid": "oct"}, claims(), b"s" * 32) for name in ("HS256", "RS256")]
    assert told(*forged, keys=[oct_key]) == [REFUSED] * 2


def test_a_key_or_address_in_the_token_itself_is_not_looked_at() -> None:
    async def story() -> None:
        async with provider(jwk("ec", kid="good")) as served, provider(jwk("rsa")) as evil:
            mine = tokens(with_provider(served))
            headers = {"kid": "rsa", "jwk": jwk("rsa"), "jku": evil.url, "x5u": evil.url}
            assert (
                await mine.read(jwt.encode(claims(iss=ISSUER), private("rsa"), "RS256", headers)) == REFUSED
            )
            assert evil.asked == 0
            await mine.close()

    asyncio.run(story())


def test_without_a_provider_nothing_is_fetched_and_no_outside_token_is_good() -> None:
    assert [read(outside(algorithm)) for algorithm in SIGNERS] == [REFUSED] * 3


def test_a_provider_that_is_down_is_not_the_bearer_s_fault_and_stops_no_token_of_ours() -> None:
    async def story() -> None:
        async with provider() as served:
            served.answer = response(b"", "500 Internal Server Error")
            mine = tokens(with_provider(served))
            found = await mine.read(outside("RS256"))
            assert isinstance(found, Refusal)
            assert found.code is Code.UNAVAILABLE
            assert isinstance(await mine.read(signed(iss=ISSUER)), Claims)
            await mine.close()

    asyncio.run(story())


def test_a_provider_that_hangs_keeps_no_token_of_ours_waiting() -> None:
    async def story(served: Provider) -> None:
        mine, never = tokens(with_provider(served)), asyncio.Event()

        async def hang(_: object) -> None:
            await never.wait()

        served.answer = hang
        stranger = asyncio.create_task(mine.read(outside("RS256")))
        await asyncio.sleep(0)
        ours = mine.read(signed())
        with pytest.raises(StopIteration):  # without waiting for anything
            ours.send(None)
        assert not stranger.done()
        never.set()
        await stranger
        await mine.close()

    async def play() -> None:
        async with provider() as served:
            await story(served)

    asyncio.run(play())


def test_what_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"auth\.jwks_url"):
        tokens(Auth(secret=SECRET, jwks_url="http://idp.example/", issuer=ISSUER))
    with pytest.raises(StartError, match=r"auth\.issuer"):
        tokens(Auth(secret=SECRET, jwks_url="https://idp.example/"))
    with pytest.raises(StartError, match=r"auth\.secret"):
        tokens(Auth(secret="weak"))


# Minting


def by(name: str) -> Actor:
    return Actor(PEOPLE[name], "192.0.2.1", "session")


def minted(**wanted: Any) -> str:
    wanted = {"actor": SERVER, "scope": Scope.PUBLISH, "channel": "demo", "lifetime": 60.9, **wanted}
    return tokens().mint(**wanted)


def test_a_minted_token_is_read_as_it_was_meant() -> None:
    found = read(minted(scope=Scope.WATCH, user=ID["owner"]))
    assert isinstance(found, Claims)
    assert (found.scope, found.channel, found.user) == (Scope.WATCH, "demo", ID["owner"])
    assert found.expires_at == NOW + 60


@pytest.mark.parametrize(
    ("wanted", "begins"),
    [
        ({}, "c" * 16 + "."),
        ({"user": ID["helper"]}, "c" * 16 + "." + ID["helper"] + "."),
        ({"scope": Scope.ADMIN, "channel": None}, ""),
    ],
)
def test_the_id_of_a_token_says_whose_it_is(wanted: dict[str, Any], begins: str) -> None:
    found = read(minted(**wanted))
    assert isinstance(found, Claims)
    assert found.id.startswith(begins) and len(found.id) == len(begins) + 16


def test_a_token_is_not_for_a_later_channel_of_the_same_name() -> None:
    named = {"channel": "demo", "scope": "watch"}
    assert code(signed(**named, jti=f"{'c' * 16}.1")) == "watch"
    assert code(signed(**named, jti=f"{'d' * 16}.1")) is Code.FORBIDDEN, "made for one that had the name"
    old = [signed(**named, iat=int(BEGAN) - late) for late in (0, 1)]  # of before ids named the channel
    assert [code(token) for token in old] == ["watch", Code.FORBIDDEN]


def test_a_token_holds_no_more_than_it_needs() -> None:
    bodies = [jwt.decode(token, options={"verify_signature": False}) for token in (minted(), minted())]
    assert set(bodies[0]) == {"aud", "scope", "channel", "iat", "exp", "jti"}
    assert bodies[0]["jti"] != bodies[1]["jti"]


def test_the_clock_is_the_machine_s_unless_told(tmp_path: Path) -> None:
    async def story() -> None:
        mine = Tokens.open(Auth(), tmp_path, lambda: KNOWN, Store())
        found = await mine.read(mine.mint(SERVER, Scope.ADMIN, None, 60))
        assert isinstance(found, Claims)
        assert abs(found.expires_at - time.time() - 60) < 5

    asyncio.run(story())


ADMINS, MANAGERS, PUBLISHERS = {"root"}, {"root", "owner"}, {"root", "owner", "helper"}


@pytest.mark.parametrize(
    ("wanted", "who"),
    [
        ({"scope": Scope.ADMIN, "channel": None}, ADMINS),
        ({"scope": Scope.ADMIN}, ADMINS),
        ({"channel": None}, ADMINS),
        ({"scope": Scope.WATCH, "channel": None}, ADMINS),
        ({"user": ID["helper"]}, ADMINS | {"helper"}),
        ({}, MANAGERS),
        ({"scope": Scope.WATCH}, MANAGERS),
        ({"user": "oneself"}, PUBLISHERS),
        ({"scope": Scope.WATCH, "user": "oneself"}, PUBLISHERS),
        ({"channel": "nowhere"}, set[str]()),
    ],
)
def test_tokens_are_made_for_those_who_may(wanted: dict[str, Any], who: set[str]) -> None:
    made = set()
    for name in ("root", "owner", "helper", "gone"):
        asked = {**wanted, "user": ID[name]} if wanted.get("user") == "oneself" else wanted
        try:
            minted(actor=by(name), **asked)
            made.add(name)
        except Refused as error:
            expected = Code.NO_SUCH_CHANNEL if name == "root" else Code.FORBIDDEN
            assert error.refusal.code is expected
    assert made == who


@pytest.mark.parametrize(
    ("wanted", "refused"),
    [
        ({"channel": "nowhere"}, Code.NO_SUCH_CHANNEL),
        ({"channel": "../../etc"}, Code.NO_SUCH_CHANNEL),
        ({"user": "f" * 16}, Code.NOT_FOUND),
        ({"user": ID["gone"]}, Code.NOT_FOUND),
        ({"user": ID["other"]}, Code.INVALID),
        ({"user": ID["other"], "scope": Scope.WATCH}, Code.INVALID),
        ({"lifetime": 0.0}, Code.INVALID),
        ({"lifetime": -1.0}, Code.INVALID),
        ({"lifetime": float("nan")}, Code.INVALID),
        ({"lifetime": float("inf")}, Code.INVALID),
        ({"lifetime": 11 * 365 * 86400.0}, Code.INVALID),
    ],
)
def test_a_token_for_nobody_nowhere_or_never_is_refused(wanted: dict[str, Any], refused: Code) -> None:
    with pytest.raises(Refused) as told_:
        minted(**wanted)
    assert told_.value.refusal.code is refused


def test_a_revocation_is_kept_until_the_token_is_past_all_leeway() -> None:
    store = Store()
    asyncio.run(tokens(store=store).revoke(SERVER, "id", NOW + 60))
    assert store.revoked == {"id": NOW + 60 + LEEWAY}


OF_DEMO = f"{'c' * 16}.{'0' * 16}"
OF_HELPER = f"{'c' * 16}.{ID['helper']}.{'0' * 16}"


@pytest.mark.parametrize(
    ("jti", "who", "subject"),
    [
        ("0" * 16, ADMINS, "token:" + "0" * 16),
        (OF_DEMO, MANAGERS, "channel:demo"),
        (OF_HELPER, PUBLISHERS, "channel:demo"),
        (OF_HELPER.replace("c", "d"), ADMINS | {"other"}, "channel:else"),
        (OF_DEMO.replace("c", "e"), ADMINS, "token:" + OF_DEMO.replace("c", "e")),
        ("c" * 16, ADMINS, "token:" + "c" * 16),
    ],
)
def test_a_token_is_revoked_by_who_is_concerned(jti: str, who: set[str], subject: str) -> None:
    revoked = set()
    for name in PEOPLE:
        store = Store()
        try:
            asyncio.run(tokens(store=store).revoke(by(name), jti, NOW))
        except Refused as error:
            assert error.refusal.code is Code.FORBIDDEN
        else:
            revoked.add(name)
            assert store.subjects == [subject]
        assert list(store.revoked) == [jti] * (name in revoked)
    assert revoked == who


@pytest.mark.parametrize("jti", ["", "x" * 201, "a\0b"])
def test_what_can_be_no_token_s_id_is_not_revoked(jti: str) -> None:
    store = Store()
    with pytest.raises(Refused):
        asyncio.run(tokens(store=store).revoke(SERVER, jti, NOW))
    assert store.revoked == {}
