"""Whose media lie below ``public/<channel>/``: a channel's name may be given again, its media may not.

``<root>/owners.json`` holds the id of the channel (16 hexadecimal digits) by its slug, as of the last
change; so whoever deletes a channel and makes another of its name while we are down finds nothing of the
old one either.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from ingestd.delivery.files import to_disk, write_atomically
from ingestd.errors import StartError

log = structlog.get_logger("ingestd.owners")

_FILE = "owners.json"


class Owners:
    """``let_go`` is told the slug of a channel that is no more, before its media are removed: whoever
    still writes there has to stop."""

    def __init__(self, root: Path) -> None:
        self.let_go: Callable[[str], None] = lambda _slug: None
        self._root = root
        self._known: dict[str, str] | None = None

    def settle(self, channels: Mapping[str, str]) -> None:
        """``channels`` are the ids of all there are, by slug: remove what belongs to others.

        Raises OSError; then nothing is forgotten, and the next call does the rest. Raises StartError: the
        file is damaged, and nothing is removed on the word of that.
        """
        before = self._read(channels) if self._known is None else self._known
        wanted = dict(channels)
        if before == wanted and self._known is not None:
            return
        strays = {path.name for path in (self._root / "public").glob("*/")} - before.keys()
        for slug in sorted({slug for slug, owner in before.items() if wanted.get(slug) != owner} | strays):
            self.let_go(slug)
            self._remove(slug)
        file = self._root / _FILE
        write_atomically(file, json.dumps(wanted))
        to_disk([file])
        self._known = wanted

    def _read(self, channels: Mapping[str, str]) -> dict[str, str]:
        """As an earlier process left it; without its file, what is there belongs to who has the name."""
        file = self._root / _FILE
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return dict(channels)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        raise StartError(
            f"{file} is damaged: it says which channel the recorded media belong to. Nothing was removed."
            " If no channel has been deleted while ingestd was down, delete that file and start again; else"
            f" delete the old channel's directory below {self._root / 'public'} as well."
        )

    def _remove(self, slug: str) -> None:
        """At once out of nginx's sight, then from the disk; what cannot be deleted goes at the next start."""
        directory = self._root / "public" / slug
        if directory.exists():
            away = Path(tempfile.mkdtemp(dir=self._root / "private", prefix="removed-"))
            directory.rename(away / slug)
            shutil.rmtree(away, ignore_errors=True)
            log.info("media_removed", channel=slug)
