"""The first start, every other start, and why there may be none."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from ingestd.accounts.accounts import Accounts
from ingestd.accounts.model import Role
from ingestd.accounts.schema import Base
from ingestd.errors import StartError
from tests.accounts.postgres import Postgres
from tests.accounts.stage import CLI, QUICK, Place, cheap, played, settings


@pytest.fixture
def place(fresh: Place) -> Place:
    """Here it is about first starts."""
    return fresh


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _refusal(data: Path, url: str) -> str:
    """The words with which it does not start."""

    async def opening() -> None:
        await (await Accounts.open(settings(url), data, pace=QUICK, passwords=cheap())).close()

    with pytest.raises(StartError) as caught:
        asyncio.run(opening())
    return str(caught.value)


@played
async def test_the_first_start_makes_an_admin_a_channel_and_a_key(accounts: Accounts, place: Place) -> None:
    assert accounts.first
    admin = await accounts.users.authenticate(accounts.first.admin, accounts.first.password)
    assert admin and admin.name == "admin" and admin.role is Role.ADMIN
    found = accounts.directory.by_key((place.data / "demo.key").read_text().strip())
    assert found and found[0].name == "demo" and not found[0].private
    assert accounts.demo_key and accounts.directory.by_key(accounts.demo_key) == found


@played
async def test_the_second_start_makes_nothing(accounts: Accounts, place: Place) -> None:
    async with place.opened() as again:
        assert again.first is None
        assert again.directory.users == accounts.directory.users
        assert again.directory.keys == accounts.directory.keys
        assert again.demo_key == accounts.demo_key


def test_two_first_starts_at_a_time_make_one_installation(place: Place) -> None:
    async def opened() -> Accounts:
        return await Accounts.open(settings(place.url), place.data, pace=QUICK, passwords=cheap())

    async def play() -> None:
        found = await asyncio.gather(opened(), opened())
        assert sorted(one.first is None for one in found) == [False, True]
        assert found[0].demo_key and found[0].demo_key == found[1].demo_key
        for one in found:
            await one.close()

    asyncio.run(play())


@played
async def test_the_other_kind_of_database_is_not_begun_with(accounts: Accounts, place: Place) -> None:
    """Neither by the server, which would remove all media, nor by a command."""
    before = {path.name: path.read_bytes() for path in place.data.iterdir()}
    other = settings("" if place.url else "postgresql://me:hidden@127.0.0.1:9/ingestd")
    for fill in (True, False):
        with pytest.raises(StartError, match=r"database\.kind says that"):
            await Accounts.open(other, place.data, pace=QUICK, passwords=cheap(), fill=fill)
    assert {path.name: path.read_bytes() for path in place.data.iterdir()} == before


def test_a_command_fills_no_database(place: Place) -> None:
    """As one that a URL names for the first time: demo.key is that of the one there was."""
    (place.data / "ingestd.db").touch(0o600)
    (place.data / "demo.key").write_text("kept\n")

    async def play() -> None:
        with pytest.raises(StartError, match="The database is empty"):
            await Accounts.open(settings(place.url), place.data, passwords=cheap(), fill=False)
        assert (place.data / "demo.key").read_text() == "kept\n"
        async with place.opened() as accounts:
            assert accounts.first, "nothing was left in it"

    asyncio.run(play())


@played
async def test_a_revoked_demo_key_is_told_no_more(accounts: Accounts) -> None:
    (key,) = await accounts.keys.list("demo")
    await accounts.keys.revoke(CLI, key.id)
    assert accounts.demo_key == ""


@played
async def test_the_migrations_make_the_tables_that_the_code_uses(accounts: Accounts) -> None:
    def difference(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    async with accounts._database._engine.connect() as connection:
        assert await connection.run_sync(difference) == []


@played
async def test_a_database_of_a_newer_version_is_left_alone(accounts: Accounts, place: Place) -> None:
    async with accounts._database._engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StartError, match="newer ingestd"):
        await Accounts.open(settings(place.url), place.data, pace=QUICK, passwords=cheap())


@played
async def test_another_storage_key_is_noticed(accounts: Accounts, place: Place) -> None:
    (place.data / "storage.key").unlink()
    with pytest.raises(StartError, match=r"storage\.key is not the one"):
        await Accounts.open(settings(place.url), place.data, pace=QUICK, passwords=cheap())


def test_files_are_for_nobody_else(tmp_path: Path) -> None:
    async def play() -> None:
        async with Place(tmp_path).opened() as accounts:
            await accounts.audit.note(CLI, "test", "user:nobody")
            names = ("ingestd.db", "ingestd.db-wal", "ingestd.db-shm", "storage.key", "demo.key", "secret")
            assert {name: _mode(tmp_path / name) for name in names} == dict.fromkeys(names, 0o600)

    asyncio.run(play())


def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "ingestd.db").touch(0o644)

    async def play() -> None:
        async with Place(tmp_path).opened():
            assert _mode(tmp_path / "ingestd.db") == 0o600

    asyncio.run(play())


def test_a_damaged_storage_key_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "storage.key").write_text("tooshort\n")
    assert "storage.key is damaged" in _refusal(tmp_path, "")


def test_something_else_in_place_of_the_database_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "ingestd.db").write_text("this is a letter, and no database " * 100)
    assert "cannot be used: file is not a database" in _refusal(tmp_path, "")


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "ingestd", "postgresql://h:x/n", "sqlite://"])
def test_an_address_of_no_database_stops_the_start(tmp_path: Path, url: str) -> None:
    assert "it looks like postgresql://USER:PASSWORD@HOST/NAME" in _refusal(tmp_path, url)


def test_no_postgresql_stops_the_start(tmp_path: Path) -> None:
    words = _refusal(tmp_path, "postgresql://me:hidden@127.0.0.1:9/ingestd")
    assert "The database postgresql://127.0.0.1:9/ingestd cannot be used" in words and "hidden" not in words


@pytest.mark.parametrize(
    "password", ["Zm9v/YmFy", "Zm9v?YmFy", "Zm9v#YmFy", "Zm9v@YmFy", "Zm9v+YmFy", "%40@Zm9v"]
)
@pytest.mark.parametrize("where", ["me:{}@127.0.0.1:9/ingestd", "127.0.0.1:9/ingestd?password={}"])
def test_a_password_stands_in_no_error(tmp_path: Path, where: str, password: str) -> None:
    words = _refusal(tmp_path, f"postgresql://{where.format(password)}")
    assert "cannot be used" in words
    assert "Zm9v" not in words and "YmFy" not in words


def test_what_is_not_understood_in_its_query_is_not_repeated(tmp_path: Path) -> None:
    words = _refusal(tmp_path, "postgresql://me@127.0.0.1:9/x?prepared_statement_cache_size=Zm9v")
    assert "behind its ? is not understood" in words and "Zm9v" not in words


def test_how_to_write_an_at_in_a_password_is_said(tmp_path: Path) -> None:
    assert "written %40" in _refusal(tmp_path, "postgresql://me:p@ss@127.0.0.1:9/ingestd")


def test_what_postgresql_refuses_stops_the_start(tmp_path: Path, postgres: Postgres) -> None:
    assert "password authentication failed" in _refusal(tmp_path, postgres.url("template1", password="guess"))
    assert 'database "nowhere" does not exist' in _refusal(tmp_path, postgres.url("nowhere"))
    assert "cannot be used" in _refusal(tmp_path, postgres.url("postgres") + "?colour=blue")
    assert "SSL" in _refusal(tmp_path, postgres.url("postgres") + "?sslmode=require")
