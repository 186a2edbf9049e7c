"""``ingestd up`` and ``ingestd serve``: the server, with or without an nginx of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ingestd import log
from ingestd.cli.options import add_settings, settings_of
from ingestd.errors import StartError
from ingestd.safety import unsafe

_UP = """\
Everything on this machine: writes nginx's configuration into the data directory, starts nginx and
watches over it, serves the pages, and prints where to go. Ctrl-C ends every child.
"""

_SERVE = """\
The daemon alone, for containers and systemd: nginx with nginx-rtmp runs elsewhere, has a
configuration made from nginx-rtmp/nginx.conf.template, and shares the data directory's hls/.
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
        add_settings(command)
        command.set_defaults(run=run, with_nginx=with_nginx)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    settings = settings_of(arguments)
    if reason := unsafe(settings, own_nginx=arguments.with_nginx):
        raise StartError(reason)
    log.configure(settings.log.style, settings.log.level)
    # Only here, so that "--help" need not import a web server and a database to say what there is.
    import uvloop

    from ingestd.app import Daemon

    daemon = Daemon(settings, with_nginx=arguments.with_nginx, say=_say, ready_file=arguments.ready_file)
    uvloop.run(daemon.run())
    return 0


def _say(words: str) -> None:
    print(words, flush=True, file=sys.stdout)
