"""Who watches: sessions, bytes and errors of each channel, counted from nginx's lines. Pure.

A session is an address with a User-Agent, and counts as long as it asked for a playlist or a segment
within the window. Neither is kept: what stands here is a hash of both, keyed with chance that is in
this process's memory alone and another one each day.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from operator import sub

SESSIONS = 100_000  # at one time; about 25 MB
CLASSES = ("2xx", "3xx", "4xx", "5xx")

_SALT_BYTES = 32
_DIGEST_BYTES = 8
_ROTATE = 86400.0  # seconds
_BY_DIGIT = {name[0].encode(): name for name in CLASSES}
_WATCHED = {b"200", b"206", b"304"}  # statuses of what was asked for by somebody who watches
_MEDIA = b"m"  # a playlist or a segment; a poster stands on pages that nobody watches


def window(segment: float) -> float:
    """Seconds for which a session counts after a request.

    A live player asks for its playlist once a segment: five may be late, and where segments are short
    ten seconds are left for the network.
    """
    return max(10.0, 5 * segment)


@dataclass(frozen=True, slots=True)
class Traffic:
    """A channel by HLS: viewers now; since the start bytes sent and answers by class; and how it goes, over
    the last window: bytes a second, answers a second, and the share of them that were errors (0…1)."""

    viewers: int
    bytes: int
    requests: dict[str, int]
    bandwidth: float
    rate: float
    errors: float


@dataclass(slots=True)
class _Channel:
    sessions: OrderedDict[bytes, float] = field(default_factory=OrderedDict)  # by their last request
    bytes: int = 0
    requests: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CLASSES, 0))
    marks: deque[tuple[float, int, int, int]] = field(default_factory=deque)
    """Time, bytes, answers and errors, once a tick."""

    @property
    def failed(self) -> int:
        return self.requests["4xx"] + self.requests["5xx"]

    @property
    def answered(self) -> int:
        return sum(self.requests.values())


class Viewers:
    """``span``: the window. ``known`` says whether there is a channel of that name: what is asked of
    others counts for "", the channel that is none. ``random`` gives so many bytes; times are of any
    clock, in seconds."""

    def __init__(
        self,
        span: float,
        known: Callable[[str], bool],
        random: Callable[[int], bytes],
        now: float,
        most: int = SESSIONS,
    ) -> None:
        self.uncounted = 0  # requests of sessions for which there was no room
        self.others: Mapping[str, Collection[bytes]] = {}
        """By channel who watches by another way than HLS: ``address agent`` of each, as in a line."""
        self._span = span
        self._known = known
        self._random = random
        self._most = most
        self._sessions = 0
        self._salt, self._old_salt = random(_SALT_BYTES), b""
        self._salted_at = now
        self._channels: dict[str, _Channel] = {"": _Channel()}
        self._by_bytes: dict[bytes, _Channel] = {}  # the same, as they stand in a line

    @property
    def full(self) -> bool:
        """Whether there is no room for another session: what is counted is then too little."""
        return self._sessions >= self._most

    def take(self, said: bytes, now: float) -> bool:
        """One request: ``channel status bytes kind address agent``. False: it is not that."""
        try:
            name, status, size, kind, who = said.split(b" ", 4)
        except ValueError:
            return False
        answered = _BY_DIGIT.get(status[:1])
        if answered is None or len(status) != 3 or not size.isdigit() or len(size) > 15:
            return False
        channel = self._by_bytes.get(name) or self._channel(name)
        channel.bytes += int(size)
        channel.requests[answered] += 1
        if kind == _MEDIA and status in _WATCHED:
            self._watches(channel.sessions, who, now)
        return True

    def _channel(self, name: bytes) -> _Channel:
        text = name.decode("ascii", "replace")
        if not self._known(text):
            return self._channels[""]
        made = self._channels[text] = self._by_bytes[name] = _Channel()
        return made

    def _watches(self, sessions: OrderedDict[bytes, float], who: bytes, now: float) -> None:
        key = _key(who, self._salt)
        if key not in sessions:
            if self._old_salt:  # it may be here under yesterday's
                self._sessions -= sessions.pop(_key(who, self._old_salt), None) is not None
            if self._sessions >= self._most:
                self.uncounted += 1
                return
            self._sessions += 1
        sessions[key] = now
        sessions.move_to_end(key)

    def tick(self, now: float) -> None:
        """To be called about once a second: forget who is gone, and what is no longer needed."""
        if self._old_salt and now - self._salted_at > self._span:
            self._old_salt = b""
        if now - self._salted_at >= _ROTATE:
            self._old_salt, self._salt, self._salted_at = self._salt, self._random(_SALT_BYTES), now
        for name in [name for name in self._channels if name and not self._known(name)]:
            self._sessions -= len(self._channels.pop(name).sessions)
            del self._by_bytes[name.encode()]
        for channel in self._channels.values():
            self._forget(channel.sessions, now)
            channel.marks.append((now, channel.bytes, channel.answered, channel.failed))
            while now - channel.marks[0][0] > self._span:
                channel.marks.popleft()

    def _forget(self, sessions: OrderedDict[bytes, float], now: float) -> None:
        while sessions and now - next(iter(sessions.values())) > self._span:
            sessions.popitem(last=False)
            self._sessions -= 1

    def count(self, name: str) -> int:
        """Viewers of a channel, as of the last tick and what came since. Whoever has just changed over to
        HLS, or from it, is one."""
        found, others = self._channels.get(name), self.others.get(name, ())
        sessions = found.sessions if found else {}
        return len(sessions) + len(others) - len(self._keys(others) & sessions.keys())

    def total(self) -> int:
        """Viewers of all channels."""
        return sum(map(self.count, {*self._channels, *self.others}))

    def _keys(self, those: Collection[bytes]) -> set[bytes]:
        """Under which they would have a session, by today's salt or by yesterday's."""
        salts = [salt for salt in (self._salt, self._old_salt) if salt]
        return {_key(who, salt) for who in those for salt in salts}

    def traffic(self) -> dict[str, Traffic]:
        """Every channel that was asked for, and "" for what was asked of none."""
        return {name: _traffic(channel) for name, channel in self._channels.items()}


def _key(who: bytes, salt: bytes) -> bytes:
    return blake2b(who, digest_size=_DIGEST_BYTES, key=salt).digest()


def _traffic(channel: _Channel) -> Traffic:
    counted = len(channel.sessions), channel.bytes, dict(channel.requests)
    if len(channel.marks) < 2:
        return Traffic(*counted, 0.0, 0.0, 0.0)
    seconds, sent, answers, failed = map(sub, channel.marks[-1], channel.marks[0])
    return Traffic(*counted, sent / seconds, answers / seconds, failed / answers if answers else 0.0)
