"""The words of ``ingestd.v1``: what is said to the server, what it says, and what its end means. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from ingestd.container.model import InitSegment
from ingestd.errors import ANSWERS, Code
from ingestd.publish.backlog import Begin, Resume, Violation
from ingestd.publish.errors import UNEXPLAINED, Closed, Exit, Failure, closed

SUBPROTOCOL = "ingestd.v1"

_WEBM = {"vp8", "vp9", "av1", "opus", "vorbis"}
_NAMES = {"av1": "av01", "h264": "avc1", "aac": "mp4a.40.2"}


@dataclass(frozen=True, slots=True)
class Ready:
    """Send from byte ``offset`` of ``epoch``. ``resume_window``: seconds that a broadcast waits for us."""

    broadcast: str
    epoch: int
    offset: int
    resume_window: float
    clock: bool = False  # the server answers to our clock


@dataclass(frozen=True, slots=True)
class Clock:
    """The server has heard our clock, and says what it showed; None: it does not say."""

    sent: float | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """All before byte ``offset`` of ``epoch``, ``media_time`` seconds by its clock, is in the playlist."""

    epoch: int
    offset: int
    media_time: float


@dataclass(frozen=True, slots=True)
class Status:
    """How the broadcast is doing, in a sentence."""

    state: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """All of it is in the playlist."""


@dataclass(frozen=True, slots=True)
class Error:
    """Why the connection will be closed; ``retry_after``: seconds for which to ask again is no use."""

    code: str
    message: str
    retry_after: float = 0.0


Heard = Ready | Ack | Status | Clock | Ended | Error


def start(init: InitSegment | None, title: str, *, takeover: bool) -> str:
    """Go live with a new broadcast."""
    named = {"title": title} if title else {}
    return json.dumps({"type": "start", "mime": mime(init), **named, "takeover": takeover})


def resume(asked: Resume) -> str:
    """Go on with a broadcast that was cut off."""
    fields = {"broadcast": asked.broadcast, "epoch": asked.epoch, "offset": asked.offset}
    return json.dumps({"type": "resume", **fields})


def begin(epoch: Begin) -> str:
    """A new recorder from here."""
    return json.dumps({"type": "epoch", "epoch": epoch.epoch, "mime": mime(epoch.init)})


def clock(sent: float, heard: float | None, began: float | None) -> str:
    """What our clock shows (s), when the answer to the last such message came, and when the epoch had media
    time 0."""
    said = {"sent": sent, "heard": heard, "began": began}
    return json.dumps({"type": "clock", **{name: value for name, value in said.items() if value is not None}})


STOP = json.dumps({"type": "stop"})


def mime(init: InitSegment | None) -> str:
    """The type that a browser would give to such a recording."""
    if init is None:
        return "video/webm"
    codecs = [track.codec for track in (init.video, init.audio) if track]
    container = init.container
    if container == "matroska":
        container = "webm" if _WEBM.issuperset(codecs) else "x-matroska"
    names = ",".join(_NAMES.get(codec, codec) for codec in codecs)
    return f"{'video' if init.video else 'audio'}/{container};codecs={names}"


def heard(text: str | bytes) -> Heard | None:
    """What the server says; None for what we need not know. Raises :class:`Violation`."""
    try:
        fields = json.loads(text)
        return _read(fields)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Violation("The server says what cannot be understood. Is it another version?") from None


def _read(fields: dict[str, Any]) -> Heard | None:
    match fields["type"]:
        case "ready":
            window = _seconds(fields.get("resume_window", 0))
            place = _count(fields["epoch"]), _count(fields["offset"])
            return Ready(str(fields["broadcast"]), *place, window, fields.get("clock") is True)
        case "ack":
            time = _seconds(fields.get("media_time", 0))
            return Ack(_count(fields["epoch"]), _count(fields["offset"]), time)
        case "status":
            return Status(str(fields.get("state", "")), str(fields.get("message", "")))
        case "clock":
            return Clock(_seconds(fields["sent"]) if "sent" in fields else None)
        case "ended":
            return Ended()
        case "error":
            later = max(0.0, _seconds(fields.get("retry_after") or 0))
            return Error(str(fields.get("code", "")), str(fields.get("message", "")), later)
    return None


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds):
        raise ValueError
    return seconds


class Then(Enum):
    """What follows when a connection has ended."""

    DONE = auto()
    RETRY = auto()
    LATER = auto()  # retry, with longer waits
    AFRESH = auto()  # the broadcast is over: another one
    FAIL = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows, and why: ``failure`` carries the words for the person who waits. ``retry_after``:
    seconds for which the server wants to be left alone."""

    then: Then
    failure: Failure
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Circumstances:
    """In which a connection ended. ``resumed``: it asked for a broadcast that was there before;
    ``ready``: it was told to send; ``live``: this recording was on air at some time; ``delivered``:
    all is recorded, and acked; ``doubtful``: an earlier connection of ours may still be taken for alive.
    ``failed`` is what the server said when the broadcast failed."""

    resumed: bool = False
    ready: bool = False
    live: bool = False
    delivered: bool = False
    doubtful: bool = False
    failed: str = ""


