"""Channels, stream keys, push targets, and the log of who did what to them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, strategies

from ingestd.accounts import checks
from ingestd.accounts.accounts import Accounts
from ingestd.accounts.gate import Gate
from ingestd.accounts.model import Claims, Role, Scope
from ingestd.errors import Code, Refused
from tests.accounts.stage import CLI, Place, person, played, refused


@played
async def test_who_makes_a_channel_owns_it(accounts: Accounts) -> None:
    anna = await person(accounts, "anna")
    assert anna.user
    made = await accounts.channels.create(
        anna, "annas", " Anna's ", description="Two\r\nlines", private=True, record=True
    )
    assert made == accounts.directory.channels["annas"]
    assert (made.title, made.description, made.owner) == ("Anna's", "Two\nlines", anna.user.id)
    assert made.private and made.record
    await refused(accounts.channels.create(CLI, "annas", "Mine"), Code.EXISTS)


@played
async def test_of_many_who_take_one_name_at_a_time_one_gets_it(accounts: Accounts, place: Place) -> None:
    async with place.opened() as other:
        making = (
            somebody.channels.create(CLI, "wanted", str(turn))
            for turn in range(4)
            for somebody in (accounts, other)
        )
        results = await asyncio.gather(*making, return_exceptions=True)
    errors = [result for result in results if isinstance(result, Refused)]
    assert len(errors) == 7 and {error.refusal.code for error in errors} == {Code.EXISTS}


@played
async def test_a_channel_is_changed_but_never_its_name(accounts: Accounts) -> None:
    anna = await person(accounts, "anna")
    assert anna.user
    changed = await accounts.channels.update(CLI, "demo", title="New", private=True, owner="anna")
    assert changed == accounts.directory.channels["demo"]
    assert (changed.title, changed.private, changed.record) == ("New", True, False)
    assert changed.owner == anna.user.id
    with pytest.raises(TypeError):
        await accounts.channels.update(CLI, "demo", name="other")  # type: ignore[misc]
    await refused(accounts.channels.update(anna, "demo", owner="admin"), Code.FORBIDDEN)
    await refused(accounts.channels.update(CLI, "nowhere", title="New"), Code.NO_SUCH_CHANNEL)


@played
async def test_a_channel_is_managed_by_its_owner_and_by_admins_alone(accounts: Accounts) -> None:
    owner, guest, chief = [await person(accounts, name) for name in ("owner", "guest", "chief")]
    await accounts.users.set_role(CLI, "chief", Role.ADMIN)
    await accounts.channels.create(owner, "place", "Place")
    await accounts.channels.allow(owner, "place", "guest")
    _, key = await accounts.keys.create(owner, "place", "OBS")
    target = await accounts.targets.create(owner, "place", "rtmp://live.example.org/app", "k", "720p")
    for doing in (
        accounts.channels.update(guest, "place", title="Mine"),
        accounts.channels.allow(guest, "place", "guest"),
        accounts.channels.forbid(guest, "place", "owner"),
        accounts.keys.create(guest, "place", "mine"),
        accounts.keys.revoke(guest, key.id),
        accounts.keys.regenerate(guest, key.id),
        accounts.targets.create(guest, "place", "rtmp://live.example.org/app", "k", "720p"),
        accounts.targets.update(guest, target.id, enabled=False),
        accounts.targets.delete(guest, target.id),
        accounts.channels.delete(guest, "place"),
    ):
        await refused(doing, Code.FORBIDDEN)
    await accounts.channels.update(chief, "place", title="Ours")
    _, fresh = await accounts.keys.regenerate(chief, key.id)
    await accounts.keys.revoke(owner, fresh.id)
    await accounts.targets.delete(owner, target.id)
    await accounts.channels.delete(owner, "place")
    assert "place" not in accounts.directory.channels


@played
async def test_publishers_are_allowed_and_forbidden(accounts: Accounts) -> None:
    anna = await person(accounts, "anna")
    assert anna.user
    await accounts.channels.allow(CLI, "demo", "anna")
    await accounts.channels.allow(CLI, "demo", "anna")
    assert list(accounts.directory.channels["demo"].publishers) == [anna.user.id]
    updated = await accounts.channels.update(CLI, "demo", title="Same rights")
    assert updated.publishers == (anna.user.id,)
    await accounts.channels.forbid(CLI, "demo", "anna")
    await accounts.channels.forbid(CLI, "demo", "anna")
    assert accounts.directory.channels["demo"].publishers == ()
    await refused(accounts.channels.allow(CLI, "demo", "nobody"), Code.NOT_FOUND)


@played
async def test_with_a_channel_goes_all_that_is_its(accounts: Accounts) -> None:
    await accounts.channels.allow(CLI, "demo", "admin")
    await accounts.targets.create(CLI, "demo", "rtmp://live.example.org/app", "k", "720p")
    await accounts.channels.delete(CLI, "demo")
    found = accounts.directory
    assert not (found.channels or found.keys or found.digests or found.targets or found.sealed)


# Keys


@played
async def test_a_key_is_told_once_and_stored_as_a_digest(accounts: Accounts, place: Place) -> None:
    key, made = await accounts.keys.create(CLI, "demo", " OBS at home ")
    assert len(key) == 32 and made.label == "OBS at home"
    assert accounts.directory.by_key(key) == (accounts.directory.channels["demo"], made)
    assert made in await accounts.keys.list("demo")
    for wrong in (key[:-1], key + " ", key.swapcase(), "", "\0", "\ud800", "ü" * 5000):
        assert accounts.directory.by_key(wrong) is None
    if not place.url:
        kept = b"".join(path.read_bytes() for path in place.data.glob("ingestd.db*"))
        assert made.id.encode() in kept and key.encode() not in kept
    assert key not in repr(accounts.directory) and repr(accounts.directory).count("digest") == 0


@played
async def test_a_regenerated_key_is_another_with_the_same_label(accounts: Accounts) -> None:
    old, made = await accounts.keys.create(CLI, "demo", "OBS")
    fresh, remade = await accounts.keys.regenerate(CLI, made.id)
    assert accounts.directory.by_key(old) is None and made.id not in accounts.directory.keys
    assert accounts.directory.by_key(fresh) == (accounts.directory.channels["demo"], remade)
    assert remade.label == "OBS" and remade.id != made.id
    await refused(accounts.keys.regenerate(CLI, made.id), Code.NOT_FOUND)
    await refused(accounts.keys.revoke(CLI, "../../etc\0"), Code.NOT_FOUND)


@played
async def test_a_channel_has_at_most_so_many_keys_and_targets(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checks.KEYS == 50
    monkeypatch.setattr(checks, "KEYS", 2)
    monkeypatch.setattr(checks, "TARGETS", 1)
    await accounts.keys.create(CLI, "demo", "the second")
    assert "at most 2 keys" in await refused(accounts.keys.create(CLI, "demo", ""), Code.CONFLICT)
    words = "demo", "rtmp://a.example/app", "k", "720p"
    await accounts.targets.create(CLI, *words)
    assert "at most 1 targets" in await refused(accounts.targets.create(CLI, *words), Code.CONFLICT)


@played
async def test_the_last_use_of_a_key_is_seen_at_once_and_written_later(
    accounts: Accounts, place: Place
) -> None:
    _, key = await accounts.keys.create(CLI, "demo", "OBS")
    accounts.keys.used(key.id, "192.0.2.7\0")
    accounts.keys.used("of nobody", "192.0.2.7")
    async with place.opened() as other:
        assert key in await other.keys.list("demo")
        (mine,) = [one for one in await accounts.keys.list("demo") if one.id == key.id]
        assert (mine.last_used_at, mine.last_used_from) == (place.clock.now, "192.0.2.7\ufffd")
        await accounts.keys.write_uses()
        assert mine in await other.keys.list("demo")
    assert accounts.keys._uses == {}


# Targets


@played
async def test_the_key_of_a_target_is_encrypted_and_told_to_the_push_alone(
    accounts: Accounts, place: Place
) -> None:
    target = await accounts.targets.create(CLI, "demo", "rtmps://a.example/live2", "abcd-efgh", "720p")
    assert accounts.directory.targets == (target,) and await accounts.targets.list("demo") == [target]
    assert accounts.targets.secret(target.id) == "abcd-efgh"
    assert "abcd-efgh" not in repr((target, accounts.directory))
    changed = await accounts.targets.update(CLI, target.id, enabled=False, rendition="480p")
    assert changed.revision == target.revision
    assert (changed.enabled, changed.rendition, changed.url) == (False, "480p", target.url)
    await accounts.targets.update(CLI, target.id, url="rtmp://b.example/app", key="other")
    assert accounts.targets.secret(target.id) == "other"
    assert accounts.directory.targets[0].url == "rtmp://b.example/app"
    assert accounts.directory.targets[0].revision != target.revision, "or a push would go on with the old key"
    await refused(accounts.targets.update(CLI, target.id, key=" "), Code.INVALID)
    if not place.url:
        kept = b"".join(path.read_bytes() for path in place.data.glob("ingestd.db*"))
        assert b"abcd-efgh" not in kept
    await accounts.targets.delete(CLI, target.id)
    with pytest.raises(Refused):
        accounts.targets.secret(target.id)
    await refused(accounts.targets.delete(CLI, target.id), Code.NOT_FOUND)


@played
async def test_a_key_cannot_be_had_by_sending_it_elsewhere(accounts: Accounts) -> None:
    target = await accounts.targets.create(CLI, "demo", "rtmps://a.example/live2", "abcd", "720p")
    evil = accounts.targets.update(CLI, target.id, url="rtmp://evil.example/app")
    assert "give it again" in await refused(evil, Code.INVALID)
    await accounts.targets.update(CLI, target.id, url="rtmps://a.example/live2")


@pytest.mark.parametrize(
    "url",
    [
        *("http://a.example/app", "rtmp://", "rtmp:///app", "rtmp://me:word@a.example/app", "a.example/app"),
        *("rtmp://a.example:99999/app", "rtmp://a.example/a b", "rtmp://a.example/\0", "rtmp://[::1/app"),
        *("file:///etc/passwd", "rtmp://a.example/" + "x" * 500, "-y", ""),
    ],
)
def test_what_is_no_address_to_push_to_is_refused(url: str) -> None:
    with pytest.raises(Refused) as caught:
        checks.push_url(url)
    assert caught.value.refusal.code is Code.INVALID


# The log


@played
async def test_every_change_is_in_the_log(accounts: Accounts) -> None:
    anna = await person(accounts, "anna")
    await accounts.channels.create(anna, "annas", "Anna's")
    _, key = await accounts.keys.create(anna, "annas", "OBS")
    await refused(accounts.keys.create(anna, "demo", "mine"), Code.FORBIDDEN)
    newest, older, *rest = await accounts.audit.list()
    assert (newest.who, newest.action, newest.subject) == ("anna", "key.create", "channel:annas")
    assert newest.detail == f"key {key.id} OBS" and newest.address == "192.0.2.1"
    assert (older.who, older.action, older.subject) == ("anna", "channel.create", "channel:annas")
    assert [entry.who for entry in rest] == ["cli", "server", "server", "server"]
    assert await accounts.audit.list(limit=1) == [newest]
    assert await accounts.audit.list(limit=1, before=newest.id) == [older]
    assert await accounts.audit.list(subject="channel:annas") == [newest, older]
    assert await accounts.audit.list(before=-(10**30)) == [] and await accounts.audit.list(before=10**30)


@played
async def test_a_later_channel_of_the_same_name_inherits_nothing(accounts: Accounts, place: Place) -> None:
    old = accounts.directory.channels["demo"]
    watching = accounts.tokens.mint(CLI, Scope.WATCH, "demo", 3600)
    await accounts.channels.update(CLI, "demo", private=True)
    assert await Gate(accounts).viewer("demo", watching) is None
    await accounts.channels.delete(CLI, "demo")
    anna = await person(accounts, "anna")
    new = await accounts.channels.create(anna, "demo", "Mine", private=True)
    assert (new.created_at, new.id == old.id) == (place.clock.now, False), "even in the same second"
    refusal = await Gate(accounts).viewer("demo", watching)
    assert refusal and refusal.code is Code.FORBIDDEN
    logged = await accounts.audit.list(subject="channel:demo", since="channel.create")
    assert [(entry.action, entry.who) for entry in logged] == [("channel.create", "anna")]
    actions = [entry.action for entry in await accounts.audit.list(subject="channel:demo")]
    assert actions[:3] == ["channel.create", "channel.delete", "channel.update"]


@played
async def test_a_revoked_token_is_in_the_log_of_its_channel(accounts: Accounts) -> None:
    anna = await person(accounts, "anna")
    await accounts.channels.create(anna, "annas", "Anna's")
    claims = await accounts.tokens.read(accounts.tokens.mint(anna, Scope.WATCH, "annas", 60))
    assert isinstance(claims, Claims)
    await accounts.tokens.revoke(anna, claims.id, claims.expires_at)
    (newest,) = await accounts.audit.list(1, subject="channel:annas")
    assert (newest.who, newest.action, newest.detail) == ("anna", "token.revoke", f"token {claims.id}")
    await refused(accounts.tokens.revoke(anna, "0" * 16, claims.expires_at), Code.FORBIDDEN)
    assert accounts.directory.revocations == {claims.id}


@played
async def test_anything_may_be_noted(accounts: Accounts) -> None:
    await accounts.audit.note(CLI, "test", "user:x", "NUL \0 and \ud800 and " + "x" * 9999)
    (entry,) = await accounts.audit.list(limit=1)
    assert entry.detail.startswith("NUL \ufffd and \ufffd and xx") and len(entry.detail) == 500


# What a text may be


@given(strategies.text())
def test_a_name_that_is_taken_is_safe_in_a_path(name: str) -> None:
    try:
        assert checks.slug(name, "A name") == name
    except Refused:
        return
    assert 1 <= len(name) <= 64 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert name[0] != "-" != name[-1]


@given(strategies.from_regex(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?", fullmatch=True))
def test_every_slug_is_taken(name: str) -> None:
    assert checks.slug(name, "A name") == name


@pytest.mark.parametrize("name", ["", "../../etc", "a/b", "a\0", "a\n", "Ä", "A", "-a", "a-", "a" * 65, "٣"])
def test_no_other_name_is_taken(name: str) -> None:
    with pytest.raises(Refused, match="a-z, 0-9 and -"):
        checks.slug(name, "A name")


@played
async def test_names_that_can_have_nobody_are_looked_for_without_harm(accounts: Accounts) -> None:
    for name in ("../../etc", "a\0b", "\ud800", "x" * 5000):
        assert await accounts.users.get(name) is None
        await refused(accounts.channels.delete(CLI, name), Code.NO_SUCH_CHANNEL)
        await refused(accounts.keys.list(name), Code.NO_SUCH_CHANNEL)
        await refused(accounts.channels.create(CLI, name, "Title"), Code.INVALID)
        await refused(accounts.users.delete(CLI, name), Code.NOT_FOUND)


@pytest.mark.parametrize(
    ("check", "fitting", "unfit"),
    [
        (
            checks.title,
            ["Grüße 🎬", "x" * 200],
            ["", "  ", "x" * 201, "a\nb", "a\0", "\ud800", "\u2028x\u2028y"],
        ),
        (checks.description, ["", "a\n\tb", "x" * 5000], ["x" * 5001, "a\0b", "\x1b[0m"]),
        (checks.label, ["", "x" * 100], ["x" * 101, "a\rb"]),
        (checks.rendition, ["720p"], ["", "x" * 65]),
        (checks.token_id, ["0123abcd", "x" * 200], ["", "x" * 201, "\0"]),
    ],
)
def test_texts_are_refused_when_they_are_too_long_or_unprintable(
    check: type, fitting: list[str], unfit: list[str]
) -> None:
    assert [check(text) for text in fitting] == fitting
    for text in unfit:
        with pytest.raises(Refused) as caught:
            check(text)
        assert caught.value.refusal.code is Code.INVALID
