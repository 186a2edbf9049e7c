"""Media by RTP on this machine's loopback, between the SFU, FFmpeg and us."""

from __future__ import annotations

from dataclasses import dataclass

TYPES = {"video": 96, "audio": 111}
"""Payload types there; peers have their own."""


@dataclass(frozen=True, slots=True)
class Port:
    """Of one medium: its RTP, and the RTCP that goes with it (0: none does)."""

    rtp: int
    rtcp: int = 0
