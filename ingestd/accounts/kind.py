"""Which kind of database an installation has, noted in its data directory.

Without the note a ``database.url`` that is missing (emptied by mistake; or a credential of the service's,
which commands do not see) would mean a SQLite file that is made anew: with other people and keys, and with
channels to which none of the media there belong, so that these are removed.
"""

from __future__ import annotations

from pathlib import Path

from ingestd.accounts.private_files import replace
from ingestd.errors import StartError

SQLITE_FILE = "ingestd.db"
NOTE = "database.kind"
SQLITE, OTHER = "sqlite", "other"

_UNSEEN = "A command does not see the credentials of a service: name a file in database.url_file."
_ANEW = "the media of channels that it does not know are removed."


def check(url: str, data: Path, *, filled: bool = False) -> None:
    """Raises StartError unless ``url`` (database.url) means the database that the installation in ``data``
    has.

    ``filled``: there has to be one, also where nothing is noted, as by an older ingestd.
    """
    note, file = data / NOTE, data / SQLITE_FILE
    noted = _read(note)
    begin = f"To begin with another one on purpose, delete {note}: {_ANEW}"
    if url:
        if noted == SQLITE:
            words = f"people, channels and keys are in {file}, and database.url names another database"
            raise StartError(f"{note} says that {words}. Leave database.url out. {begin}")
    elif noted == OTHER:
        words = "people, channels and keys are in another database, and database.url is not set here"
        raise StartError(f"{note} says that {words}. Set it. {_UNSEEN} {begin}")
    elif (noted or filled) and not file.exists():
        raise StartError(
            f"The database {file} is missing, and database.url is not set here. Put it back, as from a"
            f" backup, or set database.url. {_UNSEEN}{f' {begin}' if noted else ''}"
        )


def note(url: str, data: Path) -> None:
    """Remember it, once there is one. Raises StartError."""
    path = data / NOTE
    try:
        if not path.exists():
            replace(path, OTHER if url else SQLITE)
    except OSError as error:
        raise StartError(f"{path} cannot be written: {error.strerror}.") from None


def _read(note: Path) -> str:
    try:
        return note.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StartError(f"{note} cannot be read: {error.strerror}.") from None
