"""The plain protocol: every binary message is the next bytes of one recording. Pure.

Fed with messages and the time, it returns what is to be done: begin a recording, append a
fragment, or refuse. It knows what is overdue. The resumable protocol has a session class of its
own, :mod:`ingestd.ingest.resumable`; the adapter is :mod:`ingestd.ingest.websocket`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestd.broadcast.recording import Recording, Step, unsupported
from ingestd.container.model import Fragment
from ingestd.errors import Code, Refusal

__all__ = ["STOP_CODE", "Patience", "PlainSession", "Pulse", "Step", "too_large", "unsupported"]

# With this code a client says that its recording is complete. Any other close, and none at all,
# leaves the broadcast interrupted: a page that is reloaded also closes with 1000 or 1001.
STOP_CODE = 4000

_RECORDINGS = 8  # that may start within one message; each costs a copy of what follows it


@dataclass(frozen=True, slots=True)
class Patience:
    """Bytes in one message; seconds without a byte, or without media, until a client is dropped."""

    max_message: int
    idle: float


class Pulse:
    """When a connection last gave a sign of life. Times are any clock's seconds, given by the caller."""

    def __init__(self, patience: Patience, now: float) -> None:
        self._patience = patience
        self._heard = now  # when the last byte came
        self._media = now  # when the last fragment came
        self._bytes = 0

    def heard(self, count: int, steps: list[Step], now: float) -> None:
        """That many bytes came, and ``steps`` of them. Text is a sign of life, too, of 0 bytes."""
        self._heard = now
        self._bytes += count
        if any(isinstance(step, Fragment) for step in steps):
            self._media = now

    def resumed(self, now: float) -> None:
        """The server had stopped reading for a while: that silence was not the client's."""
        self._heard = self._media = now

    def silent_for(self, now: float) -> float:
        """Seconds since the last sign of life."""
        return now - self._heard

    def overdue(self, now: float) -> Refusal | None:
        """Whether the client has been silent, or without media, for too long."""
        idle = self._patience.idle
        if now - self._heard >= idle:
            return Refusal(Code.TIMEOUT, f"Nothing was received for {idle:g} s.")
        if now - self._media >= idle:
            words = f"{self._bytes} bytes came, but no media for {idle:g} s: no Cluster, no fragment."
            return Refusal(Code.TIMEOUT, words)
        return None


class PlainSession:
    """One connection of the plain protocol. Times are any clock's seconds, given by the caller."""

    def __init__(self, patience: Patience, now: float) -> None:
        self._patience = patience
        self._pulse = Pulse(patience, now)
        self._recording = Recording()

    def binary(self, data: bytes, now: float) -> list[Step]:
        """The next bytes. Empty messages are passed over: MediaRecorder gives empty blobs."""
        if len(data) > self._patience.max_message:
            return [too_large(self._patience.max_message)]
        if not data:
            return []
        steps = self._split(data)
        self._pulse.heard(len(data), steps, now)
        return steps

    def _split(self, data: bytes) -> list[Step]:
        steps, rest = self._recording.feed(data)
        recordings = 0
        while rest is not None:
            self._recording = Recording()
            recordings += 1
            if recordings > _RECORDINGS:
                return [*steps, Refusal(Code.MALFORMED, "The recorder is restarted too often.")]
            more, rest = self._recording.feed(rest)
            steps += more
        return steps

    def finish(self) -> list[Step]:
        """The connection is over: what is whole and was held back."""
        return self._recording.finish()

    def text(self) -> Refusal:
        """A text message, which this protocol does not have."""
        return Refusal(Code.MALFORMED, "A text message came where bytes of a recording are due.")

    def resumed(self, now: float) -> None:
        """The server had stopped reading for a while: that silence was not the client's."""
        self._pulse.resumed(now)

    def overdue(self, now: float) -> Refusal | None:
        """Whether the client has been silent, or without media, for too long."""
        return self._pulse.overdue(now)

    def silent_for(self, now: float) -> float:
        """Seconds since the last byte."""
        return self._pulse.silent_for(now)


def too_large(limit: int) -> Refusal:
    size = f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit // 1024} KiB"
    return Refusal(Code.TOO_LARGE, f"A message is larger than {size}. Send smaller pieces.")
