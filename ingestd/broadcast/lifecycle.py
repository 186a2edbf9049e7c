"""The states of a broadcast and the one table of their transitions.

What is *wanted* (:class:`Order`) is kept apart from what is *observed* (:class:`State`): "the
process runs" is not "the stream is healthy"; a broadcast is live when media time reaches its
playlist. A pair that is not in the table is a defect and raises. The README's diagram is made
from this table by :func:`diagram`. (Model: h11 ``_state.py``.)
"""

from __future__ import annotations

from enum import StrEnum


class Order(StrEnum):
    """What the owner of the broadcast wants."""

    LIVE = "live"
    STOPPED = "stopped"


class State(StrEnum):
    """What is observed."""

    STARTING = "starting"  # an encoder runs, nothing of it stands in the playlist yet
    LIVE = "live"  # media time reaches the playlist
    STALLED = "stalled"  # media waits, but nothing new reaches the playlist
    BACKING_OFF = "backing_off"  # the encoder died; the next generation starts in a moment
    INTERRUPTED = "interrupted"  # the publisher is gone, its place is kept for the resume window
    ENDING = "ending"  # no more media will come; what is left goes into the playlist
    ENDED = "ended"  # all of it stands in the playlist, which has its ENDLIST
    FAILED = "failed"  # given up; what was delivered stays playable


class Event(StrEnum):
    """What happens to a broadcast."""

    SEGMENT = "segment"  # something new stands in the playlist
    STALL = "stall"  # nothing new for too long while media waits
    ENCODER_DIED = "encoder_died"  # a generation ended before its work was done
    RESTART = "restart"  # the next generation starts
    TOO_SLOW = "too_slow"  # the next generation starts without the top rendition
    CLIMB = "climb"  # the next generation starts with one rendition more
    PUBLISHER_LEFT = "publisher_left"  # the connection is gone without a word
    PUBLISHER_BACK = "publisher_back"  # a publisher goes on within the resume window
    STOP = "stop"  # the publisher says that the recording is complete
    WINDOW_OVER = "window_over"  # nobody came back in time
    DELIVERED = "delivered"  # all that was recorded stands in the playlist
    GIVE_UP = "give_up"  # a failure that trying again does not mend


_S, _E = State, Event

# What any running broadcast does when its publisher goes, stops, or the server gives up.
_RUNNING = {_E.PUBLISHER_LEFT: _S.INTERRUPTED, _E.STOP: _S.ENDING, _E.GIVE_UP: _S.FAILED}

TRANSITIONS: dict[State, dict[Event, State]] = {
    _S.STARTING: {
        **_RUNNING,
        _E.SEGMENT: _S.LIVE,
        _E.STALL: _S.STALLED,
        _E.ENCODER_DIED: _S.BACKING_OFF,
        _E.RESTART: _S.STARTING,
        _E.TOO_SLOW: _S.STARTING,
        _E.CLIMB: _S.STARTING,
    },
    _S.LIVE: {
        **_RUNNING,
        _E.SEGMENT: _S.LIVE,
        _E.STALL: _S.STALLED,
        _E.ENCODER_DIED: _S.BACKING_OFF,
        _E.RESTART: _S.STARTING,
        _E.TOO_SLOW: _S.STARTING,
        _E.CLIMB: _S.STARTING,
    },
    _S.STALLED: {
        **_RUNNING,
        _E.SEGMENT: _S.LIVE,
        _E.STALL: _S.STALLED,
        _E.ENCODER_DIED: _S.BACKING_OFF,
        _E.TOO_SLOW: _S.STARTING,
        _E.CLIMB: _S.STARTING,
    },
    _S.BACKING_OFF: {
        **_RUNNING,
        _E.SEGMENT: _S.BACKING_OFF,
        _E.RESTART: _S.STARTING,
    },
    # The encoder goes on with what has been received; its faults do not change who is missing.
    _S.INTERRUPTED: {
        _E.SEGMENT: _S.INTERRUPTED,
        _E.STALL: _S.INTERRUPTED,
        _E.ENCODER_DIED: _S.INTERRUPTED,
        _E.RESTART: _S.INTERRUPTED,
        _E.TOO_SLOW: _S.INTERRUPTED,
        _E.CLIMB: _S.INTERRUPTED,
        _E.PUBLISHER_BACK: _S.STARTING,
        _E.STOP: _S.ENDING,
        _E.WINDOW_OVER: _S.ENDING,
        _E.GIVE_UP: _S.FAILED,
    },
    _S.ENDING: {
        _E.SEGMENT: _S.ENDING,
        _E.STALL: _S.ENDING,
        _E.ENCODER_DIED: _S.ENDING,
        _E.RESTART: _S.ENDING,
        _E.TOO_SLOW: _S.ENDING,
        _E.CLIMB: _S.ENDING,
        _E.DELIVERED: _S.ENDED,
        _E.GIVE_UP: _S.FAILED,
    },
    _S.ENDED: {},
    _S.FAILED: {},
}

FINAL = frozenset(state for state, row in TRANSITIONS.items() if not row)

SENTENCES: dict[State, str] = {
    _S.STARTING: "Starting: the first seconds are being encoded.",
    _S.LIVE: "Live.",
    _S.STALLED: "Encoding stands still; it is being restarted. Nothing is lost.",
    _S.BACKING_OFF: "The encoder died and is being restarted. Nothing is lost.",
    _S.INTERRUPTED: "The broadcaster's connection is gone; waiting for it to come back.",
    _S.ENDING: "Ending: the last seconds are being encoded.",
    _S.ENDED: "The broadcast has ended.",
    _S.FAILED: "The broadcast failed.",
}

GOING_ON = "Going on: what comes next is being encoded. Nothing is lost."
"""Instead of "starting", where something stands in the playlist already."""


def step(state: State, event: Event) -> State:
    """The state after ``event``; raises KeyError for a pair that the table does not have."""
    return TRANSITIONS[state][event]


def diagram() -> str:
    """The table as a Mermaid state diagram; events that change nothing are left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {_S.STARTING}"]
    lines.append(f"    [*] --> {_S.INTERRUPTED}: the daemon is back")
    for state, row in TRANSITIONS.items():
        lines += [
            f"    {state} --> {target}: {event}" for event, target in row.items() if target is not state
        ]
    lines += [f"    {state} --> [*]" for state in State if state in FINAL]
    return "\n".join(lines) + "\n"
