"""The command line of an encoder. Pure; golden tests hold it.

Why each option is there is measured, not folklore: the figures stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ingestd.container.model import InitSegment
from ingestd.encoder.ladder import Rendition, with_picture

LEAD = 0.064
"""Seconds by which separate renditions begin later than their time stamps would: AAC begins a packet before
the first sound, and a time stamp below 0 would make the muxer shift all of sound, and pictures not."""
SAMPLE_RATE = 48_000


@dataclass(frozen=True, slots=True)
class Plan:
    """One generation: what is read, what is made of it, and where each rendition begins.

    ``origins`` are media times of the epoch in seconds: the commit point of each rendition, up to
    which everything stands in the playlist already.
    """

    init: InitSegment
    renditions: tuple[Rendition, ...]
    origins: Mapping[str, float]
    targets: Mapping[str, str]  # RTMP URL of each rendition
    segment: float = 1.0  # seconds between forced keyframes
    preset: str = "veryfast"


def argv(program: str, plan: Plan) -> list[str]:
    """FFmpeg's arguments; never passed through a shell."""
    command = [program, *_input(plan.init)]
    if plan.init.video:
        command += ["-filter_complex", _scaling(plan)]
    for rendition in plan.renditions:
        if rendition.video_bitrate or rendition.audio_bitrate:  # else silence, which needs no encoder
            command += _output(plan, rendition)
    return command


def _input(init: InitSegment) -> list[str]:
    return [
        *["-hide_banner", "-nostdin", "-loglevel", "level+warning", "-nostats"],
        *["-progress", "pipe:1", "-stats_period", "0.5"],
        # The format is known, so there is nothing to probe for: the first tag comes after 0.2 s
        # instead of 1.5 s. Never -fflags nobuffer: it throws the first keyframe away.
        *["-f", "mp4" if init.container == "mp4" else "matroska"],
        *([] if init.container == "mp4" else ["-probesize", "32"]),
        *["-analyzeduration", "0"],
        *["-threads", "1"],  # frame threads of the decoder would hold 100 ms back
        # a new picture size must not rebuild the filters: that would lose the frames inside them
        *["-reinit_filter", "0"],
        *["-copyts"],  # media time stays that of the epoch, whichever unit a replay starts from
        *["-i", "pipe:0"],
    ]


def _trim(plan: Plan) -> str:
    """Drop what no rendition wants before it is scaled: a restart decodes up to a whole GOP for nothing.

    Half a frame less than that, for the last word is that of ``-ss``.
    """
    first = min((plan.origins.get(made.name, 0.0) for made in plan.renditions), default=0.0)
    start = first - 0.5 / plan.renditions[0].frame_rate
    return f"trim=start={start:.6f}," if first > 0 else ""


def _scaling(plan: Plan) -> str:
    """Decode once, then scale from rung to rung: each is made from the next larger one.

    ``fps`` first: with so little probing a MediaRecorder file reads as 1000 frames a second. A
    source that changes its size in mid-stream is fitted and padded, not stretched.
    """
    renditions = with_picture(plan.renditions)
    top = renditions[0]
    head = (
        f"[0:v:0]fps={top.frame_rate},{_trim(plan)}"
        f"scale={top.width}:{top.height}:force_original_aspect_ratio=decrease:flags=bilinear,"
        f"pad={top.width}:{top.height}:(ow-iw)/2:(oh-ih)/2:eval=frame,setsar=1,format=yuv420p"
    )
    chains = []
    for above, rung in zip(renditions, renditions[1:], strict=False):
        chains.append(f"{head},split=2[{above.name}][from{above.name}]")
        head = f"[from{above.name}]scale={rung.width}:{rung.height}:flags=bilinear,setsar=1"
    return ";".join([*chains, f"{head}[{renditions[-1].name}]"])


def _output(plan: Plan, rendition: Rendition) -> list[str]:
    origin = plan.origins.get(rendition.name, 0.0)
    return [
        # As an output option it trims after decoding: the first frame out is the one wanted.
        *(["-ss", f"{origin:.6f}"] if origin > 0 else []),
        *(_video(plan, rendition) if rendition.video_bitrate else []),
        *(_audio(plan, rendition) if rendition.audio_bitrate else []),
        *_interleaving(plan.init),
        *_placing(plan, rendition),
        *["-flvflags", "no_duration_filesize"],
        # RTMP's handshake is four small writes that each wait 40 ms for an ACK otherwise: with three
        # renditions, opened one after the other, 0.4 s of a start
        *["-tcp_nodelay", "1"],
        *["-f", "flv", plan.targets[rendition.name]],
    ]


def _interleaving(init: InitSegment) -> list[str]:
    """One track that stops must not hold the other back for long (µs).

    Yet longer than the container splitter takes to put silence in the place of sound that has
    ended: nginx-rtmp cuts at no keyframe that comes without sound.
    A fragment of MP4 has all of its video before its sound: there the muxer has to wait for it.
    """
    return [] if init.container == "mp4" else ["-max_interleave_delta", "700000"]


def _video(plan: Plan, rendition: Rendition) -> list[str]:
    kbps = rendition.video_bitrate // 1000
    longest = round(rendition.frame_rate * plan.segment * 4)  # only a bound: keyframes are forced
    return [
        *["-map", f"[{rendition.name}]", "-c:v", "libx264", "-preset", plan.preset, "-tune", "zerolatency"],
        *["-profile:v", "high", "-level:v", f"{rendition.level / 10:.1f}"],
        *["-b:v", f"{kbps}k", "-maxrate:v", f"{kbps}k", "-bufsize:v", f"{kbps}k"],
        *["-g", str(longest), "-sc_threshold", "0"],
        *["-force_key_frames", f"expr:gte(t,n_forced*{plan.segment:g})"],
    ]


def _placing(plan: Plan, rendition: Rendition) -> list[str]:
    """Each output counts time from its own first frame; sound that is cut out of step has to say so."""
    if not (rendition.separate and plan.init.video):
        return []
    first = plan.origins.get(plan.renditions[0].name, 0.0)
    offset = LEAD + plan.origins.get(rendition.name, 0.0) - first
    return ["-output_ts_offset", f"{offset:.6f}"]


def _audio(plan: Plan, rendition: Rendition) -> list[str]:
    # async fills what a muted or late track leaves out, so that sound stays where it belongs
    kbps = rendition.audio_bitrate // 1000
    filters = f"aresample={SAMPLE_RATE}:async=1"
    if rendition.separate and plan.init.video:
        # also what it leaves out at the beginning; by itself, because it counts samples of its input
        first = round(plan.origins.get(rendition.name, 0.0) * SAMPLE_RATE)
        filters = f"aresample={SAMPLE_RATE},aresample=async=1:first_pts={first}"
    return [
        *["-map", "0:a:0", "-c:a", "aac", "-b:a", f"{kbps}k", "-ac", "2"],
        *["-af", filters],
    ]
