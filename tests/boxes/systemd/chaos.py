"""The service under a systemd of its own is restarted while it is live (``make chaos``).

Runs inside the box, with Debian's Python and FFmpeg, and numpy.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.boxes.chaos import Service, run, words
from tests.boxes.common import command, wait_for
from tests.boxes.systemd.check import encoders, journal, main_pid, ready
from tests.chaos.clip import CODECS
from tests.chaos.form import Form, environment, settings

_DAEMON, _NGINX = "ingestd", "ingestd-nginx"
_DROP_IN = Path("/etc/systemd/system/ingestd.service.d/chaos.conf")


def start(form: Form) -> None:
    """With the settings of other runs, whatever stands in its file."""
    lines = [f'Environment="{name}={value}"' for name, value in environment(settings(form, CODECS)).items()]
    _DROP_IN.parent.mkdir()
    _DROP_IN.write_text("\n".join(["[Service]", *lines, ""]))
    command("systemctl", "daemon-reload")
    command("systemctl", "enable", "--now", _DAEMON)
    wait_for("ready", ready)


def restart(*units: str) -> None:
    """These are new then, the others are not, and no encoder has outlived its daemon."""
    before = {unit: main_pid(unit) for unit in (_DAEMON, _NGINX)}
    running = set(encoders())
    command("systemctl", "restart", *units)
    assert not (left := running & set(encoders())), f"{len(left)} encoders outlived their daemon"
    wait_for("ready", ready)
    renewed = tuple(unit for unit in before if main_pid(unit) != before[unit])
    assert renewed == units, f"{renewed} are new, {units} should be"


FAULTS = {
    "service-restarted": lambda: restart(_DAEMON),
    "services-restarted": lambda: restart(_DAEMON, _NGINX),
}


def main(arguments: list[str]) -> int:
    form, strikes = words(arguments)
    start(form)
    service = Service(
        ingestd=lambda *what: command("ingestd", *what),
        publish=lambda path: ["ingestd", "publish", str(path)],
        faults=FAULTS,
        log=journal,
    )
    return run(service, form, strikes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
