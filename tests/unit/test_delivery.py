"""What viewers get of a broadcast, in real directories, from what nginx-rtmp leaves there."""

from __future__ import annotations

import errno
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.delivery import delivery as module
from ingestd.delivery import transport_stream
from ingestd.delivery.delivery import Delivery, Round, stream_name
from ingestd.delivery.files import is_over, plays, write_atomically
from ingestd.delivery.retention import close_leftovers
from ingestd.delivery.transport_stream import Facts
from ingestd.encoder.ladder import Rendition
from ingestd.journal.journal import BroadcastRow, Journal, JournalFull
from tests.hls.rfc8216 import (
    check_aligned,
    check_media,
    check_multivariant,
    check_update,
    parse_media,
    parse_multivariant,
)
from tests.unit.nginx_output import R360, R480, R720, SOUND, Stream, examine, streams

LADDER = (R720, R480, R360)
DATE = 1_700_000_000.0
WINDOW = 5.0
ID = "66112233aabbccdd"


class Live:
    """A broadcast as its generations play it, looked at after every step as a viewer would."""

    def __init__(self, root: Path, identity: str = ID, window: float = WINDOW) -> None:
        self.root = root
        self.id = identity
        self.window = window
        self.delivery = Delivery(root, "demo", identity, 1.0, window, 30)
        self.now = 0.0
        self.generation = -1
        self.streams: dict[str, Stream] = {}
        self.seen: dict[str, list[str]] = {}  # every version of every media playlist
        self._date = DATE

    def epoch(self, *renditions: Rendition, date: float = DATE) -> None:
        """The first generation of a recording."""
        self._date = date
        self.begin(*renditions, origins={})

    def restart(self) -> None:
        """The encoder died: the next generation of the same recording, from where each rendition stands."""
        self.end_generation(final=False)
        self.begin(*(self.made[name] for name in self.streams), origins=self.delivery.commits)

    def begin(self, *renditions: Rendition, origins: dict[str, float]) -> None:
        self.generation += 1
        self.made = {made.name: made for made in renditions}
        self.streams = streams(self.root, self.id, self.generation, *renditions)
        self.delivery.begin(self.generation, self._date, renditions, origins)

    def end_generation(self, *, final: bool = True) -> None:
        self.collect()
        self.collect(final=final)
        self.delivery.close_generation()

    def cut(self, duration: float = 1.0, size: int = 0) -> None:
        """Every rendition closes a segment."""
        for stream in self.streams.values():
            stream.cut(duration, size)

    def play(self, *durations: float) -> None:
        for duration in durations:
            self.cut(duration)
            self.now += duration
            self.collect()

    def collect(self, *, final: bool = False) -> bool:
        fresh = self.delivery.collect(self.generation, self.now, final=final)
        self.look()
        return fresh

    def end(self) -> None:
        self.end_generation()
        self.delivery.end()
        self.look()

    # A viewer

    @property
    def files(self) -> dict[str, str]:
        """The media playlists that stand on disk, by name."""
        found = sorted(self.delivery.directory.glob("*.m3u8"))
        return {path.stem: path.read_text() for path in found if path.name != "index.m3u8"}

    def look(self) -> None:
        """Note what is on disk; whatever is listed must be there."""
        for name, text in self.files.items():
            versions = self.seen.setdefault(name, [])
            if not versions or versions[-1] != text:
                versions.append(text)
            for segment in parse_media(text).segments:
                assert (self.delivery.directory / segment.uri).is_file(), segment.uri

    def uris(self, name: str) -> list[str]:
        return [segment.uri for segment in parse_media(self.files[name]).segments]

    @property
    def index(self) -> str:
        return (self.delivery.directory / "index.m3u8").read_text()

    @property
    def variants(self) -> list[str]:
        return [variant.uri for variant in parse_multivariant(self.index).variants]

    def check(self, *, by_sequence: bool = True) -> None:
        """Everything that RFC 8216 says of what was seen, and that equal content has equal numbers."""
        for versions in self.seen.values():
            for text in versions:
                assert check_media(text) == [], text
            for old, new in itertools.pairwise(versions):
                assert check_update(old, new) == [], f"{old}\n{new}"
        self.check_together(by_sequence=by_sequence)

    def check_together(self, *, by_sequence: bool = True) -> None:
        """What it says of several playlists that are fetched at the same time."""
        for one, other in itertools.combinations(self.files.values(), 2):
            assert check_aligned(one, other, by_sequence=by_sequence) == [], f"{one}\n{other}"
        if self.delivery.playable:
            assert check_multivariant(self.index) == []
            assert {f"{name}.m3u8" for name in self.files} >= set(self.variants)


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return Live(tmp_path)


# From nginx-rtmp's directory to the public one


def test_a_closed_segment_is_moved_and_listed(live: Live) -> None:
    live.epoch(*LADDER)
    live.cut()
    assert live.collect()
    assert live.uris("720p") == ["720p/0-0.ts"]
    assert not (live.streams["720p"].directory / "0.ts").exists()
    assert live.delivery.settled
    assert (live.delivery.segments, live.delivery.size) == (3, 3 * 2000)
    live.check()


def test_a_segment_under_way_is_left_alone(live: Live) -> None:
    live.epoch(R720)
    live.play(1.0)
    under_way = live.streams["720p"].write()
    assert not live.collect()
    assert under_way.exists()
    assert not live.delivery.settled
    assert live.uris("720p") == ["720p/0-0.ts"]


