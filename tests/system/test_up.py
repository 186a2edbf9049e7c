"""``ingestd up`` from its command line to its last child."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support import http
from tests.support.foreign import serving
from tests.support.publisher import blobs, dial, publish, send
from tests.support.server import PATIENCE, Server, alive, environment, running, wait_for
from tests.system.conftest import SMALL

CLIP = "vp8-opus_ts250_kf2000.webm"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that other users can reach, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="ingestd-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def ingestd(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ingestd", *arguments]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("INGESTD_")}
    return subprocess.run(command, env=kept | environment, capture_output=True, text=True, timeout=PATIENCE)


def test_the_ready_file_says_everything_and_is_private() -> None:
    with running(**SMALL) as server:
        ready = server.data.parent / "ready.json"
        assert stat.S_IMODE(ready.stat().st_mode) == 0o600
        facts = json.loads(ready.read_text())
        assert set(facts) == {"http", "hls", "rtmp", "channel", "stream_key", "token", "pid"}
        assert facts["pid"] == server.process.pid
        assert facts["rtmp"].startswith("rtmp://127.0.0.1:")
        assert facts["rtmp"].endswith("/live")
        assert facts["channel"] == "demo"
        for entry in (facts["http"], facts["hls"]):
            assert http.get(f"{entry}/healthz").json() == {"status": "ok"}
        for name in ("secret", "storage.key", "demo.key", "ingestd.db"):
            assert stat.S_IMODE((server.data / name).stat().st_mode) == 0o600


def test_the_printed_link_carries_the_secret_in_its_fragment_only() -> None:
    with running(**SMALL) as server:
        printed = server.data.parent / "printed"  # when it is ready, and so has said that it is

        def links() -> list[str]:
            return [word for word in printed.read_text().split() if "/broadcast#" in word]

        link, *_ = wait_for("the link", links)
        address, _, fragment = link.partition("#")
        assert server.stream_key in fragment
        assert "token=ey" in fragment
        assert address == f"{server.hls}/broadcast"


def test_a_second_start_has_the_same_key_and_goes_on_with_what_was_left_open(place: Path) -> None:
    data = place / "data"
    with running(data=data, expect_clean=False, **SMALL) as first:
        key = first.stream_key
        with dial(first) as connection:
            send(connection, [(0.0, blob) for _, blob in blobs(CLIP)])
            live = first.wait_for("a playlist", lambda one: one["hls"] is not None)
            first.process.kill()
            first.process.wait()
        playlist = data / "hls" / "public" / "demo" / live["id"] / "360p.m3u8"
        assert "ENDLIST" not in playlist.read_text()
        wait_for("FFmpeg to die with its parent", lambda: not _using(data))
    with running(data=data, ingest_resume_window=2, **SMALL) as second:
        assert second.stream_key == key
        found = second.newest()
        assert found and found["state"] in ("interrupted", "ending", "ended")
        assert http.get(f"{second.hls}/hls/demo/{live['id']}/360p.m3u8").status_code == 200
        assert second.wait_state("ended")["id"] == live["id"]
        assert "ENDLIST" in playlist.read_text()
    assert not list((data / "journal").iterdir())


def _using(directory: Path) -> list[psutil.Process]:
    """Processes whose working directory or command line lies in a directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and str(directory) in f"{process.cwd()} {process.cmdline()}":
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_child_while_live(number: int) -> None:
    with running(ingest_idle_timeout=PATIENCE, **SMALL) as server, dial(server) as connection:
        send(connection, [(0.0, blob) for _, blob in blobs(CLIP)])
        live = server.wait_for("a playlist", lambda one: one["hls"] is not None)
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert server.children("ffmpeg") and server.children("nginx")
        server.process.send_signal(number)
        assert server.process.wait(PATIENCE) == 0
        wait_for("its children to die", lambda: not [process for process in family if alive(process)])
        directory = server.data / "hls" / "public" / "demo" / live["id"]
        assert not any("ENDLIST" in path.read_text() for path in directory.glob("*p.m3u8"))
        with pytest.raises(Exception, match="1012"):
            connection.recv(timeout=PATIENCE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_it_runs_as_an_ordinary_user(place: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(place, nobody.pw_uid, nobody.pw_gid)
    ready = place / "ready.json"
    interpreter = Path(sys.executable)
    for needed in (interpreter, Path(__file__)):
        if not _reachable(needed):
            pytest.skip(f"{needed} is not reachable for an ordinary user on this machine")
    command = [str(interpreter), "-m", "ingestd", "up", "--data-dir", str(place / "data")]
    command += ["--http-port", "0", "--hls-port", "0", "--rtmp-port", "0", "--ready-file", str(ready)]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            env=environment(SMALL),
            stderr=log,
            cwd=place,
        )
    try:
        wait_for("the server", lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, (place / "log").read_text()
        facts = json.loads(ready.read_text())
        facts.pop("pid")
        server = Server(process, place / "data", place / "log", **facts)
        publish(server, CLIP, fast=True)
        assert server.wait_state("ended", "failed")["state"] == "ended"
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


def _reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def test_a_taken_port_is_named_with_the_flag_that_mends_it(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        free = ["--hls-port", "0", "--rtmp-port", "0", "--data-dir", str(place / "data")]
        ended = ingestd("up", "--http-port", port, *free)
        assert ended.returncode == 2
        assert f"Port {port}" in ended.stderr
        assert "--http-port" in ended.stderr
        ended = ingestd("up", "--http-port", "0", "--rtmp-port", "0", "--hls-port", port, *free[4:])
        assert ended.returncode == 2
        assert f"Port {port}" in ended.stderr
        assert "--hls-port" in ended.stderr


def test_two_servers_do_not_share_a_data_directory(place: Path) -> None:
    with running(data=place / "data", **SMALL):
        ended = ingestd("up", "--data-dir", str(place / "data"), "--http-port", "0", "--hls-port", "0")
        assert ended.returncode == 2
        assert "Another ingestd runs" in ended.stderr


def test_serve_works_with_an_nginx_of_somebody_else() -> None:
    with serving(**SMALL) as (server, _):
        publish(server, CLIP, fast=True)
        ended = server.wait_state("ended", "failed")
        assert ended["state"] == "ended"
        assert "720" not in server.fetch(ended["hls"])
        assert server.children("nginx") == []


def test_serve_without_a_place_for_nginx_is_refused(place: Path) -> None:
    ended = ingestd("serve", "--data-dir", str(place / "data"), "--http-port", "0", "--hls-port", "0")
    assert ended.returncode == 2
    assert "--hls-port" in ended.stderr


@pytest.mark.parametrize("secret", ["secret", "x" * 64])
def test_serve_takes_no_secret_that_can_be_guessed(place: Path, secret: str) -> None:
    (place / "data").mkdir()
    (place / "data" / "nginx.secret").write_text(secret)
    ports = ["--http-port", "0", "--set", "rtmp.internal_port=1940"]
    ended = ingestd("serve", "--data-dir", str(place / "data"), *ports)
    assert ended.returncode == 2
    assert "nginx.secret is too" in ended.stderr and "openssl rand" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (
            ["--set", "hls.segment=99"],
            {},
            ["hls.segment", "99", "less than or equal to 10", "--set hls.segment"],
        ),
        (["--set", "hls.colour=1"], {}, ["hls.colour", "hls.segment"]),
        (["--http-port", "abc"], {}, ["http.port", "abc", "--http-port"]),
        ([], {"INGESTD_HLS_WINDOW": "-1"}, ["hls.window", "-1", "INGESTD_HLS_WINDOW"]),
        ([], {"INGESTD_HLS_WINDOWS": "1"}, ["INGESTD_HLS_WINDOWS", "INGESTD_HLS_WINDOW"]),
    ],
)
def test_a_bad_setting_stops_the_start_with_all_that_is_needed(
    arguments: list[str], environment: dict[str, str], words: list[str]
) -> None:
    ended = ingestd("up", *arguments, **environment)
    assert ended.returncode == 2
    for word in words:
        assert word in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_teaches() -> None:
    for command in ("up", "serve", "publish", "doctor"):
        assert command in ingestd("--help").stdout
        assert "usage: ingestd " + command in ingestd(command, "--help").stdout
