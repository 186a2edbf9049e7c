"""People: their rights, their passwords, their sessions."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from hypothesis import given, settings, strategies

from ingestd.accounts import sessions
from ingestd.accounts.accounts import Accounts
from ingestd.accounts.model import Role, User
from ingestd.accounts.passwords import Passwords
from ingestd.accounts.schema import SessionRow, UserRow
from ingestd.accounts.users import Proof
from ingestd.errors import Code
from tests.accounts.stage import CLI, PASSWORD, Clock, Place, acting, cheap, person, played, refused


@played
async def test_a_user_is_who_knows_the_password(accounts: Accounts) -> None:
    made = await accounts.users.create(CLI, "anna", PASSWORD, Role.BROADCASTER)
    assert await accounts.users.get("anna") == made == accounts.directory.users[made.id]
    assert [user.name for user in await accounts.users.list()] == ["admin", "anna"]
    assert await accounts.users.authenticate("anna", PASSWORD) == made
    for name, password in (
        ("anna", "wrong password"),
        ("nobody", PASSWORD),
        ("../x\0", PASSWORD),
        ("anna", ""),
    ):
        assert await accounts.users.authenticate(name, password) is None


def test_passwords_are_stored_as_argon2id_alone(tmp_path: Path) -> None:
    async def play() -> None:
        stored = await Passwords().hash(PASSWORD)
        assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        async with Place(tmp_path).opened() as accounts:
            await person(accounts, "anna")
            kept = b"".join(path.read_bytes() for path in tmp_path.glob("ingestd.db*"))
            assert b"$argon2id$" in kept and PASSWORD.encode() not in kept

    asyncio.run(play())


@pytest.mark.parametrize("password", ["short", "123456789", "x" * 1001])
def test_a_password_of_a_wrong_size_is_refused_with_the_sizes(password: str) -> None:
    fault = cheap().fault(password)
    assert fault and fault.code is Code.INVALID and "between 10 and 1000 characters" in fault.message
    assert cheap().fault("x" * 10) is None and cheap().fault("x" * 1000) is None


@played
async def test_every_way_to_set_a_password_looks_at_its_size(accounts: Accounts) -> None:
    await refused(accounts.users.create(CLI, "anna", "short", Role.ADMIN), Code.INVALID)
    await refused(accounts.users.set_password(CLI, "admin", "short"), Code.INVALID)


def test_unknown_user_costs_the_same_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, costs = cheap(), []
    original = passwords._verify

    def verify(stored: str, password: bytes) -> bool:
        costs.append(stored.split("$")[3])
        return original(stored, password)

    monkeypatch.setattr(passwords, "_verify", verify)

    async def play() -> None:
        stored = await passwords.hash(PASSWORD)
        assert not await passwords.verify(None, PASSWORD)
        assert not await passwords.verify(stored, "wrong password")
        assert not await passwords.verify(stored, "x" * 100_000)

    asyncio.run(play())
    assert costs == ["m=8,t=1,p=1"] * 3


def test_what_an_unknown_user_is_compared_with_is_a_whole_hash_of_no_password() -> None:
    """One that argon2 could not read would be refused in no time."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    nobody = Passwords(hasher)._nobody
    assert not hasher.check_needs_rehash(nobody) and nobody != Passwords(hasher)._nobody
    with pytest.raises(VerifyMismatchError):
        hasher.verify(nobody, PASSWORD)


@settings(max_examples=25)
@given(strategies.text(max_size=50))
def test_any_text_may_be_a_password_however_its_letters_are_composed(text: str) -> None:
    async def play() -> None:
        passwords = cheap()
        stored = await passwords.hash(unicodedata.normalize("NFD", text))
        assert await passwords.verify(stored, unicodedata.normalize("NFC", text))
        assert not await passwords.verify(stored, text + "x")

    asyncio.run(play())