def test_nothing_is_new_where_nothing_is_there(live: Live) -> None:
    live.epoch(*LADDER)
    assert not live.collect()
    assert live.delivery.settled
    assert (live.delivery.playable, live.files) == (False, {})


def test_nothing_is_new_twice(live: Live) -> None:
    live.epoch(*LADDER)
    live.play(1.0, 1.0)
    assert not live.collect()


def test_many_segments_at_once_are_taken_in_order(live: Live) -> None:
    live.epoch(R720)
    for _ in range(4):
        live.cut()
    live.collect()
    assert live.uris("720p") == [f"720p/0-{number}.ts" for number in range(4)]


def test_a_playlist_that_was_written_twice_within_a_tick_of_the_clock_is_read_again(live: Live) -> None:
    live.epoch(R720)
    stream = live.streams["720p"]
    stream.cut(1.0)
    stream.list(stamp=5_000_000_000)
    live.collect()
    stream.cut(1.0)
    stream.list(stamp=5_000_000_000)
    live.collect()
    assert live.uris("720p") == ["720p/0-0.ts", "720p/0-1.ts"]


def test_a_listed_segment_that_is_not_there_is_not_delivered(live: Live) -> None:
    live.epoch(R720)
    live.play(1.0)
    live.streams["720p"].cut(1.0).unlink()
    live.cut(1.0)
    assert not live.collect()
    assert not live.collect(final=True)
    assert live.delivery.commits == {"720p": 1.0}
    assert live.uris("720p") == ["720p/0-0.ts"]


def test_the_commit_point_is_the_origin_and_all_that_was_delivered(live: Live) -> None:
    live.begin(R720, R360, origins={"720p": 10.0, "360p": 10.5})
    live.play(1.0, 0.967, 1.0)
    assert live.delivery.commits == pytest.approx({"720p": 12.967, "360p": 13.467})


def test_dates_are_those_of_the_media(live: Live) -> None:
    live.begin(R720, origins={"720p": 10.0})
    live.play(1.0, 1.0)
    dates = [segment.program_date_time for segment in parse_media(live.files["720p"]).segments]
    assert [date.timestamp() for date in dates if date] == [DATE + 10, DATE + 11]


def test_private_directories_go_with_their_generation(live: Live) -> None:
    live.epoch(*LADDER)
    live.play(1.0)
    live.end_generation()
    assert list((live.root / "private").iterdir()) == []


def test_streams_are_named_after_broadcast_generation_and_rendition() -> None:
    assert stream_name("66aa", 3, "720p") == "66aa-3-720p"


