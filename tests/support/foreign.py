"""``ingestd serve`` beside an nginx that somebody else looks after: one that it cannot start again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from tests.support.ports import free_port
from tests.support.server import INGESTD, PATIENCE, Server, environment, wait_for

_HOST = "127.0.0.1"


@contextmanager
def serving(
    environ: Mapping[str, str] | None = None, of_nginx: Mapping[str, str] | None = None, **settings: object
) -> Iterator[tuple[Server, psutil.Process]]:
    """The server, and the master of its nginx. ``settings`` as for :func:`tests.support.server.running`;
    ``environ`` what else stands in the environment of both, ``of_nginx`` when nginx was configured."""
    root = Path(tempfile.mkdtemp(prefix="ingestd-test-"))
    root.chmod(0o755)
    data, ready = root / "data", root / "ready.json"
    flags = ["--data-dir", str(data), "--set", "log.style=json"]
    ports = (
        "--http-port=",
        "--hls-port=",
        "--rtmp-port=",
        "--set=rtmp.internal_port=",
        "--set=rtmp.relay_port=",
    )
    flags += [f"{flag}{free_port(_HOST)}" for flag in ports]
    command = [*INGESTD, "serve", *flags, "--ready-file", str(ready)]
    given = {**environment(settings), **(environ or {})}
    config = _write_config(root, flags, {**given, **(of_nginx or {})})
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


def _write_config(root: Path, flags: Sequence[str], environ: Mapping[str, str]) -> Path:
    """As ``ingestd nginx-config`` makes it."""
    config = root / "nginx.conf"
    command = [*INGESTD, "nginx-config", *flags, "--out", str(config)]
    subprocess.run(command, env=environ, check=True, timeout=PATIENCE)
    return config


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM; a test that has failed may have left children of it that are stopped."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    for one in family:
        with suppress(psutil.NoSuchProcess):
            if one.status() == psutil.STATUS_STOPPED:
                one.resume()
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
