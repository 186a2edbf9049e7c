"""What is measured for the page of admins."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest
import structlog

from ingestd.monitor.host import Host
from ingestd.monitor.monitor import Monitor
from ingestd.monitor.overview import Overview
from tests.unit.live import running
from tests.unit.test_diagnosis import begun
from tests.unit.test_metrics import monitor


def test_publishers_broadcasts_traffic_and_the_machine(tmp_path: Path) -> None:
    async def story() -> dict[str, Any]:
        async with running(tmp_path) as registry:
            publication, one = begun(registry)
            made = Overview(registry, monitor({"demo": 3}), lambda: 1, Host(tmp_path))
            made.measure(1000.0)
            publication.count(1000)
            one.supervisor.restarts["stalled"] += 1
            made.measure(1005.0)
            return made.view()

    found = asyncio.run(story())
    assert (found["viewers"], found["publishers"]) == ([3, 3], [1, 1])
    assert found["broadcasts"]["starting"] == [1, 1]
    assert (found["bandwidth_in"], found["bandwidth_out"]) == ([None, 1600], [None, 0])
    assert found["restarts"] == [0, 1]
    for name in ("memory", "disk"):
        assert 0 <= found[name][1] <= 1
    machine = found["machine"]
    assert 0 < machine["memory_available_bytes"] < machine["memory_bytes"]
    assert machine["cores"] > 0 and machine["disk_bytes"] >= machine["disk_free_bytes"]


def test_it_goes_on_when_the_disk_is_gone_and_when_nothing_can_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = 3  # times

    async def story() -> list[str]:
        async with running(tmp_path) as registry:
            made = Overview(registry, Monitor(), lambda: 0, Host(tmp_path / "gone"))
            made.measure(1000.0)
            assert made.view()["machine"]["disk_bytes"] is None and made.view()["disk"] == [None]
            done, measure = asyncio.Event(), made.measure

            def measured(now: float) -> None:
                nonlocal refused
                refused -= 1
                if refused >= 0:
                    raise OSError(errno.EMFILE, "Too many open files")
                measure(now)
                done.set()

            monkeypatch.setattr(made, "measure", measured)
            with structlog.testing.capture_logs() as logs:
                made.start()
                async with asyncio.timeout(60):
                    await done.wait()
                await made.close()
            return [entry["event"] for entry in logs]

    monkeypatch.setattr("ingestd.monitor.overview.until_next", lambda *_: 0.0)
    assert asyncio.run(story()) == ["not_measured"]


def test_where_nobody_counts_viewers_there_are_none_to_tell(tmp_path: Path) -> None:
    async def story() -> dict[str, Any]:
        async with running(tmp_path) as registry:
            made = Overview(registry, Monitor(), lambda: 0, Host(tmp_path))
            made.start()
            await asyncio.sleep(0)
            await made.close()
            return made.view()

    found = asyncio.run(story())
    assert (found["viewers"], found["bandwidth_out"], found["lag"]) == ([None], [None], [0])
