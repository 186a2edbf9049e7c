"""Frame numbers as black and white cells: drawn into pictures, and read from decoded ones. Pure.

A picture is divided into three rows. The first has the bits of its number, white for 1 and the
highest on the left; the second has the inverse of each, as a check; the third flickers, so that a
frame weighs something, and is all white once a second: the flash. Cells are a sixteenth of the
width and a third of the height, so they outlive an encode at any size that a ladder has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAME_RATE = 30
FLASH_AT = 15
"""The frame within each second that flashes: not one with which a segment begins or ends."""

BITS = 16
MOST = 1 << BITS
UNREADABLE = -1

_SAMPLES = 3  # each way in a cell; only the middle one is looked at
WIDTH, HEIGHT = BITS * _SAMPLES, 3 * _SAMPLES
"""To this size a decoded frame is shrunk before it is read."""

_BLACK, _WHITE = 16, 235
_FLICKER = 60  # the flickering row's brightest
_DARK, _BRIGHT = 90, 160  # between the two a cell is neither
_FLASHES = 140  # mean of the third row

Gray = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Read:
    """What stands in a row of frames: their numbers (:data:`UNREADABLE` for damage), and which flash."""

    numbers: NDArray[np.int64]
    flashes: NDArray[np.bool_]


def flashes(number: int) -> bool:
    """Whether the frame with this number is the one of its second that flashes."""
    return number % FRAME_RATE == FLASH_AT


def picture(number: int, width: int, height: int, chance: np.random.Generator) -> Gray:
    """A frame with its number in it."""
    if not 0 <= number < MOST:
        raise ValueError(f"{number} does not fit into {BITS} bits")
    ones = (number >> np.arange(BITS - 1, -1, -1)) & 1
    bits = np.where(ones, _WHITE, _BLACK).astype(np.uint8)
    columns = np.arange(width) * BITS // width
    row = height // 3
    made = np.empty((height, width), np.uint8)
    made[:row] = bits[columns]
    made[row : 2 * row] = (_WHITE + _BLACK - bits)[columns]
    flicker = chance.integers(_BLACK, _FLICKER, (height - 2 * row, width), np.uint8)
    made[2 * row :] = _WHITE if flashes(number) else flicker
    return made


def read(frames: Gray) -> Read:
    """The numbers of frames shrunk to ``HEIGHT`` by ``WIDTH``: strict, a doubtful cell spoils its frame."""
    middles = frames[:, _SAMPLES // 2 :: _SAMPLES, _SAMPLES // 2 :: _SAMPLES]
    bits, check = middles[:, 0], middles[:, 1]
    ones = (bits > _BRIGHT) & (check < _DARK)
    zeros = (bits < _DARK) & (check > _BRIGHT)
    numbers = ones @ (1 << np.arange(BITS - 1, -1, -1))
    readable = (ones | zeros).all(axis=1)
    return Read(
        np.where(readable, numbers, UNREADABLE).astype(np.int64),
        frames[:, 2 * _SAMPLES + 1].mean(axis=1) > _FLASHES,
    )
