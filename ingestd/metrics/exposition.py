"""What ``/metrics`` answers: rendered once a second at most, however many ask, however often."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable

from ingestd.monitor.host import Fresh

_LEVEL = 1  # of gzip: a twelfth is left, and the highest takes ten times as long to leave a fourteenth


class Exposition:
    """``render`` takes the event loop's time, a tenth of a millisecond for each channel and more for each
    broadcast; ``clock`` gives seconds and never goes back."""

    def __init__(self, render: Callable[[], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        self._render = render
        self._fresh = Fresh(clock)

    def get(self, *, packed: bool = False) -> bytes:
        """As of a second ago at most; ``packed``: by gzip."""
        plain = self._fresh.get("plain", self._render)
        # by what it is made of: so it is never of another moment than the plain one
        return self._fresh.get(plain, lambda: gzip.compress(plain, _LEVEL)) if packed else plain
