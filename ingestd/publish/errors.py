"""How ``ingestd publish`` ends: its exit codes, and which refusal leads to which."""

from __future__ import annotations

import json
from enum import IntEnum

from ingestd.errors import IngestdError


class Exit(IntEnum):
    """Exit codes; ``ingestd publish --help`` documents them."""

    SENT = 0
    UNEXPECTED = 1
    UNUSABLE = 2  # wrong usage, or a file that cannot be read
    NO_CONNECTION = 3
    NOT_ALLOWED = 4
    BUSY = 5
    REFUSED = 6
    LOST = 7
    INTERRUPTED = 130


class Failure(IngestdError):
    """Why the file was not sent completely; ``exit`` is what the command ends with."""

    def __init__(self, exit: Exit, message: str, *, temporary: bool = False) -> None:
        """``temporary``: to try again may help."""
        super().__init__(message)
        self.exit = exit
        self.temporary = temporary


class Closed(IngestdError):
    """The connection is closed; 1006 where the server did not say why."""

    def __init__(self, code: int | None, reason: str | None) -> None:
        super().__init__(reason or "")
        self.code = code or _NEVER
        self.reason = reason or ""


_BY_STATUS = {401: Exit.NOT_ALLOWED, 403: Exit.NOT_ALLOWED, 409: Exit.BUSY, 503: Exit.BUSY}
_BY_CLOSE_CODE = {4401: Exit.NOT_ALLOWED, 4403: Exit.NOT_ALLOWED, 4409: Exit.BUSY, 1013: Exit.BUSY}
_TOO_BIG = 1009
_TOO_MANY = 429
_NEVER = 1006  # no close frame was received
_RESTARTING = 1012
UNEXPLAINED = (1005, 1006)
"""Close codes of a connection that went away without a word."""
_TEXT = 300  # characters of an answer that is not ours


def refused_handshake(status: int, body: bytes) -> Failure:
    """The server answered the handshake with an HTTP status and, if it is ingestd, a JSON body."""
    message = _message(body)
    if message is None:
        words = f"What answers there is not ingestd: HTTP status {status}. {_plain(body)}".strip()
        return Failure(_BY_STATUS.get(status, Exit.NO_CONNECTION), words, temporary=True)
    exit = _BY_STATUS.get(status, Exit.REFUSED)
    return Failure(
        exit, f"The server refused ({status}): {message}", temporary=status >= 500 or status == _TOO_MANY
    )


def closed(code: int, reason: str) -> Failure:
    """The connection was closed before the file was sent completely, or its end was not confirmed."""
    if code == _NEVER:
        return Failure(Exit.LOST, "The connection was lost.")
    if code == _RESTARTING:
        words = "The server is restarting; start again in a moment"
        return Failure(Exit.LOST, f"{words}: {reason}" if reason else f"{words}.")
    refusal = 4400 <= code < 4500 or code == _TOO_BIG
    exit = _BY_CLOSE_CODE.get(code, Exit.REFUSED if refusal else Exit.LOST)
    return Failure(exit, f"The server closed the connection ({code}): {reason or 'it gave no reason.'}")


def _message(body: bytes) -> str | None:
    """The message of ``{"error": {"code": …, "message": …}}``."""
    try:
        message = json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return None
    return message if isinstance(message, str) else None


def _plain(body: bytes) -> str:
    text = " ".join(body.decode(errors="replace").split())
    return "".join(letter for letter in text[:_TEXT] if letter.isprintable())
