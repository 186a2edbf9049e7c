"""``make chaos`` inside of a box: a service is struck while it is live, and its frames are counted.

Runs with Debian's Python, numpy and FFmpeg as ``chaos FORM STRIKE…``; strikes come one after the other. A
line for each broadcast tells what became of it.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.boxes.common import get
from tests.chaos.broadcast import Broadcast, Publisher
from tests.chaos.clip import CODECS, clip
from tests.chaos.form import EARLIEST, END_SECONDS, FORMS, START_SECONDS, Form
from tests.chaos.log import last_words, tracebacks
from tests.chaos.result import Result, as_json, from_json

HLS = 8080
_TOLD = "broadcast: "


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault, what it hits at once, and when: seconds after all of that stands in the playlist."""

    fault: str
    codecs: tuple[str, ...]
    after: float

    def __str__(self) -> str:
        return f"{self.fault}:{','.join(self.codecs)}@{self.after}"

    @classmethod
    def read(cls, word: str) -> Strike:
        """What ``str`` has written."""
        fault, _, rest = word.partition(":")
        codecs, _, after = rest.partition("@")
        return cls(fault, tuple(codecs.split(",")), float(after))


@dataclass(frozen=True, slots=True)
class Service:
    """ingestd as it was installed in a box: its commands, what publishes a file, its faults and its log."""

    ingestd: Callable[..., str]
    publish: Callable[[Path], list[str]]
    faults: Mapping[str, Callable[[], None]]
    log: Callable[[], str]

    def look(self, channel: str) -> dict[str, Any] | None:
        """The channel's newest broadcast; None as long as there is none, or nobody answers."""
        try:
            found: dict[str, Any] | None = json.loads(get(f"/api/v1/channels/{channel}", HLS))["broadcast"]
        except (OSError, ValueError, KeyError):
            return None
        return found

    def fetch(self, path: str) -> bytes:
        return get(path, HLS)


def run(service: Service, form: Form, strikes: Sequence[Strike]) -> int:
    """All of them, and a line for each broadcast; the exit code says only that it was done."""
    for codec in CODECS:  # first: making clips takes all of the machine
        clip(codec, form.width, form.height, form.seconds)
    for number, strike in enumerate(strikes):
        for result in play(service, strike, form, number):
            print(_TOLD + as_json(result), flush=True)
    return 0


def told(line: str) -> Result | None:
    """The broadcast of which a line of :func:`run` tells, if it does."""
    if not line.startswith(_TOLD):
        return None
    try:
        return from_json(line.removeprefix(_TOLD))
    except ValueError:
        return None


def words(arguments: Sequence[str]) -> tuple[Form, list[Strike]]:
    """Of the command line."""
    return FORMS[arguments[0]], [Strike.read(word) for word in arguments[1:]]


def play(service: Service, strike: Strike, form: Form, number: int) -> list[Result]:
    """What became of each of its broadcasts."""
    results = [Result(strike.fault, codec) for codec in strike.codecs]
    before = len(service.log().splitlines())
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        casts = []
        trouble = []
        try:
            channels = {f"{codec}-{number}": codec for codec in strike.codecs}
            secrets = {channel: _secrets(service, channel) for channel in channels}
            for channel, codec in channels.items():
                one = clip(codec, form.width, form.height, form.seconds)
                publisher = Publisher(service.publish(one.path), secrets[channel], Path(scratch, channel))
                casts.append(Broadcast(service, one, channel, publisher))
                stack.callback(casts[-1].close)
            for cast in casts:
                cast.wait_on_air(EARLIEST, START_SECONDS)
            time.sleep(strike.after)
            for cast in casts:
                cast.struck()
            service.faults[strike.fault]()
        except Exception as error:
            trouble.append(f"{type(error).__name__}: {error}")
        for cast, result in zip(casts, results, strict=False):
            cast.conclude(result, form.seconds + END_SECONDS)
    lines = service.log().splitlines()[before:]
    trouble += [f"the server's log has a traceback: {one}" for one in tracebacks(lines)]
    for result in results:
        result.trouble += trouble
    if not all(result.well for result in results):
        print(f"the server's log, its end:\n{last_words(lines)}", flush=True)
    return results


def _secrets(service: Service, channel: str) -> dict[str, str]:
    """The environment with which ``ingestd publish`` may publish on a channel that is made for it."""
    service.ingestd("channel", "create", channel)
    return {
        "INGESTD_STREAM_KEY": service.ingestd("key", "create", channel),
        "INGESTD_TOKEN": service.ingestd("token", "create", "--channel", channel, "--lifetime", "1d"),
    }
