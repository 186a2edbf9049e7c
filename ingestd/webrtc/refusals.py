"""What Janus refuses, in words for who asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from ingestd.errors import Refusal, Refused
from ingestd.webrtc.gateway import Away, JanusError
from ingestd.webrtc.sdp import Unfit

log = structlog.get_logger("ingestd.webrtc")

_NO_PORT = 490  # Janus's error


@dataclass(frozen=True, slots=True)
class Refusals:
    """``away``: Janus is; ``full``: it has no port left; ``other``: it does not take what it was given."""

    away: Refusal
    full: Refusal
    other: Refusal

    @contextmanager
    def told(self) -> Iterator[None]:
        """In this block Away, JanusError and Unfit are one of them: raises :class:`Refused`."""
        try:
            yield
        except Away:
            raise Refused(self.away) from None
        except (JanusError, Unfit) as error:
            code = error.code if isinstance(error, JanusError) else 0
            log.warning("sfu_refused", code=code, reason=str(error))
            raise Refused(self.full if code == _NO_PORT else self.other) from None
