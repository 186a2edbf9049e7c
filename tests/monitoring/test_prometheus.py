"""Configuration, rules and dashboard before a real Prometheus that scrapes a real broadcast."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.chaos.clip import clip
from tests.monitoring.expressions import RULES, Asked, asked, board, metrics_of
from tests.monitoring.prometheus import Prometheus, scraping
from tests.support.publisher import dial, publish
from tests.support.server import INGESTD, Server, running, wait_for
from tests.system.conftest import SMALL
from tests.system.test_viewers import watch

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

_PATIENCE = 90.0  # seconds until every expression has its series
_QUIET = {
    "Alerts": "no alert fires in a broadcast of a few seconds",
    **dict.fromkeys(("Peers", "Media by WebRTC", "Lost by WebRTC", "Round trip"), "WebRTC is off here"),
}
"""Panels whose expressions may have no series here, and why."""


@dataclass(frozen=True)
class Scene:
    """What Prometheus knew of a live broadcast whose encoder had been killed once, and of what went wrong."""

    missing: dict[Asked, str]
    rules: list[dict[str, Any]]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with (
        running(channels=2, webrtc_enabled=True, **SMALL) as server,
        scraping(server.http.removeprefix("http://")) as prometheus,
    ):
        with pytest.raises(InvalidStatus), dial(server, token="of nobody"):
            pass
        publish(server.on("demo1"), "vp8_firstblob-1byte_lowfps.webm", fast=True)
        server.on("demo1").wait_state("ended")
        with publishing(server):
            begun = server.wait_for("a playlist", lambda one: one["hls"] is not None)
            server.encoder(begun["id"]).kill()
            yield look(prometheus, server)


@contextmanager
def publishing(server: Server) -> Iterator[None]:
    """The clip, by the resumable protocol and in real time, until the test has seen enough."""
    film = clip("vp8", 256, 144, int(_PATIENCE)).path
    command = [*INGESTD, "publish", str(film), "--ready-file", str(server.log.with_name("ready.json"))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def look(prometheus: Prometheus, server: Server) -> Scene:
    """Somebody watches until every expression has its series, or patience is over."""
    missing = {one: "not asked" for one in asked(board()) if one.panel not in _QUIET}
    for rule in prometheus.rules():  # an alert is silent here, but not for want of what it looks at
        named = metrics_of(rule["query"])
        missing |= {Asked(rule["name"], name, frozenset()): "not asked" for name in named}

    def nothing_is_missing() -> bool:
        watch(server.hls, f"/hls/{server.channel}/index.m3u8", "VLC")
        for one in list(missing):
            missing[one] = trouble(prometheus, one)
            if not missing[one]:
                del missing[one]
        return not missing and all(rule["health"] == "ok" for rule in prometheus.rules())

    with suppress(AssertionError):  # what is missing is told by name
        wait_for("every series", nothing_is_missing, _PATIENCE)
    for one in asked(board()):
        if one.panel in _QUIET:
            prometheus.series(one.expression)
    return Scene(missing, prometheus.rules())


def trouble(prometheus: Prometheus, one: Asked) -> str:
    """What an expression lacks; empty: nothing."""
    try:
        series = prometheus.series(one.expression)
    except AssertionError as error:
        return str(error)
    if not series:
        return "no series"
    unknown = one.labels - {label for labels in series for label in labels}
    return f"no label {', '.join(unknown)} for the legend" if unknown else ""


def promtool(*words: str | Path) -> None:
    done = subprocess.run(["promtool", *map(str, words)], cwd=RULES, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARN" not in done.stdout.upper() + done.stderr.upper()


def test_the_configuration_and_its_rules_are_good() -> None:
    promtool("check", "config", "prometheus.yml")


def test_each_alert_fires_when_it_should_and_not_when_it_should_not() -> None:
    promtool("test", "rules", "alerts.test.yml")


def test_each_alert_has_such_a_test() -> None:
    alerts, tests = (RULES / "alerts.yml").read_text(), (RULES / "alerts.test.yml").read_text()
    names = [line.split()[-1] for line in alerts.splitlines() if "- alert:" in line]
    assert [name for name in names if f'alertname="{name}"' not in tests] == []


def test_every_expression_of_the_dashboard_and_every_metric_of_the_rules_has_series(scene: Scene) -> None:
    assert {f"{one.panel}: {one.expression}": why for one, why in scene.missing.items()} == {}


def test_every_rule_is_evaluated(scene: Scene) -> None:
    assert {rule["name"]: rule.get("lastError") for rule in scene.rules if rule["health"] != "ok"} == {}


def test_every_alert_says_what_to_do(scene: Scene) -> None:
    assert len(scene.rules) > 8
    for rule in scene.rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["name"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["name"]
