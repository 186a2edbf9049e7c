"""A Prometheus of the tests' own: Debian's, with the configuration of this checkout, on a free port."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.monitoring.expressions import RULES
from tests.support import http
from tests.support.ports import free_port
from tests.support.server import wait_for

_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    client: httpx.Client

    def get(self, path: str, **parameters: str) -> Any:
        answer = self.client.get(path, params=parameters)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def series(self, expression: str) -> list[dict[str, str]]:
        """The labels of the series that an expression has now, those that are no number left out."""
        found = self.get("/query", query=expression)
        assert found["resultType"] == "vector", expression
        return [one["metric"] for one in found["result"] if one["value"][1] != "NaN"]

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.get("/rules")["groups"] for rule in group["rules"]]


@contextmanager
def scraping(target: str) -> Iterator[Prometheus]:
    """Prometheus looks at ``target`` (host:port) and evaluates the rules once a second."""
    with tempfile.TemporaryDirectory(prefix="ingestd-prometheus-") as name:
        scratch = Path(name)
        config = hurried(scratch / "config", target)
        port = free_port(_HOST)
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={scratch / 'data'}"]
        command += [f"--web.listen-address={_HOST}:{port}", "--log.level=warn"]
        with (scratch / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            with http.Client(base_url=f"http://{_HOST}:{port}/api/v1") as client:
                wait_for("Prometheus", lambda: _ready(process, port, scratch / "log"))
                yield Prometheus(client)
        finally:
            process.terminate()
            process.wait()


def hurried(config: Path, target: str) -> Path:
    """A copy of the configuration that asks ``target``, and once a second."""
    shutil.copytree(RULES, config)
    (config / "targets.yml").write_text(f'- targets: ["{target}"]\n')
    path = config / "prometheus.yml"
    text = path.read_text()
    assert text.count("_interval: 10s") == 2
    path.write_text(text.replace("_interval: 10s", "_interval: 1s"))
    return path


def _ready(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return http.get(f"http://{_HOST}:{port}/-/ready").is_success
    except httpx.TransportError:
        return False
