"""nginx alone, with the configuration that ``ingestd up`` writes, before a stand-in for ingestd."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ingestd.nginx.config import NginxValues, find_rtmp_module, find_stream_module, render
from ingestd.nginx.guard import close_all_but, open_all
from ingestd.nginx.server import worker_user
from tests.support.ports import free_port
from tests.support.server import PATIENCE, wait_for

HOST = "127.0.0.1"
SECRET = "callback-secret"
GOOD_FOR = "max-age=10, stale-if-error=60"  # what ingestd says with a yes
NO_FOR = "max-age=2"  # and with a no
PUBLIC = "demo"  # the channel that everybody may watch
# nginx waits no longer for ingestd's verdict. The stand-in is a thread of the test's own process: how long
# that one stands still on a busy machine is no test's business.
_READ = "proxy_read_timeout 2s;"


class StandIn(ThreadingHTTPServer):
    """Says yes to the tokens and sessions that it knows; notes everything that it is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.tokens: set[tuple[str, str]] = set()  # channel, token
        self.sessions: set[str] = set()
        self.good_for, self.no_for, self.refusal = GOOD_FOR, NO_FOR, 403
        self.asked: list[dict[str, str]] = []
        self.headers: dict[str, str] = {}  # of every answer
        super().__init__((HOST, 0), _Answers)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that nginx has dropped is none of our business."""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0))).decode()
        self.server.asked.append({":path": self.path, ":body": body, **headers})
        status, age = self._verdict(headers)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Cache-Control", age)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    do_HEAD = do_POST = do_GET

    def _verdict(self, headers: dict[str, str]) -> tuple[int, str]:
        if self.path != f"/internal/{SECRET}/watch":
            return 404, "no-store"
        session = headers.get("cookie", "").removeprefix("ingestd_session=")
        known = (headers.get("x-channel", ""), headers.get("x-token", "")) in self.server.tokens
        if known or session in self.server.sessions:
            return 204, self.server.good_for
        return (401 if not headers.get("x-token") else self.server.refusal), self.server.no_for

    def log_message(self, format: str, *args: Any) -> None:
        pass


@dataclass
class Front:
    """A running nginx: where it listens, where its files are, and what stands behind it."""

    root: Path
    values: NginxValues
    behind: StandIn
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def authority(self) -> str:
        return self.values.hls_listen

    @property
    def hls(self) -> Path:
        return self.values.hls

    def file(self, path: str, text: str = "x") -> None:
        """A file of the public tree."""
        target = self.hls / "public" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def start(self) -> None:
        config = self.values.directory / "nginx.conf"
        text = render(self.values)
        assert _READ in text
        config.write_text(text.replace(_READ, f"proxy_read_timeout {PATIENCE:g}s;"))
        path = {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["nginx", "-c", str(config), "-p", str(self.root)], env=path, stderr=log
            )
        pid = self.values.directory / "nginx.pid"
        wait_for("nginx", lambda: self._listens(pid))

    def _listens(self, pid: Path) -> bool:
        assert self.process and self.process.poll() is None, self.logged()
        return pid.exists() and pid.read_text().strip() == str(self.process.pid)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            assert self.process.wait(PATIENCE) == 0

    def logged(self) -> str:
        return (self.root / "log").read_text()


def say_public(hls: Path, *channels: str) -> None:
    """As the daemon does it: everybody may watch these, and no others."""
    close_all_but(hls, channels)
    open_all(hls, channels)


@contextmanager
def front(**changes: Any) -> Iterator[Front]:
    """Start nginx; ``changes`` are fields of its values, callables are given the directory."""
    root = Path(tempfile.mkdtemp(prefix="ingestd-test-"))
    root.chmod(0o755)  # the worker is another user
    for name in ("nginx", "hls/public", "hls/private"):
        (root / name).mkdir(parents=True)
    say_public(root / "hls", PUBLIC)
    behind = StandIn()
    module = find_rtmp_module("")
    assert module
    address = f"{HOST}:{behind.port}"
    values: dict[str, Any] = {
        "directory": root / "nginx",
        "hls": root / "hls",
        "rtmp_module": module,
        "rtmp_listen": f"{HOST}:{free_port(HOST)}",
        "rtmp_inner": f"{HOST}:{free_port(HOST)}",
        "rtmp_relay": f"{HOST}:{free_port(HOST)}",
        "rtmp_internal": f"{HOST}:{free_port(HOST)}",
        "rtmp_publishers": HOST,
        "callbacks": f"http://{address}/internal/{SECRET}/rtmp",
        "watch": f"http://{address}/internal/{SECRET}/watch",
        "hls_listen": f"{HOST}:{free_port(HOST)}",
        "http_address": address,
        "segment_ms": 1000,
        "user": worker_user(root, root / "hls" / "private"),
        "stream_module": find_stream_module(),
    }
    values |= {name: value(root) if callable(value) else value for name, value in changes.items()}
    made = Front(root, NginxValues(**values), behind)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        behind.shutdown()
        behind.server_close()
        shutil.rmtree(root, ignore_errors=True)
