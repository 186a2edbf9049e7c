"""What a check of ``ingestd doctor`` says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ingestd.settings import Settings


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"  # works, but not as well as it could
    FAILED = "failed"  # 'ingestd up' cannot do without


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, in a few words, and how to mend it where it is not right."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


Verdict = tuple[Status, str, str]
"""Status, detail, remedy."""


@dataclass(frozen=True, slots=True)
class Check:
    """A small function with a name; it may raise. ``of_nginx``: it is no use where that runs elsewhere."""

    name: str
    look: Callable[[Settings], Verdict]
    of_nginx: bool = False

    def __call__(self, settings: Settings) -> Finding:
        return Finding(self.name, *self.look(settings))


def ok(detail: str) -> Verdict:
    return Status.OK, detail, ""


def warning(detail: str, remedy: str) -> Verdict:
    return Status.WARNING, detail, remedy


def failed(detail: str, remedy: str) -> Verdict:
    return Status.FAILED, detail, remedy
