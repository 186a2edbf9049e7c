"""``ingestd`` on a machine on which, as far as it can see, nothing runs that it did not start itself.

Admission control holds what the processors do against a limit. In a test of it what was taken before has
to decide, not what else the machine is busy with.
"""

from __future__ import annotations

import runpy

from ingestd.broadcast.load import Meter


def _idle(self: Meter) -> float:
    return 0.0


Meter._busy_seconds = _idle  # type: ignore[method-assign]
runpy.run_module("ingestd", run_name="__main__", alter_sys=True)
