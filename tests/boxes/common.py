"""What the checks inside the boxes share: commands, patience, steps. Python's own library alone."""

from __future__ import annotations

import subprocess
import sys
import time
import traceback
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

PATIENCE = 60.0  # seconds for whatever is waited for; two cores may be shared with much
LADDER = "[{ height = 144, bitrate = 200 }, { height = 72, bitrate = 100 }]"
"""Small, so that two shared cores encode it."""


def command(*words: str, check: bool = True, user: str = "root", timeout: float = 300.0) -> str:
    """Its stdout."""
    as_user = ["runuser", "-u", user, "--"] if user != "root" else []
    ended = subprocess.run([*as_user, *words], capture_output=True, text=True, timeout=timeout)
    if check and ended.returncode:
        raise AssertionError(f"{' '.join(words)}: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout.strip()


def wait_for(what: str, condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """The first answer that says something."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {patience:.0f} s"
        time.sleep(0.1)
    return found


def get(path: str, port: int, timeout: float = 30.0) -> bytes:
    """Raises OSError (URLError) unless the answer is good."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout) as answer:
        return bytes(answer.read())


def walk(steps: Sequence[Callable[[], None]]) -> int:
    """Take them all, and print a line for each; 1 if one has failed."""
    failed = False
    for step in steps:
        began = time.monotonic()
        try:
            step()
            outcome = "ok"
        except Exception:
            traceback.print_exc(file=sys.stdout)
            failed, outcome = True, "FAILED"
        print(f"{outcome:6} {step.__name__.replace('_', ' ')} ({time.monotonic() - began:.0f} s)", flush=True)
    return int(failed)
