"""Whatever happens, the bytes that the server puts together are exactly the recording: pure."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.container.model import InitSegment
from ingestd.publish.backlog import Backlog, Begin, Bounds, Bytes, Link, Resume, Stop, Violation
from ingestd.publish.pacing import MAX_SLICE, Pacer, Slice, Unit
from tests.cli.sink import RECORDINGS, Epoch, tiny

INIT = InitSegment(b"<init>", "matroska", ())


@dataclass
class Remote:
    """A broadcast as the server has it: the bytes of each epoch, and up to where they are durable."""

    epochs: list[bytearray] = field(default_factory=lambda: [bytearray()])
    acked: tuple[int, int] = (0, 0)
    stopped: bool = False

    def take(self, outgoing: Bytes | Begin | Stop) -> None:
        assert not self.stopped
        match outgoing:
            case Bytes():
                assert 0 < len(outgoing.data) <= MAX_SLICE
                self.epochs[-1] += outgoing.data
            case Begin():
                assert outgoing.epoch == len(self.epochs)
                self.epochs.append(bytearray())
            case Stop():
                self.stopped = True


@dataclass(frozen=True)
class Start:
    """From where on a broadcast has the recording: after ``head``, ``epoch`` from byte ``base`` on."""

    epoch: int
    base: int
    head: bytes

    @classmethod
    def told(cls, data: bytes) -> Start | None:
        """What a broadcast that does not begin with an epoch says of itself."""
        found = re.match(re.escape(INIT.data) + rb"\[(\d+):(\d+)\]", data)
        return cls(int(found[1]), int(found[2]), found[0]) if found else None

    def to_broadcast(self, offset: int) -> int:
        return offset - self.base + len(self.head)

    def to_recording(self, offset: int) -> int:
        return max(self.base, offset + self.base - len(self.head))


class World:
    """A publisher and a server, between which anything may happen.

    Each epoch of the recording begins with its number; a unit starts at every tenth byte or so, and its
    prefix says where, so that a broadcast that begins there tells from where it goes on.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.backlog = Backlog(Bounds())
        self.epochs: list[bytearray] = []  # what was recorded
        self.units: list[list[Unit]] = []
        self.links: list[Link] = []  # dead ones as well
        self.remotes = [Remote()]
        self.starts = [Start(0, 0, b"")]  # of each broadcast
        self.due = 0.0

    def record(self) -> None:
        begins = not self.epochs or self.chance.random() < 0.15
        data = self.chance.randbytes(self.chance.randint(1, 40))
        if begins:
            data = b"{%d}" % len(self.epochs) + data
            self.epochs.append(bytearray())
            self.units.append([])
        number, epoch = len(self.epochs) - 1, self.epochs[-1]
        places = range(max(len(epoch), 4), len(epoch) + len(data))
        units = [Unit(at, b"[%d:%d]" % (number, at)) for at in places if self.chance.random() < 0.1]
        self.units[-1] += units
        epoch += data
        self.due += 0.25
        init = INIT if begins else None
        self.backlog.append(Slice(self.due, data, 0.01 * len(epoch), begins, init, tuple(units)))

    def connect(self) -> None:
        link = self.backlog.connect()
        self.links.append(link)
        if self.backlog.broadcast:
            asked, remote = self.backlog.resume(), self.remotes[-1]
            assert (asked.epoch, asked.offset) <= remote.acked
            if self.chance.random() < 0.5:
                self.forget(remote)
        else:
            remote = self.remotes[-1] = Remote()  # nothing was ever heard of an earlier start
        link.ready(f"b{len(self.remotes)}", len(remote.epochs) - 1, len(remote.epochs[-1]))

    def forget(self, remote: Remote) -> None:
        """The daemon was killed: what is not acked may be lost, down to any byte."""
        number = self.chance.randint(remote.acked[0], len(remote.epochs) - 1)
        least = remote.acked[1] if number == remote.acked[0] else 0
        del remote.epochs[number + 1 :]
        del remote.epochs[number][self.chance.randint(least, len(remote.epochs[number])) :]
        remote.stopped = False

    def send(self) -> None:
        outgoing = self.links[-1].next() if self.links else None
        if outgoing:
            self.remotes[-1].take(outgoing)

    def ack(self) -> None:
        """Some unit that was received, or the end of an epoch that another one has followed."""
        if not self.links or self.links[-1].dead:
            return
        remote = self.remotes[-1]
        number = self.chance.randint(remote.acked[0], len(remote.epochs) - 1)
        length = len(remote.epochs[number])
        complete = number < len(remote.epochs) - 1 or remote.stopped
        places = [at for at in self.places(number) if at < length] + ([length] if complete else [])
        places = [at for at in places if (number, at) >= remote.acked]
        if places:
            remote.acked = number, self.chance.choice(places)
            self.links[-1].ack(*remote.acked, self.chance.choice((0.0, 0.01 * length)))

    def places(self, number: int) -> list[int]:
        """Where units start in an epoch of the newest broadcast."""
        start = self.starts[-1]
        offsets = [unit.offset for unit in self.units[start.epoch + number]]
        if number or not start.head:
            return offsets
        return [len(INIT.data)] + [start.to_broadcast(at) for at in offsets if at > start.base]

    def end(self) -> None:
        """The server has ended the broadcast; what is held becomes another one."""
        if not self.backlog.broadcast:
            return
        remote, before = self.remotes[-1], self.starts[-1]
        number, offset = remote.acked
        self.backlog.afresh()
        self.remotes.append(Remote())
        (first, *_) = self.backlog._epochs
        data = first.read(0)[0] if first.length else b""
        start = Start.told(data) or Start(len(self.epochs) - len(self.backlog._epochs), 0, b"")
        self.starts.append(start)
        reached = (before.epoch + number, offset if number else before.to_recording(offset))
        if offset == len(remote.epochs[number]) and start.epoch == reached[0] + 1:
            return  # that epoch was complete
        assert (start.epoch, start.base) <= reached, "bytes that were not acked are lost"

    def stale(self) -> None:
        """A connection that another has followed still hears, and says, nonsense."""
        for link in self.links:
            if link is not self.backlog.link:
                link.ack(0, 10**9, 1e9)
                link.ready("nonsense", 99, 99)
                assert link.next() is None

    def finish(self) -> None:
        self.backlog.finish()
        self.connect()
        while not self.remotes[-1].stopped:
            self.send()

    def check(self) -> None:
        """Every broadcast has a part of the recording without a gap; the last has all of the rest."""
        for start, remote in zip(self.starts, self.remotes, strict=True):
            for number, data in enumerate(remote.epochs):
                epoch = self.epochs[start.epoch + number]
                whole = start.head + epoch[start.base :] if number == 0 else epoch
                assert whole.startswith(data)
                assert whole == data or remote is not self.remotes[-1]
        assert self.starts[-1].epoch + len(self.remotes[-1].epochs) == len(self.epochs)


