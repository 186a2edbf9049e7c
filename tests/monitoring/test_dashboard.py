"""The dashboard is what Grafana takes, and asks only for metrics that ingestd explains."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import ProcessCollector

from ingestd.broadcast.broadcast import Terms
from ingestd.broadcast.registry import Broadcasts, Limits
from ingestd.metrics import ChannelLabels
from ingestd.metrics.broadcasts import BroadcastsCollector
from ingestd.metrics.totals import TotalsCollector
from ingestd.monitor.host import Host
from tests.monitoring.expressions import BOARD, ROOT, RULES, asked, board, filled_in, metrics_of
from tests.unit.test_metrics import Fake

_PROMETHEUS_OWN = {"up", "ALERTS"}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in board()["panels"] if panel["type"] != "row"]


@pytest.fixture(scope="module")
def explained() -> set[str]:
    """Every metric of the README's table, with the series of a histogram, and those of any process."""
    readme = (ROOT / "README.md").read_text()
    table = set(re.findall(r"`(ingestd_\w+)", readme[readme.index("## Metrics") :]))
    parts = {f"{name}_{part}" for name in table for part in ("bucket", "sum", "count")}
    process = {
        sample.name
        for family in ProcessCollector(namespace="ingestd", registry=None).collect()
        for sample in family.samples
    }
    return table | parts | process | _PROMETHEUS_OWN


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ('sum by (le, step) (rate(a_bucket{step="b_c"}[5m])) * 8', {"a_bucket"}),
        ("a > 5 and on (instance) sum(b) >= 3e3 or vector(0) unless c offset 5m", {"a", "b", "c"}),
        ('a{b="c)", d=~"e|f"} / a', {"a"}),
        ('{__name__=~"a|b"}', {"a", "b"}),
    ],
)
def test_names_of_metrics_are_found(expression: str, named: set[str]) -> None:
    assert metrics_of(expression) == named


def test_every_metric_of_the_dashboard_is_explained(explained: set[str]) -> None:
    named = {name for one in asked(board()) for name in metrics_of(one.expression)}
    assert len(named) > 30
    assert named - explained == set()


def test_every_metric_of_the_rules_is_explained(explained: set[str]) -> None:
    text = (RULES / "alerts.yml").read_text()
    named = set(re.findall(r"\bingestd_\w+", text))
    assert len(named) > 10
    assert named - explained == set()


def test_what_alerts_count_begins_at_zero() -> None:
    """Prometheus sees how much a series grows, not that it begins: the first of its kind would be missed."""
    broadcasts = Broadcasts(cast(Terms, None), Limits(1, 0, 1.0), Path())
    begun = Fake(1)
    begun.supervisor.restarts.clear()
    labels = ChannelLabels(lambda: ())
    of_one = BroadcastsCollector(cast(Broadcasts, [begun]), Host(Path()), labels).collect()
    there = {
        (sample.name, value): sample.value
        for family in (*TotalsCollector(broadcasts, lambda: 0).collect(), *of_one)
        for sample in family.samples
        for value in sample.labels.values()
    }
    rules = (RULES / "alerts.yml").read_text()
    counted = re.findall(r'increase\((ingestd_\w+)\{reason(?:=|=~|!~)"([\w|]+)"\}', rules)
    assert len(counted) == 3
    for name, reasons in counted:
        for reason in reasons.split("|"):
            assert there[name, reason] == 0


def test_every_alert_is_in_the_readme_and_no_other() -> None:
    rules, readme = (RULES / "alerts.yml").read_text(), (ROOT / "README.md").read_text()
    there = re.findall(r"alert: (\w+)", rules)
    assert re.findall(r"^\| `(Ingestd\w+)`", readme, re.MULTILINE) == there


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in board()["panels"]]
    assert len(ids) == len(set(ids))
    places = [panel["gridPos"] for panel in board()["panels"]]
    assert all(0 <= place["x"] and place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = [
            one[at] + one[size] <= other[at] or other[at] + other[size] <= one[at]
            for at, size in ("xw", "yh")
        ]
        assert any(apart), (one, other)


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_has_all_that_it_needs(panel: dict[str, Any]) -> None:
    source = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert [panel["datasource"], *(target["datasource"] for target in panel["targets"])] == [source] * (
        1 + len(panel["targets"])
    )
    references = [target["refId"] for target in panel["targets"]]
    assert references and len(references) == len(set(references))


def test_every_variable_that_is_used_is_there() -> None:
    defined = {variable["name"] for variable in board()["templating"]["list"]}
    assert defined == {"datasource", "channel"}
    assert set(re.findall(r"\$\{?(\w+)", BOARD.read_text())) <= defined | {"__rate_interval", "__all"}
    assert not any("$" in filled_in(one.expression) for one in asked(board()))
