"""``ingestd nginx-config``: the configuration of an nginx that runs beside ``ingestd serve``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ingestd import log
from ingestd.cli.options import add_settings, settings_of
from ingestd.errors import StartError
from ingestd.nginx.launch import Launch, Ports
from ingestd.safety import unsafe
from ingestd.settings import Settings, default_data_dir

_DESCRIPTION = """\
Write nginx's configuration, from the same settings as those of `ingestd serve`, beside which that
nginx runs: it serves and writes hls/ in the data directory, and asks ingestd whoever may publish and
watch. As another user than root, nginx has to run as the same user as ingestd; started by root, its
workers are www-data.

The file holds a secret, that of nginx.secret in the data directory: it is readable for you alone.
"""

_EPILOG = """\
examples:
  ingestd nginx-config --out nginx.conf && nginx -c "$PWD/nginx.conf"
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "nginx-config",
        help="write the configuration for an nginx beside 'ingestd serve'",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--out", metavar="FILE", type=Path, help="where to (default: stdout)")
    add_settings(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write it."""
    settings = settings_of(arguments)
    if reason := unsafe(settings):
        raise StartError(reason)
    log.configure(settings.log.style, "warning")  # to stderr: stdout may be the file
    if arguments.out is None:
        sys.stdout.write(configuration(settings))
    else:
        write(arguments.out, settings)
    return 0


def write(file: Path, settings: Settings) -> None:
    """Replace the file at once, readable for us alone. Raises StartError."""
    launch, ports = _beside(settings)
    launch.write(file, settings.http.port, ports)


def configuration(settings: Settings) -> str:
    """The text. Raises StartError."""
    launch, ports = _beside(settings)
    return launch.text(settings.http.port, ports)


def _beside(settings: Settings) -> tuple[Launch, Ports]:
    """Makes the directories and the secrets that both share."""
    # Only here: it knows every part of the server, and "--help" need not import them all.
    from ingestd import wiring

    data, rtmp = (settings.data.dir or default_data_dir()).absolute(), settings.rtmp
    ports = Ports(settings.hls.port, rtmp.port, rtmp.internal_port, rtmp.relay_port, settings.nginx.stat_port)
    if not all((settings.http.port, ports.hls, ports.rtmp, ports.internal, ports.relay)):
        raise StartError(
            "nginx and ingestd have to know each other's ports: set --http-port, --hls-port, --rtmp-port,"
            " rtmp.internal_port and rtmp.relay_port, not 0."
        )
    try:
        for name in ("hls/public", "hls/private"):
            (data / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"The data directory {data} cannot be used: {error.strerror}.") from None
    return wiring.beside(settings, data), ports
