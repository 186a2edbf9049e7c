"""What the page's recorders gave, kept by the page itself; and what the encoder should make of that."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import BrowserContext, Page

from tests.chaos.analysis import decode, unbroken
from tests.chaos.cells import FRAME_RATE, HEIGHT, WIDTH, read
from tests.hls.rfc8216 import check_media, parse_multivariant

Fetch = Callable[[str], bytes]

# Every recorder that the page makes, with all that it gives, before the page sees it.
_KEEP = """
window.recorders = [];
window.MediaRecorder = class extends MediaRecorder {
  constructor(...given) {
    super(...given);
    this.kept = [];
    this.addEventListener("dataavailable", ({ data }) => this.kept.push(data));
    window.recorders.push(this);
  }
};
"""

_GIVE = """
number => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
  reader.onerror = () => failed(reader.error);
  reader.readAsDataURL(new Blob(window.recorders[number].kept));
})
"""


def keep(context: BrowserContext) -> None:
    """From now on pages of this browser keep what they record."""
    context.add_init_script(_KEEP)


def recorders(page: Page) -> int:
    """How many the page has made."""
    return int(page.evaluate("window.recorders.length"))


def recordings(page: Page) -> list[bytes]:
    """What each recorder gave, in the order in which they were made."""
    return [base64.b64decode(page.evaluate(_GIVE, number)) for number in range(recorders(page))]


def expected(recording: bytes, scratch: Path) -> list[int]:
    """The numbers of its pictures at the encoder's constant frame rate, as one without faults makes them.

    A recorder gives a picture whenever it gets one; at a constant rate some of them are shown twice or
    not at all. Which, hangs on their times alone, so it is the same wherever an encoder begins.
    """
    source, pictures = scratch / "recording", scratch / "pictures"
    source.write_bytes(recording)
    scaling = f"fps={FRAME_RATE},scale={WIDTH}:{HEIGHT}:flags=area,format=gray"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-nostdin",
        "-y",
        "-probesize",
        "32",
        "-analyzeduration",
        "0",
        "-copyts",
    ]
    command += ["-i", str(source), "-map", "0:v:0", "-vf", scaling, "-fps_mode", "passthrough"]
    subprocess.run([*command, "-f", "rawvideo", str(pictures)], check=True, timeout=120)
    return numbers(pictures)


def numbers(pictures: Path) -> list[int]:
    shown = read(np.fromfile(pictures, np.uint8).reshape(-1, HEIGHT, WIDTH)).numbers
    return [int(number) for number in shown]


def listed(fetch: Fetch, path: str) -> dict[str, list[int]]:
    """The numbers of the pictures in each rendition of an ended broadcast, as a viewer sees them."""
    base = path.rpartition("/")[0]
    found = {}
    for variant in parse_multivariant(fetch(path)).variants:
        text = fetch(f"{base}/{variant.uri}")
        assert check_media(text, final=True) == []
        runs = [decode(b"".join(fetch(f"{base}/{uri}") for uri in uris)) for uris in unbroken(text)]
        assert [said for _, said in runs if said] == []
        found[variant.uri] = [int(number) for run, _ in runs for number in run.numbers]
    return found
