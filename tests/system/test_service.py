"""``ingestd serve`` as a service: what it tells systemd, and settings that are read again."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from tests.support.foreign import serving
from tests.support.ports import free_port
from tests.support.server import INGESTD, PATIENCE, Server, environment, wait_for
from tests.system.conftest import SMALL

HOST = "127.0.0.1"


class Ear:
    """Where systemd would listen. What comes is taken at once: the kernel keeps few messages, and one for
    which there is no room is lost."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._heard: Queue[bytes] = Queue()
        self._thread = Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while message := self._socket.recv(1000):
            self._heard.put(message)

    def hear(self, word: bytes) -> bytes:
        """The next message with this word in it."""
        deadline, message = time.monotonic() + PATIENCE, b""
        while word not in message:
            assert time.monotonic() < deadline, f"waited {PATIENCE:g} s in vain for {word!r}"
            message = self._heard.get(timeout=PATIENCE)
        return message

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        self._thread.join()
        self._socket.close()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    with closing(Ear(tmp_path / "notify")) as made:
        yield made


def told(server: Server, event: str, count: int = 1) -> dict[str, Any]:
    """The line with this event, once there are so many."""

    def found() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in server.logged().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    wait_for(lambda: f"{event}, {count} times; {server.logged()[-4000:]}", lambda: len(found()) >= count)
    return found()[-1]


def test_systemd_is_told_of_everything_and_a_reload_takes_over_what_it_can(ear: Ear, tmp_path: Path) -> None:
    settings = tmp_path / "ingestd.toml"
    settings.write_text("[hls]\nsegment = 1\n")
    environ = {"NOTIFY_SOCKET": ear.address, "WATCHDOG_USEC": "600000"}
    with serving({**environ, "INGESTD_CONFIG": str(settings)}, **SMALL) as (server, _):
        assert ear.hear(b"READY=1") == b"READY=1\nSTATUS=No broadcast"
        ear.hear(b"WATCHDOG=1")

        settings.write_text("[hls]\nsegment = 2\n[ingest]\nmax_broadcasts = 3\n")
        server.process.send_signal(signal.SIGHUP)
        ear.hear(b"RELOADING=1\nMONOTONIC_USEC=")
        ear.hear(b"READY=1")
        line = told(server, "configuration_reloaded")
        assert (line["applied"], line["restart_needed_for"]) == (["ingest.max_broadcasts"], ["hls.segment"])

        settings.write_text("[hls]\nsegment = 'long'\n")
        server.process.send_signal(signal.SIGHUP)
        assert "hls.segment = 'long'" in told(server, "configuration_not_reloaded")["reason"]
        settings.write_text("[http]\nbind = '0.0.0.0'\n")
        server.process.send_signal(signal.SIGHUP)
        assert "without TLS" in told(server, "configuration_not_reloaded", 2)["reason"]
        wait_for("all to be ready", lambda: server.get("/readyz")["ready"])
        words = told(server, "welcome")["words"]
        assert words.startswith(f"ingestd is ready: {server.hls}/ Sign in at {server.hls}/sign-in as admin; ")
        assert words.endswith(": ingestd user password admin")
        assert server.stream_key not in server.logged(), "what is no terminal is a log"

        for number, most in ((2, 4), (3, 5)):
            settings.write_text(f"[log]\nlevel = 'error'\n[ingest]\nmax_broadcasts = {most}\n")
            server.process.send_signal(signal.SIGHUP)
            line = told(server, "configuration_reloaded", number)
            assert "ingest.max_broadcasts" in line["applied"], "who has asked is answered at any level"

        server.process.send_signal(signal.SIGTERM)
        ear.hear(b"STOPPING=1")


def test_the_check_says_what_is_wrong_with_the_settings_and_starts_nothing(tmp_path: Path) -> None:
    """What `systemctl reload` asks first, since a signal has no answer."""
    settings, data = tmp_path / "ingestd.toml", tmp_path / "data"
    for text, code, words in (("", 0, ""), ("[hls]\nsegment = 'long'\n", 2, "hls.segment = 'long'")):
        settings.write_text(text)
        command = [*INGESTD, "serve", "--check", "--config", str(settings), "--data-dir", str(data)]
        ended = subprocess.run(command, env=environment({}), capture_output=True, text=True, timeout=PATIENCE)
        assert (ended.returncode, words in ended.stderr) == (code, True), ended.stderr
    assert not data.exists()


@pytest.mark.parametrize("other", [False, True], ids=["the same", "another one"])
def test_an_nginx_that_was_configured_otherwise_is_told_of(other: bool) -> None:
    """As after an upgrade, or a change of settings, that restarted ingestd alone."""
    port = free_port(HOST)
    before = {"INGESTD_HLS_SEGMENT": "2"} if other else {}
    with serving(of_nginx=before, nginx_stat_port=port, **SMALL) as (server, _):
        if other:
            assert "Restart it." in told(server, "nginx_configuration_other")["reason"]
        wait_for("its statistics", lambda: server.metric("ingestd_nginx_up"))
        assert ("nginx_configuration_other" in server.logged()) is other


def config_of(data: Path, *flags: str, **settings: object) -> subprocess.CompletedProcess[str]:
    command = [*INGESTD, "nginx-config", "--data-dir", str(data), *flags]
    return subprocess.run(
        command,
        env=environment({"rtmp_relay_port": 1941} | settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_the_configuration_of_nginx_is_private_and_holds_the_secret_that_both_know(tmp_path: Path) -> None:
    out = tmp_path / "nginx.conf"
    made = config_of(tmp_path / "data", "--out", str(out), rtmp_internal_port=1936)
    assert (made.returncode, made.stdout) == (0, ""), made.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    secret = (tmp_path / "data" / "nginx.secret").read_text().strip()
    assert f"http://{HOST}:4000/internal/{secret}/rtmp" in out.read_text()
    assert "syslog" not in out.read_text() and "rtmp_stat" not in out.read_text()


def test_without_a_file_the_configuration_goes_to_stdout(tmp_path: Path) -> None:
    settings = {"rtmp_internal_port": 1936, "viewers_listen": f"{HOST}:4001", "nginx_stat_port": 1937}
    made = config_of(tmp_path, **settings)
    tag = (tmp_path / "viewers.tag").read_text().strip()
    assert f"syslog:server={HOST}:4001,nohostname,tag={tag}" in made.stdout
    assert f"listen {HOST}:1937;" in made.stdout
    assert ("user " in made.stdout) == (os.geteuid() == 0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "rtmp.relay_port, not 0"),
        ({"rtmp_internal_port": 1936, "http_bind": "0.0.0.0"}, "without TLS"),
        ({"rtmp_internal_port": 1936, "nginx_rtmp_module": "/missing.so"}, "rtmp module was not found"),
    ],
)
def test_what_nginx_could_not_run_with_is_refused(
    tmp_path: Path, settings: dict[str, object], words: str
) -> None:
    made = config_of(tmp_path, **settings)
    assert made.returncode == 2
    assert words in made.stderr and "Traceback" not in made.stderr


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    made = config_of(tmp_path, "--out", f"{tmp_path}/missing/nginx.conf", rtmp_internal_port=1936)
    assert made.returncode == 2
    assert "cannot be written: No such file" in made.stderr
