"""``ingestd status`` beside a real server: for scripts, in a terminal, and when nobody answers."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGINT

import pytest

from ingestd import __version__
from tests.support.accounts import token_for
from tests.support.publisher import STOP, blobs, dial, send
from tests.support.server import INGESTD, PATIENCE, Server, environment, running, wait_for
from tests.system.conftest import SMALL

CLIP = "vp8-opus_ts250_kf2000.webm"
COMMAND = [*INGESTD, "status"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """With a broadcast that stays open, however long all tests take."""
    settings = SMALL | {"ingest_idle_timeout": 3600, "ingest_resume_window": 3600}
    with running(**settings) as made, dial(made) as publisher:
        send(publisher, [(0.0, data) for _, data in blobs(CLIP)[:20]])
        made.wait_state("live", "interrupted")
        yield made
        with suppress(OSError):
            publisher.close(STOP)


def status(
    server: Server, *words: str, env: dict[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    port = server.http.rpartition(":")[2]
    where = ("--data-dir", str(server.data), "--http-port", port)
    done = subprocess.run(
        [*COMMAND, *where, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment({}) | (env or {}),
    )
    assert done.returncode == code, done.stderr
    return done


def test_beside_the_installation_it_needs_nothing(server: Server) -> None:
    first, ready, _, headings, row = status(server, "--once").stdout.splitlines()
    assert first.startswith(f"ingestd {__version__} at {server.http}, up ")
    assert "GB free" in first and ready == "Ready."
    assert headings.split() == "CHANNEL STATE SINCE RENDITIONS SPEED FPS LAG VIEWERS RESTARTS".split()
    assert row.startswith("demo ")


def test_json_is_for_programs(server: Server) -> None:
    found = json.loads(status(server, "--json").stdout)
    assert (found["url"], found["ready"], found["reasons"]) == (server.http, True, [])
    assert found["server"]["version"] == __version__
    assert found["server"]["disk_free_bytes"] <= found["server"]["disk_bytes"]
    assert [one["channel"] for one in found["broadcasts"]] == ["demo"]


def test_of_another_server_with_a_token_and_without(server: Server, tmp_path: Path) -> None:
    there = ("--server", f"{server.http}/", "--data-dir", str(tmp_path), "--json")
    admin = {"INGESTD_TOKEN": token_for(server.data, "demo", scope="admin")}
    assert json.loads(status(server, *there, env=admin).stdout)["server"]["version"] == __version__
    found = json.loads(status(server, *there).stdout)
    assert found["server"] is None and [one["channel"] for one in found["broadcasts"]] == ["demo"]


def test_a_server_elsewhere_gets_no_token_of_ours(server: Server) -> None:
    """Its data directory is here, but who knows what answers at that address."""
    assert json.loads(status(server, "--server", server.http, "--json").stdout)["server"] is None


def test_a_token_that_is_not_good_is_told(server: Server) -> None:
    said = status(server, "--once", env={"INGESTD_TOKEN": "nonsense"}, code=2).stderr
    assert "refuses: The stream key or the token is not valid." in said


def test_who_cannot_be_reached_is_told_plainly(server: Server) -> None:
    for url in ("http://127.0.0.1:1", "http://no-such-host.invalid", "http://[::1"):
        said = status(server, "--server", url, "--once", code=2).stderr
        assert said.startswith("ingestd: The server cannot be reached at http://"), said
        assert "Traceback" not in said
    assert "http:// or https://" in status(server, "--server", "tv.example.org", code=2).stderr


def test_who_is_no_ingestd_is_told(server: Server) -> None:
    assert "not as ingestd does" in status(server, "--server", f"{server.hls}/watch", code=2).stderr


@contextmanager
def terminal(command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command in a terminal of 160 columns, and our end of that."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    env = environment({}) | {"TERM": "xterm"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    os.set_blocking(ours, False)
    try:
        yield process, ours
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


def test_in_a_terminal_it_goes_on_until_ctrl_c(server: Server) -> None:
    port = server.http.rpartition(":")[2]
    where = ["--data-dir", str(server.data), "--http-port", port]
    with terminal([*COMMAND, *where]) as (process, ours):
        said = bytearray()

        def drawn() -> bool:
            with suppress(BlockingIOError):
                said.extend(os.read(ours, 65536))
            return said.count(b"CHANNEL") >= 3

        wait_for("three pictures of it", drawn)
        assert b"demo" in said and b"Ready." in said
        process.send_signal(SIGINT)
        assert process.wait(PATIENCE) == 0


def test_not_ready_is_exit_code_1_with_every_reason(tmp_path: Path) -> None:
    with running(data_min_free=10**9) as server:
        said = status(server, "--once", code=1).stdout
    assert "Not ready:\n- The server's disk is full" in said
    assert "No broadcast is open." in said