_NOT_FOUND, _CONFLICT = 4404, 4409
_INTERNAL, _RESTARTING, _NO_CAPACITY, _TOO_MANY = 1011, 1012, 1013, 4429
_RETRIED = {1000, 1001, 1005, 1006, 4408}  # and all others that are not a refusal


def judge(end: Closed | None, error: Error | None, now: Circumstances) -> Verdict:
    """What to do when the server has closed, or fell silent (None); ``error`` is what it said before."""
    if end is None:
        words = "The server says nothing any more; connecting again."
        return Verdict(Then.RETRY, Failure(Exit.LOST, words))
    code = _code(end, error)
    words = error.message if error and error.message else end.reason
    if code == _NOT_FOUND and (now.resumed or now.ready):
        return _over(now)
    if code == _CONFLICT:
        return _conflict(now)
    if code == _RESTARTING:
        return Verdict(Then.RETRY, Failure(Exit.LOST, "The server is restarting; coming back."))
    failure = closed(code, words)
    if code == _INTERNAL and error and not now.ready:
        return Verdict(Then.FAIL, failure)
    if code in (_NO_CAPACITY, _TOO_MANY):
        return Verdict(Then.LATER if now.live else Then.FAIL, failure, error.retry_after if error else 0.0)
    return Verdict(Then.RETRY if failure.exit is Exit.LOST or code in _RETRIED else Then.FAIL, failure)


def _code(end: Closed, error: Error | None) -> int:
    """The close code; where it was lost on its way, that of the error that was said."""
    if error and end.code in UNEXPLAINED and error.code in list(Code):
        return ANSWERS[Code(error.code)][0]
    return end.code


def ended(now: Circumstances, *, stopped: bool) -> Verdict:
    """The server says that all of it is in the playlist: ours to say is when that is so."""
    if stopped:
        return Verdict(Then.DONE, Failure(Exit.SENT, "All of it stands in the playlist."))
    return _over(now)


def _over(now: Circumstances) -> Verdict:
    if now.delivered:
        return Verdict(Then.DONE, Failure(Exit.SENT, "All of it stands in the playlist."))
    if now.failed:
        return Verdict(Then.FAIL, Failure(Exit.LOST, f"The broadcast has failed: {now.failed}"))
    return Verdict(Then.AFRESH, Failure(Exit.LOST, "The server had ended the broadcast."))


def _conflict(now: Circumstances) -> Verdict:
    """Another publisher has the channel, or what the server takes for one: it may be ourselves.

    When an answer to start or resume is lost on its way, the server may hold that connection for alive,
    or hear it after the next one.
    """
    if now.doubtful:
        return Verdict(Then.RETRY, Failure(Exit.BUSY, "The server takes the last connection for alive."))
    if now.resumed or now.ready:
        return Verdict(Then.FAIL, Failure(Exit.BUSY, "Another publisher took over."))
    words = "The channel is live: another publisher has it. --takeover takes it."
    return Verdict(Then.FAIL, Failure(Exit.BUSY, words))