@played
async def test_a_password_is_hashed_again_when_the_parameters_have_changed(accounts: Accounts) -> None:
    await person(accounts, "anna")
    dearer = cheap(time_cost=2)
    accounts.users._passwords = dearer
    assert await accounts.users.authenticate("anna", PASSWORD)

    def no_more(*_: object) -> None:
        raise AssertionError("it was hashed twice")

    dearer.hash = no_more  # type: ignore[method-assign,assignment]
    assert await accounts.users.authenticate("anna", PASSWORD)


@played
async def test_a_disabled_user_is_out_at_once(accounts: Accounts) -> None:
    anna = await person(accounts, "anna")
    assert anna.user
    secret, _ = await accounts.sessions.open(anna.user, "Firefox", "192.0.2.1")
    await accounts.users.set_disabled(CLI, "anna", True)
    assert await accounts.sessions.find(secret, "192.0.2.1") is None
    assert await accounts.users.authenticate("anna", PASSWORD) is None
    assert accounts.directory.user(anna.user.id) is None
    await refused(accounts.channels.create(anna, "annas", "Anna's"), Code.FORBIDDEN)
    await accounts.users.set_disabled(CLI, "anna", False)
    assert await accounts.users.authenticate("anna", PASSWORD)
    assert await accounts.sessions.find(secret, "192.0.2.1") is None


@played
async def test_a_deleted_user_leaves_no_session_and_no_right(accounts: Accounts) -> None:
    anna = await person(accounts, "anna")
    assert anna.user
    secret, _ = await accounts.sessions.open(anna.user, "Firefox", "192.0.2.1")
    await accounts.channels.create(anna, "annas", "Anna's")
    await accounts.channels.allow(CLI, "demo", "anna")
    await accounts.users.delete(CLI, "anna")
    assert await accounts.sessions.find(secret, "192.0.2.1") is None
    assert accounts.directory.channels["annas"].owner is None
    assert accounts.directory.channels["demo"].publishers == ()
    assert await accounts.users.get("anna") is None
    assert accounts.directory.deleted("anna") and not accounts.directory.deleted("admin")
    await refused(accounts.sessions.open(anna.user, "Firefox", "192.0.2.1"), Code.UNAUTHENTICATED)


@played
async def test_the_last_enabled_admin_stays(accounts: Accounts) -> None:
    users = accounts.users
    await users.create(CLI, "away", PASSWORD, Role.ADMIN)
    await users.set_disabled(CLI, "away", True)
    for taking in (
        users.delete(CLI, "admin"),
        users.set_disabled(CLI, "admin", True),
        users.set_role(CLI, "admin", Role.BROADCASTER),
    ):
        assert "last admin" in await refused(taking, Code.CONFLICT)
    await users.set_role(CLI, "admin", Role.ADMIN)
    await users.set_disabled(CLI, "away", False)
    await users.delete(CLI, "admin")
    await refused(users.delete(CLI, "away"), Code.CONFLICT)


@played
async def test_of_two_admins_who_take_each_others_role_one_stays(accounts: Accounts) -> None:
    await accounts.users.create(CLI, "other", PASSWORD, Role.ADMIN)
    changes = (accounts.users.set_role(CLI, name, Role.BROADCASTER) for name in ("admin", "other"))
    results = await asyncio.gather(*changes, return_exceptions=True)
    assert [result is None for result in results].count(True) == 1
    roles = [user.role for user in accounts.directory.users.values()]
    assert sorted(roles) == [Role.ADMIN, Role.BROADCASTER]


@played
async def test_people_are_for_admins_and_a_password_is_for_oneself(accounts: Accounts) -> None:
    anna, users = await person(accounts, "anna"), accounts.users
    chief = await person(accounts, "chief", Role.ADMIN)
    for doing in (
        users.create(anna, "eve", PASSWORD, Role.ADMIN),
        users.set_role(anna, "anna", Role.ADMIN),
        users.set_disabled(anna, "admin", True),
        users.delete(anna, "admin"),
        users.set_password(anna, "admin", PASSWORD),
        users.set_password(anna, "nobody", PASSWORD),
    ):
        await refused(doing, Code.FORBIDDEN)
    await users.set_password(anna, "anna", "another password")
    assert await users.authenticate("anna", "another password")
    await users.set_role(chief, "anna", Role.ADMIN)
    await users.create(anna, "eve", PASSWORD, Role.ADMIN)
    await refused(users.create(CLI, "eve", PASSWORD, Role.ADMIN), Code.EXISTS)
    await refused(users.delete(CLI, "nobody"), Code.NOT_FOUND)