ACTIONS = ("record", "record", "connect", "send", "send", "send", "ack", "ack", "stale")
DEADLY = (*ACTIONS, "send", "send", "end")


def played(seed: int, actions: tuple[str, ...]) -> World:
    """A story that the seed tells: long enough for losses that follow upon losses."""
    world = World(random.Random(seed))
    world.record()
    for _ in range(world.chance.randint(0, 120)):
        getattr(world, world.chance.choice(actions))()
    world.finish()
    world.check()
    return world


@settings(deadline=None, max_examples=500)
@given(st.integers(0, 1 << 32))
def test_the_server_has_exactly_the_recording(seed: int) -> None:
    world = played(seed, ACTIONS)
    assert world.remotes[-1].epochs == world.epochs
    world.links[-1].ack(len(world.epochs) - 1, len(world.epochs[-1]), 0.0)
    assert (world.backlog.held, world.backlog.unsafe, world.backlog.unsafe_bytes) == (0, 0.0, 0)


@settings(deadline=None, max_examples=500)
@given(st.integers(0, 1 << 32))
def test_nothing_unacked_is_lost_when_broadcasts_end(seed: int) -> None:
    played(seed, DEADLY)


FILES = sorted(path.stem for path in RECORDINGS.glob("*.json"))


@pytest.mark.parametrize("name", [*FILES, "tiny"])
def test_a_recording_goes_on_at_any_unit_in_another_broadcast(name: str, tmp_path: Path) -> None:
    """What a server makes of it there are the same frames, from that unit on."""
    path = tiny(tmp_path) if name == "tiny" else RECORDINGS / name
    data, pacer = path.read_bytes(), Pacer()
    slices = pacer.feed(data) + pacer.finish()
    whole = Epoch()
    whole.feed(data)
    assert [Unit(offset, prefix) for offset, prefix, _ in whole.units] == [
        unit for piece in slices for unit in piece.units
    ]
    assert any(prefix for _, prefix, _ in whole.units) == (name == "tiny")
    for index in range(len(whole.units)):
        backlog, link = sent(slices)
        link.ack(0, whole.units[index][0], 0.0)
        backlog.afresh()
        again = received(backlog)
        assert [unit[:2] for unit in again.units] == [
            (unit.offset, unit.prefix) for unit in backlog._epochs[0]._units
        ]
        if "audiotrack-ends" not in name:  # silence is put in by what sounded before
            assert whole.media.endswith(again.media[len(whole.units[index][1]) :])
        assert [time for *_, time in again.units] == [time for *_, time in whole.units[index:]]


