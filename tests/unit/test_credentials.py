"""Who may publish, and what the others are told."""

from __future__ import annotations

import base64
import errno
import json
import stat
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.errors import Code, Refusal, StartError
from ingestd.ingest.credentials import SLUG, Channel, Credentials

SECRET = b"0123456789abcdef" * 4
DEMO = Channel("demo", "Demo", "key-of-demo-0123456789")
OTHER = Channel("other", "Other", "key-of-other-0123456789")
BOTH = Credentials(SECRET, [DEMO, OTHER])
HOUR = 3600.0


def code(key: str, token: str) -> Code | str:
    """The answer in a word: the channel's name, or the code of the refusal."""
    found = BOTH.admit(key, token)
    return found.code if isinstance(found, Refusal) else found.name


def forged(secret: Any = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    """A token like a good one, but for what is changed; None leaves a claim out."""
    now = int(time.time())
    claims = {"aud": "ingestd", "scope": "publish", "channel": "demo", "iat": now, "exp": now + 60, **changed}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, secret, algorithm)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


# Admission


def test_the_right_key_and_token_are_admitted() -> None:
    assert BOTH.admit(DEMO.stream_key, BOTH.token("demo", HOUR)) == DEMO
    assert BOTH.admit(OTHER.stream_key, BOTH.token("other", HOUR)) == OTHER


def test_a_forged_token_that_is_right_in_all_is_admitted() -> None:
    assert code(DEMO.stream_key, forged()) == "demo"


@pytest.mark.parametrize("key", [DEMO.stream_key, "unknown", ""])
def test_a_missing_token_is_told_whatever_the_key(key: str) -> None:
    assert code(key, "") is Code.TOKEN_MISSING


def test_an_unknown_key_and_a_wrong_token_get_the_same_answer() -> None:
    good = BOTH.token("demo", HOUR)
    answers = {
        BOTH.admit("unknown", good),
        BOTH.admit("", good),
        BOTH.admit(DEMO.stream_key.upper(), good),
        BOTH.admit(DEMO.stream_key + " ", good),
        BOTH.admit(DEMO.stream_key, "wrong"),
        BOTH.admit("unknown", "wrong"),
        BOTH.admit("unknown", forged(exp=1)),
        BOTH.admit("unknown", BOTH.token("other", HOUR)),
    }
    assert answers == {Refusal(Code.UNAUTHENTICATED, "The stream key or the token is not valid.")}


def test_a_token_that_has_expired_is_told_to_who_has_the_key() -> None:
    assert code(DEMO.stream_key, BOTH.token("demo", HOUR, now=time.time() - HOUR)) is Code.TOKEN_EXPIRED
    assert code(DEMO.stream_key, BOTH.token("demo", HOUR, now=time.time() - HOUR + 30)) == "demo"


def test_a_token_of_another_channel_is_not_allowed() -> None:
    assert code(DEMO.stream_key, BOTH.token("other", HOUR)) is Code.FORBIDDEN


def test_a_token_for_something_else_than_publishing_is_not_allowed() -> None:
    assert code(DEMO.stream_key, forged(scope="watch")) is Code.FORBIDDEN
    assert code(DEMO.stream_key, forged(scope=None)) is Code.FORBIDDEN
    assert code(DEMO.stream_key, forged(scope=["publish"])) is Code.FORBIDDEN


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another"},
        {"aud": None},
        {"exp": None},
        {"iat": None},
        {"exp": "soon"},
        {"iat": 1e11},  # in the year 5138
        {"secret": b"another secret, of the same length" * 2},
        {"algorithm": "HS512"},
    ],
    ids=str,
)
def test_a_token_that_is_wrong_in_one_thing_is_not_valid(changed: dict[str, Any]) -> None:
    assert code(DEMO.stream_key, forged(**changed)) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, 1, "RS256"])
