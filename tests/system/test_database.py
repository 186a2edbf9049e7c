"""A database that is locked or gone under a server that is on the air: what is live goes on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import httpx
import psutil
import pytest

from tests.accounts.postgres import PASSWORD, Postgres
from tests.support import http
from tests.support.administrator import administrator, going_on, good, listed, publishing
from tests.support.publisher import STOP, blobs, dial, send
from tests.support.server import PATIENCE, Server, given, running, wait_for
from tests.system.conftest import SMALL
from tests.system.test_guessing import PATHS, REFUSED, odd_names

GONE = 10.0  # seconds
SOON = 20.0  # seconds: a writer waits 3 for a lock, and the machine may be busy
_BLOBS = blobs("vp8-opus_ts250_kf2000.webm")


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Another process holds the database."""
    with closing(sqlite3.connect(server.data / "ingestd.db", PATIENCE, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            holder.execute("ROLLBACK")


def newcomer(server: Server) -> None:
    """Somebody goes live by WebSocket, and leaves."""
    with dial(server) as connection:
        send(connection, [(0.0, data) for _, data in _BLOBS])
        server.wait_for("media", lambda one: one["media_time"] > 0)
        connection.close(STOP)


def write(server: Server) -> httpx.Response:
    with administrator(server) as admin:
        return admin.patch("/channels/demo", json={"title": "Another"})


def check_refused(server: Server) -> None:
    """A change is refused in words and in time; what is read from memory is told."""
    began = time.monotonic()
    answer = write(server)
    assert time.monotonic() - began < SOON
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert "try again" in answer.json()["error"]["message"]
    for path in ("/healthz", "/api/v1/channels/demo", "/api/v1/broadcasts", "/metrics"):
        assert http.get(server.http + path).status_code == 200


def test_a_database_that_is_locked_stops_nobody() -> None:
    with running(channels=3, **SMALL) as server, publishing(server):
        before = listed(server)
        with locked(server):
            began = time.monotonic()
            check_refused(server)
            newcomer(server.on("demo1"))
            with publishing(server.on("demo2")):
                listed(server.on("demo2"))
            going_on(server, max(0.5, GONE - (time.monotonic() - began)))
        good(write(server))
        assert server.wait_state("live")["id"] == before["id"]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    programs = Postgres.find()
    assert programs, "PostgreSQL is missing: apt-get install postgresql"
    server = Postgres(programs)
    yield server
    server.close()


@pytest.fixture(scope="module")
def on_postgres(postgres: Postgres) -> Iterator[Server]:
    with running(database_url=postgres.url(postgres.empty()), **SMALL) as server:
        yield server


def with_keys(server: Server) -> tuple[Server, Server]:
    """Two more channels, with a key each."""
    made = []
    with administrator(server) as admin:
        for name in ("websocket", "rtmp"):
            good(admin.post("/channels", json={"name": name, "title": name}))
            key = good(admin.post(f"/channels/{name}/keys", json={"label": ""}))["key"]
            token = good(admin.post(f"/channels/{name}/tokens", json={"scope": "publish"}))["token"]
            made.append(replace(server, channel=name, stream_key=key, token=token))
    return made[0], made[1]


def test_a_database_that_is_gone_stops_nobody(postgres: Postgres, on_postgres: Server) -> None:
    server = on_postgres
    by_websocket, by_rtmp = with_keys(server)
    with publishing(server):
        before = listed(server)
        postgres.stop()
        began = time.monotonic()
        check_refused(server)
        newcomer(by_websocket)
        with publishing(by_rtmp):
            listed(by_rtmp)
        going_on(server, max(0.5, GONE - (time.monotonic() - began)))
        postgres.start()
        wait_for("the database to be used again", lambda: write(server).is_success)
        going_on(server, 1.0)
        assert server.wait_state("live")["id"] == before["id"]
    assert '"database_gone"' in server.logged()
    wait_for("the log to say so", lambda: '"database_back"' in server.logged())


@pytest.mark.parametrize("name", PATHS)
def test_a_name_that_is_none_gets_nowhere_in_postgresql(on_postgres: Server, name: str) -> None:
    assert odd_names(on_postgres, name) <= REFUSED


@pytest.mark.parametrize("before", ["1" * 30, "9223372036854775807", "9223372036854775808"])
def test_a_number_that_postgresql_does_not_take(on_postgres: Server, before: str) -> None:
    with administrator(on_postgres) as admin:
        assert admin.get("/audit", params={"before": before}).status_code in (200, 400)


def test_the_password_of_the_database_is_told_to_nobody(on_postgres: Server) -> None:
    assert PASSWORD.replace(" ", "%20").replace("'", "%27") not in on_postgres.logged()
    assert given(on_postgres.master())
    for child in psutil.Process(on_postgres.process.pid).children(recursive=True):
        words = " ".join(given(child))
        assert "postgresql" not in words and PASSWORD not in words
