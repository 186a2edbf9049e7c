"""``ingestd``: the command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ingestd import __version__
from ingestd.errors import IngestdError, Refused

_READER_GONE = 141  # what a shell says of SIGPIPE

# Which module registers which command, in the order of --help.
_MODULES = {
    "up": "server",
    "serve": "server",
    "nginx-config": "nginx_config",
    "publish": "publish",
    "doctor": "doctor",
    "status": "status",
    "backup": "backup",
    "restore": "backup",
    "user": "users",
    "channel": "channels",
    "key": "keys",
    "target": "targets",
    "token": "tokens",
    "secret": "tokens",
    "audit": "audit",
}

_DESCRIPTION = """\
A live-streaming origin in which the browser is a first-class encoder.

  ingestd up                     run everything on this machine; prints where to go
  ingestd doctor                 check what is installed, and say how to mend what is missing
  ingestd status                 how the server is, and each open broadcast, live
  ingestd publish clip.webm      send a file as a browser would send its camera

  ingestd user create alice      let somebody sign in
  ingestd channel create news    make a place that viewers watch
  ingestd key create news        make a stream key, with which an encoder publishes there
  ingestd token create --channel news --scope watch      let somebody watch a private channel
  ingestd audit                  who did what

  ingestd backup FILE            people, channels, keys and secrets in one file; 'restore' puts them back
"""

_EPILOG = """\
Settings come from a TOML file (--config FILE, or INGESTD_CONFIG), then from INGESTD_<SECTION>_<KEY>
in the environment, then from flags. config/ingestd.toml names and explains every one of them.
"""


def parser(first: str = "") -> argparse.ArgumentParser:
    """The command line; each command's module registers itself.

    Of a line whose ``first`` word is a command only that command's module is imported: they take
    longer to import than most commands take to run.
    """
    made = argparse.ArgumentParser(
        "ingestd",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"ingestd {__version__}")
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    names = [_MODULES[first]] if first in _MODULES else dict.fromkeys(_MODULES.values())
    for name in names:
        import_module(f"ingestd.cli.{name}").register(commands)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. An error that we know is one plain paragraph on stderr."""
    words = sys.argv[1:] if argv is None else argv
    arguments = parser(*words[:1]).parse_args(words)
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has had enough ("ingestd audit | head"): nobody is there to be told at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    except Refused as error:
        print(f"ingestd: {error}", file=sys.stderr)
        return 1
    except IngestdError as error:
        print(f"ingestd: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
