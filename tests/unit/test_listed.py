"""A rendition's lines for the journal, and its bandwidths."""

from __future__ import annotations

from ingestd.delivery.listed import Listed
from ingestd.delivery.playlist import MediaPlaylist, Segment
from ingestd.journal.journal import SegmentRow
from tests.unit.nginx_output import R720


def listed() -> Listed:
    media = MediaPlaylist(2, 30.0, sequence=5, discontinuities=1)
    media.append(Segment("720p/0-0.ts", 2.0, 100.0))
    media.append(Segment("720p/1-0.ts", 1.5, 102.0, True))
    media.append(Segment("720p/1-1.ts", 2.0, 103.5))
    return Listed(R720, media)


def test_rows_are_numbered_as_the_playlist_is() -> None:
    assert list(listed().rows()) == [
        SegmentRow("720p", 5, 1, "720p/0-0.ts", 2.0, 100.0, False, 0),
        SegmentRow("720p", 6, 1, "720p/1-0.ts", 1.5, 102.0, True, 0),
        SegmentRow("720p", 7, 2, "720p/1-1.ts", 2.0, 103.5, False, 0),
    ]


def test_the_last_row_is_that_of_all_rows_with_its_weight() -> None:
    one = listed()
    *_, last = one.rows()
    assert one.last_row(0) == last
    assert one.last_row(700).size == 700


def test_bandwidths_are_designed_while_live_and_measured_when_over() -> None:
    one = listed()
    one.measured.add(1000, 2.0, 2)
    assert one.bandwidths(over=False) == (R720.bandwidth, R720.average_bandwidth)
    assert one.bandwidths(over=True) == (4000.0, 4000.0)
