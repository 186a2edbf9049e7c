"""``ingestd``: the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ingestd import __version__
from ingestd.cli import doctor, publish, server
from ingestd.errors import IngestdError

_DESCRIPTION = """\
A live-streaming origin in which the browser is a first-class encoder.

  ingestd up                     run everything on this machine; prints where to go
  ingestd doctor                 check what is installed, and say how to mend what is missing
  ingestd publish clip.webm      send a file as a browser would send its camera
"""

_EPILOG = """\
Settings come from a TOML file (--config FILE, or INGESTD_CONFIG), then from INGESTD_<SECTION>_<KEY>
in the environment, then from flags. config/ingestd.toml names and explains every one of them.
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line; each command's module registers itself."""
    made = argparse.ArgumentParser(
        "ingestd",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"ingestd {__version__}")
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (server, publish, doctor):
        module.register(commands)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. An error that we know is one plain paragraph on stderr."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except IngestdError as error:
        print(f"ingestd: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
