"""nginx-rtmp's side of a generation: what waits, what may be listed, and what the next one makes again."""

from __future__ import annotations

import os
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.delivery.delivery import Delivery
from ingestd.delivery.playlist import PrivateSegment
from ingestd.delivery.private import Output, Spoiled, listable
from ingestd.encoder.ladder import Rendition
from tests.hls.rfc8216 import check_aligned, check_media, check_update, parse_media
from tests.unit.nginx_output import LISTED, R360, R480, R720, SOUND, Stream, streams

HALF_FRAME = 1 / 60


@dataclass
class Side:
    """An output, and the stream that nginx-rtmp writes for it."""

    root: Path
    rendition: Rendition = R720
    segment: float = 1.0
    output: Output = field(init=False)
    stream: Stream = field(init=False)

    def __post_init__(self) -> None:
        directory = self.root / "private" / "66aa-0-720p"
        self.output = Output(self.rendition, directory, 0.0, self.segment)
        self.stream = Stream(directory)

    def cut(self, *durations: float) -> Side:
        for duration in durations:
            self.stream.cut(duration)
        self.output.look(0.0)
        return self

    @property
    def waiting(self) -> list[int]:
        return [segment.number for segment in self.output.waiting]

    def move(self, number: int) -> int:
        self.output.look(0.0)
        size, _ = self.output.move(self.target(number))
        return size

    def target(self, number: int) -> Path:
        return self.root / "public" / "720p" / f"0-{number}.ts"


@pytest.fixture
def side(tmp_path: Path) -> Side:
    return Side(tmp_path)


# What is read


def test_before_nginx_rtmp_has_written_anything_nothing_waits(side: Side) -> None:
    side.output.look(0.0)
    assert (side.waiting, side.output.settled, side.output.commit) == ([], True, 0.0)
    assert (side.output.ready(final=False), side.output.ready(final=True)) == (0, 0)


@pytest.mark.parametrize(
    ("given", "pictures", "seconds"),
    [
        (0.987, 30, 1.0),
        (0.987, 29, 29 / 30),
        (1.0, 0, 1.0),
        (0.433, 14, 14 / 30),  # the last one: a frame less, and what whole milliseconds cut off
        (0.033, 2, 2 / 30),
        (1.0, 28, 1.0),  # a frame and more is missing in it: the clock goes on without them
        (0.9, 29, 0.9),
    ],
)
def test_a_segment_lasts_as_long_as_its_pictures(
    side: Side, given: float, pictures: int, seconds: float
) -> None:
    side.cut(given)
    assert side.output.lasts(pictures) == pytest.approx(seconds)


def test_what_is_closed_waits_in_order_and_once(side: Side) -> None:
    side.cut(1.0, 1.0).cut().cut(0.967)
    assert list(side.output.waiting) == [
        PrivateSegment(0, "0.ts", 1.0),
        PrivateSegment(1, "1.ts", 1.0),
        PrivateSegment(2, "2.ts", 0.967),
    ]


def test_what_was_taken_does_not_come_back_when_the_playlist_is_written_anew(side: Side) -> None:
    side.cut(1.0, 1.0)
    side.output.waiting.clear()
    side.stream.list()
    assert side.cut().waiting == []
    assert side.cut(1.0).waiting == [2]


def test_a_playlist_that_has_slid_gives_only_what_is_new(side: Side) -> None:
    side.cut(*[1.0] * LISTED)
    assert side.cut(1.0, 1.0).waiting == list(range(LISTED + 2))


@pytest.mark.parametrize("change", ["stamp", "size", "inode"])
def test_a_playlist_is_read_again_when_anything_of_it_has_changed(side: Side, change: str) -> None:
    path = side.stream.directory / "index.m3u8"
    side.stream.cut(1.0)
    side.stream.list(stamp=5_000_000_000)
    side.output.look(0.0)
    if change == "inode":  # as large as before, and at the same time
        text = path.read_text().replace("0.ts", "1.ts").replace("SEQUENCE:0", "SEQUENCE:1")
        kept = path.with_name("kept").open("w")  # so that the number of the old file is not used again
        path.rename(path.with_name("old"))
        path.write_text(text)
        kept.close()
        side.stream.durations.append(1.0)
        os.utime(path, ns=(5_000_000_000, 5_000_000_000))
    else:
        side.stream.cut(1.0)
        side.stream.list(stamp=5_000_000_000 + (change == "stamp"))
    side.output.look(0.0)
    assert side.waiting == [0, 1]


