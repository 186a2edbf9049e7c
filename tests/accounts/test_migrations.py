"""What an older ingestd has left is taken over, all of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, func, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from ingestd.accounts import database
from ingestd.accounts.accounts import Accounts
from ingestd.accounts.model import Upcoming
from ingestd.accounts.schema import Base
from tests.accounts.stage import CLI, PASSWORD, Place

SQL = (Path(__file__).parent / "v0001.sql").read_text(encoding="utf-8")
KEY = "jbiAVArO-qlwdMXhb6bj9pKH1mGuO4p_"  # of the channel "news", in clear
TABLES = ("users", "sessions", "channels", "publishers", "stream_keys", "targets", "audit")

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def old(fresh: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Rows]]:
    """An installation of migration 0001 with people, channels and keys in it, on each database."""
    (fresh.data / "storage.key").write_text(SQL.splitlines()[1].removeprefix("-- ") + "\n")
    file = tmp_path_factory.mktemp("old") / "ingestd.db" if fresh.url else fresh.data / "ingestd.db"
    with closing(sqlite3.connect(file)) as made:
        made.executescript(SQL)
    rows = _rows(file)
    if fresh.url:
        asyncio.run(_copied(fresh.url, rows))
    yield fresh, rows


def _rows(file: Path) -> Rows:
    engine, tables = create_engine(f"sqlite:///{file}"), MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        found = {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in tables.sorted_tables
        }
    engine.dispose()
    return found


async def _copied(url: str, rows: Rows) -> None:
    """PostgreSQL with the tables of 0001, and these rows."""

    def fill(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(database._MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            if table.name != "alembic_version" and rows[table.name]:
                connection.execute(table.insert(), rows[table.name])
        newest = select(func.max(tables.tables["audit"].c.id)).scalar_subquery()
        connection.execute(select(func.setval("audit_id_seq", newest)))

    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await connection.run_sync(fill)
    await engine.dispose()


async def _now(accounts: Accounts) -> Rows:
    async with accounts._database.reading() as session:
        return {
            name: [dict(row) for row in (await session.execute(text(f"SELECT * FROM {name}"))).mappings()]
            for name in TABLES
        }


def _whole(rows: list[dict[str, Any]], like: list[dict[str, Any]]) -> list[str]:
    """Rows in an order of their own, with the columns that there were."""
    names = like[0].keys()
    plain = ({name: _plain(row[name]) for name in names} for row in rows)
    return sorted(str(row) for row in plain)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def test_a_database_of_the_first_migration_is_taken_over_with_all_that_is_in_it(
    old: tuple[Place, Rows],
) -> None:
    place, before = old

    def difference(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    async def play() -> None:
        async with place.opened() as accounts:
            assert accounts.first is None
            after = await _now(accounts)
            for name in TABLES:
                assert _whole(after[name], before[name]) == _whole(before[name], before[name]), name
            async with accounts._database._engine.connect() as connection:
                assert await connection.run_sync(difference) == []

            news, key = accounts.directory.by_key(KEY) or pytest.fail("the key is gone")
            assert (news.name, news.description, news.record, key.label) == (
                "news",
                "Every day.\nAt eight.",
                True,
                "OBS",
            )
            assert (news.picture, news.next, news.embed_sites, news.last_live_at) == (
                "",
                Upcoming(),
                (),
                None,
            )
            assert await accounts.users.authenticate("ana", PASSWORD)
            (target,) = accounts.directory.targets
            assert accounts.targets.secret(target.id) == "their-key"

            changed = await accounts.channels.update(
                CLI, "news", upcoming=Upcoming(1_800_000_000.0, "Carols"), embed_sites=["https://example.org"]
            )
            assert changed == accounts.directory.channels["news"]
        async with place.opened() as again:  # and nothing is migrated twice
            assert again.directory.channels["news"].next == Upcoming(1_800_000_000.0, "Carols")

    asyncio.run(play())
