"""Rules of the whole repository that no other tool checks."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ingestd.settings import SECRETS, Source, keys

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "ingestd").rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60

# Pure too, as far as a test needs: no event loop, no process, no network.
ALSO_TESTED = (
    *("settings", "settings.changes", "systemd", "errors", "log", "tasks"),
    *("broadcast.epoch", "encoder.feed", "delivery.delivery"),
    *("broadcast.reception", "broadcast.ledger", "broadcast.publication", "broadcast.registry"),
    *("journal.journal", "delivery.files"),
    *(
        "delivery.private",
        "delivery.retention",
        "nginx.config",
        "web.views",
        "cli.options",
    ),
)


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def pure() -> list[str]:
    """Modules that the import contract calls pure; a package stands for all of its modules."""
    found = []
    for name in setup_cfg()["importlinter:contract:pure"]["source_modules"].split():
        path = ROOT / name.replace(".", "/")
        modules = [part for part in sorted(path.glob("*.py")) if part.stem != "__init__"]
        found += [f"{name}.{part.stem}" for part in modules] if path.is_dir() else [name]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(text_of(path).splitlines()) < MOST_LINES_OF_A_FILE


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_no_function_is_too_long(path: Path) -> None:
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions(path)}
    assert [name for name, length in lengths.items() if length > MOST_LINES_OF_A_FUNCTION] == []


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert not text_of(path).strip() or ast.get_docstring(tree_of(path))


def test_tasks_are_made_in_one_place_only() -> None:
    raw = re.compile(r"\b(?:create_task|ensure_future|TaskGroup|run_coroutine_threadsafe)\(")
    makers = [name for name, path in zip(NAMES, SOURCES, strict=True) if raw.search(text_of(path))]
    assert makers == ["ingestd/tasks.py"]


@pytest.mark.parametrize("module", pure())
def test_every_module_that_is_called_pure_exists(module: str) -> None:
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


@pytest.mark.parametrize("module", [*pure(), *(f"ingestd.{name}" for name in ALSO_TESTED)])
def test_every_such_module_has_its_tests(module: str) -> None:
    package, _, stem = module.rpartition(".")
    if package == "ingestd.container":  # readers that form one automaton; their tests have a folder
        tests = (ROOT / "tests" / "container").glob("test_*.py")
        assert any("ingestd.container" in text_of(path) for path in tests)
    else:
        folder = package.rpartition(".")[2]
        names = {f"test_{stem}.py", f"test_{folder}_{stem}.py"}
        assert names & {path.name for path in (ROOT / "tests").glob("*/test_*.py")}


def test_every_folder_with_code_is_a_package_that_is_shipped() -> None:
    folders = {path.parent for path in SOURCES}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
    config = setup_cfg()
    assert config["options"]["packages"] == "find:"
    assert config["options.packages.find"]["include"] == "ingestd*"


def test_every_file_that_is_needed_at_run_time_is_shipped() -> None:
    listed = setup_cfg()["options.data_files"]["share/ingestd/nginx-rtmp"].split()
    assert listed == [f"nginx-rtmp/{path.name}" for path in sorted((ROOT / "nginx-rtmp").glob("*.template"))]


NAMES_OF_FILES = {(section, f"{key}_file") for section, key in SECRETS}  # read where settings are loaded


@pytest.mark.parametrize("source", [one for one in keys() if one not in NAMES_OF_FILES], ids=".".join)
def test_every_setting_is_read_somewhere(source: Source) -> None:
    readers = [path for path in SOURCES if path.parent.name != "settings"]
    wanted = re.compile(rf"\.{source[1]}\b" if source != ("data", "dir") else r"\.data\.dir\b")
    assert [path for path in readers if wanted.search(text_of(path))]
