"""A data directory that cannot be written to: at the start, and while a broadcast is live."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.stage import can_mount
from tests.support import http
from tests.support.accounts import make_channels
from tests.support.resumable import Resumable
from tests.support.server import INGESTD, PATIENCE, Server, environment, running, wait_for
from tests.system.numbered import NUMBERED, WINDOW, check_whole, recording, wait_received

CANNOT = "this process may not mount file systems"


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """As after an error of its disk: even root cannot write there. Files that are open stay writable."""
    subprocess.run(["mount", "--bind", directory, directory], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def refused(data: Path) -> str:
    """What a server says that does not start with this data directory."""
    command = [*INGESTD, "up", "--data-dir", str(data), "--http-port", "0", "--hls-port", "0", "--rtmp-port"]
    done = subprocess.run(
        [*command, "0"], capture_output=True, text=True, timeout=PATIENCE, env=environment({})
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    return done.stderr


def test_a_file_in_the_way_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for data in (tmp_path / "file", tmp_path / "file" / "data"):
        assert f"The data directory {data} cannot be used" in refused(data)


def test_a_read_only_directory_is_told_at_the_start(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip(CANNOT)
    with read_only(tmp_path):
        for data in (tmp_path, tmp_path / "data"):
            said = refused(data)
            assert f"The data directory {data} cannot be used: Read-only file system." in said


@pytest.mark.parametrize("name", ["hls", "hls/public", "hls/open", "journal", "scratch", "nginx", "secret"])
def test_what_is_in_the_way_of_a_part_of_it_is_told_at_the_start(name: str, tmp_path: Path) -> None:
    in_the_way = tmp_path / name
    in_the_way.parent.mkdir(exist_ok=True)
    if name == "secret":
        in_the_way.mkdir()
    else:
        in_the_way.write_text("")
    said = refused(tmp_path)
    assert str(in_the_way) in said.splitlines()[-1], said


@pytest.mark.parametrize("installed", [False, True], ids=["at the first start", "later"])
def test_a_full_disk_is_told_at_the_start(installed: bool, tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip(CANNOT)
    data = tmp_path / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "ingestd-test", data], check=True)
    try:
        if installed:
            make_channels(data, [])
        with (data / "ballast").open("wb", 0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(512))
        said = refused(data)
        assert "No space left" in said or "may be full" in said, said
    finally:
        subprocess.run(["umount", "--lazy", data], check=True)


def reasons(server: Server) -> list[str]:
    found: list[str] = http.get(f"{server.http}/readyz", timeout=PATIENCE).json()["reasons"]
    return found


def test_at_run_time_readyz_says_so_and_nothing_is_lost() -> None:
    if not can_mount():
        pytest.skip(CANNOT)
    source = recording()
    data = source.path.read_bytes()
    half = len(data) // 2
    patient: dict[str, Any] = {"ingest_idle_timeout": PATIENCE, **NUMBERED}
    with running(ingest_resume_window=WINDOW, **patient) as server:
        publisher = Resumable.start(server)
        publisher.send(data[:half])
        server.wait_for("something in the playlist", lambda one: one["media_time"] >= 1)
        assert reasons(server) == []
        hls = server.data / "hls"
        with read_only(hls):
            assert not os.access(hls, os.W_OK)
            told = f"The server cannot write to {hls}: read-only, or gone."
            assert told in reasons(server)
            publisher.send(data[half:])
            wait_received(server, len(data))
            at = server.newest()
            assert at and at["state"] not in ("failed", "ended")
        wait_for("all well", lambda: not reasons(server))
        publisher.finish()
        check_whole(server, publisher.broadcast, 0, source.frames)
