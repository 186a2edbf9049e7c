"""What holds for every command."""

from __future__ import annotations

import os
import subprocess

from tests.support.server import INGESTD


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    try:
        ended = subprocess.run([*INGESTD, "doctor"], stdout=writes, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(writes)
    assert (ended.returncode, ended.stderr) == (141, b"")
