"""The resumable protocol, ``ingestd.v1``: a broadcast that outlives its connections. Pure.

Text messages are JSON objects with a ``type``; binary messages are the next bytes of the current
epoch. Fed with both and the time, the session returns what is to be done, in order. Which bytes are
due is the adapter's to say, by :meth:`ResumableSession.ready`: the recording belongs to the
broadcast and outlives the session.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from ingestd.broadcast.recording import Recording, Step
from ingestd.errors import Code, Refusal
from ingestd.ingest.session import Patience, Pulse, too_large

_MAX_TEXT = 64 << 10  # characters
_MAX_NAME = 200  # characters, of a title or of a MIME type
_MAX_NUMBER = (1 << 53) - 1  # what JavaScript counts exactly
_BROADCAST = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Start:
    """Go live with a new broadcast. ``takeover``: also from a publisher that is alive."""

    title: str
    mime: str  # for the log alone: what comes is judged by its bytes
    takeover: bool


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with a broadcast that was cut off.

    ``epoch`` is the oldest of which the client holds bytes that were not acked, ``offset`` the first
    byte of it that is still there (None: not said).
    """

    broadcast: str
    epoch: int
    offset: int | None


@dataclass(frozen=True, slots=True)
class NextEpoch:
    """A new recorder from here. The session has its new, empty recording already."""

    number: int
    mime: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The recording is complete; nothing follows."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What the client's clock shows now, in seconds, whatever its zero is; wants an answer.

    ``heard``: when the answer to the last of these came, by that clock. ``began``: when what has media time
    0 in the current epoch was captured, by that clock. None: not said.
    """

    sent: float
    heard: float | None
    began: float | None


Command = Start | Resume | NextEpoch | Stop | Clock


class _State(Enum):
    OPEN = auto()  # start or resume is due
    ASKED = auto()  # the client waits for ready
    READY = auto()
    STOPPED = auto()


class ResumableSession:
    """One connection. Times are any clock's seconds, given by the caller.

    ``recording`` is that of the current epoch, whose number is ``epoch``; there is none before
    :meth:`ready`.
    """

    def __init__(self, patience: Patience, now: float) -> None:
        self.recording: Recording | None = None
        self.epoch = 0
        self._patience = patience
        self._pulse = Pulse(patience, now)
        self._state = _State.OPEN

    def ready(self, recording: Recording, epoch: int, now: float) -> None:
        """From now on the client sends the bytes of this recording, from ``recording.received`` on."""
        self.recording, self.epoch = recording, epoch
        self._state = _State.READY
        self._pulse.resumed(now)

    def text(self, text: str, now: float) -> list[Command | Step]:
        """What a text message asks for; before it, what the recording that it ends had held back."""
        if len(text) > _MAX_TEXT:
            return [Refusal(Code.TOO_LARGE, f"A text message is larger than {_MAX_TEXT >> 10} KiB.")]
        command = _command(text)
        if isinstance(command, Refusal):
            return [command]
        if refusal := self._out_of_turn(command):
            return [refusal]
        if isinstance(command, Clock):  # no sign of life: it says nothing of the recording
            return [command]
        held = self._advance(command)
        self._pulse.heard(0, held, now)
        return [*held, command]

    def binary(self, data: bytes, now: float) -> list[Step]:
        """The next bytes. Empty messages are passed over: MediaRecorder gives empty blobs."""
        if len(data) > self._patience.max_message:
            return [too_large(self._patience.max_message)]
        if not data:
            return []
        if refusal := self._not_due():
            return [refusal]
        assert self.recording
        if self.recording.refused:
            return [self.recording.refused]
        steps, rest = self.recording.feed(data)
        self._pulse.heard(len(data), steps, now)
        return steps if rest is None else [*steps, _unannounced(self.epoch)]

    def resumed(self, now: float) -> None:
        """The server had stopped reading for a while: that silence was not the client's."""
        self._pulse.resumed(now)

    def silent_for(self, now: float) -> float:
        """Seconds since the last sign of life."""
        return self._pulse.silent_for(now)

    def overdue(self, now: float) -> Refusal | None:
        """Whether the client is late. It is not while it waits for the server: for ready, for ended."""
        if self._state is _State.READY:
            return self._pulse.overdue(now)
        idle = self._patience.idle
        if self._state is _State.OPEN and self._pulse.silent_for(now) >= idle:
            return Refusal(Code.TIMEOUT, f"No start or resume came within {idle:g} s.")
        return None

    def _out_of_turn(self, command: Command) -> Refusal | None:
        first = isinstance(command, Start | Resume)
        match self._state:
            case _State.OPEN if not first:
                return _malformed("The first message has to be start or resume.")
            case _State.ASKED:
                return _malformed("Wait for ready: nothing is expected before it.")
            case _State.READY if first:
                return _malformed("Start or resume comes once: bytes, epoch or stop are expected now.")
            case _State.STOPPED if not isinstance(command, Clock):
                return _malformed("Nothing is expected after stop.")
        if isinstance(command, NextEpoch) and command.number != self.epoch + 1:
            return _malformed(f"Epoch {self.epoch + 1} is expected next, not {command.number}.")
        return None

    def _advance(self, command: Command) -> list[Step]:
        """Go where the command leads; what was held back of the recording that it ends."""
        if not isinstance(command, NextEpoch | Stop):
            self._state = _State.ASKED
            return []
        held = self.recording.finish() if self.recording else []
        if isinstance(command, NextEpoch):
            self.recording, self.epoch = Recording(), command.number
        else:
            self._state = _State.STOPPED
        return held

    def _not_due(self) -> Refusal | None:
        """Why bytes are not expected now."""
        if self._state is _State.STOPPED:
            return _malformed("Nothing is expected after stop.")
        if self._state is not _State.READY or self.recording is None:
            return _malformed("Bytes came before ready: start or resume, then wait for it.")
        if self.recording.complete:
            return _malformed(f"Epoch {self.epoch} is complete: stop or the next epoch is expected.")
        return None


