"""What was recorded and does not yet stand in the playlist, and what is to be sent next. Pure.

The server acks what stands in the playlist, because nothing earlier is safe: a frame that it has only
received dies with it. Until then every byte is kept here, and whatever happens to connections,
encoder or server, it can be sent again. A :class:`Backlog` is one recording with all its epochs; a
:class:`Link` is its one connection to the server. A link that another has followed is dead: what it
still hears changes nothing, so that two connections never mix.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

from ingestd.container.model import InitSegment
from ingestd.errors import IngestdError
from ingestd.publish.pacing import MAX_SLICE, Slice, Unit


class Violation(IngestdError):
    """The server has said what cannot be; to go on could lose or double bytes."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be recorded and not yet safe: seconds of the recording, and bytes.

    What is kept is a little more: an ack frees whole units only, as a decoder can start nowhere else.
    """

    seconds: float = 120.0
    bytes: int = 256_000_000


@dataclass(frozen=True, slots=True)
class Bytes:
    """The next bytes of the current epoch, recorded at ``due``; ``fresh`` of them go for the first time."""

    data: bytes
    due: float
    fresh: int


@dataclass(frozen=True, slots=True)
class Begin:
    """Another epoch begins."""

    epoch: int
    init: InitSegment | None


@dataclass(frozen=True, slots=True)
class Stop:
    """The recording is complete."""


@dataclass(frozen=True, slots=True)
class Resume:
    """What the server has to be asked for: ``offset`` is the first byte of ``epoch`` that is held."""

    broadcast: str
    epoch: int
    offset: int


Outgoing = Bytes | Begin | Stop


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment: seconds after the start of the recording, and bytes that were recorded until then."""

    due: float
    recorded: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    start: int  # in the epoch
    data: bytes
    time: float  # of its last byte, by the epoch's own clock, s
    mark: _Mark  # of its last byte

    @property
    def end(self) -> int:
        return self.start + len(self.data)


class _Epoch:
    """One run of the recorder: what is held of its bytes. Offsets are bytes from its start."""

    def __init__(self, number: int, init: InitSegment | None, mark: _Mark) -> None:
        self.number = number
        self.init = init
        self.complete = False
        self.base = 0  # the first byte that is held: where a unit starts, or the end of a complete epoch
        self.length = 0
        self.sent = 0  # bytes that have been sent at least once in this broadcast
        self.mark = mark  # of its newest byte
        self._shift = 0  # from an offset in the recording to one in this epoch: see ``afresh``
        self._units: list[Unit] = []
        self._chunks: list[_Chunk] = []

    def append(self, piece: Slice, mark: _Mark) -> None:
        self.init = self.init or piece.init
        self._units += [replace(unit, offset=unit.offset + self._shift) for unit in piece.units]
        self._add(piece.data, piece.time, mark)

    def _add(self, data: bytes, time: float, mark: _Mark) -> None:
        self._chunks.append(_Chunk(self.length, data, time, mark))
        self.length += len(data)
        self.mark = mark

    def read(self, offset: int) -> tuple[bytes, float]:
        """Some bytes from ``offset`` on, and when the last of them was recorded; there must be some."""
        chunk = self._chunks[bisect_right(self._chunks, offset, key=lambda one: one.start) - 1]
        return chunk.data[offset - chunk.start :][:MAX_SLICE], chunk.mark.due

    def forget(self, offset: int) -> None:
        """Bytes before ``offset`` are safe: keep no more than a decoder needs for the others."""
        if self.complete and offset >= self.length:
            self.base, self._chunks, self._units = self.length, [], []
            return
        offset = min(offset, self.length - 1)  # of what is still being recorded something always stays
        while len(self._units) > 1 and self._units[1].offset <= offset:
            del self._units[0]
        if self._units and self._units[0].offset <= offset:
            self.base = max(self.base, self._units[0].offset)
        while self._chunks and self._chunks[0].end <= self.base:
            del self._chunks[0]

    def safe(self, offset: int, time: float) -> _Mark | None:
        """The newest moment up to which all is acked or, by the epoch's clock, listed."""
        for chunk in reversed(self._chunks):
            if chunk.end <= offset or (chunk.end <= self.sent and chunk.time <= time):
                return chunk.mark
        return None

    def afresh(self, number: int) -> _Epoch:
        """The same as an epoch of another broadcast, which has nothing of it: what a decoder needs
        first, then what is held."""
        head = self._head()
        epoch = _Epoch(number, self.init, self.mark)
        for chunk in self._chunks:
            data = chunk.data[max(0, self.base - chunk.start) :]
            epoch._add(head + data if epoch.length == 0 else data, chunk.time, chunk.mark)
        shift = len(head) - self.base
        epoch._shift = self._shift + shift
        epoch._units = [self._moved(unit, shift) for unit in self._units]
        epoch.complete = self.complete
        return epoch

    def _head(self) -> bytes:
        if not self.base:
            return b""
        assert self.init, "no unit is known before the init segment"
        return self.init.data + self._units[0].prefix

    def _moved(self, unit: Unit, shift: int) -> Unit:
        if self.base and unit.offset == self.base:  # its prefix has become bytes like all others
            return Unit(unit.offset + shift - len(unit.prefix))
        return replace(unit, offset=unit.offset + shift)


