#!/usr/bin/env python3
"""An FFmpeg that reads its input, tells of progress as if all were well, and delivers nothing.

Given as ``encoder.ffmpeg``; whatever its arguments are, it goes on until it is killed, also after
the end of its input. It ignores SIGTERM.
"""

import os
import select
import signal
import sys
import time

EVERY = 0.5  # seconds between two reports


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    began, due, inputs = time.monotonic(), 0.0, [0]
    while True:
        now = time.monotonic() - began
        if now >= due:
            due = now + EVERY
            report(now)
        ready, _, _ = select.select(inputs, [], [], max(0.0, due - now))
        if ready and not os.read(0, 1 << 16):
            inputs = []


def report(seconds: float) -> None:
    fields = {
        "frame": int(seconds * 30),
        "fps": "30.00",
        "out_time_us": int(seconds * 1e6),
        "dup_frames": 0,
        "drop_frames": 0,
        "speed": "1x",
        "progress": "continue",
    }
    sys.stdout.write("".join(f"{key}={value}\n" for key, value in fields.items()))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