def test_a_token_without_a_real_signature_is_not_valid(algorithm: object) -> None:
    _, claims, signature = forged().split(".")
    header = part({"typ": "JWT", "alg": algorithm})
    assert code(DEMO.stream_key, f"{header}.{claims}.") is Code.UNAUTHENTICATED
    assert code(DEMO.stream_key, f"{header}.{claims}.{signature}") is Code.UNAUTHENTICATED
    assert code(DEMO.stream_key, forged(secret=None, algorithm="none")) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_token_with_one_changed_character_is_not_valid(which: int) -> None:
    parts = BOTH.token("demo", HOUR).split(".")
    middle = len(parts[which]) // 2
    old = parts[which][middle]
    parts[which] = parts[which][:middle] + ("A" if old != "A" else "B") + parts[which][middle + 1 :]
    assert code(DEMO.stream_key, ".".join(parts)) is Code.UNAUTHENTICATED


def test_a_token_with_other_claims_under_an_old_signature_is_not_valid() -> None:
    header, _, signature = BOTH.token("other", HOUR).split(".")
    claims = part({"aud": "ingestd", "scope": "publish", "channel": "demo", "iat": 1, "exp": 1e10})
    assert code(DEMO.stream_key, f"{header}.{claims}.{signature}") is Code.UNAUTHENTICATED


@pytest.mark.parametrize("text", ["[" * 3000, '{"a":' * 3000, '"' * 3000], ids=["lists", "objects", "quotes"])
def test_a_token_whose_header_is_a_trap_for_parsers_is_not_valid(text: str) -> None:
    header = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    assert code(DEMO.stream_key, f"{header}.e30.AAAA") is Code.UNAUTHENTICATED


@given(st.text(), st.text() | st.text(st.characters()).map(lambda text: f"{part({'alg': 'HS256'})}.{text}"))
@settings(deadline=None)
def test_no_text_is_admitted_or_breaks_it(key: str, token: str) -> None:
    assert isinstance(BOTH.admit(key, token), Refusal)
    assert isinstance(BOTH.admit(DEMO.stream_key, token), Refusal)


def test_text_that_is_no_unicode_is_not_valid() -> None:
    assert code("\ud800", "\ud800") is Code.UNAUTHENTICATED


# Tokens


def test_a_token_holds_neither_secret_nor_stream_key() -> None:
    token = BOTH.token("demo", HOUR)
    texts = [base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)) for piece in token.split(".")]
    for text in (token.encode(), *texts):
        assert SECRET not in text
        assert DEMO.stream_key.encode() not in text
    assert set(json.loads(texts[1])) == {"aud", "scope", "channel", "iat", "exp", "jti"}


def test_no_two_tokens_are_the_same() -> None:
    assert BOTH.token("demo", HOUR, now=1.0) != BOTH.token("demo", HOUR, now=1.0)


def test_a_token_lives_as_long_as_it_is_told_to() -> None:
    claims = jwt.decode(BOTH.token("demo", 90.0, now=1000.9), options={"verify_signature": False})
    assert (claims["iat"], claims["exp"]) == (1000, 1090)


# Files


