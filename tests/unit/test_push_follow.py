"""Which segments are sent, and when."""

from __future__ import annotations

from ingestd.delivery.playlist import MediaPlaylist, Segment
from ingestd.push.follow import Follow, Pace, Piece


def playlist(first: int, count: int, *broken: int) -> MediaPlaylist:
    """Segments of a second each, numbered; before those in ``broken`` the time line breaks."""
    made = MediaPlaylist(2, 60.0, sequence=first)
    for number in range(first, first + count):
        made.append(Segment(f"{number}.ts", 1.0, 0.0, number in broken))
    return made


def taken(follow: Follow, listed: MediaPlaylist) -> list[Piece]:
    found = []
    while piece := follow.take(listed):
        found.append(piece)
    return found


def test_it_begins_near_the_end() -> None:
    follow, listed = Follow(), playlist(0, 10)
    assert follow.has_more(listed)
    assert taken(follow, listed) == [Piece("8.ts", True), Piece("9.ts", False)]
    assert not follow.has_more(listed) and follow.behind(listed) == 0


def test_each_once_and_a_break_begins_a_run() -> None:
    follow = Follow()
    taken(follow, playlist(0, 2))
    grown = playlist(0, 5, 3)
    assert follow.behind(grown) == 3.0
    assert taken(follow, grown) == [Piece("2.ts", False), Piece("3.ts", True), Piece("4.ts", False)]


def test_another_connection_goes_on_after_what_was_taken() -> None:
    follow = Follow()
    taken(follow, playlist(0, 2))
    follow.reconnected()
    assert taken(follow, playlist(0, 4)) == [Piece("2.ts", True), Piece("3.ts", False)]


def test_what_has_left_the_playlist_is_left_out() -> None:
    follow = Follow()
    taken(follow, playlist(0, 2))
    assert taken(follow, playlist(4, 6)) == [Piece("8.ts", True), Piece("9.ts", False)]


def test_who_is_far_behind_is_sent_what_is_new() -> None:
    follow = Follow()
    taken(follow, playlist(0, 2))
    assert follow.take(playlist(0, 17)) == Piece("2.ts", False)
    assert follow.take(playlist(0, 30)) == Piece("28.ts", True)


def test_a_segment_is_spread_over_its_time() -> None:
    pace = Pace()
    waits = [pace.wait(moment / 10, 100.0) for moment in range(3)]
    assert [round(wait, 3) for wait in waits] == [0.0, 0.08, 0.16]


def test_who_was_held_up_is_not_sent_all_at_once() -> None:
    pace = Pace()
    pace.wait(0.0, 100.0)
    assert pace.wait(1.0, 105.0) == 0.0
    assert round(pace.wait(2.0, 105.0), 3) == 0.8
