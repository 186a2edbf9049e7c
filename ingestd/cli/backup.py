"""``ingestd backup`` and ``ingestd restore``: an installation in one file."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from ingestd.accounts import kind
from ingestd.cli.installation import Commands, check, check_owner, data_of, say
from ingestd.cli.options import add_settings, settings_file, settings_of
from ingestd.errors import IngestdError
from ingestd.settings import Settings
from ingestd.settings.load import SECRETS

_BACKUP = """\
Write people, channels, digests of keys, the installation's secrets and the file of settings into one
archive (.tar.gz, readable for you alone), also while the server runs. Whoever has it, has the
installation: keep it as you keep a password.

Media are in it with --media only. A PostgreSQL database (database.url) is not: that is for pg_dump.
"""

_RESTORE = """\
Put an installation back from its backup, while no server runs on the data directory. The next
start brings an older database up to date. The file of settings is put into the data directory as
restored-settings.toml, for you to compare.

Keys, tokens and sessions are those of the day of the backup: what was revoked since is good again.
"""

_EXAMPLES = """\
examples:
  ingestd backup /srv/backups/ingestd-$(date +%F).tar.gz
  ingestd backup - | ssh vault 'cat >ingestd.tar.gz'
  ingestd restore /srv/backups/ingestd-2026-11-21.tar.gz
"""

_EXIT_CODES = """
exit codes:
  0  done
  2  not done, and nothing is changed; or wrong usage
"""


def register(commands: Commands) -> None:
    """Add both commands to the command line."""
    for name, summary, words, run in (
        ("backup", "an installation in one file, also while the server runs", _BACKUP, _backup),
        ("restore", "put an installation back from its backup", _RESTORE, _restore),
    ):
        command = commands.add_parser(
            name,
            help=summary,
            description=words,
            epilog=_EXAMPLES + _EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument("file", metavar="FILE", type=Path, help="the archive; - is stdout, and stdin")
        if name == "backup":
            command.add_argument("--media", action="store_true", help="with what can be watched, too")
        else:
            command.add_argument(
                "--force",
                action="store_true",
                help="also where there is an installation: it is moved aside, in the data directory",
            )
        add_settings(command, only=[("data", "dir")])
        command.set_defaults(run=run)


def _backup(arguments: argparse.Namespace) -> int:
    from ingestd.backup.make import STREAM, Source, make

    settings, data = settings_of(arguments), data_of(settings_of(arguments))
    check(data)
    kind.check(settings.database.url, data, filled=True)
    if arguments.file == STREAM and sys.stdout.isatty():
        raise IngestdError("An archive is nothing for a terminal: send it to a file, or into a pipe.")
    file = settings_file(arguments)
    source = Source(data, file, bool(settings.database.url), arguments.media)
    make(source, arguments.file)
    where = "" if arguments.file == STREAM else f" in {arguments.file}"
    say(f"The backup of {data} is whole{where}. It holds secrets.")
    if source.postgres:
        say("The PostgreSQL database is not in it: back that up with pg_dump, at the same time.")
    for name in _elsewhere(settings, file):
        say(f"{name} is not in it, since it stands neither in the settings nor in {data}: keep it, too.")
    return 0


def _elsewhere(settings: Settings, file: Path | None) -> list[str]:
    """Secrets that come from the environment, or from files of their own."""
    text = file.read_text(encoding="utf-8") if file else ""
    values = {f"{section}.{key}": getattr(getattr(settings, section), key) for section, key in SECRETS}
    return [name for name, value in values.items() if value and value not in text]


def _restore(arguments: argparse.Namespace) -> int:
    from ingestd.backup.restore import restore

    settings, data = settings_of(arguments), data_of(settings_of(arguments))
    with suppress(OSError):  # a directory that is not there yet is made
        check_owner(data)
    os.umask(0o022)  # media are read by nginx; secrets have a mode of their own
    done = restore(arguments.file, data, force=arguments.force)
    say(f"The installation of {done.manifest.made_at} is back in {data}.")
    if done.aside:
        say(f"What was there is in {done.aside}.")
    if done.settings:
        say(f"Its settings are in {done.settings}: compare them with yours.")
    if not done.manifest.revision:
        say("Its database is PostgreSQL's: restore that with pg_restore, and set database.url.")
    elif settings.database.url:
        say("Its database is a SQLite file, and database.url is set: without that it is used.")
    say("An nginx of `ingestd serve` needs its configuration anew: restart that, too.")
    return 0
