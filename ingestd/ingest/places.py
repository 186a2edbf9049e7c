"""How many may be there at once, in all and from one address. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ingestd.accounts.failures import by_address
from ingestd.errors import Refusal, Refused


class Places:
    """``full`` is said to whoever finds ``most`` there, ``yours`` to who finds ``most_of_one`` of its own."""

    def __init__(self, most: int, most_of_one: int, full: Refusal, yours: Refusal) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._full, self._yours = full, yours
        self._taken = Counter[str]()

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """One of them, for the length of the block. Raises :class:`Refused`."""
        mine = by_address(address)
        if self._taken[mine] >= self._most_of_one:
            raise Refused(self._yours)
        if self._taken.total() >= self._most:
            raise Refused(self._full)
        self._taken[mine] += 1
        try:
            yield
        finally:
            self._taken[mine] -= 1
            self._taken += Counter()  # without those that have none