def test_what_is_listed_lasts_as_long_as_its_pictures(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the playlist, its dates and the commit point: sound that ends early shortens none of them."""

    def pictures(data: bytes) -> Facts:
        return replace(examine(data), pictures=30)

    monkeypatch.setattr(transport_stream, "examine", pictures)
    live.epoch(R720, R360)
    live.play(0.987, 0.987)
    assert live.delivery.commits == pytest.approx({"720p": 2.0, "360p": 2.0})
    for text in live.files.values():
        found = parse_media(text).segments
        assert [segment.duration for segment in found] == [1.0, 1.0]
        assert [segment.starts_at for segment in found] == [DATE, DATE + 1]


# Generations and renditions


def test_a_restart_is_a_discontinuity_and_the_first_segment_is_none(live: Live) -> None:
    live.epoch(*LADDER)
    live.play(1.0, 1.0, 0.4)
    live.restart()
    assert live.delivery.commits == dict.fromkeys(("720p", "480p", "360p"), 2.0)
    live.play(1.0, 0.3)
    live.end()
    for name in ("720p", "480p", "360p"):
        found = parse_media(live.files[name]).segments
        assert [segment.discontinuity for segment in found] == [False, False, True, False]
        assert live.uris(name) == [f"{name}/{uri}.ts" for uri in ("0-0", "0-1", "1-0", "1-1")]
        assert [segment.duration for segment in found] == [1.0, 1.0, 1.0, 0.3]
    live.check()


def test_a_generation_that_brought_nothing_leaves_one_discontinuity(live: Live) -> None:
    live.epoch(R720)
    live.play(1.0)
    live.restart()
    live.restart()
    live.play(1.0)
    assert live.files["720p"].count("#EXT-X-DISCONTINUITY\n") == 1


def test_a_first_generation_that_brought_nothing_leaves_no_discontinuity(live: Live) -> None:
    live.epoch(R720)
    live.restart()
    live.play(1.0)
    assert "#EXT-X-DISCONTINUITY\n" not in live.files["720p"]


def test_the_multivariant_playlist_waits_for_every_rendition(live: Live) -> None:
    live.epoch(R720, R360)
    live.streams["720p"].cut(1.0)
    assert not live.collect()
    assert not live.delivery.playable
    assert not live.delivery.directory.exists()
    live.streams["360p"].cut(1.0)
    live.collect()
    assert live.delivery.playable
    assert live.variants == ["720p.m3u8", "360p.m3u8"]


def test_a_better_rendition_in_a_later_epoch_gets_the_past_of_the_others(live: Live) -> None:
    live.epoch(R480, R360)
    live.play(1.0, 1.0)
    live.end_generation()
    live.epoch(*LADDER, date=DATE + 60)
    live.play(1.0)
    assert live.variants == ["720p.m3u8", "480p.m3u8", "360p.m3u8"]
    assert live.uris("720p") == ["360p/0-0.ts", "360p/0-1.ts", "720p/1-0.ts"]
    live.end()
    live.check()


def test_nobody_is_shown_a_new_rendition_before_it_can_be_played(live: Live) -> None:
    live.epoch(R480)
    live.play(1.0)
    live.end_generation()
    live.epoch(R720, R480, date=DATE + 60)
    live.collect()
    assert live.variants == ["480p.m3u8"]


def test_a_rendition_that_is_no_longer_made_shows_the_next_one_down(live: Live) -> None:
    live.epoch(*LADDER)
    live.play(1.0)
    live.end_generation()
    live.epoch(R480, R360, date=DATE + 60)
    live.play(1.0)
    assert live.uris("720p") == ["720p/0-0.ts", "480p/1-0.ts"]
    assert live.uris("480p") == ["480p/0-0.ts", "480p/1-0.ts"]
    live.end()
    live.check()


def test_a_rendition_below_all_that_are_made_shows_the_lowest_of_them(live: Live) -> None:
    live.epoch(*LADDER)
    live.play(1.0)
    live.end_generation()
    live.epoch(R720, R480, date=DATE + 60)
    live.play(1.0)
    assert live.uris("360p") == ["360p/0-0.ts", "480p/1-0.ts"]
    live.end()
    live.check()


def test_sound_alone_and_then_a_picture(live: Live) -> None:
    live.epoch(SOUND)
    live.play(1.0)
    assert live.variants == ["audio.m3u8"]
    live.end_generation()
    live.epoch(R720, R360, date=DATE + 60)
    live.play(1.0)
    assert live.variants == ["720p.m3u8", "360p.m3u8", "audio.m3u8"]
    assert live.uris("720p") == ["audio/0-0.ts", "720p/1-0.ts"]
    live.end()
    live.check()


def test_a_rendition_that_changes_its_shape_is_told_anew(live: Live) -> None:
    live.epoch(R720)
    live.play(1.0)
    live.end_generation()
    live.epoch(Rendition("720p", 720, 1280, 30, 2_500_000, 96_000), date=DATE + 60)
    live.play(1.0)
    assert "RESOLUTION=720x1280" in live.index


def test_the_newest_file_is_the_last_segment_of_the_lightest_picture(live: Live) -> None:
    assert live.delivery.newest_file is None
    live.epoch(R720, R360, SOUND)
    assert live.delivery.newest_file is None
    live.play(1.0, 1.0)
    assert live.delivery.newest_file == live.delivery.directory / "360p" / "0-1.ts"


def test_sound_alone_has_no_newest_picture(live: Live) -> None:
    live.epoch(SOUND)
    live.play(1.0)
    assert live.delivery.newest_file is None


# Any story


durations = st.lists(st.just(1.0) | st.floats(0.04, 1.04).map(lambda s: round(s, 3)), max_size=6)
ladders = st.sampled_from([LADDER, (R480, R360), (R360,), (R720,), (R720, R480), (SOUND,), (R720, R360)])
lives = st.lists(st.tuples(st.none() | ladders, durations), min_size=1, max_size=4)


@given(lives, st.sampled_from([1.0, 3.0, 8.0]))
@settings(deadline=None, max_examples=20)
def test_any_story_gives_playlists_that_the_rfc_allows(
    story: list[tuple[tuple[Rendition, ...] | None, list[float]]], window: float
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        live = Live(Path(directory), window=window)
        for number, (renditions, cuts) in enumerate(story):
            if renditions is None and number > 0:
                live.restart()
            else:
                if number > 0:
                    live.end_generation()
                live.epoch(*(renditions or LADDER), date=DATE + 100 * number)
            live.play(*cuts)
            live.check_together()
        live.end()
        live.check()
        for text in live.files.values():
            assert check_media(text, final=True) == []


@given(st.data())
@settings(deadline=None, max_examples=15)
def test_renditions_may_come_in_any_order(data: st.DataObject) -> None:
    """A look at the private playlists may fall between the cuts of two renditions."""
    with tempfile.TemporaryDirectory() as directory:
        live = Live(Path(directory), window=3.0)
        live.epoch(*LADDER)
        for _ in range(data.draw(st.integers(1, 6))):
            for stream in data.draw(st.permutations(list(live.streams.values()))):
                stream.cut(1.0)
                if data.draw(st.booleans()):
                    live.collect()
                    live.check_together()
            live.now += 1.0
        live.end()
        live.check()


def test_renditions_that_stood_at_different_points_when_the_encoder_died_stay_aligned(live: Live) -> None:
    live.epoch(R720, R360)
    live.play(1.0, 1.0)
    live.streams["360p"].cut(1.0)  # nginx was killed before it closed the same segment of the other
    live.restart()
    assert live.delivery.commits == {"720p": 2.0, "360p": 2.0}
    live.play(1.0, 1.0)
    live.end()
    for name in ("720p", "360p"):
        assert live.uris(name) == [f"{name}/{uri}.ts" for uri in ("0-0", "0-1", "1-0", "1-1")]
    live.check()


def test_a_rendition_that_lags_holds_the_others_back_until_it_has_the_same_segment(live: Live) -> None:
    live.epoch(*LADDER)
    for name, number in (("720p", 1), ("480p", 3), ("360p", 2)):
        for _ in range(number):
            live.streams[name].cut(1.0)
    live.collect()
    assert {name: len(live.uris(name)) for name in live.files} == {"720p": 1, "480p": 1, "360p": 1}
    assert live.delivery.commits == dict.fromkeys(("720p", "480p", "360p"), 1.0)
    assert live.delivery.settled
    live.streams["720p"].cut(1.0)
    live.collect()
    assert {name: len(live.uris(name)) for name in live.files} == {"720p": 2, "480p": 2, "360p": 2}


def test_a_segment_that_was_lost_is_made_again_by_the_next_generation(live: Live) -> None:
    live.epoch(R720, R360)
    live.play(1.0)
    live.streams["360p"].cut(1.0).unlink()
    live.streams["720p"].cut(1.0)
    live.play(1.0, 1.0)
    assert live.uris("720p") == ["720p/0-0.ts"]
    live.restart()
    assert live.delivery.commits == {"720p": 1.0, "360p": 1.0}
    live.play(1.0, 1.0, 1.0)
    live.end()
    for name in ("720p", "360p"):
        found = parse_media(live.files[name]).segments
        assert live.uris(name) == [f"{name}/{uri}.ts" for uri in ("0-0", "1-0", "1-1", "1-2")]
        assert [segment.discontinuity for segment in found] == [False, True, False, False]
    live.check()


def test_at_a_good_end_every_rendition_lists_all_that_it_has(live: Live) -> None:
    live.epoch(*LADDER)
    live.play(1.0)
    live.streams["480p"].cut(1.0)
    live.streams["480p"].cut(0.2)
    live.streams["360p"].cut(0.7)
    live.collect()
    assert {name: len(live.uris(name)) for name in live.files} == {"720p": 1, "480p": 1, "360p": 1}
    live.end()
    assert {name: len(live.uris(name)) for name in live.files} == {"720p": 1, "480p": 3, "360p": 2}
    assert live.delivery.commits == pytest.approx({"720p": 1.0, "480p": 2.2, "360p": 1.7})


def test_the_last_segment_lasts_a_frame_at_least(live: Live) -> None:
    live.epoch(R720)
    live.play(1.0, 0.0)
    live.end()
    last = parse_media(live.files["720p"]).segments[-1]
    assert (last.uri, last.duration) == ("720p/0-1.ts", 0.033)
    assert live.delivery.commits == {"720p": pytest.approx(1 + 1 / 30)}
    live.check()


# How long segments stay


def test_a_segment_that_slid_out_stays_for_who_still_has_the_old_playlist(live: Live) -> None:
    live.epoch(R720)
    live.play(*[1.0] * 6)
    first = live.delivery.directory / "720p" / "0-0.ts"
    assert "720p/0-0.ts" not in live.uris("720p")
    longest = 6.0  # seconds that a playlist with it listed, and its own duration
    live.now += longest + 1.0 - 0.01
    live.collect()
    assert first.exists()
    live.now += 3.0
    live.collect()
    assert not first.exists()
    assert [path.name for path in sorted(first.parent.iterdir())] == [
        f"0-{number}.ts" for number in range(1, 6)
    ]


def test_a_segment_that_another_rendition_lists_is_never_deleted(live: Live) -> None:
    live.epoch(R480)
    live.play(1.0)
    live.end_generation()
    live.epoch(R720, R480, date=DATE + 60)
    for _ in range(4):
        live.streams["480p"].cut(1.0)
    live.streams["480p"].cut(1.0)
    live.collect(final=True)  # out of 480p.m3u8, but the other one has not moved on
    assert "480p/0-0.ts" in live.uris("720p")
    assert "480p/0-0.ts" not in live.uris("480p")
    live.now += 1000
    live.collect()
    live.look()


def test_disk_use_is_bounded(live: Live) -> None:
    live.epoch(*LADDER)
    live.play(*[1.0] * 60)
    assert len(list(live.delivery.directory.rglob("*.ts"))) <= 3 * 16


def test_with_a_small_window_a_segment_stays_as_long_as_the_longest_playlist(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path, "demo", ID, segment=10.0, window=1.0, frame_rate=30)
    delivery.begin(0, DATE, [R720], {})
    (stream,) = streams(tmp_path, ID, 0, R720).values()
    for _ in range(4):
        stream.cut(10.0)
    delivery.collect(0, now=0.0)
    assert "720p/0-0.ts" not in (delivery.directory / "720p.m3u8").read_text()
    delivery.collect(0, now=39.9)  # a playlist of 30 s listed it, and it lasts 10 s
    assert (delivery.directory / "720p" / "0-0.ts").exists()
    delivery.collect(0, now=60.0)
    assert not (delivery.directory / "720p" / "0-0.ts").exists()


# The channel's own playlist


def channel(root: Path) -> str:
    return (root / "public" / "demo" / "index.m3u8").read_text()


def test_the_channel_plays_the_broadcast_under_its_own_address(live: Live) -> None:
    live.epoch(R720, R360)
    live.play(1.0)
    text = channel(live.root)
    assert check_multivariant(text) == []
    assert [variant.uri for variant in parse_multivariant(text).variants] == [
        f"{ID}/720p.m3u8",
        f"{ID}/360p.m3u8",
    ]
    assert plays(live.root / "public" / "demo") == ID
    assert plays(live.root / "public" / "other") == ""
    (live.root / "public" / "demo" / "index.m3u8").write_text("#EXTM3U\n\n")
    assert plays(live.root / "public" / "demo") == ""


def test_the_channel_goes_over_to_the_newest_broadcast_once_it_can_be_played(tmp_path: Path) -> None:
    old, new = Live(tmp_path, "00000001"), Live(tmp_path, "00000002")
    old.epoch(R720)
    old.play(1.0)
    new.epoch(R720)
    new.collect()
    assert "\n00000001/" in channel(tmp_path)
    new.play(1.0)
    assert "\n00000002/" in channel(tmp_path)


def test_an_older_broadcast_that_ends_later_does_not_take_the_channel_back(tmp_path: Path) -> None:
    old, new = Live(tmp_path, "00000001"), Live(tmp_path, "00000002")
    old.epoch(R720)
    old.play(1.0)
    new.epoch(R720)
    new.play(1.0)
    old.play(1.0)
    old.end()
    assert "\n00000002/" in channel(tmp_path)
    assert "\n00000001/" not in channel(tmp_path)
    assert old.delivery.playable


def test_an_older_broadcast_that_can_be_played_later_does_not_take_the_channel(tmp_path: Path) -> None:
    old, new = Live(tmp_path, "00000001"), Live(tmp_path, "00000002")
    old.epoch(R720)
    new.epoch(R720)
    new.play(1.0)
    old.play(1.0)
    assert plays(tmp_path / "public" / "demo") == "00000002"
    assert old.delivery.playable
    old.cut(1.0, size=940_000)  # its own index changes
    old.collect()
    old.end()
    assert plays(tmp_path / "public" / "demo") == "00000002"
    assert "\n00000001/" not in channel(tmp_path)


def test_an_older_broadcast_takes_the_channel_from_a_newer_one_that_is_over(tmp_path: Path) -> None:
    old, new = Live(tmp_path, "00000001"), Live(tmp_path, "00000002")
    old.epoch(R720)
    new.epoch(R720)
    new.play(1.0)
    assert not is_over(new.delivery.directory)
    new.end()
    assert is_over(new.delivery.directory)
    assert plays(tmp_path / "public" / "demo") == "00000002"
    old.play(1.0)
    assert plays(tmp_path / "public" / "demo") == "00000001"


# The end


def test_at_the_end_every_playlist_says_so(live: Live) -> None:
    live.epoch(*LADDER)
    live.play(1.0, 0.5)
    live.end()
    assert [check_media(text, final=True) for text in live.files.values()] == [[]] * 3
    assert "ENDLIST" not in live.index
    live.check()


def test_at_the_end_bandwidths_are_those_that_were_measured(live: Live) -> None:
    live.epoch(R720)
    live.cut(1.0, size=188_000)
    live.cut(1.0, size=94_000)
    live.cut(0.1, size=75_200)  # too short to count as a peak
    live.collect()
    assert f"BANDWIDTH={-(-R720.bandwidth // 1000)}000," in live.index
    live.end()
    average = -(-1900 * 188 * 8 // 2.1 // 1000) * 1000
    assert f"BANDWIDTH=1504000,AVERAGE-BANDWIDTH={average:.0f}," in live.index
    assert f"BANDWIDTH=1504000,AVERAGE-BANDWIDTH={average:.0f}," in channel(live.root)


def test_a_segment_of_half_a_target_duration_counts_as_a_peak(live: Live) -> None:
    live.epoch(R720)
    live.cut(1.0, size=188_000)
    live.cut(0.5, size=188_000)
    live.end()
    assert "BANDWIDTH=3008000," in live.index


def test_a_segment_heavier_than_was_said_is_told_while_live(live: Live) -> None:
    live.epoch(R720)
    live.play(1.0)
    live.cut(1.0, size=940_000)
    live.collect()
    assert "BANDWIDTH=7520000," in live.index


def test_short_heavy_segments_do_not_lift_the_average_above_the_peak(live: Live) -> None:
    live.epoch(R720)
    live.cut(1.0, size=94_000)
    live.cut(0.4, size=94_000)
    live.end()
    average = -(-2 * 94_000 * 8 // 1.4 // 1000) * 1000
    assert f"BANDWIDTH={average:.0f},AVERAGE-BANDWIDTH={average:.0f}," in live.index
    live.check()


def test_short_segments_count_as_a_peak_together(live: Live) -> None:
    live.epoch(R720)
    for _ in range(4):
        live.cut(1.0, size=94_000)
    live.cut(0.3, size=94_000)
    live.cut(0.3, size=94_000)
    live.end()
    assert f"BANDWIDTH={-(-2 * 94_000 * 8 // 0.6 // 1000) * 1000:.0f}," in live.index
    live.check()


def test_the_peak_is_that_of_any_segments_in_a_row(live: Live) -> None:
    live.epoch(R720)
    for _ in range(4):
        live.cut(1.0, size=94_000)
    live.cut(0.3, size=18_800)
    live.cut(0.3, size=94_000)
    live.cut(0.3, size=94_000)
    live.end()
    assert f"BANDWIDTH={-(-2 * 94_000 * 8 // 0.6 // 1000) * 1000:.0f}," in live.index


def test_a_rendition_that_never_came_is_not_listed_at_the_end(live: Live) -> None:
    live.epoch(R720, R360)
    live.streams["720p"].cut(1.0)
    live.collect()
    assert (live.delivery.playable, live.files) == (False, {})
    live.end()
    assert live.variants == ["720p.m3u8"]
    assert live.delivery.playable
    assert [one.rendition.name for one in live.delivery.listed] == ["720p"]


def test_a_broadcast_without_any_segment_leaves_nothing(live: Live) -> None:
    live.epoch(R720)
    live.end()
    assert not live.delivery.playable
    assert [path for path in live.root.rglob("*") if path.is_file()] == []


# A disk that is full for a moment


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The numbers of the writes that fail, counted from the next one."""
    failing: list[int] = []
    count, write = itertools.count(1), write_atomically

    def write_or_fail(path: Path, text: str) -> None:
        if failing and next(count) in failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, text)

    monkeypatch.setattr(module, "write_atomically", write_or_fail)
    yield failing


