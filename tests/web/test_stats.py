"""``/stats``: nginx-rtmp's statistics and viewers, for admins."""

from __future__ import annotations

from ingestd.monitor.monitor import Monitor
from ingestd.monitor.nginx_stat import parse
from ingestd.monitor.stat_reader import StatReader
from tests.unit.test_nginx_stat import xml
from tests.web.world import World


def test_without_anything_to_read_they_are_empty(world: World) -> None:
    assert world.ask("root", "GET", "/stats").json() == {"nginx": None, "channels": [], "lost": {}}


def test_streams_are_told_with_channel_rendition_and_clients(world: World) -> None:
    monitor = Monitor()
    monitor.stat = StatReader("127.0.0.1", 1)
    monitor.stat.newest = parse(xml())
    monitor.channel_of = {"66112233aabbccdd": "demo"}.get  # type: ignore[assignment]
    app = world.make_app(world.make_context(monitor=monitor))
    nginx = world.ask("token", "GET", "/stats", app=app).json()["nginx"]
    streams = nginx.pop("streams")
    assert nginx == {
        "version": "1.22.1",
        "uptime": 8,
        "accepted": 2,
        "bytes_in": 181500,
        "bytes_out": 818,
        "bandwidth_in": 1600,
        "bandwidth_out": 0,
    }
    assert [(one["channel"], one["rendition"]) for one in streams] == [
        ("demo", None),
        ("demo", "720p"),
        ("demo", "720p"),
    ]
    assert streams[0]["clients"] == [
        {"id": 25, "address": "192.0.2.9", "seconds": 3.608, "dropped": 2, "publishing": True}
    ]
