"""Both databases: SQLite in the test's directory, and one PostgreSQL for the whole session."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.accounts.postgres import Postgres
from tests.accounts.stage import Place

DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    programs = Postgres.find()
    assert programs, "PostgreSQL is missing: apt-get install postgresql"
    server = Postgres(programs)
    yield server
    server.close()


@pytest.fixture(params=DATABASES)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An installation that was never started, on each database."""
    if request.param == "sqlite":
        return Place(tmp_path)
    server: Postgres = request.getfixturevalue("postgres")
    return Place(tmp_path, server.url(server.empty()))


@pytest.fixture(scope="session")
def started_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One that was started once: what :func:`place` is copied from."""
    made = Place(tmp_path_factory.mktemp("started"))
    made.install()
    return made


@pytest.fixture(scope="session")
def started_postgresql(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Place:
    """The same; its database is given to one test after the other."""
    made = Place(tmp_path_factory.mktemp("started"), postgres.url(postgres.create()))
    made.install()
    postgres.keep()
    return made


@pytest.fixture(params=DATABASES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An installation as the first start leaves it, on each database: to migrate one for each test would
    take longer than most of them."""
    started: Place = request.getfixturevalue(f"started_{request.param}")
    shutil.copytree(started.data, tmp_path, dirs_exist_ok=True)
    if started.url:
        request.getfixturevalue("postgres").restore()
    return Place(tmp_path, started.url)
