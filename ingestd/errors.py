"""Every refusal that a client can meet: one tree, and one table to close codes and HTTP status.

Bad input is data: pure code returns a :class:`Refusal`; only adapters raise it, at their edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class IngestdError(Exception):
    """Root of all errors of this package; its text is meant for the person who reads it."""


class SettingsError(IngestdError):
    """The configuration cannot be used; the text says which key, value, source, and what is allowed."""


class StartError(IngestdError):
    """Something the server needs is missing or in the way; the text says how to mend it."""


class Code(StrEnum):
    """Reasons for which a publisher or an API client is refused (DESIGN: close codes)."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "not_authenticated"
    TOKEN_MISSING = "token_missing"
    TOKEN_EXPIRED = "token_expired"
    FORBIDDEN = "not_allowed"
    NO_SUCH_CHANNEL = "no_such_channel"
    NO_SUCH_BROADCAST = "no_such_broadcast"
    TIMEOUT = "nothing_received"
    CONFLICT = "already_live"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported_media"
    INTERNAL = "internal_error"
    RESTARTING = "restarting"
    NO_CAPACITY = "no_capacity"
    INVALID = "invalid"
    NOT_FOUND = "not_found"
    EXISTS = "exists"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


# code: (WebSocket close code, HTTP status)
ANSWERS: dict[Code, tuple[int, int]] = {
    Code.MALFORMED: (4400, 400),
    Code.UNAUTHENTICATED: (4401, 401),
    Code.TOKEN_MISSING: (4401, 401),
    Code.TOKEN_EXPIRED: (4401, 401),
    Code.FORBIDDEN: (4403, 403),
    Code.NO_SUCH_CHANNEL: (4404, 404),
    Code.NO_SUCH_BROADCAST: (4404, 404),
    Code.TIMEOUT: (4408, 408),
    Code.CONFLICT: (4409, 409),
    Code.TOO_LARGE: (4413, 413),
    Code.UNSUPPORTED: (4415, 415),
    Code.INTERNAL: (1011, 500),
    Code.RESTARTING: (1012, 503),
    Code.NO_CAPACITY: (1013, 503),
    Code.INVALID: (4400, 400),
    Code.NOT_FOUND: (4404, 404),
    Code.EXISTS: (4409, 409),
    Code.TOO_MANY: (4429, 429),
    Code.UNAVAILABLE: (1013, 503),
}

_REASON_BYTES = 123  # RFC 6455 §5.5: a control frame carries at most 125 bytes, two are the code


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client is turned away: a code of the table and a plain sentence that says what to do.

    ``retry_after``: whole seconds after which to ask again may help; 0: nothing is known of that.
    """

    code: Code
    message: str
    retry_after: int = 0

    @property
    def close_code(self) -> int:
        return ANSWERS[self.code][0]

    @property
    def status(self) -> int:
        return ANSWERS[self.code][1]

    @property
    def close_reason(self) -> str:
        """The message, cut to what fits in a close frame (123 bytes of UTF-8)."""
        return self.message.encode()[:_REASON_BYTES].decode(errors="ignore")

    def fields(self) -> dict[str, str | int]:
        """What a client is told of it, as JSON."""
        later = {"retry_after": self.retry_after} if self.retry_after else {}
        return {"code": self.code.value, "message": self.message, **later}

    def body(self) -> dict[str, dict[str, str | int]]:
        """The JSON body of every refused HTTP request."""
        return {"error": self.fields()}

    def headers(self) -> dict[str, str]:
        """The same for programs that know only HTTP."""
        return {"Retry-After": str(self.retry_after)} if self.retry_after else {}


class Refused(IngestdError):
    """Carries a :class:`Refusal` out of an adapter."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
