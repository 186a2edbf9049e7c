"""What a backup holds, and under which names. Pure.

manifest.json        first: by it a restore knows whether it can read the rest
settings.toml        the file of settings that was in use, if there was one
data/ingestd.db      a copy of the SQLite database, of one moment
data/<secret>        each of :data:`SECRETS` that there is
data/pictures/…      the channels' pictures
data/hls/public/…    media, if they were asked for
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from ingestd.accounts.model import PICTURE
from ingestd.errors import IngestdError

FORMAT = 1
MANIFEST = "manifest.json"
SETTINGS = "settings.toml"
DATA = "data"
DATABASE = "ingestd.db"
MARK = "storage.key"
"""The file by which a data directory is known to hold an installation."""
SECRETS = (MARK, "secret", "secret.previous", "demo.key", "nginx.secret", "viewers.tag")
MEDIA = PurePosixPath("hls/public")
PICTURES = PurePosixPath("pictures")

_MANIFEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """``made_at``: ISO 8601 in UTC. ``revision``: the migration that the database is at; "" where it is
    not in the archive, because it is PostgreSQL's."""

    format: int
    ingestd: str
    made_at: str
    revision: str
    media: bool

    def text(self) -> bytes:
        return json.dumps(asdict(self), indent=2).encode() + b"\n"


class Unusable(IngestdError):
    """A file that is no backup, or one that must not be restored; the text says why."""


def parse(text: bytes, newest: str) -> Manifest:
    """Raises :class:`Unusable`, also for a newer ingestd's; ``newest``: the last migration we know."""
    try:
        found: Any = json.loads(text[:_MANIFEST_BYTES])
        texts = {name: str(found[name]) for name in ("ingestd", "made_at", "revision")}
        made = Manifest(format=int(found["format"]), media=bool(found["media"]), **texts)
    except (ValueError, TypeError, KeyError):
        raise Unusable("This is no backup of ingestd's: its manifest cannot be read.") from None
    if made.format > FORMAT or made.revision > newest:
        raise Unusable(f"This backup was made by a newer ingestd ({made.ingestd}). Use that one or a later.")
    return made


def place(name: str) -> PurePosixPath | None:
    """Where in the data directory a member of an archive belongs; None: nowhere in it (the settings).

    Raises :class:`Unusable` for every name that none of ours has: there is no such thing as a path
    that leads out of the data directory.
    """
    if name == SETTINGS:
        return None
    path = PurePosixPath(name)
    parts = path.parts
    if parts[:1] == (DATA,) and "/".join(parts) == name and ".." not in parts and "\0" not in name:
        inner = PurePosixPath(*parts[1:])
        if len(parts) == 2 and parts[1] in (*SECRETS, DATABASE):
            return inner
        if inner.is_relative_to(MEDIA) and inner != MEDIA:
            return inner
        if inner.parent == PICTURES and PICTURE.fullmatch(inner.name):
            return inner
    raise Unusable(f"This archive has a file that no backup of ingestd's has: {name!r}. Nothing is restored.")
