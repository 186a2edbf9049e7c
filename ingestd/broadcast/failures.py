"""Why a generation ended, in one word, in plain sentences, and whether another try can help. Pure.

A generation that has done its work has no reason at all: everything here is a death, or an end that
the supervisor wanted.
"""

from __future__ import annotations

from enum import StrEnum
from signal import Signals

from ingestd.processes import Exit


class Reason(StrEnum):
    """Why a generation ended before its work was done: the label of the restart metric."""

    KILLED = "killed"  # by a signal that we did not send
    MEMORY = "memory"  # it was not given what it asked for
    TARGET = "rtmp_target"  # nginx-rtmp is not there, or refuses
    INPUT = "input"  # FFmpeg cannot decode what it gets
    CODEC = "codec"  # this FFmpeg lacks a decoder, an encoder or an option
    STALLED = "stalled"  # no segment came in time, so we ended it
    TOO_SLOW = "too_slow"  # it fell behind real time, so we ended it, to go on with fewer renditions
    NOT_STARTED = "not_started"  # the machine has no room for another process
    EXITED = "exited"  # anything else
    PLANNED = "planned"  # nothing failed: a rendition comes back


# Bugs of a program in its own memory: nobody sent these.
_CRASHES = {Signals.SIGSEGV, Signals.SIGABRT, Signals.SIGBUS, Signals.SIGILL, Signals.SIGFPE}
_LAST = 10  # lines that can tell of an end; those before are of older troubles
_NOT_EXECUTED = {126, 127}  # of setpriv and prlimit, when the program itself could not be run

# What FFmpeg says, by reason. The first reason that finds its words has it: a lack of memory also
# looks like a wrong codec, and a target that hangs up like broken input.
_WORDS = (
    (
        Reason.MEMORY,
        # the last two: no stack for a thread, no room for a shared library
        (
            "Cannot allocate memory",
            "malloc of size",
            "Resource temporarily unavailable",
            "failed to map segment",
        ),
    ),
    (
        Reason.CODEC,
        (
            *("Decoder (codec", "Decoder not found", "Unsupported codec", "no decoder found"),
            *(
                "Unknown encoder",
                "Encoder not found",
                "Unknown decoder",
                "No such filter",
                "Unknown input format",
            ),
            *("Unrecognized option", "Option not found", "Error setting preset"),
        ),
    ),
    (
        Reason.TARGET,
        ("Connection refused", "Broken pipe", "Connection reset", "Connection timed out", "rtmp://", "RTMP_"),
    ),
    (
        Reason.INPUT,
        ("Invalid data found", "EBML header parsing failed", "moov atom not found", "not contain any stream"),
    ),
)


def classify(ended: Exit) -> Reason:
    """The reason of an end that we did not bring about, from signal, exit code and last words."""
    text = "\n".join(ended.lines[-_LAST:])
    said = next((reason for reason, words in _WORDS if any(word in text for word in words)), Reason.EXITED)
    if ended.signal in _CRASHES:
        return Reason.MEMORY if said is Reason.MEMORY else Reason.EXITED
    if ended.signal:
        return Reason.KILLED
    if ended.code in _NOT_EXECUTED and said is not Reason.MEMORY:
        return Reason.NOT_STARTED
    return said


# What happened, for the page, the API and the log, while another try is made.
SENTENCES: dict[Reason, str] = {
    Reason.KILLED: "The encoder was killed by the system; it is being restarted. Nothing is lost.",
    Reason.MEMORY: "The encoder ran out of memory; it is being restarted. Nothing is lost.",
    Reason.TARGET: "The server that cuts the segments did not take the encoder's video;"
    " it is being tried again. Nothing is lost.",
    Reason.INPUT: "The encoder could not read the recording; it is being tried again. Nothing is lost.",
    Reason.CODEC: "The server's encoder lacks a codec or an option that this broadcast needs.",
    Reason.STALLED: "Encoding stood still; it is being restarted. Nothing is lost.",
    Reason.TOO_SLOW: "The server is too slow for all renditions; the broadcast goes on without the largest."
    " Nothing is lost.",
    Reason.NOT_STARTED: "The server could not start the encoder; it is being tried again. Nothing is lost.",
    Reason.EXITED: "The encoder ended with an error; it is being restarted. Nothing is lost.",
    Reason.PLANNED: "The server is fast enough again: a larger rendition comes back. Nothing is lost.",
}

# The same, when no other try will be made: what it was, and who can do something about it.
_GIVEN_UP: dict[Reason, str] = {
    Reason.KILLED: "The encoder was killed by the system, as a rule for want of memory.",
    Reason.MEMORY: "The encoder ran out of memory: the server has too little, or its limit is too low.",
    Reason.TARGET: "The server that cuts the segments (nginx-rtmp) does not take the encoder's video.",
    Reason.INPUT: "The encoder cannot read the recording: what the broadcaster sends is damaged.",
    Reason.CODEC: "The server's FFmpeg lacks a codec or an option that this broadcast needs.",
    Reason.STALLED: "The encoder ran, but nothing of it reached the playlist.",
    Reason.TOO_SLOW: "The server is too slow to encode this broadcast.",
    Reason.NOT_STARTED: "The server could not start the encoder: it has no FFmpeg, or no room for it.",
    Reason.EXITED: "The encoder ended with an error.",
    Reason.PLANNED: "The encoder could not be restarted.",
}

# How often in a row the same thing has to happen until it is sure to happen again. What is not here
# depends on things that pass, and is bounded by the breaker (``Backoff``) alone.
_SURE: dict[Reason, int] = {
    Reason.CODEC: 1,
    Reason.INPUT: 2,  # once can be a fault of a moment in the middle of the recording
    Reason.MEMORY: 3,  # what other programs hold they may give back
}


def hopeless(reason: Reason, in_a_row: int) -> bool:
    """Whether a next try would end in the same way.

    ``in_a_row``: ends for this reason without a new segment between them, this one included.
    """
    return reason in _SURE and in_a_row >= _SURE[reason]


def given_up(reason: Reason, failures: int) -> str:
    """Why there is no next try after so many failures in a row, for the broadcaster."""
    return _GIVEN_UP[reason] + (f" That happened {failures} times in a row." if failures > 1 else "")
