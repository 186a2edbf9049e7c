"""FFmpeg's ``-progress`` output. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """The newest report: frames since the start of the process, ``out_time`` seconds of output."""

    frames: int = 0
    fps: float = 0.0
    speed: float = 0.0  # 1.0 is real time
    out_time: float = 0.0
    doubled: int = 0
    dropped: int = 0
    finished: bool = False
    _block: dict[str, str] = field(default_factory=dict)

    def line(self, text: str) -> bool:
        """Take one ``key=value`` line; True when it completes a report. Junk is passed over."""
        key, found, value = text.strip().partition("=")
        if not found:
            return False
        self._block[key] = value.strip()
        if key != "progress":
            return False
        self._take(self._block)
        self._block = {}
        return True

    def _take(self, block: dict[str, str]) -> None:
        self.frames = int(_number(block.get("frame"), self.frames))
        self.fps = _number(block.get("fps"), self.fps)
        self.speed = _number(block.get("speed", "").removesuffix("x"), self.speed)
        self.out_time = _number(block.get("out_time_us"), self.out_time * 1e6) / 1e6
        self.doubled = int(_number(block.get("dup_frames"), self.doubled))
        self.dropped = int(_number(block.get("drop_frames"), self.dropped))
        self.finished = block["progress"] == "end"


def _number(text: str | None, otherwise: float) -> float:
    """FFmpeg writes N/A for what it does not know yet."""
    try:
        value = float(text or "")
    except ValueError:
        return otherwise
    return value if abs(value) < 1e18 else otherwise