def test_it_can_go_on_twice() -> None:
    pacer, data = Pacer(), (RECORDINGS / "vp8-opus_ts250_kf2000.webm").read_bytes()
    backlog, link = sent(pacer.feed(data) + pacer.finish())
    whole = rest = Epoch()
    whole.feed(data)
    for _ in range(2):
        link.ack(0, rest.units[1][0], 0.0)
        backlog.afresh()
        rest = received(backlog)
        assert backlog.link
        link = backlog.link
    assert len(rest.units) == len(whole.units) - 2 > 0
    assert whole.media.endswith(rest.media)


def sent(slices: list[Slice]) -> tuple[Backlog, Link]:
    backlog = Backlog(Bounds())
    for piece in slices:
        backlog.append(piece)
    received(backlog)
    assert backlog.link
    return backlog, backlog.link


def received(backlog: Backlog) -> Epoch:
    """What a server makes of it that has nothing yet."""
    epoch, link = Epoch(), backlog.connect()
    link.ready(backlog.broadcast or "b", 0, 0)
    while isinstance(piece := link.next(), Bytes):
        epoch.feed(piece.data)
    return epoch


def filled(bounds: Bounds, count: int = 3) -> tuple[Backlog, Link]:
    """So many slices of ten bytes and a second, with a unit in each, sent."""
    backlog = Backlog(bounds)
    for number in range(count):
        backlog.append(piece(number))
    link = backlog.connect()
    link.ready("b", 0, 0)
    while link.next():
        pass
    return backlog, link


def piece(number: int, size: int = 10) -> Slice:
    units = (Unit(10 * number),)
    return Slice(number + 1.0, b"0123456789"[:size], number + 1.0, number == 0, INIT, units)


def test_what_is_not_safe_is_bounded() -> None:
    backlog, link = filled(Bounds(seconds=3.0))
    assert not backlog.has_room(piece(3))
    link.ack(0, 10, 0.0)
    assert backlog.has_room(piece(3))
    assert not backlog.has_room(piece(4))
    backlog, link = filled(Bounds(bytes=35))
    assert backlog.has_room(piece(3, 5)) and not backlog.has_room(piece(3, 6))
    link.ack(0, 10, 0.0)
    assert backlog.has_room(piece(3))


def test_one_piece_has_room_however_large() -> None:
    assert Backlog(Bounds(0.0, 0)).has_room(piece(0))


