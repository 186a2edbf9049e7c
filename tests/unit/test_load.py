"""What a ladder costs, and whether a machine takes one more."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import time
from pathlib import Path

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from ingestd.broadcast.load import Load, Meter, cores, ladder_cost, memory_limit
from ingestd.broadcast.room import Room
from ingestd.errors import Code

WHOLE = [(1280, 720), (854, 480), (640, 360)]


@pytest.mark.parametrize(
    ("preset", "measured"), [("ultrafast", 0.36), ("superfast", 0.50), ("veryfast", 0.63), ("faster", 0.90)]
)
def test_the_cost_of_a_whole_ladder_is_as_measured(preset: str, measured: float) -> None:
    assert ladder_cost(WHOLE, 30, preset) == pytest.approx(measured, abs=0.01)


def test_one_rendition_alone_costs_as_measured() -> None:
    assert ladder_cost(WHOLE[:1], 30, "veryfast") == pytest.approx(0.34, abs=0.01)


def test_twice_the_frames_cost_twice_as_much_and_a_larger_source_its_decoding() -> None:
    assert ladder_cost(WHOLE, 60, "veryfast") == pytest.approx(2 * 0.63, abs=0.02)
    larger = ladder_cost(WHOLE, 30, "veryfast", source=(2560, 1440))
    assert larger - ladder_cost(WHOLE, 30, "veryfast") == pytest.approx(3 * 0.056)


def test_sound_alone_costs_nearly_nothing() -> None:
    assert 0 < ladder_cost([(0, 0)], 0, "veryfast") < 0.05
    assert ladder_cost([], 30, "veryfast") == 0


@given(
    st.lists(st.tuples(st.integers(16, 4000), st.integers(16, 4000)), min_size=1, max_size=5),
    st.floats(5, 120),
    st.sampled_from(["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"]),
)
def test_more_never_costs_less(sizes: list[tuple[int, int]], frame_rate: float, preset: str) -> None:
    cost = ladder_cost(sizes, frame_rate, preset)
    assert ladder_cost([*sizes, (16, 16)], frame_rate, preset) > cost
    assert ladder_cost(sizes, frame_rate + 1, preset) > cost
    assert ladder_cost(sizes, frame_rate, "ultrafast") <= cost


def measured(busy: float, *, cores: float = 2, max_load: float = 0.9, expected: float = 0.6) -> Load:
    load = Load(cores, max_load)
    for second in range(20):
        load.sample(second, busy, expected, expected)
    return load


def test_what_fits_is_taken_and_what_does_not_is_refused_with_figures() -> None:
    assert measured(1.1).refusal(0.6, 0.0) is None
    refused = measured(1.7).refusal(0.6, 0.0)
    words = "The machine's processors are busy: 1.7 of 2 in use, and this broadcast needs about 0.6."
    assert refused == (f"{words} Try again in 15 s.", 15)


def test_those_that_start_now_count_although_nothing_shows_yet() -> None:
    load = measured(0.4)
    assert load.refusal(0.6, starting=0.6) is None
    refused = load.refusal(0.6, starting=1.2)
    assert refused is not None
    assert "0.4 of 2 in use, those that are starting need about 1.2, and this" in refused[0]


def test_without_a_limit_every_one_is_taken() -> None:
    assert measured(64.0, max_load=0).refusal(9.0, 9.0) is None


def test_a_ladder_that_is_too_large_for_an_idle_machine_is_taken_once() -> None:
    assert measured(0.2, expected=0.0).refusal(5.0, 0.0) is None
    assert measured(1.2, expected=0.0).refusal(5.0, 0.0) is not None  # others use it
    assert measured(0.2, expected=0.1).refusal(5.0, 0.0) is not None  # not beside another
    assert measured(0.2, expected=0.0).refusal(5.0, 0.1) is not None


def test_a_machine_that_was_never_measured_takes_what_fits() -> None:
    assert Load(2, 0.9).refusal(0.6, 0.0) is None
    assert Load(2, 0.9).refusal(0.6, 1.5) is not None


def test_only_the_last_seconds_count() -> None:
    load = measured(2.0)
    assert load.busy == pytest.approx(2.0)
    for second in range(20, 31):
        load.sample(second, 0.5)
    assert load.busy == pytest.approx(0.5)


def test_a_long_gap_between_samples_weighs_as_long_as_it_was() -> None:
    load = Load(2, 0.9)
    for at, busy in ((0.0, 0.0), (1.0, 2.0), (9.0, 0.5)):
        load.sample(at, busy)
    assert load.busy == pytest.approx((0.0 * 1 + 2.0 * 1 + 0.5 * 8) / 10)


def test_what_was_taken_fades_in_as_its_use_shows() -> None:
    load = Load(2, 0.9)
    load.take(100.0, 0.6)
    load.take(104.0, 0.3)
    assert load.starting(102.0) == pytest.approx(0.9)
    assert load.starting(108.0) == pytest.approx(0.6 * 0.5 + 0.3 * 0.9)
    assert load.starting(114.0) == pytest.approx(0.3 * 0.3)
    assert load.starting(118.0) == 0


def test_a_fast_machine_learns_that_encoders_cost_less() -> None:
    load = Load(2, 0.9)
    for second in range(600):
        load.sample(second, 1.4, used=0.3, expected=0.6)
    assert load.ratio == pytest.approx(0.5, abs=0.01)
    assert load.refusal(0.6, 0.0) is None  # 1.4 + 0.3


def test_a_machine_that_is_full_teaches_nothing() -> None:
    """Encoders get less than they need there; that is no sign of cheap ones."""
    load = Load(2, 0.9)
    for second in range(600):
        load.sample(second, 2.0, used=0.3, expected=0.6)
    assert load.ratio == 1.0


@example([(0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 5e-324)], 0.0)
@given(
    st.lists(
        st.tuples(st.floats(0, 60), st.floats(0, 200), st.floats(0, 200), st.floats(0, 200)), max_size=60
    ),
    st.floats(0, 50),
)
def test_whatever_is_measured_figures_stay_in_bounds(
    samples: list[tuple[float, float, float, float]], cost: float
) -> None:
    load, now = Load(4, 0.8), 0.0
    for seconds, busy, used, expected in samples:
        now += seconds
        load.sample(now, busy, used, expected)
        assert 0.25 <= load.ratio <= 4
        assert 0 <= load.busy <= max(one[1] for one in samples) * 1.001
        load.take(now, cost)
        assert 0 <= load.starting(now)
        refused = load.refusal(cost, load.starting(now))
        assert refused is None or refused[1] > 0


def test_who_finds_no_room_is_told_after_how_many_seconds_to_ask_again() -> None:
    room = Room(10.0, "veryfast", 0.9)
    assert room.refusal() is None
    room.take()
    refusal = room.refusal()
    assert refusal is not None
    assert (refusal.code, refusal.retry_after) == (Code.NO_CAPACITY, 15)
    assert f"Try again in {refusal.retry_after} s." in refusal.message


def test_what_is_beside_the_encoders_takes_what_is_left_and_no_more() -> None:
    room = Room(10.0, "veryfast", 0.9)
    left = 0.4 * cores()
    assert room.beside(left)
    assert not room.beside(10 * cores())
    assert room.beside(left)  # what was refused has taken nothing
    assert not room.beside(left)
    room.limit(0)
    assert room.beside(10 * cores())


def test_load_is_measured_again_after_it_could_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = 3  # times

    async def story() -> list[str]:
        nonlocal refused
        room, measured = Room(1.0, "veryfast", 0.9), asyncio.Event()

        def read(*_: object) -> None:
            nonlocal refused
            refused -= 1
            if refused >= 0:
                raise OSError(errno.EMFILE, "Too many open files")
            measured.set()

        monkeypatch.setattr(Meter, "read", read)
        with structlog.testing.capture_logs() as logs:
            watching = asyncio.create_task(room.watch(list))
            async with asyncio.timeout(60):
                await measured.wait()
            watching.cancel()
        return [entry["event"] for entry in logs]

    monkeypatch.setattr("ingestd.broadcast.room._EVERY", 0.0)
    assert asyncio.run(story()) == ["not_measured"]


# The real machine


def test_the_meter_sees_who_is_busy() -> None:
    """However little a busy machine leaves for it."""
    meter, deadline = Meter(), time.monotonic() + 30
    busy = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    try:
        assert meter.read(time.monotonic(), [busy.pid]) is None
        reading, used = None, 0.0
        while used < 0.05 and time.monotonic() < deadline:
            time.sleep(0.3)  # a reading is of the time since the last
            reading = meter.read(time.monotonic(), [busy.pid, 2**22 + 1])
            used = reading.used[busy.pid] if reading else 0.0
    finally:
        busy.kill()
        busy.wait()
    assert reading is not None
    assert set(reading.used) == {busy.pid}
    assert 0.05 <= used < 1.2
    assert used - 0.2 < reading.busy < 1.2 * len(os.sched_getaffinity(0))
    after = meter.read(time.monotonic() + 1, [busy.pid])
    assert after is not None and not after.used  # it is gone


def test_the_cores_are_those_that_we_may_use(tmp_path: Path) -> None:
    ours = len(os.sched_getaffinity(0))
    assert cores(tmp_path) == ours
    for text, count in (
        ("max 100000", ours),
        ("50000 100000", 0.5),
        ("9900000 100000", ours),
        ("junk", ours),
        ("1 0", ours),
    ):
        (tmp_path / "cpu.max").write_text(text + "\n")
        assert cores(tmp_path) == count


def test_in_a_container_with_a_quota_its_own_use_counts(tmp_path: Path) -> None:
    def used(seconds: float) -> None:
        (tmp_path / "cpu.stat").write_text(f"usage_usec {round(seconds * 1e6)}\nuser_usec 1\n")

    (tmp_path / "cpu.max").write_text("150000 100000\n")
    used(100.0)
    meter = Meter(tmp_path)
    assert meter.read(10.0, []) is None
    used(103.0)
    reading = meter.read(12.0, [])
    assert reading is not None and reading.busy == pytest.approx(1.5)


@pytest.mark.parametrize("file", ["memory.max", "memory/memory.limit_in_bytes"])
@pytest.mark.parametrize(
    ("text", "limit"),
    [("201326592\n", 192 << 20), ("max\n", None), ("9223372036854771712\n", None), ("", None)],
)
def test_a_container_may_have_a_limit_of_memory(
    tmp_path: Path, file: str, text: str, limit: int | None
) -> None:
    assert memory_limit(tmp_path) is None
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert memory_limit(tmp_path) == limit
