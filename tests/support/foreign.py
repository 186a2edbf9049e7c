"""``ingestd serve`` beside an nginx that somebody else looks after: one that it cannot start again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from ingestd.nginx.config import NginxValues, find_rtmp_module, find_stream_module, render
from ingestd.nginx.launch import Ports
from ingestd.nginx.server import free_port
from tests.support.server import INGESTD, PATIENCE, Server, environment, wait_for

_HOST = "127.0.0.1"
_SECRET = "the-secret-of-both-0123456789-of-32-and-more"


@contextmanager
def serving(**settings: object) -> Iterator[tuple[Server, psutil.Process]]:
    """The server, and the master of its nginx. ``settings`` as for :func:`tests.support.server.running`."""
    root = Path(tempfile.mkdtemp(prefix="ingestd-test-"))
    root.chmod(0o755)
    data, ready = root / "data", root / "ready.json"
    http, ports = free_port(_HOST), Ports(*(free_port(_HOST) for _ in range(4)))
    config = _write_config(data, http, ports)
    command = [*INGESTD, "serve", "--data-dir", str(data), "--ready-file", str(ready)]
    command += ["--http-port", str(http), "--hls-port", str(ports.hls), "--rtmp-port", str(ports.rtmp)]
    command += ["--set", f"rtmp.internal_port={ports.internal}", "--set", "log.style=json"]
    given = environment(settings)
    try:
        with ExitStack() as stack, (root / "log").open("wb") as log:
            path = {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
            nginx = subprocess.Popen(["nginx", "-c", str(config)], env=path, stderr=log)
            stack.callback(_stop, nginx)
            daemon = subprocess.Popen(command, env=given, stdout=log, stderr=log)
            stack.callback(_stop, daemon)
            wait_for(f"the daemon ({root / 'log'})", lambda: ready.exists() or daemon.poll() is not None)
            assert daemon.poll() is None, (root / "log").read_text()
            facts = json.loads(ready.read_text())
            facts.pop("pid")
            server = Server(daemon, data, root / "log", **facts)
            wait_for("nginx", lambda: server.get("/readyz")["ready"])
            yield server, psutil.Process(nginx.pid)
        assert (daemon.returncode, nginx.returncode) == (0, 0), server.logged()[-4000:]
        assert "Traceback" not in server.logged(), server.logged()[-4000:]
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _write_config(data: Path, http_port: int, ports: Ports) -> Path:
    """Beside the secret that ``serve`` would otherwise make: it stands in the configuration."""
    for name in ("hls/public", "hls/private", "nginx"):
        (data / name).mkdir(parents=True)
    module = find_rtmp_module("")
    assert module is not None
    http = f"{_HOST}:{http_port}"
    values = NginxValues(
        directory=data / "nginx",
        hls=data / "hls",
        rtmp_module=module,
        rtmp_listen=f"{_HOST}:{ports.rtmp}",
        rtmp_inner=f"{_HOST}:{free_port(_HOST)}",
        rtmp_relay=f"{_HOST}:{ports.relay}",
        stream_module=find_stream_module(),
        rtmp_internal=f"{_HOST}:{ports.internal}",
        rtmp_publishers=_HOST,
        callbacks=f"http://{http}/internal/{_SECRET}/rtmp",
        watch=f"http://{http}/internal/{_SECRET}/watch",
        hls_listen=f"{_HOST}:{ports.hls}",
        http_address=http,
        segment_ms=1000,
        user="user root;" if os.geteuid() == 0 else "",
    )
    (data / "nginx.secret").write_text(_SECRET)
    config = data / "nginx.conf"
    config.write_text(render(values))
    return config


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM; a test that has failed may have left children of it that are stopped."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    for one in family:
        if one.status() == psutil.STATUS_STOPPED:
            one.resume()
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
