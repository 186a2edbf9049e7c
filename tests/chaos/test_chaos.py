"""Whatever dies, no frame is lost and none is doubled: each fault once, with a small picture.

All faults are run once, side by side, and each test looks at what its own has left. By the plan that
takes two minutes (`test_report.py` holds it to that); a busy machine may take longer, and none of the
time-outs here is a verdict. `make chaos` is the long form.
"""

from __future__ import annotations

import random

import pytest

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.result import Result
from tests.chaos.runner import WATCHED, run, short
from tests.chaos.viewer import available

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def results() -> dict[str, list[Result]]:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed: {seed}")
    possible = [one for one in FAULTS if not one.obstacle()]
    found: dict[str, list[Result]] = {}
    for result in run(short(possible, seed, viewer=True), print):
        found.setdefault(result.fault, []).append(result)
    return found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
def test_no_frame_is_lost_or_doubled_when(fault: Fault, results: dict[str, list[Result]]) -> None:
    if why := fault.obstacle():
        pytest.skip(why)
    found = results[fault.name]
    assert all(result.well for result in found), "\n".join(map(str, found))


def test_a_viewer_sees_the_picture_go_on_after_the_encoder_was_killed(
    results: dict[str, list[Result]],
) -> None:
    if not available():
        pytest.skip("nobody watches: there is no Chromium")
    (watched,) = [result for name in WATCHED for result in results[name] if result.viewer is not None]
    assert watched.well, str(watched)
