"""Counts of channels by label: whatever becomes of the channels, no sum goes back."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ingestd.metrics.sums import Sums


def counts(**channels: int) -> dict[str, Counter[str]]:
    return {channel: Counter(bytes=count) for channel, count in channels.items()}


def test_what_a_deleted_channel_counted_stays() -> None:
    sums = Sums()
    assert sums.take(counts(a=9_000_000, b=1000), lambda _: "")[""]["bytes"] == 9_001_000
    assert sums.take(counts(b=1000), lambda _: "")[""]["bytes"] == 9_001_000
    assert sums.take(counts(b=1500), lambda _: "")[""]["bytes"] == 9_001_500


def test_a_channel_that_gets_a_label_of_its_own_leaves_what_it_counted_behind() -> None:
    sums = Sums()
    sums.take(counts(a=700, b=300), lambda _: "other")
    found = sums.take(counts(a=750, b=300), {"a": "a", "b": "other"}.__getitem__)
    assert (found["a"]["bytes"], found["other"]["bytes"]) == (50, 1000)


def test_another_channel_of_the_same_name_counts_from_nothing() -> None:
    sums = Sums()
    sums.take(counts(a=700), lambda _: "")
    assert sums.take(counts(a=20), lambda _: "")[""]["bytes"] == 720


def test_a_label_that_nobody_has_any_more_is_forgotten() -> None:
    sums = Sums()
    assert set(sums.take(counts(a=1, b=1), str)) == {"a", "b"}
    assert set(sums.take(counts(b=1), str)) == {"b"}
    assert sums.take(counts(a=3, b=1), str)["a"]["bytes"] == 3


def test_who_counts_twice_gets_the_same() -> None:
    sums = Sums()
    first = dict(sums.take(counts(a=5), str)["a"])
    assert dict(sums.take(counts(a=5), str)["a"]) == first


_LOOK = st.tuples(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 50)),  # what each grows by; not there: it goes
    st.sampled_from([{}, {"a": "a"}, {"a": "a", "b": "b"}]),
)


@given(st.lists(_LOOK, max_size=30))
def test_no_sum_ever_goes_back(looks: list[tuple[dict[str, int], dict[str, str]]]) -> None:
    sums, channels, before = Sums(), Counter[str](), Counter[str]()
    for grown, named in looks:
        channels = Counter({channel: channels[channel] + more for channel, more in grown.items()})
        labels = {channel: named.get(channel, "other") for channel in (*channels, "none")}
        found = sums.take(counts(none=0, **channels), labels.__getitem__)
        now = Counter({label: sum_["bytes"] for label, sum_ in found.items()})
        assert all(now[label] >= count for label, count in before.items() if label in found)
        assert "other" in found
        before = now
