"""What is known of one generation after its end, for the API, the journal and whoever asks why. Pure."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ingestd.broadcast.failures import SENTENCES, Reason
from ingestd.encoder.progress import Progress
from ingestd.log import redact
from ingestd.processes import Exit

KEPT = 20  # generations of one broadcast
_LINES = 20  # last lines of one generation
_LINE = 500  # characters of a line
_BEYOND = 1e18  # no time, rate or speed; nor is infinity, nor what is not a number
_DONE = "The encoder did its work: all that it was given stands in the playlist."
_USER = re.compile(r"(?<=://)[^/@\s]*@")
_QUERY = re.compile(r"\?.*")


@dataclass(frozen=True, slots=True)
class Report:
    """One life of an encoder: what it was to do, what it did, and how it ended."""

    number: int  # of the generation
    epoch: int
    argv: tuple[str, ...]  # without paths, and without anything that could be a secret
    renditions: tuple[str, ...]  # names, best first
    origin: float  # media time of the epoch at which it began, in seconds
    commit: float  # media time that stood in the playlist when it was over, in seconds
    started_at: float  # Unix time
    lifetime: float  # seconds
    reason: str  # "": its work was done
    sentence: str  # the reason in plain words
    exit: str  # how the process ended, with its last line
    code: int | None
    signal: int | None
    lines: tuple[str, ...]  # the last of its stderr
    frames: int  # made, of all renditions together
    doubled: int  # frames that it repeated to keep the frame rate
    dropped: int  # frames that it left out for the same reason
    speed: float  # 1.0 is real time
    fps: float

    @classmethod
    def of(
        cls,
        *,
        number: int,
        epoch: int,
        argv: Sequence[str],
        renditions: Iterable[str],
        origin: float,
        commit: float,
        started_at: float,
        lifetime: float,
        reason: Reason | None,
        ended: Exit,
        progress: Progress,
    ) -> Report:
        """The report of a generation from what its owner holds; ``reason`` None: its work was done."""
        lines = tuple(_harmless(line) for line in ended.lines[-_LINES:])
        return cls(
            number=number,
            epoch=epoch,
            argv=harmless(argv),
            renditions=tuple(renditions),
            origin=round(origin, 6),
            commit=round(commit, 6),
            started_at=round(started_at, 3),
            lifetime=round(lifetime, 3),
            reason=reason.value if reason else "",
            sentence=SENTENCES[reason] if reason else _DONE,
            exit=str(Exit(ended.code, ended.signal, lines)),
            code=ended.code,
            signal=ended.signal,
            lines=lines,
            frames=progress.frames,
            doubled=progress.doubled,
            dropped=progress.dropped,
            speed=progress.speed,
            fps=progress.fps,
        )

    def as_dict(self) -> dict[str, Any]:
        """A JSON object, as the API shows it."""
        return asdict(self)

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The report that :meth:`to_json` wrote; raises ValueError for anything else."""
        try:
            found = json.loads(text)
        except RecursionError:
            raise ValueError("not a report: nested too deep") from None
        if not isinstance(found, dict) or set(found) != set(_SHAPES):
            raise ValueError("not a report: its fields are others")
        for name, shape in _SHAPES.items():
            if not _fits(found[name], shape):
                raise ValueError(f"not a report: {name} is {str(found[name])[:50]!r}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in found.items()
        }
        return cls(**values)


_SHAPES: dict[str, str] = {field.name: str(field.type) for field in fields(Report)}


def _fits(value: Any, shape: str) -> bool:
    """Whether a value that came out of JSON has the type of a field."""
    if shape == "tuple[str, ...]":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if value is None:
        return shape == "int | None"
    if shape == "float":
        return isinstance(value, (int, float)) and abs(value) < _BEYOND and not isinstance(value, bool)
    return isinstance(value, str if shape == "str" else int) and not isinstance(value, bool)


def harmless(argv: Sequence[str]) -> tuple[str, ...]:
    """A command line for anybody's eyes: programs and files by name, addresses without what is secret."""
    return tuple(_harmless(word.rpartition("/")[2] if word.startswith("/") else word) for word in argv)


def _harmless(text: str) -> str:
    if "://" in text:
        text = _QUERY.sub("?[hidden]", _USER.sub("", text))
    return redact(text)[:_LINE]


class Reports:
    """The reports of a broadcast's last generations, oldest first; older ones are forgotten."""

    def __init__(self, reports: Iterable[Report] = ()) -> None:
        self._reports: deque[Report] = deque(reports, maxlen=KEPT)

    def add(self, report: Report) -> None:
        self._reports.append(report)

    def __iter__(self) -> Iterator[Report]:
        return iter(self._reports)

    def __len__(self) -> int:
        return len(self._reports)

    def as_list(self) -> list[dict[str, Any]]:
        """JSON objects, as the API shows them."""
        return [report.as_dict() for report in self._reports]
