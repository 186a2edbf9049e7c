"""What a publisher tells the server of its clock (:mod:`ingestd.ingest.clock` is the other side). Pure."""

from __future__ import annotations


class OwnClock:
    """Of all answers the one to what was said last counts, for that is what the server takes it for: where
    the way there and back is longer than from one message to the next, older ones come in between."""

    def __init__(self) -> None:
        self._sent: float | None = None
        self._heard: float | None = None

    def told(self, now: float) -> float | None:
        """The server is told that it is ``now``; when the answer to the last message was heard, if it was."""
        heard, self._heard, self._sent = self._heard, None, now
        return heard

    def answered(self, sent: float | None, now: float) -> None:
        """An answer came to what was ``sent`` then; None: it does not say."""
        if sent == self._sent and self._heard is None:
            self._heard = now
