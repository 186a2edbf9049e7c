"""What Janus says of a peer, and sums that never go back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.webrtc.figures import COUNTS, Figures, Sums, figures
from ingestd.webrtc.janus_config import Role

PAIR = "198.51.100.1:20066 [host,udp] <-> 203.0.113.7:40980 [prflx,udp]"


def medium(flow: str, other: str, *, nacks: bool, **rtcp: int) -> dict[str, Any]:
    """As Janus 1.1.2 tells of one that it gets (``in``) or sends (``out``)."""
    lost = {"rtt": 0, "lost": 0, "lost-by-remote": 0}
    return {
        "type": "video",
        "rtcp": {"main": {"base": 90000, **lost, **rtcp}},
        "stats": {
            flow: {"packets": 2631, "bytes": 2234068, "bytes_lastsec": 94024},
            other: {"packets": 0, "bytes": 0, "bytes_lastsec": 0, **({"nacks": 190} if nacks else {})},
        },
    }


def answer(*media: dict[str, Any], ready: bool = True, pair: str = PAIR) -> dict[str, Any]:
    peer = {"ice": {"selected-pair": pair}, "media": {str(number): one for number, one in enumerate(media)}}
    return {"janus": "success", "info": {"flags": {"ready": ready}, "webrtc": peer}}


def test_a_publisher_s_media_come_in_and_what_is_lost_we_say() -> None:
    sent = medium("in", "out", nacks=True, lost=157), medium("in", "out", nacks=False, lost=77)
    found = figures(Role.IN, answer(*sent))
    assert found and (found.way, found.rtt) == ("prflx", None)
    assert found.counts == {
        "0": {"bytes": 2234068, "packets": 2631, "lost": 157, "nacks": 190},
        "1": {"bytes": 2234068, "packets": 2631, "lost": 77, "nacks": 0},
    }


def test_a_viewer_s_media_go_out_and_what_is_lost_the_viewer_says() -> None:
    received = (
        medium("out", "in", nacks=True, rtt=23, **{"lost-by-remote": 173}),
        medium("out", "in", nacks=False),
    )
    found = figures(Role.OUT, answer(*received))
    assert found and found.rtt == 0.023
    assert found.counts["0"] == {"bytes": 2234068, "packets": 2631, "lost": 173, "nacks": 190}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"janus": "error", "error": {"code": 459, "reason": "No such handle"}},
        {"info": {"flags": {"ready": True}}},
        answer(ready=False),
        {"info": []},
    ],
)
def test_who_is_not_connected_has_no_figures(said: dict[str, Any]) -> None:
    assert figures(Role.IN, said) is None


@pytest.mark.parametrize(
    ("pair", "way"),
    [(PAIR.replace("prflx", "relay"), "relay"), ("", ""), ("[", ""), ("1 [host,udp] <-> 2 [secret,udp]", "")],
)
def test_of_a_peer_s_address_only_its_type_is_told(pair: str, way: str) -> None:
    found = figures(Role.IN, answer(pair=pair))
    assert found and found.way == way


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda some: st.lists(some) | st.dictionaries(st.sampled_from(["0", "in", "out", "main"]), some),
    )
)
def test_whatever_it_says_it_is_counted_or_left_out(said: Any) -> None:
    info = {"flags": {"ready": True}, "webrtc": {"ice": said, "media": said}}
    for one in ({"info": said}, {"info": info}, {"info": {**info, "webrtc": {"media": {"0": said}}}}):
        found = figures(Role.OUT, one)
        assert found is None or all(
            count >= 0 for counts in found.counts.values() for count in counts.values()
        )


def peer(**counts: int) -> Figures:
    return Figures({"video": dict.fromkeys(COUNTS, 0) | counts})


def test_sums_are_of_all_peers_and_of_those_that_have_gone() -> None:
    sums = Sums()
    assert set(sums.counts) == set(COUNTS)
    sums.take({1: peer(bytes=100), 2: peer(bytes=10, lost=3)})
    sums.take({2: peer(bytes=15, lost=4)})
    sums.take({})
    sums.take({3: peer(bytes=7)})
    assert dict(sums.counts) == {"bytes": 122, "packets": 0, "lost": 4, "nacks": 0}


def test_a_count_that_goes_back_is_waited_for() -> None:
    sums = Sums()
    for lost in (5, 2, 4, 6):
        sums.take({1: peer(lost=lost)})
    assert sums.counts["lost"] == 6


@given(st.lists(st.dictionaries(st.integers(0, 3), st.integers(0, 1000))))
def test_no_sum_ever_goes_back(rounds: list[dict[int, int]]) -> None:
    sums, before = Sums(), 0
    for one in rounds:
        sums.take({number: peer(lost=count) for number, count in one.items()})
        assert sums.counts["lost"] >= before
        before = sums.counts["lost"]
