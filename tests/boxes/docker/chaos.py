"""The container of ingestd is replaced while it is live (``make chaos``).

Runs inside the box, in the checkout, with Debian's Python, numpy and FFmpeg.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.boxes.chaos import HLS, Service, run, words
from tests.boxes.docker.check import compose, container, in_ingestd, main_pid, override, up
from tests.chaos.clip import CODECS
from tests.chaos.form import environment, settings

_RUN = "docker run --rm --no-healthcheck --network=host -eINGESTD_STREAM_KEY -eINGESTD_TOKEN".split()


class Log:
    """What all containers of ingestd have said: with one of them that is gone, so is its own."""

    def __init__(self) -> None:
        self._file = Path(tempfile.mkdtemp(), "log")
        self._file.touch()

    def follow(self) -> None:
        """The container that there is now, until it is no more."""
        with self._file.open("ab") as file:
            subprocess.Popen(["docker", "logs", "--follow", container("ingestd")], stdout=file, stderr=file)

    def read(self) -> str:
        return self._file.read_text(errors="replace")


def replace(log: Log) -> None:
    """ingestd's container is another one then, nginx is the same."""
    before, nginx = container("ingestd"), main_pid("nginx")
    up("--force-recreate", "--no-deps", "ingestd")
    log.follow()
    assert container("ingestd") != before, "it is the same container"
    assert main_pid("nginx") == nginx, "nginx is another one"


FAULTS = {"container-replaced": replace}


def publish(path: Path) -> list[str]:
    """In a container of its own, through nginx."""
    return [*_RUN, f"-v{path}:/clip:ro", "ingestd", "publish", "--server", f"http://127.0.0.1:{HLS}", "/clip"]


def main(arguments: list[str]) -> int:
    form, strikes = words(arguments)
    with override(ingestd={"environment": environment(settings(form, CODECS))}):
        compose("build", "--quiet")
        up()
        log = Log()
        log.follow()
        service = Service(
            ingestd=lambda *what: in_ingestd("ingestd", *what),
            publish=publish,
            faults={name: partial(act, log) for name, act in FAULTS.items()},
            log=log.read,
        )
        return run(service, form, strikes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
