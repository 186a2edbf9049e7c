"""What stands in a broadcast's playlist: its colours and its loudness, second by second."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE = 32, 18, 5
HERTZ = 8000
_PLAY = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i"]


@dataclass(frozen=True, slots=True)
class Film:
    """``pictures``: [frame, row, column, red/green/blue], five a second; ``loudness``: peaks of tenths of
    a second, 1 is full scale."""

    pictures: NDArray[np.uint8]
    loudness: NDArray[np.float64]

    def shows(
        self, place: tuple[float, float], colour: tuple[int, int, int], tolerance: int = 60
    ) -> list[bool]:
        """For each picture whether it has that colour there; the place in parts of width and height."""
        x, y = int(place[0] * WIDTH), int(place[1] * HEIGHT)
        away = np.abs(self.pictures[:, y, x].astype(int) - np.array(colour)).max(axis=1)
        return [bool(one < tolerance) for one in away]


def film(url: str) -> Film:
    """An ended playlist, decoded."""
    scaling = f"fps={RATE},scale={WIDTH}:{HEIGHT}:flags=area"
    video = _decode([*_PLAY, url, "-an", "-vf", scaling, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
    audio = _decode([*_PLAY, url, "-vn", "-ac", "1", "-ar", str(HERTZ), "-f", "s16le", "-"])
    pictures = np.frombuffer(video, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    samples = np.abs(np.frombuffer(audio, np.int16).astype(float)) / 32768
    tenths = len(samples) // (HERTZ // 10)
    return Film(pictures, samples[: tenths * (HERTZ // 10)].reshape(tenths, -1).max(axis=1))


def tones(url: str, *hertz: int) -> list[NDArray[np.float64]]:
    """Of each of these frequencies, which are multiples of ten, how much there is in each tenth of a second
    of an ended playlist: 1 is a tone at full scale."""
    audio = _decode([*_PLAY, url, "-vn", "-ac", "1", "-ar", str(HERTZ), "-f", "s16le", "-"])
    samples = np.frombuffer(audio, np.int16).astype(float) / 32768
    tenths = len(samples) // (HERTZ // 10)
    spectrum = np.abs(np.fft.rfft(samples[: tenths * (HERTZ // 10)].reshape(tenths, -1))) / (HERTZ / 20)
    return [spectrum[:, one // 10] for one in hertz]


def _decode(command: list[str]) -> bytes:
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout


def seconds(flags: list[bool]) -> float:
    """For how long that was so."""
    return sum(flags) / RATE
