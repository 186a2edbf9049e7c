"""How many guesses are free: failures by address and by account in a sliding window. Pure.

Time is an argument: seconds of a clock that never goes back. Names are made by :func:`by_address`
and :func:`by_account`, so that nobody can lock an address by giving it as the name of an account.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from ipaddress import IPv6Network

from ingestd.accounts.address import parse

_NAME_LENGTH = 64  # characters; no user of ours has a longer name
_SUBSCRIBER = 64  # bits of an IPv6 address that belong to one place; the rest is its own to choose


def by_address(address: str) -> str:
    """The name that counts an address; IPv6 by /64, as whoever has one address there has 2^64."""
    found = parse(address)
    if found is not None and found.version == 6:
        return f"address {IPv6Network((int(found), _SUBSCRIBER), strict=False)}"
    return f"address {found or address[:_NAME_LENGTH]}"


def by_account(account: str) -> str:
    """The name that counts an account, whether there is one or not."""
    return f"account {account[:_NAME_LENGTH]}"


class Failures:
    """At most ``limit`` failures of a name in any ``window`` seconds, if who asks obeys ``allowed``.

    ``names`` are remembered at most, those that failed last: memory is bounded by names × limit.
    """

    def __init__(self, limit: int, window: float = 60.0, names: int = 10_000) -> None:
        self._limit, self._window, self._names = limit, window, names
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failed)

    def limit(self, limit: int) -> None:
        """From now on so many; of what is remembered the latest that count."""
        self._limit = limit
        for name, times in self._failed.items():
            self._failed[name] = deque(times, maxlen=limit)

    def allowed(self, now: float, *names: str) -> float:
        """Seconds until all of these may try again; 0: now."""
        return max((self._wait(now, name) for name in names), default=0.0)

    def failed(self, now: float, *names: str) -> None:
        """One failure more, counted for each of these (once, if one is given twice)."""
        for name in dict.fromkeys(names):
            self._failed.setdefault(name, deque(maxlen=self._limit)).append(now)
            self._failed.move_to_end(name)
        while len(self._failed) > self._names:
            self._failed.popitem(last=False)

    def succeeded(self, *names: str) -> None:
        """Forget the failures of these.

        Give the account, never the address: with an account of one's own, one could otherwise clear
        the way for guesses at others.
        """
        for name in names:
            self._failed.pop(name, None)

    def _wait(self, now: float, name: str) -> float:
        times = self._failed.get(name)
        if times is None or len(times) < self._limit:
            return 0.0
        return max(0.0, times[0] + self._window - now)