def test_a_playlist_that_has_not_changed_is_not_read_again(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    side.cut(1.0)

    def read(*_: object, **__: object) -> str:
        raise AssertionError("read again")

    monkeypatch.setattr(Path, "read_text", read)
    side.output.look(0.0)
    assert side.waiting == [0]


def test_a_playlist_that_could_not_be_read_is_read_at_the_next_look(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError(5, "Input/output error")

    side.stream.cut(1.0)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_text", fail)
        with pytest.raises(OSError, match="Input/output"):
            side.output.look(0.0)
    assert side.cut().waiting == [0]


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00", b"#EXTM3U\n#EXTINF:1.0,\n../../etc/passwd\n"])
def test_a_playlist_that_is_none_gives_nothing(side: Side, text: bytes) -> None:
    side.stream.directory.mkdir(parents=True)
    (side.stream.directory / "index.m3u8").write_bytes(text)
    assert side.cut().waiting == []


# What may be listed


@pytest.mark.parametrize(
    ("durations", "ready"),
    [
        ((1.0,), 1),
        ((1.0, 1.0), 2),
        ((1.0, 0.4), 1),
        ((0.4,), 0),
        ((0.0,), 0),
        ((1.0, 0.4, 1.0), 3),
        ((0.4, 0.4), 1),
        ((1.0, 0.4, 0.0), 2),
        ((1.033,), 1),
    ],
    ids=str,
)
def test_a_short_one_at_the_end_waits_for_another_unless_the_generation_ended_well(
    side: Side, durations: tuple[float, ...], ready: int
) -> None:
    side.cut(*durations)
    assert side.output.ready(final=False) == ready
    assert side.output.ready(final=True) == len(durations)
    assert len(side.waiting) == len(durations)


def test_a_short_one_may_be_listed_once_another_follows(side: Side) -> None:
    side.cut(1.0, 0.5)
    assert side.output.ready(final=False) == 1
    side.cut(1.0)
    assert side.output.ready(final=False) == 3


@pytest.mark.parametrize(
    ("rendition", "segment", "shortest"),
    [
        (R720, 1.0, 1 - HALF_FRAME),
        (R720, 2.0, 2 - HALF_FRAME),
        (Rendition("720p", 1280, 720, 5, 1, 1), 1.0, 0.9),
        (Rendition("720p", 1280, 720, 60, 1, 0), 0.5, 0.5 - HALF_FRAME / 2),
        (SOUND, 1.0, 0.995),
        (SOUND, 0.5, 0.495),
    ],
)
def test_short_is_what_lacks_half_a_frame_or_of_sound_alone_five_milliseconds(
    tmp_path: Path, rendition: Rendition, segment: float, shortest: float
) -> None:
    for duration, ready in ((shortest + 0.001, 1), (shortest - 0.001, 0)):
        output = Output(rendition, tmp_path, 0.0, segment)
        output.waiting.append(PrivateSegment(0, "0.ts", duration))
        assert output.ready(final=False) == ready


@given(st.lists(st.lists(st.integers(0, 30), max_size=5), min_size=1, max_size=4))
def test_only_what_all_have_is_listed_and_at_a_good_end_all_that_any_has(frames: list[list[int]]) -> None:
    outputs = []
    for durations in frames:
        output = Output(R720, Path("nowhere"), 0.0, 1.0)
        output.waiting.extend(
            PrivateSegment(number, f"{number}.ts", round(count / 30, 3))
            for number, count in enumerate(durations)
        )
        outputs.append(output)
    whole = [len(durations) - (durations[-1:] < [30]) * bool(durations) for durations in frames]
    assert listable(outputs, final=False) == min(whole)
    assert listable(outputs, final=True) == max(map(len, frames))


def test_of_no_rendition_nothing_is_listed() -> None:
    assert (listable([], final=False), listable([], final=True)) == (0, 0)


@pytest.mark.parametrize(
    ("rendition", "closed", "listed"),
    [(R720, 0.0, 1 / 30), (R720, 0.02, 1 / 30), (R720, 0.5, 0.5), (SOUND, 0.0, 0.001), (SOUND, 0.021, 0.021)],
)
def test_a_segment_lasts_as_long_as_one_frame_at_least(
    tmp_path: Path, rendition: Rendition, closed: float, listed: float
) -> None:
    one = Side(tmp_path, rendition).cut(1.0, closed)
    assert [one.output.duration(0), one.output.duration(1)] == pytest.approx([1.0, listed])


def test_the_commit_point_is_the_origin_and_what_is_listed(tmp_path: Path) -> None:
    output = Output(R720, tmp_path, 12.5, 1.0)
    output.total += 2.967
    assert output.commit == pytest.approx(15.467)


# What is moved


@pytest.mark.parametrize("rendition", [R720, SOUND, Rendition("720p", 1280, 720, 30, 1_000_000, 0)])
def test_a_segment_is_moved_whole_and_once(tmp_path: Path, rendition: Rendition) -> None:
    one = Side(tmp_path, rendition)
    content = b"0.7;" + bytes(range(256)) * 8
    one.stream.cut(1.0).write_bytes(content)
    for _ in range(3):
        assert one.move(0) == len(content)
        assert one.target(0).read_bytes() == content
        assert not (one.stream.directory / "0.ts").exists()


@pytest.mark.parametrize("rendition", [R720, SOUND])
def test_a_segment_that_is_nowhere_is_missing(tmp_path: Path, rendition: Rendition) -> None:
    one = Side(tmp_path, rendition)
    one.stream.cut(1.0).unlink()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            one.move(0)
    assert not one.target(0).exists()


def test_a_segment_that_comes_again_takes_the_place_of_the_old_one(side: Side) -> None:
    side.target(0).parent.mkdir(parents=True)
    side.target(0).write_bytes(b"0.7;half")
    side.stream.cut(1.0).write_bytes(b"0.7;new")
    assert side.move(0) == len(b"0.7;new")
    assert side.target(0).read_bytes() == b"0.7;new"


def test_a_directory_is_settled_when_nothing_is_there_but_what_waits(side: Side) -> None:
    under_way = side.stream.write()
    assert not side.cut().output.settled
    under_way.unlink()
    assert side.cut(1.0, 0.4).output.settled
    side.stream.write()
    assert not side.output.settled
    side.stream.cut(1.0)
    assert not side.output.settled, "closed, but not yet seen"
    side.output.look(0.0)
    assert side.output.settled
    side.move(0)
    assert side.output.settled
    (side.stream.directory / "index.m3u8.bak").touch()
    assert side.output.settled


def test_a_segment_with_a_hole_is_not_listed(side: Side) -> None:
    side.stream.cut(1.0).write_bytes(b"0.7;hole")
    with pytest.raises(Spoiled, match="not written"):
        side.move(0)
    assert not side.target(0).exists()


@pytest.mark.parametrize(
    ("fresh", "begins", "good"), [(False, 1.1, True), (False, 1.7, False), (True, 1.7, True)]
)
def test_a_generation_that_goes_on_has_its_first_segment(
    tmp_path: Path, fresh: bool, begins: float, good: bool
) -> None:
    """Where an epoch begins the picture may come later than the sound; in its middle it may not."""
    one = Side(tmp_path)
    one.output.fresh = fresh
    one.stream.cut(1.0).write_bytes(b"%f;" % begins)
    with nullcontext() if good else pytest.raises(Spoiled, match="comes before"):
        one.move(0)


@pytest.mark.parametrize(("begins", "good"), [(1.7, True), (1.69, True), (2.7, False), (1.2, False)])
def test_a_segment_that_was_left_out_is_missed(side: Side, begins: float, good: bool) -> None:
    side.cut(1.0).move(0)
    side.output.waiting.popleft()
    side.output.total += 1.0
    side.stream.cut(1.0).write_bytes(b"%f;" % begins)
    with nullcontext() if good else pytest.raises(Spoiled, match="too late"):
        side.move(1)


def test_nothing_of_a_generation_is_listed_after_a_spoiled_segment_and_all_of_the_next(
    tmp_path: Path,
) -> None:
    works = Works(tmp_path, (R720, R360))
    for second in (1, 2, 3):
        works.close("720p", second * 30)
        works.close("360p", second * 30)
    (works.streams["360p"].directory / "1.ts").write_text("1.7;hole")
    for _ in range(2):
        works.collect()
        assert works.delivery.spoiled
        assert works.delivery.commits == {"720p": 1.0, "360p": 1.0}
    works.die(90)
    assert works.at == {"720p": 30, "360p": 30}
    works.finish(100)
    assert not works.delivery.spoiled
    works.end()
    works.check([100])


# A delivery of several renditions


class Works:
    """An encoder and nginx-rtmp for one broadcast. Time is counted in frames of a thirtieth of a second.

    What a segment holds is written into it, so that a playlist can be asked for each of its frames.
    """

    def __init__(self, root: Path, renditions: tuple[Rendition, ...]) -> None:
        self.root = root
        self.renditions = renditions
        self.delivery = Delivery(root, "demo", "66aa", 1.0, 1e6, 30)
        self.generation = -1
        self.epoch = -1
        self.seen: dict[str, list[str]] = {}
        self.begin_epoch()

    def begin_epoch(self) -> None:
        self.epoch += 1
        self.begin({})

    def begin(self, origins: dict[str, float]) -> None:
        self.generation += 1
        self.delivery.begin(self.generation, 1e9 + 1000 * self.epoch, self.renditions, origins)
        self.streams = streams(self.root, "66aa", self.generation, *self.renditions)
        self.at = {made.name: round(origins.get(made.name, 0.0) * 30) for made in self.renditions}

    def close(self, name: str, frame: int, *, lost: bool = False) -> None:
        """End the segment under way of a rendition at that frame."""
        first, self.at[name] = self.at[name], frame
        file = self.streams[name].cut(round((frame - first) / 30, 3))
        begins, _, _ = file.read_bytes().partition(b";")
        file.write_text(f"{begins.decode()};{self.epoch} {first} {frame}")
        if lost:
            file.unlink()

    def close_all(self, name: str, frame: int) -> None:
        """The rest up to that frame: whole seconds, and what is left."""
        for second in range(self.at[name] // 30 * 30 + 30, frame, 30):
            self.close(name, second)
        if self.at[name] < frame:
            self.close(name, frame)

    def collect(self, *, final: bool = False) -> None:
        if not self.delivery.collect(self.generation, 0.0, final=final):
            return
        for path in self.delivery.directory.glob("*p.m3u8"):
            self.seen.setdefault(path.stem, []).append(path.read_text())
        self.check_aligned()

    def die(self, frame: int, names: list[str] | None = None) -> None:
        """The encoder is gone: nginx-rtmp closes what is under way, of all or of some."""
        for name in self.streams if names is None else names:
            self.close_all(name, frame)
        self.collect()
        commits = self.delivery.commits
        self.delivery.close_generation()
        assert list(self.root.glob("private/*")) == []
        self.begin(commits)

    def finish(self, frame: int) -> None:
        """The recording is complete, and the encoder ended well."""
        for name in self.streams:
            self.close_all(name, frame)
        self.collect()
        self.collect(final=True)
        self.delivery.close_generation()

    def end(self) -> None:
        self.delivery.end()
        for path in self.delivery.directory.glob("*p.m3u8"):
            self.seen[path.stem].append(path.read_text())

    def frames(self, name: str) -> list[tuple[int, int]]:
        """Every frame that a playlist lists, as epoch and number."""
        found = []
        for segment in parse_media(self.seen[name][-1]).segments:
            _, _, held = (self.delivery.directory / segment.uri).read_text().partition(";")
            epoch, first, last = map(int, held.split())
            assert abs(segment.duration - (last - first) / 30) <= 0.001
            found += [(epoch, number) for number in range(first, last)]
        return found

    def check_aligned(self) -> None:
        newest = [versions[-1] for versions in self.seen.values()]
        for one, other in combinations(newest, 2):
            assert check_aligned(one, other, by_sequence=True) == []

    def check(self, lengths: list[int]) -> None:
        """Each frame of each epoch once and in order, in every playlist, and all as the RFC wants it."""
        wanted = [(epoch, number) for epoch, length in enumerate(lengths) for number in range(length)]
        for made in self.renditions:
            assert self.frames(made.name) == wanted
            for text in self.seen[made.name]:
                assert check_media(text) == []
            for old, new in pairwise(self.seen[made.name]):
                assert check_update(old, new) == []
        self.check_aligned()


LADDERS = ((R720, R480, R360), (R720, R360), (R720,))


@given(st.data())
@settings(deadline=None, max_examples=15)
def test_every_frame_is_listed_once_whatever_is_closed_when_and_however_often_it_is_cut(
    data: st.DataObject,
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        works = Works(Path(directory), data.draw(st.sampled_from(LADDERS)))
        lengths = data.draw(st.lists(st.integers(1, 150), min_size=1, max_size=2))
        for number, length in enumerate(lengths):
            if number:
                works.begin_epoch()
            for _ in range(data.draw(st.integers(0, 3))):
                live(works, data, length)
                works.die(data.draw(st.integers(max(works.at.values()), length)), some(works, data))
            live(works, data, length)
            works.finish(length)
        works.end()
        works.check(lengths)


def live(works: Works, data: st.DataObject, length: int) -> None:
    """Close whole segments in any order over the renditions, at most three apart; look now and then."""
    for _ in range(data.draw(st.integers(0, 8))):
        name = data.draw(st.sampled_from(sorted(works.streams)))
        if works.at[name] + 30 <= min(length, min(works.at.values()) + 90):
            works.close(name, works.at[name] + 30)
        if data.draw(st.booleans()):
            works.collect()


def some(works: Works, data: st.DataObject) -> list[str]:
    """The renditions whose last segment nginx-rtmp still closes: it may have died as well."""
    return data.draw(st.lists(st.sampled_from(sorted(works.streams)), unique=True))


@given(st.data())
@settings(deadline=None, max_examples=15)
def test_every_frame_is_listed_once_though_files_are_lost(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        works = Works(Path(directory), data.draw(st.sampled_from(LADDERS)))
        for _ in range(data.draw(st.integers(1, 3))):
            for _ in range(data.draw(st.integers(0, 3))):
                for name in works.streams:
                    works.close(name, works.at[name] + 30, lost=data.draw(st.integers(0, 3)) == 0)
                works.collect()
            works.die(max(works.at.values()))
        length = max(works.at.values()) + data.draw(st.integers(1, 40))
        works.finish(length)
        works.end()
        works.check([length])


def test_a_missing_segment_stops_its_round_and_all_after_it(tmp_path: Path) -> None:
    works = Works(tmp_path, (R720, R360))
    for second in (1, 2, 3):
        works.close("720p", second * 30)
        works.close("360p", second * 30, lost=second == 2)
    for final in (False, True, False):
        works.collect(final=final)
        assert works.delivery.commits == {"720p": 1.0, "360p": 1.0}
        assert (works.delivery.segments, works.delivery.settled) == (2, True)
    assert [len(works.frames(name)) for name in ("720p", "360p")] == [30, 30]


def test_a_segment_that_turns_up_after_all_is_listed_and_those_after_it(tmp_path: Path) -> None:
    works = Works(tmp_path, (R720, R360))
    works.close("720p", 30)
    works.close("360p", 30, lost=True)
    works.collect()
    (works.streams["360p"].directory / "0.ts").write_text("0.7;0 0 30")
    works.collect()
    works.finish(70)
    works.check([70])


def test_a_torn_segment_is_dropped_with_its_generation_and_made_again_whole(tmp_path: Path) -> None:
    works = Works(tmp_path, (R720, R360))
    for name in works.streams:
        works.close(name, 30)
    works.die(45)
    assert works.at == {"720p": 30, "360p": 30}
    assert not list(works.delivery.directory.rglob("0-1.ts"))
    works.finish(75)
    works.end()
    works.check([75])
    assert [segment.discontinuity for segment in parse_media(works.seen["720p"][-1]).segments] == [
        *(False, True, False)
    ]


def test_a_generation_that_was_cut_within_its_first_segment_leaves_nothing(tmp_path: Path) -> None:
    works = Works(tmp_path, (R720, R360))
    works.die(29)
    assert (works.delivery.segments, works.seen, works.at) == (0, {}, {"720p": 0, "360p": 0})


def test_after_a_good_end_that_was_uneven_the_next_epoch_goes_on_in_every_rendition(tmp_path: Path) -> None:
    works = Works(tmp_path, (R720, R360))
    works.close("720p", 30)
    works.close("720p", 50)
    works.close("360p", 30)
    works.delivery.collect(works.generation, 0.0, final=True)
    works.delivery.close_generation()
    works.begin_epoch()
    for name in works.streams:
        works.close(name, 30)
    works.delivery.collect(works.generation, 0.0)
    texts = [(works.delivery.directory / f"{name}.m3u8").read_text() for name in ("720p", "360p")]
    lists = [parse_media(text).segments for text in texts]
    assert [len(found) for found in lists] == [3, 2]
    for found in lists:
        assert (found[-1].discontinuity, found[-1].discontinuity_sequence) == (True, 1)
        assert found[-1].starts_at == 1e9 + 1000


# When it was closed


@pytest.mark.parametrize(
    ("ago", "closed"),
    [(0.0, 10.0), (0.25, 9.75), (60.0, 9.5), (-60.0, 10.0)],
    ids=["now", "in between", "the clock was set forward", "the clock was set back"],
)
def test_a_segment_was_closed_after_the_last_look(
    side: Side, monkeypatch: pytest.MonkeyPatch, ago: float, closed: float
) -> None:
    side.output.look(9.5)
    side.stream.cut(1.0)
    written = (side.stream.directory / "index.m3u8").stat().st_mtime
    monkeypatch.setattr("ingestd.delivery.private.time.time", lambda: written + ago)
    side.output.look(10.0)
    assert list(side.output.closed) == [pytest.approx(closed)]
