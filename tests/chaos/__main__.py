"""``make chaos``: breaks everything that can break, and counts the frames that this cost.

python -m tests.chaos [--quick] [--times N] [--only NAME ...] [--out FILE] [--soak MINUTES] [--seed N]
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from pathlib import Path
from typing import NoReturn

from tests.bench.table import machine
from tests.chaos import boxed
from tests.chaos.boxed import BOXED
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.form import FORMS
from tests.chaos.report import report
from tests.chaos.result import Result
from tests.chaos.runner import Plan, Teller, full, run, short
from tests.chaos.soak import NAME as SOAK
from tests.chaos.soak import soak
from tests.chaos.stage import why_no_webrtc
from tests.chaos.viewer import available

_TIMES = 12  # four of each codec
_SOAK_MINUTES = 10.0
_FAULTS = (*FAULTS, *BOXED)
_SENTENCES = {one.name: one.sentence for one in _FAULTS} | {SOAK: "soak: faults at random"}

_DESCRIPTION = """\
Publish clips whose every frame carries its own number, break something at a random moment, wait for
the end of the broadcast, decode every segment of every rendition of its final playlists, and count.
Prints a Markdown table, and ends with exit code 1 if a single frame was lost, doubled, out of order
or unreadable, if more than one packet of sound was missing or doubled or it moved against the picture,
if a viewer saw nothing or not what came after the fault, if a broadcast did not come to its end, if
the server left a traceback in its log or a process behind, or if nothing was played at all.
"""

_EPILOG = """\
faults:
{faults}

examples:
  python -m tests.chaos                         everything, twelve times, then ten minutes of soak
  python -m tests.chaos --quick                 each fault once with a small picture: seven minutes
  python -m tests.chaos --only daemon-killed    this fault alone, twelve times
  python -m tests.chaos --only cut-10 nginx-killed --times 3 --seed 7
  python -m tests.chaos --only --soak 30        nothing but half an hour of soak

The last three take root: they are struck in boxes, Debians with a systemd and a Docker engine of their own,
kept in INGESTD_BOX_CACHE (~/.cache/ingestd-boxes), of which the first use makes each in some minutes.
Moments are random; --seed with the number that a run has printed gives the same ones again. Progress
goes to stderr, the table to stdout and to the file that --out names.
"""


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _terminated)
    wanted = [one for one in _FAULTS if options.only is None or one.name in options.only]
    skipped = {one.name: why for one in wanted if (why := one.obstacle())}
    if why := why_no_webrtc():
        skipped["broadcasts by WHIP"] = why
    chosen = [one for one in FAULTS if one in wanted and one.name not in skipped]
    in_boxes = [one for one in BOXED if one in wanted and one.name not in skipped]
    form = "quick" if options.quick else "full"
    facts = f"{machine()}\n- seed: {options.seed}"
    print(facts, file=sys.stderr, flush=True)
    results = run(_plan(chosen, options), _say) if chosen else []
    if in_boxes:
        results += boxed.run(in_boxes, form, options.seed, _times(options), Teller(_say).say)
    if options.soak:
        after, words = soak(options.soak, FORMS[form], options.seed, _say)
        results += after
        facts += f"\n- soak, {options.soak:g} min: {words}"
    text = report(results, _SENTENCES, skipped, facts)
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return verdict(results)


def _options() -> argparse.Namespace:
    lines = "\n".join(f"  {one.name:18} {one.sentence}" for one in _FAULTS)
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=_DESCRIPTION,
        epilog=_EPILOG.format(faults=lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a small picture, each fault once (unless --times), no soak")
    add("--times", type=int, metavar="N", help=f"runs of each fault, codecs in turns (default: {_TIMES})")
    add("--only", nargs="*", metavar="NAME", help="these faults; without a name: none")
    add(
        "--soak",
        type=float,
        metavar="MINUTES",
        help=f"of random faults at the end; 0: none ({_SOAK_MINUTES:g})",
    )
    add(
        "--viewer",
        action="store_true",
        help="also watch one broadcast in four in Chromium (with --quick: one of them all)",
    )
    add("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the random moments")
    add("--out", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    names = {one.name for one in _FAULTS}
    if unknown := set(options.only or ()) - names:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are: {', '.join(sorted(names))}")
    if options.viewer and not available():
        parser.error("--viewer needs /usr/bin/chromium")
    if options.soak is None:
        options.soak = 0.0 if options.quick or options.only is not None else _SOAK_MINUTES
    return options


def _plan(chosen: list[Fault], options: argparse.Namespace) -> Plan:
    times = _times(options)
    if times is None:
        return short(chosen, options.seed, viewer=options.viewer)
    return full(chosen, options.seed, times, quick=options.quick, viewer=options.viewer)


def _times(options: argparse.Namespace) -> int | None:
    """Strikes of each fault, one broadcast each; None: one, of all codecs."""
    if options.times is not None:
        return int(options.times)
    return None if options.quick else _TIMES


def verdict(results: list[Result]) -> int:
    """The exit code. Where nothing was played, nothing is proved."""
    bad = sum(not one.well for one in results)
    _say(f"{len(results)} broadcasts, {bad} of them not well")
    return 1 if bad or not results else 0


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _terminated(_number: int, _frame: object) -> NoReturn:
    """SIGTERM is Ctrl-C: whatever was started is ended on the way out."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