# Writes of the first look: three media playlists, the broadcast's index, the channel's.
WRITES = (1, 2, 3, 4, 5)


@pytest.mark.parametrize("number", WRITES)
def test_a_write_that_failed_is_made_up_for_at_the_next_look(
    live: Live, full_disk: list[int], number: int
) -> None:
    live.epoch(*LADDER)
    live.cut()
    full_disk.append(number)
    with pytest.raises(OSError, match="No space"):
        live.collect()
    live.look()
    assert live.collect(), "nothing new came, but something new is listed"
    assert sorted(live.files) == ["360p", "480p", "720p"]
    assert live.delivery.playable
    assert live.index.count("STREAM-INF") == 3
    assert plays(live.root / "public" / "demo") == ID
    assert live.delivery.segments == 3
    live.play(1.0)
    live.end()
    live.check()


@pytest.mark.parametrize("number", WRITES)
def test_no_segment_goes_while_a_playlist_on_disk_lists_it(
    live: Live, full_disk: list[int], number: int
) -> None:
    live.epoch(*LADDER)
    live.play(*[1.0] * 20)
    live.now += 100
    live.cut()
    full_disk.append(number)
    try:
        live.delivery.collect(live.generation, live.now)
    except OSError:
        live.look()


def test_a_segment_stays_after_the_playlist_that_lists_it_could_at_last_be_replaced(
    live: Live, full_disk: list[int]
) -> None:
    live.epoch(R720)
    live.play(*[1.0] * 5)
    first = live.delivery.directory / "720p" / "0-0.ts"
    live.cut()
    full_disk += range(1, 1000)
    with pytest.raises(OSError, match="No space"):
        live.collect()
    assert "720p/0-0.ts" in live.uris("720p")
    full_disk.clear()
    live.now += 1000  # whoever fetched the playlist in the last moment has five seconds to play
    live.collect()
    assert first.exists()


