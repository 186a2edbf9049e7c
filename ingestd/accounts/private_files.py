"""Files that only we may read: secrets, each made once for an installation."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from ingestd.errors import StartError


def kept(path: Path, make: Callable[[], str]) -> str:
    """The text of ``path`` (mode 0600), made by ``make`` if there is none yet.

    Of two processes that start at the same time both get the text of the one that was first. Raises
    :class:`StartError` in plain words.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            scratch = _written(path, make())
            try:
                os.link(
                    scratch, path
                )  # unlike a rename it fails when there is one, and what is there is whole
            except FileExistsError:
                pass
            finally:
                scratch.unlink()
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise StartError(
            f"{error.filename or path}: {error.strerror}. It holds a secret and has to be readable."
        ) from None


def replace(path: Path, text: str) -> None:
    """Write ``path`` (mode 0600), all of it or nothing; raises OSError."""
    _written(path, text).replace(path)


def _written(path: Path, text: str) -> Path:
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(descriptor)  # what a database refers to must not be gone after a power cut
    return scratch
