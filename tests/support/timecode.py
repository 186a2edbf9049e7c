"""Pictures that tell when they were made: the milliseconds of the wall clock as black and white tiles."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

WIDTH, HEIGHT, RATE = 320, 192, 30

_TILE, _ROW, _BITS = 64, 5, 15  # pixels, tiles in a row, bits: 32 s until they begin anew
_DARK, _WHITE, _MIDDLE = 16, 235, 128  # luma (ITU-R BT.601)
_SIZE = WIDTH * HEIGHT
_COLOUR = bytes([128]) * (_SIZE // 2)


class Plane(Protocol):
    """Luma by line and column, as numpy has it."""

    def __getitem__(self, at: tuple[int, int]) -> int: ...


def now() -> int:
    """Milliseconds, as far as the tiles go."""
    return int(time.time() * 1000) % (1 << _BITS)


def picture(code: int) -> bytes:
    """A raw picture (yuv420p)."""
    luma = bytearray()
    for row in range(_BITS // _ROW):
        bits = [code >> (row * _ROW + column) & 1 for column in range(_ROW)]
        luma += b"".join(bytes([_WHITE if bit else _DARK]) * _TILE for bit in bits) * _TILE
    return bytes(luma) + _COLOUR


def age(luma: Plane, width: int) -> float:
    """Seconds since that picture was made; ``width``: pixels that it has now."""
    tile = width / _ROW
    code = 0
    for bit in range(_BITS):
        row, column = divmod(bit, _ROW)
        code |= (luma[int((row + 0.5) * tile), int((column + 0.5) * tile)] > _MIDDLE) << bit
    return ((now() - code) % (1 << _BITS)) / 1000


class Source:
    """A program (FFmpeg) that gets such pictures on stdin, as ``INPUT`` says, in real time, until
    :meth:`close`; ``taken`` gets what it writes to stdout."""

    INPUT = (
        *("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", f"{WIDTH}x{HEIGHT}"),
        *("-framerate", f"{RATE}", "-probesize", "32", "-analyzeduration", "0", "-i", "pipe:0"),
    )

    def __init__(self, command: Sequence[str], taken: Callable[[bytes], object] = lambda _: None) -> None:
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
                data = memoryview(picture(now()))
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
