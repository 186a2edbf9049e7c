"""The vocabulary of the log is what the code says."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from ingestd.log.events import EVENTS

CODE = Path(__file__).parents[2] / "ingestd"
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
LOGGERS = {"log", "_log"}
ANYTHING = "what stands in a mapping"


def logged(code: str) -> list[tuple[str, set[str]]]:
    """Events and their fields in a module, as its calls name them."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            on, method = node.func.value, node.func.attr
            name = on.id if isinstance(on, ast.Name) else getattr(on, "attr", "")
            if name in LOGGERS and method in METHODS:
                event = node.args[method == "log"]
                assert isinstance(event, ast.Constant) and isinstance(event.value, str), (
                    f"an event is no constant: {ast.unparse(node)}"
                )
                found.append((event.value, {word.arg or ANYTHING for word in node.keywords}))
    return found


def loggers(code: str) -> set[str]:
    """Names that modules give to their loggers."""
    return {
        target.id
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Assign) and "get_logger" in ast.unparse(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_every_event_and_every_field_is_in_the_vocabulary_and_none_else() -> None:
    said: dict[str, set[str]] = defaultdict(set)
    for path in CODE.rglob("*.py"):
        for event, fields in logged(path.read_text()):
            said[event] |= fields
    assert said == {name: event.fields for name, event in EVENTS.items()}


def test_every_logger_is_looked_at() -> None:
    found = [name for path in CODE.rglob("*.py") for name in loggers(path.read_text())]
    assert set(found) == {"log"}


def test_an_event_has_a_sentence() -> None:
    assert [name for name, event in EVENTS.items() if not event.meaning.endswith(".")] == []


def test_an_event_that_is_none_is_found() -> None:
    code = 'log.info("a", b=1)\nself._log.exception("c")\nlog.log(20, "d", **e)\nother.info("f")'
    assert logged(code) == [("a", {"b"}), ("c", set()), ("d", {ANYTHING})]
    assert loggers('x = structlog.get_logger("a")') == {"x"}
