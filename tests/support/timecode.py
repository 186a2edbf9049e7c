"""Pictures that tell when they were made: the milliseconds of the wall clock as black and white tiles."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

SMALL, HD = (320, 192), (1280, 720)
RATE = 30

_ROW, _ROWS = 5, 3  # tiles in a row, and rows
_BITS = _ROW * _ROWS  # 32 s until they begin anew
_DARK, _WHITE, _MIDDLE = 16, 235, 128  # luma (ITU-R BT.601)
_GRAY = 128


class Plane(Protocol):
    """Luma by line and column, as numpy has it."""

    def __getitem__(self, at: tuple[int, int]) -> int: ...


def now() -> int:
    """Milliseconds, as far as the tiles go."""
    return int(time.time() * 1000) % (1 << _BITS)


def picture(code: int, width: int, height: int) -> bytes:
    """A raw picture (yuv420p)."""
    luma = bytearray()
    for row in range(_ROWS):
        bits = [code >> (row * _ROW + column) & 1 for column in range(_ROW)]
        line = b"".join(bytes([_WHITE if bit else _DARK]) * (width // _ROW) for bit in bits)
        luma += line * (height // _ROWS)
    return bytes(luma) + bytes([_GRAY]) * (width * height // 2)


def age(luma: Plane, width: int, height: int, at: int | None = None) -> float:
    """Seconds since that picture was made, which has this size now; ``at``: milliseconds of the wall clock
    when it was seen; None: now."""
    code = 0
    for bit in range(_BITS):
        row, column = divmod(bit, _ROW)
        line, pixel = int((row + 0.5) / _ROWS * height), int((column + 0.5) / _ROW * width)
        code |= (luma[line, pixel] > _MIDDLE) << bit
    return (((now() if at is None else at) - code) % (1 << _BITS)) / 1000


def pipe(size: tuple[int, int] = SMALL) -> list[str]:
    """FFmpeg's options for such pictures on stdin."""
    width, height = size
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", f"{width}x{height}"]
    return [*raw, "-framerate", f"{RATE}", "-probesize", "32", "-analyzeduration", "0", "-i", "pipe:0"]


class Source:
    """A program (FFmpeg) that gets such pictures on stdin, as :func:`pipe` says, in real time, until
    :meth:`close`; ``taken`` gets what it writes to stdout."""

    def __init__(
        self,
        command: Sequence[str],
        taken: Callable[[bytes], object] = lambda _: None,
        size: tuple[int, int] = SMALL,
    ) -> None:
        self._size = size
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._ending = threading.Event()
        self.pictures = 0  # that it was given
        self._threads = [
            threading.Thread(target=self._write, daemon=True),
            threading.Thread(target=self._read, args=(taken,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._ending.set()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(20)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _write(self) -> None:
        assert self._process.stdin
        due = time.monotonic()
        try:
            while not self._ending.wait(max(0.0, due - time.monotonic())):
                data = memoryview(picture(now(), *self._size))
                while data:
                    data = data[self._process.stdin.write(data) :]
                self.pictures += 1
                due += 1 / RATE
            self._process.stdin.close()
        except BrokenPipeError:
            pass

    def _read(self, taken: Callable[[bytes], object]) -> None:
        assert self._process.stdout
        while data := self._process.stdout.read(1 << 16):
            taken(data)
