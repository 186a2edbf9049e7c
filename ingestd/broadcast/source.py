"""What a publisher sends, measured, and what it had better do: for the broadcaster. Pure.

It is taken from the units that the replay buffer holds anyway, when somebody asks: it costs the
broadcast nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, dropwhile, pairwise
from typing import Any

from ingestd.container.frames import frame_times
from ingestd.container.h264 import Picture, picture
from ingestd.container.model import Fragment, InitSegment

_LEAST = 0.5  # seconds of media that tell a rate
_FAR = 4.0  # seconds between keyframes
_HIGH = 12_000_000  # bits a second; more than any rendition shows
_FAST = 61.0  # frames a second
_COLOURS = ("yuv422p", "yuv444p")


@dataclass(frozen=True, slots=True)
class Source:
    """Bits a second, frames a second, seconds between keyframes (the longest of late); None: not known."""

    init: InitSegment
    picture: Picture | None
    bitrate: float | None
    frame_rate: float | None
    keyframe_distance: float | None

    @property
    def advice(self) -> list[str]:
        """Sentences, none if all is well."""
        return list(_advice(self))

    def facts(self) -> dict[str, Any]:
        """For the API."""
        return {
            "video": self._video(),
            "audio": self._audio(),
            "bitrate": self.bitrate and round(self.bitrate),
            "frame_rate": self.frame_rate and round(self.frame_rate, 2),
            "keyframe_distance": self.keyframe_distance and round(self.keyframe_distance, 2),
            "advice": self.advice,
        }

    def _video(self) -> dict[str, Any] | None:
        track, shown = self.init.video, self.picture
        if track is None:
            return None
        facts: dict[str, Any] = {"codec": track.codec, "width": track.width, "height": track.height}
        if shown:
            facts |= {"profile": shown.profile, "level": shown.level, "pixel_format": shown.pixels}
        return facts

    def _audio(self) -> dict[str, Any] | None:
        track = self.init.audio
        if track is None:
            return None
        return {"codec": track.codec, "channels": track.channels, "sample_rate": track.sample_rate}


def measure(init: InitSegment, held: Sequence[Fragment], unit_times: Sequence[float]) -> Source:
    """From the fragments that the replay buffer holds, and when the last units of the epoch began."""
    recent = list(dropwhile(lambda one: not one.starts_unit, held))
    span = max((one.end_time for one in recent), default=0.0) - recent[0].media_time if recent else 0.0
    size = sum(len(one.data) for one in recent)
    video = init.video
    return Source(
        init,
        picture(init.data) if video and video.codec == "h264" else None,
        size * 8 / span if span >= _LEAST else None,
        _frame_rate(init, recent) if video else None,
        _distance(unit_times) if video else None,
    )


def _frame_rate(init: InitSegment, recent: Sequence[Fragment]) -> float | None:
    if not recent:
        return None
    times = _settled(frame_times(init, b"".join(one.prefix + bytes(one.data) for one in recent)))
    span = max(times) - min(times) if times else 0.0
    return (len(times) - 1) / span if span >= _LEAST else None


def _settled(times: Sequence[float]) -> list[float]:
    """Those before which no other will come: a picture is sent ahead of the B-frames that it follows."""
    ahead = sorted(set(accumulate(times, max)))
    return [one for one in times if one <= ahead[-2]] if len(ahead) > 1 else []


def _distance(unit_times: Sequence[float]) -> float | None:
    return max((later - earlier for earlier, later in pairwise(unit_times)), default=None)


def _advice(source: Source) -> Iterator[str]:
    if source.keyframe_distance and source.keyframe_distance > _FAR:
        yield (
            f"Keyframes are {source.keyframe_distance:.1f} s apart: set the keyframe interval to 2 s."
            " Until the next one nothing can be shown after a fault, and the server has to keep more."
        )
    if source.picture and source.picture.pixels.startswith(_COLOURS):
        yield (
            f"Colour is sent as {source.picture.pixels} ({source.picture.profile}): choose NV12 or 4:2:0."
            " Viewers get no more than that, and it costs the server time."
        )
    if source.bitrate and source.bitrate > _HIGH:
        yield (
            f"{source.bitrate / 1e6:.0f} Mb/s are sent: {_HIGH // 1_000_000} Mb/s are enough,"
            " and a lower bitrate makes faults of the network rarer."
        )
    if source.frame_rate and source.frame_rate > _FAST:
        yield f"{source.frame_rate:.0f} frames a second are sent: viewers get fewer. 30 or 60 are enough."
    if source.init.video and source.init.audio is None:
        yield "There is no sound."
