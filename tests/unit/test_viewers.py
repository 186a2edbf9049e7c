"""Who watches, by the lines of nginx."""

from __future__ import annotations

import sys
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from ingestd.monitor.viewers import Viewers, window

SPAN = 10.0
DAY = 86400.0


def viewers(most: int = 1000) -> Viewers:
    numbers = count(1)
    return Viewers(SPAN, {"demo", "news"}.__contains__, lambda size: bytes([next(numbers)]) * size, 0.0, most)


def line(
    who: str = "192.0.2.1 VLC", channel: str = "demo", status: int = 200, size: int = 100, kind: str = "m"
) -> bytes:
    return f"{channel} {status} {size} {kind} {who}".encode()


def test_a_session_is_an_address_with_a_user_agent() -> None:
    found = viewers()
    for who in ("192.0.2.1 VLC", "192.0.2.1 Safari", "2001:db8::1 VLC", "192.0.2.1 VLC", "192.0.2.1 "):
        assert found.take(line(who), 0.0)
    assert found.count("demo") == 4


def test_it_counts_as_long_as_it_asks() -> None:
    found = viewers()
    found.take(line("a x"), 0.0)
    found.take(line("b x"), 0.0)
    found.take(line("a x"), 6.0)
    found.tick(10.0)
    assert found.count("demo") == 2
    found.tick(10.1)
    assert found.count("demo") == 1
    found.tick(16.1)
    assert found.count("demo") == 0


def test_who_comes_by_another_way_is_a_viewer_and_whoever_changes_over_is_one() -> None:
    found = viewers()
    for who in ("a x", "b x"):
        found.take(line(who), 0.0)
    found.others = {"demo": [b"b x", b"c x"], "news": [b"a x"]}
    assert (found.count("demo"), found.count("news"), found.total()) == (3, 1, 4)
    found.others = {"demo": [b"b x", b"b x"]}  # two behind one address, one of whom has HLS as well
    assert found.count("demo") == 3
    found.tick(10.1)
    assert (found.count("demo"), found.traffic()["demo"].viewers) == (2, 0)


def test_whoever_has_changed_over_is_known_again_after_midnight() -> None:
    found = viewers()
    found.others = {"demo": [b"a x"]}
    found.take(line("a x"), DAY - 1)
    found.tick(DAY)
    assert found.count("demo") == 1
    found.take(line("a x"), DAY + 1)
    assert found.count("demo") == 1


def test_channels_are_counted_apart_and_one_that_is_none_is_no_series() -> None:
    found = viewers()
    found.take(line(channel="demo"), 0.0)
    found.take(line(channel="news"), 0.0)
    for number in range(1000):
        found.take(line(channel=f"guess-{number}", status=404), 0.0)
    found.take(line(channel="\xff"), 0.0)
    assert set(found.traffic()) == {"demo", "news", ""}
    assert found.traffic()[""].requests == {"2xx": 1, "3xx": 0, "4xx": 1000, "5xx": 0}


def test_who_is_refused_or_only_looks_at_a_poster_does_not_watch() -> None:
    found = viewers()
    for status in (302, 401, 403, 404, 429, 500):
        found.take(line(status=status), 0.0)
    found.take(line(kind="-"), 0.0)
    assert found.count("demo") == 0
    assert found.traffic()["demo"].requests == {"2xx": 1, "3xx": 1, "4xx": 4, "5xx": 1}
    found.take(line(status=304), 0.0)
    assert found.count("demo") == 1


def test_traffic_is_of_the_last_window() -> None:
    found = viewers()
    found.take(line(size=10**9, status=500), 0.0)
    for second in range(30):
        found.tick(float(second))
        found.take(line(size=1000), second + 0.5)
        found.take(line(size=0, status=404), second + 0.5)
    one = found.traffic()["demo"]
    assert (one.bandwidth, one.rate, one.errors) == (1000.0, 2.0, 0.5)
    assert one.bytes == 10**9 + 30 * 1000


