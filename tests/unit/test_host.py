"""What is read of the machine, and how seldom."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import Counter
from dataclasses import astuple
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog

from ingestd.metrics.host import HostCollector
from ingestd.monitor import host
from ingestd.monitor.host import FRESH, Fresh, Host, Machine


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often psutil was asked, by what."""
    counts = Counter[str]()

    def counting(name: str) -> None:
        real = getattr(psutil, name)

        def counted(*words: Any, **named: Any) -> Any:
            counts[name] += 1
            return real(*words, **named)

        monkeypatch.setattr(psutil, name, counted)

    for name in ("virtual_memory", "cpu_times", "Process"):
        counting(name)
    return counts


def test_a_hundred_scrapes_in_a_second_read_once(reads: Counter[str], tmp_path: Path) -> None:
    clock = Hand()
    one = Host(tmp_path, clock)
    reads.clear()
    for _ in range(100):
        clock.now += FRESH / 101
        assert one.machine.memory
        assert one.process(os.getpid()).memory > 0
    assert reads["virtual_memory"] == reads["Process"] == 1
    assert reads["cpu_times"] <= 1  # in a container with a quota the cgroup is read
    clock.now += FRESH
    assert one.machine and one.process(os.getpid()).cpu > 0
    assert reads["virtual_memory"] == reads["Process"] == 2


def test_shares_are_shares_and_sizes_are_those_of_the_disk(tmp_path: Path) -> None:
    clock = Hand()
    one = Host(tmp_path, clock)
    clock.now += FRESH
    machine = one.machine
    assert machine.cpu is not None and 0 <= machine.cpu <= 1
    sizes = machine.memory, machine.memory_available, machine.disk, machine.disk_free
    memory, memory_available, disk, disk_free = (size or 0 for size in sizes)
    assert 0 < memory_available <= memory
    assert 0 <= disk_free <= disk and disk > 0


def test_a_process_that_is_gone_uses_nothing(tmp_path: Path) -> None:
    gone = next(pid for pid in range(2**22, 2**22 + 100) if not psutil.pid_exists(pid))
    found = Host(tmp_path).process(gone)
    assert (found.cpu, found.memory) == (0.0, 0)


def test_what_cannot_be_read_is_not_there_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_words: Any, **_named: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    clock, place = Hand(), tmp_path / "data"
    one = Host(place, clock)
    with monkeypatch.context() as patch:
        for name in ("virtual_memory", "cpu_times", "Process"):
            patch.setattr(psutil, name, refuse)
        patch.setattr("ingestd.broadcast.load._usage", refuse)
        clock.now += FRESH
        assert one.machine == Machine(None, None, None, None, None)
        assert one.process(os.getpid()).memory == 0
        families = list(HostCollector(one, lambda: None, lambda: 0).collect())
        told = {family.name for family in families if family.samples}
        assert {"ingestd_loop_lag_seconds"} <= told < {family.name for family in families}
    place.mkdir()
    clock.now += FRESH
    assert None not in astuple(one.machine)


def test_what_nobody_asks_for_any_more_is_let_go() -> None:
    clock = Hand()
    fresh = Fresh(clock)
    for number in range(1000):
        clock.now += FRESH
        assert fresh.get(number, lambda number=number: number) == number  # type: ignore[misc]
    assert len(fresh._read) == 1


def test_a_clock_that_jumps_is_told_once_with_what_that_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = 0

    def wall() -> float:
        nonlocal readings
        readings += 1
        return 1e9 + (3600.0 if readings > 3 else 0.0)

    async def story() -> list[Any]:
        one = Host(tmp_path, Hand())
        with structlog.testing.capture_logs() as logs:
            one.start()
            async with asyncio.timeout(60):
                while readings < 10:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.001)
            await one.close()
        return logs

    monkeypatch.setattr(host, "_BEAT", 0.0)
    monkeypatch.setattr("ingestd.monitor.host.time.time", wall)
    (entry,) = asyncio.run(story())
    assert (entry["event"], entry["seconds"]) == ("clock_jumped", 3600.0)
    assert "Broadcasts go on" in entry["sentence"]


def test_a_loop_that_was_held_up_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        clock = Hand()
        one = Host(tmp_path, clock)
        assert one.loop_lag == 0.0
        one.start()
        await asyncio.sleep(0)  # it begins
        clock.now += host._BEAT + 3.0  # as if nobody else had had a turn
        async with asyncio.timeout(20):
            while not one.loop_lag:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        assert one.loop_lag == pytest.approx(3.0)
        await one.close()

    asyncio.run(story())
