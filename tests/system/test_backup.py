"""A whole round: up, people and keys, a backup while live, all of it gone, restored, up again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.support import http
from tests.support.publisher import STOP, blobs, dial, send
from tests.support.server import INGESTD, PATIENCE, Server, environment, running
from tests.system.conftest import SMALL

CLIP = "vp8-opus_ts250_kf2000.webm"
PASSWORD = "correct horse battery"


def say(data: Path, *words: str, stdin: str = "", code: int = 0) -> str:
    """A command of its own; what it says on stdout."""
    done = subprocess.run(
        [*INGESTD, *words, "--data-dir", str(data)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment({}),
    )
    assert done.returncode == code, done.stderr
    return done.stdout.strip() or done.stderr.strip()


def signed_in(server: Server) -> int:
    body = {"name": "alice", "password": PASSWORD}
    headers = {"X-Ingestd": "1", "Origin": server.http}
    return http.post(f"{server.http}/api/v1/session", json=body, headers=headers).status_code


def test_what_was_backed_up_while_live_works_when_it_is_restored(tmp_path: Path) -> None:
    archive, data = tmp_path / "backup.tar.gz", tmp_path / "srv" / "data"
    data.mkdir(parents=True)
    # A publisher that waits for a backup says nothing for long on a busy machine, and is not to be dropped.
    # Nor is its encoder to be started again there.
    patient: dict[str, Any] = {
        "ingest_idle_timeout": PATIENCE,
        "encoder_stall_timeout": PATIENCE,
        **SMALL,
    }
    with running(data=data, **patient) as server:
        say(data, "user", "create", "alice", "--password-stdin", stdin=PASSWORD)
        say(data, "channel", "create", "news")
        key = say(data, "key", "create", "news")
        token = say(data, "token", "create", "--channel", "news")
        with dial(server) as publisher:
            send(publisher, [(0.0, chunk) for _, chunk in blobs(CLIP)[:20]])
            server.wait_state("live")
            say(data, "backup", str(archive))
            assert "Another ingestd runs" in say(data, "restore", str(archive), "--force", code=2)
            assert server.newest()["state"] == "live"  # type: ignore[index]
            publisher.close(STOP)
        server.wait_state("ended")
    shutil.rmtree(data)
    say(data, "restore", str(archive))
    with running(data=data, **patient) as server:
        assert signed_in(server) == 200
        server.channel, server.stream_key, server.token = "news", key, token
        with dial(server) as publisher:
            send(publisher, [(0.0, chunk) for _, chunk in blobs(CLIP)[:20]])
            server.wait_state("live")
            publisher.close(STOP)
        server.wait_state("ended")
