"""Which renditions are made of a source, and what a playlist has to say of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingestd.container.model import InitSegment
from ingestd.settings import Rung

AUDIO_ONLY = "audio"
_AAC = "mp4a.40.2"

# profile_idc and constraint flags, in hexadecimal, as x264 writes them with these presets
HIGH = "6400"
_BASELINE = "42C0"
_PROFILES = {"ultrafast": _BASELINE}  # it uses nothing of the High profile, and says so

# H.264 Annex A, table A-1: level_idc, MaxMBPS (macroblocks/s), MaxFS (macroblocks).
_LEVELS = (
    (30, 40_500, 1_620),
    (31, 108_000, 3_600),
    (32, 216_000, 5_120),
    (40, 245_760, 8_192),
    (42, 522_240, 8_704),
    (50, 589_824, 22_080),
    (51, 983_040, 36_864),
    (52, 2_073_600, 36_864),
)
_TS_OVERHEAD = 1.1  # packets of 188 bytes, PES headers, stuffing
_PEAK = 1.2  # of the video bitrate, by maxrate and bufsize


@dataclass(frozen=True, slots=True)
class Rendition:
    """One rung of the ladder as it is made: sizes in pixels, bitrates in bit/s."""

    name: str
    width: int
    height: int
    frame_rate: int
    video_bitrate: int  # 0: no video
    audio_bitrate: int  # 0: no audio; of sound alone that is separate, silence
    profile: str = HIGH
    separate: bool = False  # of pictures alone, or the sound to go with them

    @property
    def level(self) -> int:
        """H.264 ``level_idc``: the smallest that takes this size and frame rate."""
        blocks = -(-self.width // 16) * -(-self.height // 16)
        fitting = (idc for idc, rate, size in _LEVELS if blocks <= size and blocks * self.frame_rate <= rate)
        return next(fitting, _LEVELS[-1][0])

    @property
    def codecs(self) -> str:
        """RFC 6381: profile, constraints and level as x264 writes them, and AAC-LC."""
        video = [f"avc1.{self.profile}{self.level:02X}"] if self.video_bitrate else []
        return ",".join(video + [_AAC] * (bool(self.audio_bitrate) or not video))

    @property
    def average_bandwidth(self) -> int:
        return round((self.video_bitrate + self.audio_bitrate) * _TS_OVERHEAD)

    @property
    def bandwidth(self) -> int:
        """Bound on the bit rate of a segment (RFC 8216 §4.3.4.2), before any was measured."""
        return round((self.video_bitrate * _PEAK + self.audio_bitrate) * _TS_OVERHEAD)


def ladder(
    init: InitSegment,
    rungs: Sequence[Rung],
    frame_rate: int,
    audio_kbps: int,
    preset: str = "veryfast",
    *,
    separate: bool = False,
) -> tuple[Rendition, ...]:
    """The renditions of a source, best first.

    A rung is measured by the picture's short side, so that a portrait source gets the same
    names; none is larger than the source. A source smaller than every rung gets one of its own
    size at the lowest rung's bitrate; a source without video gets one, ``audio``.

    ``separate``: that one is the last of every ladder, and no other has sound. Where the source has none it
    is silent: a player that began without a rendition of sound would not take up one that comes later.
    """
    audio = audio_kbps * 1000 if init.audio else 0
    video = init.video
    sound = Rendition(AUDIO_ONLY, 0, 0, 0, 0, audio, separate=separate)
    if video is None:
        return (sound,)
    width, height = (video.width or 1280), (video.height or 720)
    short = min(width, height)
    profile = _PROFILES.get(preset, HIGH)
    fitting = [(rung.height, rung.bitrate) for rung in rungs if rung.height <= short]
    pictures = tuple(
        Rendition(
            f"{size}p",
            _even(width * size / short, width),
            _even(height * size / short, height),
            frame_rate,
            kbps * 1000,
            0 if separate else audio,
            profile,
            separate,
        )
        for size, kbps in fitting or [(_even(short, short), rungs[-1].bitrate)]
    )
    return (*pictures, sound) if separate else pictures


def with_picture(renditions: Sequence[Rendition]) -> tuple[Rendition, ...]:
    """Those that show something."""
    return tuple(made for made in renditions if made.video_bitrate)


def without_largest(renditions: Sequence[Rendition], count: int) -> tuple[Rendition, ...]:
    """The ladder with so many left out from the top; one that shows something stays, where there is one."""
    return tuple(renditions[min(count, max(0, len(with_picture(renditions)) - 1)) :])


def _even(pixels: float, at_most: int) -> int:
    """The nearest even size, which 4:2:0 needs, that is not larger than the source's."""
    return max(2, min(2 * round(pixels / 2), at_most // 2 * 2))
