"""A PostgreSQL of the tests' own: from Debian's package, on a free port, in a directory that goes with it.

The server refuses to run as root; as root it is run as the package's user ``postgres``.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.ports import free_port

USER, PASSWORD = "ingestd", "kept from everybody's eyes"
_PROGRAMS = "/usr/lib/postgresql"
_DATABASE = "postgres"
_KEPT = "kept"  # a database, with what it is restored from in a schema of this name
_SECONDS = 60
# To prove a password takes asyncpg longer than most tests: only the other databases ask for one.
_RULES = f"host {_DATABASE},{_KEPT} {USER} 127.0.0.1/32 trust\n"
# A template for CREATE DATABASE would be shorter, and takes longer than all that a test does besides.
_KEEP = f"""
CREATE SCHEMA {_KEPT};
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('CREATE TABLE {_KEPT}.%1$I AS TABLE public.%1$I', name);
  END LOOP;
END $$"""
_RESTORE = f"""
SET session_replication_role = replica; -- in whatever order: foreign keys are not looked at
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('DELETE FROM public.%I', name);
    EXECUTE format('INSERT INTO public.%1$I OVERRIDING SYSTEM VALUE TABLE {_KEPT}.%1$I', name);
  END LOOP;
END $$"""
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB")


class Postgres:
    """A running server."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._directory = Path(tempfile.mkdtemp(prefix="ingestd-postgres-"))
        self.port = free_port()
        self._as: list[str] = []
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self._directory, account.pw_uid, account.pw_gid)
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        secret = self._directory / "password"
        secret.write_text(PASSWORD)
        words = [
            "-A",
            "scram-sha-256",
            "-U",
            USER,
            f"--pwfile={secret}",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        self._run("initdb", "-D", self._data, *words)
        rules = self._directory / "data" / "pg_hba.conf"
        rules.write_text(_RULES + rules.read_text())
        self.start()

    @classmethod
    def find(cls) -> Path | None:
        """Where the programs of the newest version are."""
        found = [path.parent for path in Path(_PROGRAMS).glob("*/bin/postgres")]
        return max(found, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0), default=None)

    @property
    def _data(self) -> str:
        return str(self._directory / "data")

    def start(self) -> None:
        listens = ("listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={self.port}")
        options = " ".join(f"-c {option}" for option in (*_FAST, *listens))
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", f"{self._data}/log", "-o", options)

    def stop(self) -> None:
        """At once, as a crash does."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)

    def close(self) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self._directory)

    def url(self, database: str, *, port: int | None = None, password: str = PASSWORD) -> str:
        escaped = password.replace("'", "%27").replace(" ", "%20")
        return f"postgresql://{USER}:{escaped}@127.0.0.1:{port or self.port}/{database}"

    def empty(self) -> str:
        """The name of a database in which nothing is: one for all tests, as each takes 8 MB on disk."""
        emptying = (
            "SET client_min_messages = error; DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public"
        )
        self._sql(_DATABASE, emptying)
        return _DATABASE

    def create(self) -> str:
        """The name of a new database, to be filled and kept: once for a server."""
        self._sql(_DATABASE, f"CREATE DATABASE {_KEPT}")
        return _KEPT

    def keep(self) -> None:
        """Remember the rows that are in it now."""
        self._sql(_KEPT, _KEEP)

    def restore(self) -> None:
        """Have those rows in it again, and no others."""
        self._sql(_KEPT, _RESTORE)

    def _sql(self, database: str, words: str) -> None:
        self._run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", self.url(database), "-c", words)

    def _run(self, program: str, *words: str) -> None:
        # to a file: a server that goes on would hold a pipe open
        with (self._directory / "output").open("a+b") as output:
            arguments = [*self._as, str(self._programs / program), *words]
            done = subprocess.run(
                arguments, stdout=output, stderr=output, timeout=_SECONDS, cwd="/", check=False
            )
            output.seek(0)
            assert done.returncode == 0, f"{program}: {output.read().decode(errors='replace')}"
