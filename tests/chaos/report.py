"""What was found, as one Markdown table: a row for each fault and codec. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.chaos.play import Result, drift

HEAD = (
    *("fault", "codec", "runs", "frames lost", "doubled", "longest audio gap", "A/V skew before", "after"),
    *("playlist stood still", "viewer's stall"),
)

_NOTICED = 0.002  # seconds of sound; time stamps are rounded to milliseconds


def report(
    results: Sequence[Result], sentences: Mapping[str, str], skipped: Mapping[str, str], facts: str
) -> str:
    """The table, what was left out and why, and whatever went wrong."""
    parts = [facts, table(rows(results, sentences)), _LEGEND]
    parts += [f"Not run: {sentences.get(name, name)}: {why}." for name, why in skipped.items()]
    bad = [str(result) for result in results if not result.well]
    if bad:
        parts.append("What went wrong:\n\n```\n" + "\n".join(bad) + "\n```")
    return "\n\n".join(parts) + "\n"


_LEGEND = (
    "Frames are counted in all renditions together, over all runs; times are the worst of all runs, skews"
    " those of the run in which they change most (sound after picture: positive). The playlist stands"
    " still for a segment's length when nothing is wrong."
)


def rows(results: Iterable[Result], sentences: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Grouped by fault and codec, in the order in which they first came."""
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.fault, result.codec].append(result)
    order = list(sentences)
    ranked = sorted(groups, key=lambda key: order.index(key[0]) if key[0] in order else len(order))
    return [_row(sentences.get(key[0], key[0]), key[1], groups[key]) for key in ranked]


def _row(sentence: str, codec: str, group: Sequence[Result]) -> tuple[str, ...]:
    failed = sum(bool(one.trouble) or not one.verdicts for one in group)
    lost = sum(one.lost for one in group)
    doubled = sum(one.doubled for one in group)
    spoiled = sum(one.spoiled for one in group)
    skewed = max(group, key=lambda one: drift((one.before, one.after)))
    runs = f"{len(group)}" + (f", **{failed} failed**" if failed else "")
    return (
        *(sentence, codec, runs),
        *(_zero(lost) + (f" (and {spoiled} spoiled)" if spoiled else ""), _zero(doubled)),
        _worst(group, lambda one: one.gap if one.verdicts else None, _milliseconds)
        + _overlap(max(one.overlap for one in group)),
        *(_milliseconds(skewed.before), _milliseconds(skewed.after)),
        _worst(group, lambda one: one.standstill, _seconds),
        _worst(group, lambda one: one.viewer, _seconds),
    )


def _zero(count: int) -> str:
    return f"**{count}**" if count else "0"


def _worst(
    group: Iterable[Result], what: Callable[[Result], float | None], words: Callable[[float | None], str]
) -> str:
    return words(max((value for one in group if (value := what(one)) is not None), default=None))


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{round(seconds * 1000)} ms"


def _overlap(seconds: float) -> str:
    return f" ({round(seconds * 1000)} ms twice)" if seconds >= _NOTICED else ""


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


def table(found: Sequence[Sequence[str]]) -> str:
    """Markdown, aligned for those who read it in a terminal."""
    cells = [HEAD, *found]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
