"""What was found, as one Markdown table: a row for each fault, as the README carries it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.chaos.clip import CODECS, RTMP, WHIP
from tests.chaos.result import Result, drift, ms

HEAD = (
    *("fault", "runs (VP8, VP9, H.264)", "frames lost", "doubled", "longest audio gap"),
    *("sound twice at a seam", "A/V skew before, after", "playlist stood still, at worst"),
    "viewer's stall, at worst",
)
_BY = {"": "", RTMP: " (H.264 by RTMP)", WHIP: " (H.264 by WHIP)"}


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
    " still for a segment's length when nothing is wrong. A run counts as failed when something else than"
    " its frames was wrong."
)


def rows(results: Iterable[Result], sentences: Mapping[str, str]) -> list[tuple[str, ...]]:
    """One for each fault, in the order of the sentences; others follow as they came. Publishers by RTMP
    and by WHIP, who keep nothing, have rows of their own."""
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.fault, result.codec if result.codec in _BY else ""].append(result)
    order, ways = list(sentences), list(_BY)
    ranked = sorted(
        groups,
        key=lambda key: (order.index(key[0]) if key[0] in order else len(order), ways.index(key[1])),
    )
    return [_row(sentences.get(name, name) + _BY[way], groups[name, way]) for name, way in ranked]


def _row(sentence: str, group: Sequence[Result]) -> tuple[str, ...]:
    spoiled = sum(one.spoiled for one in group)
    named = sum(one.named for one in group)
    skewed = max(group, key=lambda one: drift((one.before, one.after)))
    found = [one for one in group if one.verdicts]
    return (
        *(sentence, _runs(group)),
        _zero(sum(one.lost for one in group))
        + (f" (and {named}, as said)" if named else "")
        + (f" (and **{spoiled}** spoiled)" if spoiled else ""),
        _zero(sum(one.doubled for one in group)),
        _worst((one.gap for one in found), ms),
        _worst((one.overlap for one in found), ms),
        "–" if drift((skewed.before, skewed.after)) < 0 else f"{ms(skewed.before)}, {ms(skewed.after)}",
        _worst((one.standstill for one in group), _seconds),
        _worst((one.viewer for one in group if one.viewer is not None), _seconds),
    )


def _runs(group: Sequence[Result]) -> str:
    """By codec; and how many failed for another reason than their frames."""
    counts = Counter(one.codec for one in group)
    codecs = [way for way in _BY if way in counts] or CODECS
    failed = sum(bool(one.off or one.trouble or not one.verdicts) for one in group)
    return ", ".join(str(counts[codec]) for codec in codecs) + (f" (**{failed} failed**)" if failed else "")


def _zero(count: int) -> str:
    return f"**{count}**" if count else "0"


def _worst(values: Iterable[float], words: Callable[[float], str]) -> str:
    return max(((value, words(value)) for value in values), default=(0.0, "–"))[1]


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s"


def table(found: Iterable[Sequence[str]]) -> str:
    lines = [HEAD, ["---"] * len(HEAD), *found]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
