"""``make bench``: measures, and prints one Markdown table. It judges nothing: the exit code is 0.

python -m tests.bench [--quick] [NAME ...]
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
import traceback
from typing import NoReturn

from tests.bench.table import Row, failed, machine, table

NAMES = (
    *("pages", "splitter", "relay", "memory", "start", "overhead", "poster", "ladder"),
    *("restart", "daemon", "ack", "guarantee", "viewers", "scrape", "idle", "delay", "whep"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure, and print a table.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; none: all")
    parser.add_argument("--quick", action="store_true", help="shorter runs and fewer: figures are rougher")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, _terminated)
    facts, rows = machine(), []
    try:
        for name in chosen.names or NAMES:
            rows += _measure(name, chosen.quick)
    except KeyboardInterrupt:
        print("\nInterrupted: this is what was measured until then.", file=sys.stderr)
    print(f"{facts}\n\n{table(rows)}")


def _measure(name: str, quick: bool) -> list[Row]:
    began = time.monotonic()
    print(f"==> {name}", file=sys.stderr, end=" ", flush=True)
    try:
        rows: list[Row] = importlib.import_module(f"tests.bench.bench_{name}").run(quick)
    except Exception as error:
        traceback.print_exc()
        rows = [failed(name, error)]
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return rows


def _terminated(_number: int, _frame: object) -> NoReturn:
    """SIGTERM is Ctrl-C: whatever was started is ended on the way out."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