def test_a_unit_longer_than_the_bound_holds_nothing_up() -> None:
    """The server cannot ack before the next unit, and says by media time that all is well."""
    backlog, link = filled(Bounds(seconds=3.0))
    link.ack(0, 0, 2.0)
    assert backlog.has_room(piece(4)) and not backlog.has_room(piece(5))
    assert (backlog.held, backlog.unsafe, backlog.unsafe_bytes) == (30, 1.0, 10)


def test_acks_free_whole_units_and_never_go_back() -> None:
    backlog, link = filled(Bounds())
    for offset, held in ((15, 20), (10, 20), (0, 20), (29, 10), (30, 10)):
        link.ack(0, offset, 0.0)
        assert backlog.held == held
    assert backlog.resume() == Resume("b", 0, 20)
    backlog.finish()
    link.ack(0, 30, 0.0)
    assert (backlog.held, backlog.unsafe) == (0, 0.0)
    assert backlog.resume() == Resume("b", 0, 30)


def test_of_what_is_still_being_recorded_something_stays_to_go_on_from() -> None:
    backlog, known = Backlog(Bounds()), (Unit(0), Unit(10, b"[10]"))
    backlog.append(Slice(1.0, b"0123456789", 1.0, True, INIT, known))
    link = backlog.connect()
    link.ready("b", 0, 0)
    link.next()
    link.ack(0, 10, 1.0)
    backlog.afresh()
    backlog.append(Slice(2.0, b"abc", 2.0))
    link = backlog.connect()
    link.ready("c", 0, 0)
    assert [link.next(), link.next()] == [Bytes(b"0123456789", 1.0, 10), Bytes(b"abc", 2.0, 3)]


def test_a_server_that_lost_what_was_not_acked_gets_it_again() -> None:
    backlog, link = filled(Bounds())
    link.ack(0, 10, 0.0)
    link = backlog.connect()
    link.ready("b", 0, 12)
    assert link.next() == Bytes(b"23456789", 2.0, 0)
    link.ack(0, 20, 0.0)  # of what an encoder had before: all of it has to be sent, still
    assert link.next() == Bytes(b"0123456789", 3.0, 0)


def test_bytes_that_have_yet_to_be_sent_are_not_freed() -> None:
    backlog, link = filled(Bounds())
    link = backlog.connect()
    link.ready("b", 0, 5)
    link.ack(0, 20, 0.0)
    assert backlog.held == 30
    assert link.next() == Bytes(b"56789", 1.0, 0)


def test_a_server_that_is_further_on_is_still_not_trusted_with_the_only_copy() -> None:
    backlog = Backlog(Bounds())
    backlog.append(piece(0))
    backlog.append(piece(0))
    link = backlog.connect()
    link.ready("b", 0, 0)
    assert [type(link.next()) for _ in range(3)] == [Bytes, Begin, Bytes]
    link = backlog.connect()
    link.ready("b", 1, 4)
    assert link.next() == Bytes(b"456789", 1.0, 0)
    assert backlog.resume() == Resume("b", 0, 0)
    link.ack(1, 0, 0.0)
    assert backlog.resume() == Resume("b", 1, 0)


@pytest.mark.parametrize(("epoch", "offset"), [(0, 31), (1, 0), (7, 3)])
def test_what_was_never_sent_cannot_be_acked_or_asked_for(epoch: int, offset: int) -> None:
    backlog, link = filled(Bounds())
    with pytest.raises(Violation, match="error in the server"):
        link.ack(epoch, offset, 0.0)
    with pytest.raises(Violation, match="error in the server"):
        backlog.connect().ready("b", epoch, offset)


def test_what_was_acked_cannot_be_asked_for_again() -> None:
    backlog, link = filled(Bounds())
    link.ack(0, 20, 0.0)
    with pytest.raises(Violation, match="again"):
        backlog.connect().ready("b", 0, 19)


def test_another_broadcast_is_not_gone_on_with() -> None:
    backlog, _ = filled(Bounds())
    with pytest.raises(Violation, match="another broadcast"):
        backlog.connect().ready("c", 0, 0)
