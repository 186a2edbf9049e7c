"""The clips say of every frame which it is, after an encode at the smallest size of a ladder."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from tests.chaos import cells
from tests.chaos.clip import CODECS, Clip, clip, joined


def shrunk(picture: cells.Gray) -> cells.Gray:
    """As FFmpeg shrinks it before it is read: the mean of each rectangle."""
    height, width = picture.shape
    parts = picture.reshape(cells.HEIGHT, height // cells.HEIGHT, cells.WIDTH, width // cells.WIDTH)
    return np.asarray(parts.mean(axis=(1, 3)), np.uint8)


def frame(number: int) -> cells.Gray:
    return shrunk(cells.picture(number, 480, 90, np.random.default_rng(0)))


def test_every_number_is_read_as_it_was_drawn() -> None:
    numbers = [0, 1, 2, 14, 15, 16, 45, 255, 256, 4096, 32767, 65535, *range(1000, 1100)]
    found = cells.read(np.stack([frame(number) for number in numbers]))
    assert found.numbers.tolist() == numbers
    assert found.flashes.tolist() == [number % 30 == 15 for number in numbers]


def test_a_frame_that_is_a_mixture_of_two_is_unreadable() -> None:
    mixed = (frame(5).astype(int) + frame(6)) // 2
    torn = np.hstack([frame(5)[:, :24], frame(60000)[:, 24:]])
    grey = np.full_like(frame(5), 128)
    half = np.vstack([frame(5)[:3], frame(6)[3:]])
    found = cells.read(np.stack([mixed.astype(np.uint8), half, grey, torn]))
    assert found.numbers[:3].tolist() == [cells.UNREADABLE] * 3
    assert found.numbers[3] not in (5, 60000)


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        cells.picture(cells.MOST, 480, 90, np.random.default_rng(0))
    with pytest.raises(ValueError, match="begins no second"):
        clip("vp8", 256, 144, 1, first=7)


def through_a_ladder(source: Clip) -> cells.Read:
    """Decoded after x264 at 128x72 and 100 kb/s, the least that the short run uses."""
    encode = ["ffmpeg", "-v", "error", "-i", str(source.path), "-an", "-vf", "scale=128:72,format=yuv420p"]
    encode += ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"]
    encode += ["-b:v", "100k", "-maxrate", "100k", "-bufsize", "100k", "-f", "h264", "-"]
    small = subprocess.run(encode, check=True, capture_output=True).stdout
    decode = ["ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-fps_mode", "passthrough"]
    decode += ["-vf", f"scale={cells.WIDTH}:{cells.HEIGHT}:flags=area,format=gray", "-f", "rawvideo", "-"]
    raw = subprocess.run(decode, check=True, capture_output=True, input=small).stdout
    return cells.read(np.frombuffer(raw, np.uint8).reshape(-1, cells.HEIGHT, cells.WIDTH))


@pytest.mark.parametrize("codec", CODECS)
def test_cells_survive_the_smallest_rendition(codec: str) -> None:
    assert through_a_ladder(clip(codec, 256, 144, 2, first=300)).numbers.tolist() == list(range(300, 360))


def test_two_clips_in_one_file_are_counted_on() -> None:
    first, second = clip("vp8", 256, 144, 2), clip("h264", 256, 144, 2, first=60)
    both = joined(first, second)
    assert both.path.read_bytes() == first.path.read_bytes() + second.path.read_bytes()
    assert (both.first, both.frames, both.seconds, both.codec) == (0, 120, 4.0, "vp8>h264")