# What the server says


def ready_message(broadcast: str, epoch: int, offset: int, resume_window: float, segment: float) -> str:
    """Send from byte ``offset`` of ``epoch``. Seconds: how long a broadcast waits for its publisher to
    come back, and a segment of the playlist. ``clock`` says that we answer to messages of that type."""
    said = {"broadcast": broadcast, "epoch": epoch, "offset": offset}
    return _message("ready", {**said, "resume_window": resume_window, "segment": segment, "clock": True})


def ack_message(epoch: int, offset: int, media_time: float) -> str:
    """Earlier epochs, and this one before byte ``offset``, need not be kept; ``media_time`` (s) is listed."""
    return _message("ack", {"epoch": epoch, "offset": offset, "media_time": round(media_time, 3)})


def status_message(status: Mapping[str, object]) -> str:
    """How the broadcast is doing. The values must be JSON's; NaN and infinity are not."""
    return _message("status", status)


def clock_message(sent: float) -> str:
    """The answer to the client's clock, with its own time."""
    return _message("clock", {"sent": sent})


def ended_message(media_time: float) -> str:
    """All of it, ``media_time`` seconds, stands in the playlist, which is closed."""
    return _message("ended", {"media_time": round(media_time, 3)})


def error_message(refusal: Refusal) -> str:
    """Why the close code follows; with ``retry_after`` where it is known: seconds until to ask again."""
    return _message("error", refusal.fields())


def _message(kind: str, fields: Mapping[str, object]) -> str:
    return json.dumps({"type": kind, **fields}, separators=(",", ":"), allow_nan=False)


# What the client says


class _Wrong(Exception):
    """A field is not what was expected. Never leaves this file."""


def _command(text: str) -> Command | Refusal:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):  # the latter of thousands of brackets
        return _malformed("A text message has to be JSON.")
    if not isinstance(fields, dict):
        return _malformed("A text message has to be a JSON object with a type.")
    try:
        return _read(fields)
    except _Wrong as wrong:
        return _malformed(str(wrong))


def _read(fields: dict[str, Any]) -> Command:
    match fields.get("type"):
        case "start":
            return Start(_title(fields), _mime(fields), _flag(fields, "takeover"))
        case "resume":
            offset = None if fields.get("offset") is None else _number(fields, "offset")
            return Resume(_broadcast(fields), _number(fields, "epoch"), offset)
        case "epoch":
            return NextEpoch(_number(fields, "epoch"), _mime(fields))
        case "stop":
            return Stop()
        case "clock":
            sent, heard, began = (_moment(fields, name) for name in ("sent", "heard", "began"))
            if sent is None:
                raise _Wrong("sent has to be a number of seconds.")
            return Clock(sent, heard, began)
    raise _Wrong("The type of a text message has to be start, resume, epoch, clock or stop.")


def _string(fields: dict[str, Any], name: str) -> str:
    """A string, which may be left out. Half of a surrogate pair, which UTF-8 cannot carry, becomes "?"."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Wrong(f"{name} has to be a string.")
    return value.encode(errors="replace").decode()


def _title(fields: dict[str, Any]) -> str:
    return _string(fields, "title").strip()[:_MAX_NAME]


def _mime(fields: dict[str, Any]) -> str:
    mime = _string(fields, "mime")
    if len(mime) > _MAX_NAME:
        raise _Wrong(f"mime has to be a string of at most {_MAX_NAME} characters.")
    return mime


def _broadcast(fields: dict[str, Any]) -> str:
    value = fields.get("broadcast")
    if not isinstance(value, str) or not _BROADCAST.fullmatch(value):
        raise _Wrong("broadcast has to be the id that ready gave.")
    return value


def _flag(fields: dict[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _Wrong(f"{name} has to be true or false.")


def _number(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value <= _MAX_NUMBER:
        raise _Wrong(f"{name} has to be a whole number from 0 to {_MAX_NUMBER}.")
    return value


def _moment(fields: dict[str, Any], name: str) -> float | None:
    """Seconds of a clock; they may be left out."""
    value = fields.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not abs(value) <= _MAX_NUMBER:  # which NaN is not either
        raise _Wrong(f"{name} has to be a number of seconds.")
    return float(value)


def _malformed(message: str) -> Refusal:
    return Refusal(Code.MALFORMED, message)


def _unannounced(epoch: int) -> Refusal:
    return _malformed(f"A new recording began inside epoch {epoch}: announce it with an epoch message.")
