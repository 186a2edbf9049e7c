"""``ingestd up`` and ``ingestd serve``: the server, with or without an nginx of its own."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import sys
from pathlib import Path

import structlog

from ingestd import telemetry
from ingestd.cli.nginx_config import write
from ingestd.cli.options import add_settings, settings_of
from ingestd.errors import IngestdError, StartError
from ingestd.log import configure, in_json
from ingestd.safety import unsafe
from ingestd.systemd import in_journal

_LOGGER = "ingestd.cli.server"

log = structlog.get_logger(_LOGGER)

_UP = """\
Everything on this machine: writes nginx's configuration into the data directory, starts nginx and
watches over it, serves the pages, and prints where to go. Ctrl-C ends every child.
"""

_SERVE = """\
The daemon alone, for containers and systemd: nginx with nginx-rtmp runs elsewhere, has the
configuration that `ingestd nginx-config` writes, and shares the data directory's hls/. SIGHUP
(systemctl reload) reads the settings again, and the log says what of them takes a restart.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    for name, with_nginx, words in (("up", True, _UP), ("serve", False, _SERVE)):
        command = commands.add_parser(
            name,
            help=words.partition(":")[0].lower(),
            description=words,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument(
            "--ready-file",
            metavar="FILE",
            type=Path,
            help="when all is ready, write addresses, stream key and token there as JSON (mode 0600)",
        )
        if not with_nginx:
            command.add_argument(
                "--nginx-config",
                metavar="FILE",
                type=Path,
                help="first write nginx's configuration there, as 'ingestd nginx-config' does",
            )
            command.add_argument(
                "--check",
                action="store_true",
                help="only say whether these settings can be used (exit code 0), and end",
            )
        command.set_defaults(run=run, with_nginx=with_nginx, nginx_config=None, check=False)
        add_settings(command)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    # a journal or a container's log: more people may read it than the data directory, and so do programs
    in_public = in_journal(sys.stdout) or not (arguments.with_nginx or sys.stdout.isatty())
    if not in_public:
        return _serve(arguments, in_public=False)
    configure("auto", "info")  # until the settings say how
    try:
        return _serve(arguments, in_public=True)
    except IngestdError as error:
        if not in_json():
            raise
        log.error("not_started", reason=str(error))
        return 2


def _serve(arguments: argparse.Namespace, *, in_public: bool) -> int:
    settings = settings_of(arguments)
    if reason := unsafe(settings):
        raise StartError(reason)
    if arguments.check:
        return 0
    lines = configure(settings.log.style, settings.log.level)
    if arguments.nginx_config:
        write(arguments.nginx_config, settings)
    if settings.telemetry.otlp_endpoint:
        telemetry.start(settings.telemetry.otlp_endpoint)
    # Only here, so that "--help" need not import a web server and a database to say what there is.
    import uvloop

    from ingestd.app import Daemon

    daemon = Daemon(
        settings,
        with_nginx=arguments.with_nginx,
        say=_note if in_public and in_json() else _say,
        ready_file=arguments.ready_file,
        in_public=in_public,
        # a terminal that is closed says SIGHUP too, and ends `up`
        reread=None if arguments.with_nginx else lambda: settings_of(arguments),
        lines=lines,
    )
    # SIGABRT is how systemd ends what its watchdog found hanging: say where it hung. Not as JSON: that is
    # written where Python itself stands still.
    faulthandler.enable()
    uvloop.run(daemon.run())
    return 0


def _say(words: str) -> None:
    print(words, flush=True, file=sys.stdout)


def _note(words: str) -> None:
    """As a line of the log, whatever its level: it is said once, and somebody waits for it."""
    logging.getLogger(_LOGGER).setLevel(logging.INFO)
    log.info("welcome", words=" ".join(words.splitlines()))
