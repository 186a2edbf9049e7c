"""What an encoder may take is what the settings say: read from the process itself."""

from __future__ import annotations

import os
import resource

import psutil

from tests.support.publisher import blobs, dial, send
from tests.support.server import PATIENCE, running
from tests.system.conftest import SMALL

CLIP = "vp8-opus_ts250_kf2000.webm"
NICE, MEMORY = 7, 700  # MiB


def test_niceness_and_memory_of_the_encoder_are_those_of_the_settings() -> None:
    with (
        running(
            encoder_nice=NICE, encoder_memory_limit=MEMORY, ingest_idle_timeout=PATIENCE, **SMALL
        ) as server,
        dial(server) as publisher,
    ):
        send(publisher, [(0.0, data) for _, data in blobs(CLIP)[:20]])
        encoder = server.encoder(server.wait_state("live")["id"])
        assert encoder.nice() == min(19, psutil.Process(server.process.pid).nice() + NICE)
        limit = MEMORY << 20
        assert resource.prlimit(encoder.pid, resource.RLIMIT_DATA) == (limit, limit)
        assert resource.prlimit(server.process.pid, resource.RLIMIT_DATA) != (limit, limit)
        assert os.getpgid(encoder.pid) != os.getpgid(server.process.pid)