class Backlog:
    """A recording and what of it is not yet safe.

    ``broadcast`` is the one that it belongs to, empty before the first ``ready``; ``recorded`` says
    that nothing more comes.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.broadcast = ""
        self.recorded = False
        self.stopped = False  # the server has been told so, in this broadcast
        self.bounds = bounds
        self.link: Link | None = None
        self._epochs: list[_Epoch] = []
        self._newest = _Mark(0.0, 0)
        self._safe = _Mark(0.0, 0)
        self._announced = 0  # the newest epoch that the server was told of, in this broadcast

    @property
    def unsafe(self) -> float:
        """Seconds that are recorded and, as far as is known, not yet in the playlist."""
        return max(0.0, self._newest.due - self._safe.due)

    @property
    def unsafe_bytes(self) -> int:
        """The bytes of those seconds."""
        return self._newest.recorded - self._safe.recorded

    @property
    def held(self) -> int:
        """Bytes in memory that are not acked."""
        return sum(epoch.length - epoch.base for epoch in self._epochs)

    @property
    def init(self) -> InitSegment | None:
        """That of the first epoch that is held."""
        return self._epochs[0].init

    def has_room(self, piece: Slice) -> bool:
        """Whether a piece may be recorded now; one may always, when all before it is safe."""
        waiting = self.unsafe_bytes
        fits = waiting + len(piece.data) <= self.bounds.bytes
        return not waiting or (fits and piece.due - self._safe.due <= self.bounds.seconds)

    def append(self, piece: Slice) -> None:
        """Record the next piece; the first one begins an epoch."""
        if piece.begins:
            if self._epochs:
                self._epochs[-1].complete = True
            number = self._epochs[-1].number + 1 if self._epochs else 0
            self._epochs.append(_Epoch(number, piece.init, self._newest))
        self._newest = _Mark(piece.due, self._newest.recorded + len(piece.data))
        self._epochs[-1].append(piece, self._newest)

    def finish(self) -> None:
        """The recording is complete."""
        self.recorded = True
        if self._epochs:
            self._epochs[-1].complete = True

    def connect(self) -> Link:
        """Another connection; the one before it is dead from now on."""
        self.link = Link(self)
        return self.link

    def resume(self) -> Resume:
        """What to ask for on another connection of the same broadcast.

        The oldest epoch that is kept is one that the server has acked something of or was sent, so it
        is never beyond what the server knows.
        """
        first = self._epochs[0]
        return Resume(self.broadcast, first.number, first.base)

    def afresh(self) -> None:
        """The broadcast is over: what is held becomes the start of another one."""
        held = [epoch for epoch in self._epochs if not (epoch.complete and epoch.base == epoch.length)]
        self._epochs = [epoch.afresh(number) for number, epoch in enumerate(held)]
        self.broadcast, self.link, self._announced, self.stopped = "", None, 0, False

    def _epoch(self, number: int) -> _Epoch | None:
        index = number - self._epochs[0].number
        return self._epochs[index] if 0 <= index < len(self._epochs) else None

    def _known(self, number: int, offset: int) -> _Epoch:
        """An epoch that the server speaks of; it cannot know of one, or of bytes, never sent."""
        epoch = self._epoch(number)
        if epoch is None or number > self._announced or offset > epoch.sent:
            words = f"The server speaks of byte {offset} of epoch {number}"
            raise Violation(f"{words}, which it cannot have. That is an error in the server.")
        return epoch

    def _listed(self, number: int, offset: int, time: float) -> None:
        """All before is in the playlist: note up to which moment."""
        epoch = self._known(number, offset)
        if epoch.complete and offset >= epoch.length:
            safe = epoch.mark
        else:
            safe = epoch.safe(offset, time) or self._safe
        before = self._epoch(number - 1)
        self._safe = max(self._safe, safe, before.mark if before else safe, key=lambda mark: mark.recorded)

    def _forget(self, number: int, offset: int) -> None:
        while self._epochs[0].number < number:
            del self._epochs[0]
        self._epochs[0].forget(offset)


class Link:
    """One connection: what the server says on it, and what is to be said next."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._next: tuple[int, int] | None = None  # epoch and offset of the next byte to send
        self._stopped = False

    @property
    def dead(self) -> bool:
        return self._backlog.link is not self

    @property
    def at_newest(self) -> bool:
        """Whether the epoch that is being sent is the one that is being recorded."""
        return self._next is not None and self._next[0] == self._backlog._epochs[-1].number

    def ready(self, broadcast: str, epoch: int, offset: int) -> None:
        """Send from byte ``offset`` of ``epoch``.

        Where ``epoch`` is later than what was asked for, the earlier ones are kept all the same until
        an ack frees them: the server that holds them may yet be killed, and ask for them.
        """
        if self.dead:
            return
        if self._next or self._backlog.broadcast not in ("", broadcast):
            raise Violation("The server has answered for another broadcast than it was asked for.")
        known = self._backlog._known(epoch, offset)
        if offset < known.base:
            words = f"The server asks for byte {offset} of epoch {epoch} again"
            raise Violation(f"{words}, after acking {known.base}. That is an error in the server.")
        self._backlog.broadcast = broadcast
        self._next = epoch, offset

    def ack(self, epoch: int, offset: int, media_time: float) -> None:
        """All before byte ``offset`` of ``epoch`` stands in the playlist for good.

        Bytes that this connection has yet to send are kept even so: the server asked for all from
        there on, and would miss them.
        """
        if self.dead or self._next is None or epoch < self._backlog._epochs[0].number:
            return
        self._backlog._listed(epoch, offset, media_time)
        self._backlog._forget(*min((epoch, offset), self._next))

    def next(self) -> Outgoing | None:
        """What is to be sent next; None: nothing, until more is recorded."""
        if self.dead or self._next is None:
            return None
        number, offset = self._next
        epoch = self._backlog._epoch(number)
        assert epoch, "an epoch that is being sent is never forgotten"
        if offset < epoch.length:
            return self._bytes(epoch, offset)
        following = self._backlog._epoch(number + 1)
        if following:
            return self._begin(following)
        return self._stop() if self._backlog.recorded and not self._stopped else None

    def _bytes(self, epoch: _Epoch, offset: int) -> Bytes:
        data, due = epoch.read(offset)
        end = offset + len(data)
        fresh = max(0, end - max(offset, epoch.sent))
        epoch.sent = max(epoch.sent, end)
        self._next = epoch.number, end
        return Bytes(data, due, fresh)

    def _begin(self, epoch: _Epoch) -> Begin:
        self._next = epoch.number, 0
        self._backlog._announced = max(self._backlog._announced, epoch.number)
        return Begin(epoch.number, epoch.init)

    def _stop(self) -> Stop:
        self._stopped = self._backlog.stopped = True
        return Stop()
