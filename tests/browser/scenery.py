"""Pictures to look at: hills before a low sun, each palette of its own, still and moving."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = tuple[int, int, int]

# Sky above, sky at the horizon, sun, hills nearest.
PALETTES: dict[str, tuple[Colour, Colour, Colour, Colour]] = {
    "dusk": ((38, 32, 84), (250, 142, 102), (255, 226, 170), (24, 18, 44)),
    "dawn": ((88, 148, 206), (255, 214, 186), (255, 248, 224), (26, 62, 78)),
    "night": ((8, 12, 34), (44, 66, 120), (226, 232, 250), (6, 10, 22)),
    "moss": ((112, 168, 158), (238, 236, 196), (255, 252, 230), (20, 54, 42)),
}
_HILLS = 5
_SECONDS, _RATE = 12, 30


def landscape(palette: str, width: int = 1280, height: int = 720) -> Image.Image:
    """A wide one goes on to the right."""
    above, horizon, sun, near = (np.array(colour, float) for colour in PALETTES[palette])
    x, y = np.arange(width) / height, np.arange(height)[:, None] / height
    picture = above + (horizon - above) * (np.minimum(y / 0.65, 1) ** 1.3)[:, :, None]
    picture = np.broadcast_to(picture, (height, width, 3)).copy()
    away = np.hypot(x[None, :] - 1.2, y - 0.42)
    glow = np.clip(1 - away / 0.5, 0, 1)[:, :, None] ** 2
    picture += (sun - picture) * np.where(away[:, :, None] < 0.075, 1.0, glow * 0.7)
    for layer in range(_HILLS):
        depth = (layer + 1) / _HILLS
        inside = y > _ridge(x, layer)[None, :]
        picture[inside] = horizon * 0.8 * (1 - depth) + near * depth
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def _ridge(x: NDArray[np.float64], layer: int) -> NDArray[np.float64]:
    """Heights of a row of hills: the nearer, the lower and the rounder."""
    waves = sum(
        np.sin(x * (1.3 + layer * 0.4) * 1.9**wave + layer * 2.1 + wave) / 2.0**wave for wave in range(5)
    )
    return np.asarray(0.56 + layer * 0.09 + waves * 0.035)


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def moving(palette: str, path: Path, width: int = 1280, height: int = 720) -> Path:
    """A clip that goes past the hills and back, with a soft sound, to be published round and round."""
    still = path.with_suffix(".png")
    landscape(palette, width * 5 // 4, height).save(still)
    way = f"crop={width}:{height}:x='(iw-ow)*(0.5-0.5*cos(2*PI*t/{_SECONDS}))':y=0"
    video = ["-loop", "1", "-framerate", str(_RATE), "-i", str(still)]
    sound = ["-f", "lavfi", "-i", "sine=220:sample_rate=48000,volume=0.1"]
    how = (
        f"-c:v libx264 -preset veryfast -pix_fmt yuv420p -g {_RATE} -b:v 3M -c:a aac -b:a 96k -f flv".split()
    )
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *video, *sound, "-vf", way, "-t", str(_SECONDS)]
    subprocess.run([*command, *how, str(path)], check=True)
    return path