def test_the_first_start_makes_a_secret_and_a_demo_channel_for_its_owner_alone(tmp_path: Path) -> None:
    made = Credentials.open(tmp_path)
    assert [channel.title for channel in made.channels.values()] == ["Demo"]
    assert len(made.channels["demo"].stream_key) >= 32
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["channels.json", "secret"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_second_start_reads_the_same(tmp_path: Path) -> None:
    first = Credentials.open(tmp_path)
    second = Credentials.open(tmp_path)
    assert second.channels == first.channels
    key = first.channels["demo"].stream_key
    assert second.admit(key, first.token("demo", HOUR)) == first.channels["demo"]


def test_no_two_installations_share_anything(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(Credentials.open(tmp_path / name))
    one, two = made
    key = one.channels["demo"].stream_key
    assert key != two.channels["demo"].stream_key
    assert isinstance(one.admit(key, two.token("demo", HOUR)), Refusal)


def test_channels_of_the_file_are_all_there(tmp_path: Path) -> None:
    entries = {
        name: {"title": name.upper(), "stream_key": f"{name}-0123456789abcdef"} for name in ("a", "b-2")
    }
    (tmp_path / "channels.json").write_text(json.dumps(entries))
    found = Credentials.open(tmp_path).channels
    assert found["b-2"] == Channel("b-2", "B-2", "b-2-0123456789abcdef")
    assert list(found) == ["a", "b-2"]


def entry(**changed: object) -> str:
    return json.dumps({"demo": {"title": "Demo", "stream_key": "0123456789abcdef", **changed}})


BROKEN = {
    "empty": "",
    "no json": "{",
    "a list": "[]",
    "a number": "1",
    "no entry": '{"demo": 1}',
    "no title": '{"demo": {"stream_key": "0123456789abcdef"}}',
    "no key": '{"demo": {"title": "Demo"}}',
    "title no text": entry(title=7),
    "a list of entries": '{"demo": ["title", "stream_key"]}',
    "no utf-8": "\udcff",
    "short key": entry(stream_key="0123456789abcde"),
    "bad slug": '{"../etc": {"title": "x", "stream_key": "0123456789abcdef"}}',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_of_channels_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "channels.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(StartError, match=r"channels\.json"):
        Credentials.open(tmp_path)


@pytest.mark.parametrize("key", [None, 123456789012345678, ["x"] * 16], ids=["null", "number", "list"])
def test_a_stream_key_that_is_no_text_is_refused_by_name(tmp_path: Path, key: object) -> None:
    (tmp_path / "channels.json").write_text(entry(stream_key=key))
    with pytest.raises(StartError, match=r"channels\.json: channel 'demo': title and stream_key are strings"):
        Credentials.open(tmp_path)


def test_a_stream_key_that_two_channels_share_is_refused(tmp_path: Path) -> None:
    entries = {name: {"title": name, "stream_key": "0123456789abcdef"} for name in ("a", "b")}
    (tmp_path / "channels.json").write_text(json.dumps(entries))
    with pytest.raises(StartError, match=r"channels\.json: .* each with a stream key of its own"):
        Credentials.open(tmp_path)


def test_a_file_without_any_channel_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "channels.json").write_text("{}")
    with pytest.raises(StartError, match=r"channels\.json: at least one channel is needed"):
        Credentials.open(tmp_path)


def test_a_secret_that_is_too_short_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(StartError, match="secret is too short"):
        Credentials.open(tmp_path)


@pytest.mark.parametrize("unreadable", ["secret", "channels.json"])
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, unreadable: str) -> None:
    (tmp_path / unreadable).mkdir()
    with pytest.raises(StartError, match=unreadable):
        Credentials.open(tmp_path)


def test_a_directory_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StartError, match=rf"^{directory}: "):
            Credentials.open(directory)


def test_a_disk_that_is_full_at_the_first_start_is_told_with_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")  # of a descriptor: without a name

    monkeypatch.setattr("os.fdopen", full)
    with pytest.raises(StartError, match=rf"^{tmp_path}: No space left on device"):
        Credentials.open(tmp_path)


def test_a_secret_of_thirty_two_characters_is_long_enough(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x" * 32 + "\n")
    made = Credentials.open(tmp_path)
    assert made.admit(made.channels["demo"].stream_key, made.token("demo", HOUR)) == made.channels["demo"]


@pytest.mark.parametrize("name", ["a", "7", "my-channel", "x" * 64])
def test_a_channel_name_is_taken(name: str) -> None:
    assert SLUG.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a.b", "a/b", "..", "ä", "a\n", "x" * 65])
def test_a_name_that_could_be_a_path_or_confuse_is_not_a_channel_name(name: str) -> None:
    assert not SLUG.fullmatch(name)