@played
async def test_an_admin_who_sets_a_password_ends_the_sessions(accounts: Accounts) -> None:
    anna = await person(accounts, "anna")
    assert anna.user
    secret, _ = await accounts.sessions.open(anna.user, "Firefox", "192.0.2.1")
    await accounts.users.set_password(anna, "anna", "my next password")
    assert await accounts.sessions.find(secret, "192.0.2.1")
    await accounts.users.set_password(CLI, "anna", "another password")
    assert await accounts.sessions.find(secret, "192.0.2.1") is None


# Sessions


@played
async def test_a_session_is_found_by_its_secret_until_it_is_old(accounts: Accounts, place: Place) -> None:
    anna = await person(accounts, "anna")
    assert anna.user
    secret, session = await accounts.sessions.open(anna.user, "Firefox\0 on \ud800", "192.0.2.1")
    other, _ = await accounts.sessions.open(anna.user, "Firefox", "192.0.2.1")
    assert secret != other and len(secret) == 43 and session.device == "Firefox\ufffd on \ufffd"
    assert await accounts.sessions.find(secret, "192.0.2.1") == (anna.user, session)
    assert await accounts.sessions.find("guess\0\ud800", "192.0.2.1") is None
    place.clock.now += 30 * 86400 + 1
    assert await accounts.sessions.find(secret, "192.0.2.1") is None
    assert await accounts.sessions.of(anna.user.id) == []


@played
async def test_the_last_use_is_noted_once_a_minute_and_keeps_the_session(
    accounts: Accounts, place: Place
) -> None:
    anna = await person(accounts, "anna")
    assert anna.user
    secret, session = await accounts.sessions.open(anna.user, "Firefox", "192.0.2.1")
    place.clock.now += 59
    await accounts.sessions.find(secret, "192.0.2.2")
    assert await accounts.sessions.of(anna.user.id) == [session]
    place.clock.now += 29 * 86400
    found = await accounts.sessions.find(secret, "192.0.2.2")
    assert found and await accounts.sessions.of(anna.user.id) == [found[1]]
    assert found[1].last_used_at == place.clock.now and found[1].address == "192.0.2.2"
    place.clock.now += 29 * 86400
    assert await accounts.sessions.find(secret, "192.0.2.2")


@played
async def test_sessions_are_closed_one_by_one_or_all_but_one(accounts: Accounts) -> None:
    anna, eve = await person(accounts, "anna"), await person(accounts, "eve")
    assert anna.user and eve.user
    opened = [await accounts.sessions.open(anna.user, device, "") for device in ("a", "b", "c")]
    await refused(accounts.sessions.close(eve, opened[0][1].id), Code.FORBIDDEN)
    await refused(accounts.sessions.close_all(eve, anna.user.id), Code.FORBIDDEN)
    await refused(accounts.sessions.close(anna, "../../etc\0"), Code.NOT_FOUND)
    await refused(accounts.sessions.close_all(CLI, "../../etc\0"), Code.NOT_FOUND)
    await accounts.sessions.close(anna, opened[0][1].id)
    assert {session.device for session in await accounts.sessions.of(anna.user.id)} == {"b", "c"}
    await accounts.sessions.close_all(anna, anna.user.id, but=opened[2][1].id)
    assert await accounts.sessions.of(anna.user.id) == [opened[2][1]]
    await accounts.sessions.close_all(CLI, anna.user.id)
    assert await accounts.sessions.find(opened[2][0], "") is None


@played
async def test_no_session_is_opened_by_a_password_that_was_changed_meanwhile(accounts: Accounts) -> None:
    proof = await _proven(accounts, "anna")
    assert proof.stored not in repr(proof)
    assert await accounts.sessions.open(proof.user, "Firefox", "", proof.stored)
    await accounts.users.set_password(CLI, "anna", "another password")
    await refused(accounts.sessions.open(proof.user, "Firefox", "", proof.stored), Code.UNAUTHENTICATED)
    assert await accounts.sessions.of(proof.user.id) == []


