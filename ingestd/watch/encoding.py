"""The FFmpeg that makes RTP for viewers of what a publisher sends: its command line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ingestd.addresses import LOOPBACK
from ingestd.broadcast.load import ladder_cost
from ingestd.container.h264 import picture
from ingestd.container.model import InitSegment
from ingestd.webrtc.ports import TYPES, Port

_PACKET = 1200  # bytes, which fit through every way (WebRTC's own choice)
_HEIGHT, _RATE, _BITRATE = 720, 30, 2500  # of what has to be encoded: pixels at most, frames/s, kbit/s
_PRESET = "veryfast"
_GOP = _RATE  # frames between two keyframes, from which a new viewer sees something move


# Encoded anew also where it is Opus: 60 ms of a browser's do not fit in a packet, over which FFmpeg ends.
# async fills what a muted or late track leaves out, so that sound stays where it belongs.
_SOUND = ["-af", "aresample=48000:async=1", "-c:a", "libopus", "-b:a", "128k", "-ac", "2"]


@dataclass(frozen=True, slots=True)
class Kinds:
    """What viewers are sent: the codec of the picture (``h264``, ``vp8``, empty: none), and whether there is
    sound (Opus)."""

    video: str
    audio: bool


def kinds(init: InitSegment) -> Kinds:
    """Of a recording: pictures that every browser plays are copied."""
    video = init.video
    return Kinds(("vp8" if video.codec == "vp8" else "h264") if video else "", init.audio is not None)


def cost(init: InitSegment) -> float:
    """Cores that it is expected to use, where pictures have to be encoded; to copy takes next to nothing."""
    video = init.video
    if video is None or _copied(init):
        return 0.0
    height = min(_HEIGHT, video.height)
    size = video.width * height // max(1, video.height), height
    return ladder_cost([size], _RATE, _PRESET, (video.width, video.height))


def argv(program: str, init: InitSegment, ports: Mapping[str, Port]) -> list[str]:
    """Read on stdin, as the encoder does; what has no port (``video``, ``audio``) is left out."""
    command = [
        *[program, "-hide_banner", "-nostdin", "-loglevel", "level+warning", "-nostats"],
        *["-f", "mp4" if init.container == "mp4" else "matroska"],
        *([] if init.container == "mp4" else ["-probesize", "32"]),
        *["-analyzeduration", "0", "-threads", "1", "-i", "pipe:0"],
    ]
    if init.video and "video" in ports:
        command += ["-map", "0:v:0", *_video(init), *_output("video", ports)]
    if init.audio and "audio" in ports:
        command += ["-map", "0:a:0", *_SOUND, *_output("audio", ports)]
    return command


def _copied(init: InitSegment) -> bool:
    """Whether a decoder shows each picture at once: pictures that wait for later ones (B-frames) freeze
    browsers, and Baseline alone is sure to have none."""
    codec = init.video.codec if init.video else ""
    described = picture(init.data) if codec == "h264" else None
    return codec == "vp8" or (described is not None and described.profile == "Baseline")


def _video(init: InitSegment) -> list[str]:
    assert init.video
    if _copied(init):
        if init.video.codec == "vp8":
            return ["-c:v", "copy"]
        # parameter sets before each keyframe: who comes later has not had those of the beginning
        return ["-c:v", "copy", "-bsf:v", "h264_mp4toannexb,dump_extra=freq=keyframe"]
    return [
        *["-vf", f"fps={_RATE},scale=-2:'min({_HEIGHT},ih)',setsar=1,format=yuv420p"],
        *["-c:v", "libx264", "-preset", _PRESET, "-tune", "zerolatency", "-profile:v", "baseline"],
        *["-b:v", f"{_BITRATE}k", "-maxrate", f"{_BITRATE}k", "-bufsize", f"{_BITRATE // 2}k"],
        *["-g", str(_GOP), "-bsf:v", "dump_extra=freq=keyframe"],
    ]


def _output(kind: str, ports: Mapping[str, Port]) -> list[str]:
    to = ports[kind]
    where = f"rtp://{LOOPBACK}:{to.rtp}?rtcpport={to.rtcp}&localaddr={LOOPBACK}&pkt_size={_PACKET}"
    return ["-payload_type", str(TYPES[kind]), "-f", "rtp", where]