def test_an_end_that_could_not_be_written_can_be_written_later(live: Live, full_disk: list[int]) -> None:
    live.epoch(R720)
    live.play(1.0)
    live.end_generation()
    full_disk.append(1)
    with pytest.raises(OSError, match="No space"):
        live.delivery.end()
    live.delivery.end()
    live.look()
    assert check_media(live.files["720p"], final=True) == []


def test_a_segment_that_could_not_be_moved_is_moved_at_the_next_look(live: Live) -> None:
    live.epoch(R720)
    obstacle = live.delivery.directory / "720p"
    live.delivery.directory.mkdir(parents=True)
    obstacle.write_text("in the way")
    live.cut()
    for _ in range(2):
        with pytest.raises(OSError, match="720p"):
            live.collect()
    assert live.delivery.commits == {"720p": 0.0}
    obstacle.unlink()
    assert live.collect()
    assert live.uris("720p") == ["720p/0-0.ts"]
    assert (live.delivery.segments, live.delivery.commits) == (1, {"720p": 1.0})


# After a restart of the daemon


class Outliving(Live):
    """A broadcast whose daemon may die at any moment: the next one has its journal."""

    def __init__(self, root: Path, window: float = WINDOW) -> None:
        super().__init__(root, window=window)
        row = BroadcastRow(ID, "demo", "", DATE, True)
        self.journal = Journal.create(root, row)
        self.full = False  # the journal's disk
        self.commits: dict[str, float] = {}  # that stand in the journal
        self.delivery = self._deliver()

    def _deliver(self) -> Delivery:
        return Delivery(self.root, "demo", ID, 1.0, self.window, 30, self.record)

    def record(self, listed: Round) -> None:
        if self.full:
            raise JournalFull("database or disk is full")
        self.journal.listed(listed.segments, listed.first, listed.renditions, None)
        self.commits = dict(listed.commits)

    def kill_daemon(self) -> None:
        self.journal.close()
        self.journal, self.kept = Journal.open(self.journal.path)
        self.delivery = self._deliver()
        self.delivery.restore(self.kept, self.now)
        close_leftovers(self.root, {ID})
        self.look()

    def go_on(self, *renditions: Rendition) -> None:
        """The first generation of the next process."""
        self.begin(*renditions, origins={made.name: self.commits[made.name] for made in renditions})