@played
async def test_a_sign_in_that_meets_a_change_of_the_password_waits_for_it(
    accounts: Accounts, place: Place
) -> None:
    proof = await _proven(accounts, "anna")
    async with place.opened() as other, asyncio.TaskGroup() as tasks:
        async with other._database.writing(shared=False) as database:
            (await database.get_one(UserRow, proof.user.id)).password = "another"
            await database.flush()
            opening = accounts.sessions.open(proof.user, "Firefox", "", proof.stored)
            signing_in = tasks.create_task(refused(opening, Code.UNAUTHENTICATED))
            assert not (await asyncio.wait({signing_in}, timeout=0.3))[0]


async def _disabled_for_a_moment(accounts: Accounts) -> None:
    for disabled in (True, False):
        await accounts.users.set_disabled(CLI, "anna", disabled)


async def _with_another_password(accounts: Accounts) -> None:
    await accounts.users.set_password(CLI, "anna", "another password")


@pytest.mark.parametrize("change", [_disabled_for_a_moment, _with_another_password])
@played
async def test_a_session_that_is_just_being_opened_ends_like_the_others(
    accounts: Accounts, place: Place, change: Callable[[Accounts], Coroutine[Any, Any, None]]
) -> None:
    user = (await _proven(accounts, "anna")).user
    async with place.opened() as other, asyncio.TaskGroup() as tasks:
        async with other._database.writing(shared=False) as database:
            await database.get_one(UserRow, user.id, with_for_update=True)
            row = SessionRow(id="0" * 16, digest=b"x", user_id=user.id, device="", address="")
            row.created_at = row.last_used_at = place.clock.now
            database.add(row)
            await database.flush()
            changing = tasks.create_task(change(accounts))
            assert not (await asyncio.wait({changing}, timeout=0.3))[0]
    assert await accounts.sessions.of(user.id) == []


@played
async def test_a_password_that_is_hashed_again_is_still_the_one_that_was_proven(accounts: Accounts) -> None:
    await person(accounts, "anna")
    accounts.users._passwords = cheap(time_cost=2)
    proof = await accounts.users.prove("anna", PASSWORD)
    assert proof and await accounts.sessions.open(proof.user, "Firefox", "", proof.stored)


@played
async def test_nobody_who_is_disabled_opens_a_session(accounts: Accounts) -> None:
    proof = await _proven(accounts, "anna")
    await accounts.users.set_disabled(CLI, "anna", True)
    await refused(accounts.sessions.open(proof.user, "Firefox", "", proof.stored), Code.UNAUTHENTICATED)


async def _proven(accounts: Accounts, name: str) -> Proof:
    await person(accounts, name)
    proof = await accounts.users.prove(name, PASSWORD)
    assert proof
    return proof


@played
async def test_a_user_has_at_most_so_many_sessions(
    accounts: Accounts, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_MOST", 2)
    anna = await person(accounts, "anna")
    assert anna.user
    first, *others = [await _signed_in(accounts, anna.user, place.clock) for _ in range(3)]
    assert await accounts.sessions.find(first, "") is None
    assert all([await accounts.sessions.find(secret, "") for secret in others])


async def _signed_in(accounts: Accounts, user: User, clock: Clock) -> str:
    clock.now += 1
    return (await accounts.sessions.open(user, "Firefox", ""))[0]


@played
async def test_an_actor_with_an_old_picture_of_themselves_gains_nothing(accounts: Accounts) -> None:
    chief = await accounts.users.create(CLI, "chief", PASSWORD, Role.ADMIN)
    await accounts.users.set_role(CLI, "chief", Role.BROADCASTER)
    await refused(accounts.users.delete(acting(chief), "admin"), Code.FORBIDDEN)
    assert not accounts.directory.may_manage(chief, accounts.directory.channels["demo"])