def test_a_channel_that_is_deleted_is_forgotten() -> None:
    there = {"demo"}
    found = Viewers(SPAN, there.__contains__, bytes, 0.0, most=1)
    found.take(line(), 0.0)
    there.clear()
    found.tick(1.0)
    assert set(found.traffic()) == {""}
    assert not found.full


def test_sessions_are_bounded_and_it_says_so() -> None:
    found = viewers(most=3)
    for number in range(5):
        found.take(line(f"{number} x"), 0.0)
    assert (found.count("demo"), found.full, found.uncounted) == (3, True, 2)
    found.take(line("0 x"), 9.0)  # who is known goes on
    found.tick(10.1)
    assert (found.count("demo"), found.full) == (1, False)
    found.take(line("4 x"), 10.1)
    assert found.count("demo") == 2
    assert found.traffic()["demo"].bytes == 700


def test_a_new_day_has_a_new_salt_and_nobody_counts_twice() -> None:
    found = viewers(most=2)
    found.take(line("a x"), DAY - 1)
    found.take(line("b x"), DAY - 1)
    before = set(found._channels["demo"].sessions)
    found.tick(DAY)
    for second in range(12):
        found.take(line("a x"), DAY + second)
        found.tick(DAY + second)
    assert found.count("demo") == 1
    assert before.isdisjoint(found._channels["demo"].sessions)
    assert found._old_salt == b""


def test_nothing_of_an_address_is_kept() -> None:
    found = viewers()
    found.take(line("192.0.2.77 Some Player/1.0"), 0.0)
    kept = repr(found._channels) + repr(found._by_bytes)
    assert "192.0.2.77" not in kept and "Player" not in kept


def test_the_window_follows_the_segments() -> None:
    assert [window(segment) for segment in (0.5, 1, 2, 6, 10)] == [10, 10, 10, 30, 50]


def test_a_hundred_thousand_sessions_take_little() -> None:
    found = viewers(most=1000)
    for number in range(1000):
        found.take(line(f"{number} x"), 0.0)
    sessions = found._channels["demo"].sessions
    size = sys.getsizeof(sessions) + sum(map(sys.getsizeof, sessions)) + 24
    assert size / 1000 < 300


@given(st.binary(max_size=80))
def test_anything_may_come(said: bytes) -> None:
    found = viewers()
    found.take(said, 0.0)
    found.tick(1.0)
    assert set(found.traffic()) <= {"demo", "news", ""}


_NO_REQUEST = (b"", b"demo", b"demo 200 1 m", b"demo 200 -1 m a b", b"demo 2000 1 m a b", b"demo abc 1 m a b")


def test_what_is_no_request_is_said_to_be_none() -> None:
    for said in (
        *_NO_REQUEST,
        b"demo 000 1 m a b",
        b"demo 200 1_0 m a b",
        b"demo 200 %s m a b" % (b"9" * 99),
    ):
        assert not viewers().take(said, 0.0)


_ASKED = st.tuples(st.floats(0, 3), st.sampled_from("abcdef"), st.sampled_from(["demo", "news"]))


@given(st.lists(_ASKED, max_size=60), st.integers(1, 6))
def test_it_is_what_a_plain_count_of_the_last_window_says(
    asked: list[tuple[float, str, str]], most: int
) -> None:
    """A model that keeps every request; where nothing was left out for want of room."""
    found, now, seen = viewers(most), 0.0, []
    for pause, who, channel in asked:
        now += pause
        found.tick(now)
        found.take(line(f"{who} x", channel), now)
        seen.append((now, who, channel))
        watching = {one[1:] for one in seen if now - one[0] <= SPAN}
        counted = found.count("demo") + found.count("news")
        assert counted <= most
        if not found.uncounted:
            assert counted == len(watching)
            assert found.count("demo") == sum(channel == "demo" for _, channel in watching)