@pytest.fixture
def outliving(tmp_path: Path) -> Iterator[Outliving]:
    found = Outliving(tmp_path)
    yield found
    found.journal.close()


def test_playlists_are_the_same_after_a_restart(outliving: Outliving) -> None:
    live = outliving
    live.epoch(*LADDER)
    live.play(1.0, 1.0, 0.5)
    live.restart()
    live.play(*[1.0] * 5)
    before, index, at = live.files, live.index, channel(live.root)
    assert "DISCONTINUITY" in before["720p"]
    for path in live.delivery.directory.glob("*.m3u8"):
        path.unlink()
    live.kill_daemon()
    assert (live.files, live.index, channel(live.root)) == (before, index, at)
    assert live.delivery.playable
    assert [one.rendition for one in live.delivery.listed] == list(LADDER)
    assert live.delivery.newest_file == live.delivery.directory / live.uris("360p")[-1]
    live.check()


def test_after_a_restart_it_goes_on_with_a_discontinuity_and_rising_numbers(outliving: Outliving) -> None:
    live = outliving
    live.epoch(*LADDER)
    live.play(*[1.0] * 7)
    before = parse_media(live.files["720p"])
    live.kill_daemon()
    live.go_on(*LADDER)
    live.play(1.0, 1.0)
    after = parse_media(live.files["720p"])
    assert after.media_sequence == before.media_sequence + 2
    assert live.uris("720p")[-3:] == ["720p/0-6.ts", "720p/1-0.ts", "720p/1-1.ts"]
    assert [segment.discontinuity for segment in after.segments][-3:] == [False, True, False]
    dates = [segment.program_date_time for segment in after.segments]
    assert [date.timestamp() for date in dates if date][-2:] == [DATE + 7, DATE + 8]
    live.end()
    live.check()


