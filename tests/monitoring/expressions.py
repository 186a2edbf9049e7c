"""Every PromQL expression of the dashboard, and which metrics an expression names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "config" / "grafana" / "dashboards" / "ingestd.json"
RULES = ROOT / "config" / "prometheus"

_WORDS = {"and", "or", "unless", "bool", "offset"}
_NO_METRICS = (
    r'"[^"]*"',
    r"\{[^}]*\}",
    r"\[[^\]]*\]",
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """An expression of the dashboard, as Prometheus is asked it; ``labels``: those that its legend shows."""

    panel: str
    expression: str
    labels: frozenset[str]


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BOARD.read_text())
    return found


def asked(dashboard: dict[str, Any]) -> Iterator[Asked]:
    """Those of panels and annotations, with Grafana's variables filled in, and those of the variables."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            labels = frozenset(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            yield Asked(panel["title"], filled_in(target["expr"]), labels)
    for note in dashboard["annotations"]["list"]:
        yield Asked(note["name"], filled_in(note["expr"]), frozenset())
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
            yield Asked(variable["name"], selector, frozenset({label}))


def filled_in(expression: str) -> str:
    return expression.replace("$__rate_interval", "10s").replace("$channel", ".*")


def metrics_of(expression: str) -> set[str]:
    """The names of metrics: what is neither label nor function nor word of PromQL."""
    names = set(re.findall(r'__name__=~?"([\w|]+)"', expression))
    found = {name for several in names for name in several.split("|")}
    for other in _NO_METRICS:
        expression = re.sub(other, " ", expression)
    return found | set(re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*\b(?!\s*\()", expression)) - _WORDS
