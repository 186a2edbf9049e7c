"""Runs of whole elements, cut into fragments where a unit starts.

A container's reader says what stands where; this decides what is handed on when. Positions are
indices into the buffer of the read that is under way; times are seconds.
"""

from __future__ import annotations

from ingestd.container.model import Event, Fragment

HOLD_BLOCKS = 16
HOLD_SECONDS = 0.5
HOLD_BYTES = 256 << 10
"""How long a Cluster is held back while no video block has said whether it starts a unit. Chromium
writes one or two audio blocks before the keyframe; half a second of delay is worth no more."""


class Units:
    """The run under way, and what is held back.

    The run is ``lead + buf[run:...]``. ``lead`` is empty while the bytes can be handed on as they
    came. It has bytes where something was dropped from the middle of what is held, or where a
    Cluster header is our own; then one copy is made.
    """

    def __init__(self, limit: int) -> None:
        self.out: list[Event] = []
        self.lead = b""
        self.holding = False
        self._limit = limit
        self._buf = b""
        self._base = 0
        self._run = 0
        self._lead_offset = 0
        self._starts = True  # so that there always is a place to replay from, whatever comes first
        self._prefix = b""
        self._empty = True  # no block in the run yet
        self._first = 0.0
        self._end = 0.0
        self._hold_at = 0
        self._held_blocks = 0
        self._held_first = 0.0
        self._held_end = 0.0

    def begin(self, buf: bytes, base: int) -> None:
        """A read starts: ``buf[0]`` is byte ``base`` of the epoch, and the first byte kept."""
        self._buf = buf
        self._base = base

    def end(self, pos: int) -> int:
        """A read ends at ``pos``, where nothing whole follows. Returns the index to keep from."""
        if self.holding:
            self._cut_before_hold()
            pos = self._run
        else:
            self.cut(pos)
        self._run = self._hold_at = 0
        self._buf = b""
        return pos

    def hold(self, pos: int, lead: bytes = b"", lead_offset: int = 0) -> None:
        """A Cluster starts at ``pos``; or, with ``lead`` for its header, its blocks start there."""
        if lead or self.lead:
            self.cut(pos)
        if lead:
            self.lead, self._lead_offset = lead, lead_offset
        self.holding = True
        self._hold_at = pos
        self._held_blocks = 0

    def block(self, pos: int, time: float, end: float, *, starts: bool, prefix: bytes = b"") -> None:
        """What is at ``pos`` is handed on, not held; ``starts``: it is a keyframe, a unit of its own."""
        if starts:
            self.cut(pos)
            self._starts, self._prefix = True, prefix
        self._note(time, end)

    def held_block(self, time: float, *, decides: bool, starts: bool) -> None:
        """A block inside what is held. One that ``decides`` ends the holding back."""
        if not self._held_blocks:
            self._held_first = self._held_end = time
        self._held_blocks += 1
        self._held_end = max(self._held_end, time)
        if decides:
            self._resolve(starts, time)
        elif self._held_blocks >= HOLD_BLOCKS or time - self._held_first >= HOLD_SECONDS:
            self._resolve(False, self._held_first)

    def make_room(self, pos: int, end: int) -> None:
        """The block ``buf[pos:end]`` comes next: give up holding back where both would be too much."""
        if self.holding and self._held_blocks:
            held = len(self.lead) + pos - self._hold_at
            if held > HOLD_BYTES or held + end - pos > self._limit:
                self._resolve(False, self._held_first)

    def release(self, pos: int) -> None:
        """Nothing that could decide follows: what is held goes on with the last unit.

        A Cluster header without a block is dropped.
        """
        if not self.holding:
            return
        if self._held_blocks:
            self._resolve(False, self._held_first)
            return
        self._cut_before_hold()
        self.holding, self.lead, self._run = False, b"", pos

    def drop(self, pos: int, end: int) -> None:
        """``buf[pos:end]`` is not handed on; ``end`` may lie past the end of the buffer."""
        if self.holding:
            self._cut_before_hold()
            if not self.lead:
                self._lead_offset = self._base + self._run
            self.lead += self._buf[self._run : pos]
        else:
            self.cut(pos)
        self._run = self._hold_at = end

    def replace(self, pos: int, end: int, data: bytes) -> None:
        """Hand on ``data`` instead of ``buf[pos:end]``. What stands before ``pos`` has been cut off."""
        self.lead, self._lead_offset, self._run = data, self._base + pos, end

    def insert(self, pos: int, data: bytes, first: float, end: float) -> None:
        """Hand on ``data``, which is not of the recording, before the block at ``pos``; not while holding."""
        self.cut(pos)
        self.out.append(Fragment(self._base + pos, memoryview(data), first, end, False))

    def cut(self, pos: int) -> None:
        """Hand on the run up to ``pos``, if there is any."""
        if self.lead:
            data = memoryview(self.lead + self._buf[self._run : pos])
            offset, self.lead = self._lead_offset, b""
        elif pos > self._run:
            data = memoryview(self._buf)[self._run : pos]
            offset = self._base + self._run
        else:
            return
        self.out.append(Fragment(offset, data, self._first, self._end, self._starts, self._prefix))
        self._starts, self._prefix, self._empty, self._run = False, b"", True, pos

    def _note(self, first: float, end: float) -> None:
        if self._empty:
            self._empty, self._first, self._end = False, first, end
        elif end > self._end:
            self._end = end

    def _resolve(self, starts: bool, time: float) -> None:
        self.holding = False
        if starts:
            self._cut_before_hold()
            self._starts = True
        self._note(time if starts else self._held_first, self._held_end)

    def _cut_before_hold(self) -> None:
        # a lead belongs to what is held: nothing stands before it
        if not self.lead:
            self.cut(self._hold_at)