def test_discontinuities_that_slid_out_still_count_after_a_restart(outliving: Outliving) -> None:
    live = outliving
    live.epoch(R720)
    for _ in range(4):
        live.play(1.0, 1.0)
        live.restart()
    live.play(1.0, 1.0)
    before = parse_media(live.files["720p"]).discontinuity_sequence
    assert before > 0
    live.kill_daemon()
    assert parse_media(live.files["720p"]).discontinuity_sequence == before
    live.go_on(R720)
    live.play(*[1.0] * 7)
    assert parse_media(live.files["720p"]).discontinuity_sequence == 5
    live.check()


def test_a_restart_before_anything_was_listed(outliving: Outliving) -> None:
    live = outliving
    live.epoch(R720)
    live.kill_daemon()
    assert (live.files, live.delivery.playable, live.delivery.listed) == ({}, False, [])
    live.epoch(R720)
    live.play(1.0)
    assert "#EXT-X-DISCONTINUITY\n" not in live.files["720p"]
    live.check()


def test_after_a_restart_other_renditions_may_be_made(outliving: Outliving) -> None:
    live = outliving
    live.epoch(R480, R360)
    live.play(1.0, 1.0)
    live.kill_daemon()
    live.epoch(R720, R360, date=DATE + 60)
    live.play(1.0)
    live.kill_daemon()
    assert live.variants == ["720p.m3u8", "480p.m3u8", "360p.m3u8"]
    assert live.uris("720p") == ["360p/0-0.ts", "360p/0-1.ts", "720p/1-0.ts"]
    assert live.uris("480p") == ["480p/0-0.ts", "480p/0-1.ts", "360p/1-0.ts"]
    live.end()
    live.check()


def test_bandwidths_that_were_measured_are_not_forgotten(outliving: Outliving) -> None:
    live = outliving
    live.epoch(R720)
    live.cut(1.0, size=940_000)
    live.collect()
    live.kill_daemon()
    assert "BANDWIDTH=7520000," in live.index
    live.go_on(R720)
    live.cut(1.0, size=94_000)
    live.end()
    assert "BANDWIDTH=7520000,AVERAGE-BANDWIDTH=4136000," in live.index


def test_a_segment_that_was_moved_but_not_noted_goes_and_is_made_again(outliving: Outliving) -> None:
    live = outliving
    live.epoch(R720, R360)
    live.play(1.0)
    live.full = True
    live.cut()
    with pytest.raises(OSError, match="full"):
        live.collect()
    nobodys = [live.delivery.directory / name / "0-1.ts" for name in ("720p", "360p")]
    assert all(path.exists() for path in nobodys)
    live.full = False
    live.kill_daemon()
    assert live.uris("720p") == ["720p/0-0.ts"]
    live.go_on(R720, R360)
    live.play(1.0)
    assert live.uris("720p") == ["720p/0-0.ts", "720p/1-0.ts"]
    assert all(path.exists() for path in nobodys)  # as if they had just been listed
    live.now += 6.0
    live.collect()
    assert not any(path.exists() for path in nobodys)
    assert (live.delivery.directory / "720p" / "1-0.ts").exists()
    live.check()


def test_what_slid_out_before_a_restart_goes_after_it(outliving: Outliving) -> None:
    live = outliving
    live.epoch(R720)
    live.play(*[1.0] * 8)
    left = live.delivery.directory / "720p" / "0-2.ts"
    assert left.exists()
    assert "720p/0-2.ts" not in live.uris("720p")
    live.kill_daemon()
    live.go_on(R720)
    live.play(*[1.0] * 8)
    assert not left.exists()
    assert len(list(live.delivery.directory.rglob("*.ts"))) <= 14


def test_what_is_in_the_journal_but_not_on_disk_is_listed_after_a_restart(
    outliving: Outliving, full_disk: list[int]
) -> None:
    """A SIGKILL between the two."""
    live = outliving
    live.epoch(R720, R360)
    live.play(1.0)
    live.cut()
    full_disk.append(1)
    with pytest.raises(OSError, match="No space"):
        live.collect()
    live.kill_daemon()
    assert live.uris("720p") == ["720p/0-0.ts", "720p/0-1.ts"]
    live.go_on(R720, R360)
    live.play(1.0)
    live.end()
    live.check()


def test_a_restored_broadcast_leaves_the_channel_to_a_newer_one(tmp_path: Path) -> None:
    live = Outliving(tmp_path)
    live.epoch(R720)
    live.play(1.0)
    newer = Live(tmp_path, "77000000")
    newer.epoch(R720)
    newer.play(1.0)
    live.kill_daemon()
    assert plays(tmp_path / "public" / "demo") == "77000000"
    assert live.delivery.playable
    live.journal.close()


def test_a_restored_broadcast_can_end_at_once(outliving: Outliving) -> None:
    outliving.epoch(R720)
    outliving.play(1.0)
    outliving.kill_daemon()
    outliving.delivery.end()
    outliving.look()
    assert check_media(outliving.files["720p"], final=True) == []
    outliving.check()


# A journal that is full for a moment


def test_nothing_is_listed_that_could_not_be_noted(outliving: Outliving) -> None:
    live = outliving
    live.epoch(*LADDER)
    live.play(1.0)
    before = live.files
    live.full = True
    for _ in range(3):
        live.cut()
        with pytest.raises(OSError, match="full"):
            live.collect()
        assert live.files == before
    live.full = False
    assert live.collect()
    assert {name: len(live.uris(name)) for name in live.files} == {"720p": 4, "480p": 4, "360p": 4}
    assert live.commits == dict.fromkeys(("720p", "480p", "360p"), 4.0) == live.delivery.commits
    after = live.files
    live.kill_daemon()
    assert live.files == after
    assert [row.sequence for row in live.kept.segments] == [0, 1, 2, 3] * 3
    live.check()


def test_renditions_that_could_not_be_noted_at_first_are_noted_with_their_past(outliving: Outliving) -> None:
    live = outliving
    live.epoch(R360)
    live.play(1.0)
    live.end_generation()
    live.epoch(R720, R360, date=DATE + 60)
    live.full = True
    live.cut()
    with pytest.raises(OSError, match="full"):
        live.collect()
    live.full = False
    live.collect()
    before = live.files
    live.kill_daemon()
    assert live.files == before
    assert live.uris("720p") == ["360p/0-0.ts", "720p/1-0.ts"]


def test_what_is_noted_begins_where_the_playlists_begin(outliving: Outliving) -> None:
    live = outliving
    live.epoch(R720, R360)
    live.play(*[1.0] * 20)
    live.kill_daemon()
    for name in ("720p", "360p"):
        listed = parse_media(live.files[name])
        rows = [row for row in live.kept.segments if row.rendition == name]
        assert [row.uri for row in rows] == [segment.uri for segment in listed.segments]
        assert rows[0].sequence == listed.media_sequence


def test_segments_are_forced_to_disk_before_they_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    monkeypatch.setattr(module, "to_disk", lambda files: happened.extend(path.name for path in files))
    for fsync in (False, True):
        delivery = Delivery(
            tmp_path, "demo", f"{fsync}", 1.0, 5.0, 30, lambda _: happened.append("noted"), fsync=fsync
        )
        delivery.begin(0, DATE, [R720, R360], {})
        for stream in streams(tmp_path, f"{fsync}", 0, R720, R360).values():
            stream.cut(1.0)
        delivery.collect(0, 0.0)
    assert happened == ["noted", "0-0.ts", "0-0.ts", "noted"]


@given(lives, st.sampled_from([1.0, 3.0, 8.0]), st.lists(st.booleans(), min_size=4, max_size=4))
@settings(deadline=None, max_examples=15)
def test_any_story_goes_on_after_a_restart_as_the_rfc_allows(
    story: list[tuple[tuple[Rendition, ...] | None, list[float]]], window: float, kills: list[bool]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        live = Outliving(Path(directory), window=window)
        for number, ((renditions, cuts), kill) in enumerate(zip(story, kills, strict=False)):
            if number and not kill:
                live.end_generation()
            live.epoch(*(renditions or LADDER), date=DATE + 100 * number)
            live.play(*cuts)
            if kill:
                before = live.files
                live.kill_daemon()
                assert live.files == before
            live.check_together()
        live.delivery.end()
        live.look()
        live.check()
        live.journal.close()


def test_what_is_fresh_is_told_once_where_it_begins_and_since_when_it_could_be_listed(live: Live) -> None:
    live.epoch(R720, R360)
    live.play(1.0)
    live.streams["720p"].cut(1.0)
    live.now = 1.5
    live.collect()
    assert live.delivery.take_fresh() == [(0.0, 1.0)]
    live.streams["360p"].cut(1.0)
    (live.streams["360p"].directory / "index.m3u8").touch()  # it is closed now, the other one was before
    live.now = 2.0
    live.collect()
    ((begins, closed),) = live.delivery.take_fresh()
    assert begins == 1.0
    assert closed == pytest.approx(2.0, abs=0.4)
    assert live.delivery.take_fresh() == []


def test_bytes_by_rendition_and_discontinuities_are_counted(live: Live) -> None:
    live.epoch(R720, R360)
    live.play(1.0, 1.0)
    assert live.delivery.discontinuities == 0
    live.restart()
    live.play(1.0)
    assert live.delivery.sizes == {"720p": 6000, "360p": 6000}
    assert live.delivery.size == 12_000
    assert live.delivery.discontinuities == 2
