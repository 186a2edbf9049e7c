"""Silence is put in where an Opus track has no sound any more, and nowhere else."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.container import ebml, silence
from ingestd.container.matroska import cluster_header
from ingestd.container.silence import Silence, span
from ingestd.container.splitter import Splitter
from tests.container.samples import (
    ENDED,
    SILENT,
    VP8,
    Seen,
    audio_track,
    bg,
    cluster,
    decodes,
    init,
    pieces,
    read,
    run,
    same,
    sb,
    see,
    silent,
    uint,
    video_track,
)

Drawn = tuple[Callable[[int, int, bool], bytes], int, int, bool]
"""How a block is written, its track, ticks since the last one, whether it is a keyframe."""

MS = 1_000_000  # nanoseconds: the scale of all browsers


@pytest.fixture(autouse=True, scope="module")
def _a_second_without_sound() -> Iterator[None]:
    """The numbers below are for a gap of one second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(silence, "_GAP", 1_000_000_000)
        yield


def quiet(*ticks: int, track: int = 2) -> bytes:
    return b"".join(b"\xa3\x87" + struct.pack(">Bh", 0x80 | track, at) + b"\x80\xf8\xff\xfe" for at in ticks)


def video(*ticks: int) -> bytes:
    return b"".join(sb(1, at) for at in ticks)


def check(*clusters: bytes, tracks: bytes = video_track() + audio_track(), scale: int = MS) -> Seen:
    """What the splitter made of it, which is the same however the stream is cut."""
    stream = init(tracks, scale) + b"".join(clusters)
    seen = see([stream])
    assert seen.init and not seen.malformed
    for size in (1, 7, 150, 1000):
        same(see(pieces(stream, size)), seen)
    assert SILENT.sub(b"", seen.stream()) == stream
    return seen


def times(fragments: bytes) -> list[int]:
    """Ticks of the blocks of silence in it, relative to their Clusters."""
    return [int(struct.unpack_from(">h", found.group(), 3)[0]) for found in SILENT.finditer(fragments)]


def packets(data: bytes, stream: str) -> list[float]:
    """Where the packets of a stream are, after ffprobe."""
    argv = ("ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time")
    done = run(*argv, "-of", "csv=p=0", "-i", "pipe:", given=data)
    assert not done.stderr
    return [float(row.strip(",")) for row in done.stdout.decode().split()]


def sound(data: bytes) -> bytes:
    """The sound as FFmpeg decodes it, one byte for each millisecond."""
    argv = ("ffmpeg", "-v", "error", "-i", "pipe:", "-vn", "-ac", "1", "-ar", "1000", "-f", "s8")
    return run(*argv, "pipe:", given=data).stdout


def muted(data: bytes, first: int, last: int) -> bytes:
    """The recording without the blocks of track 2 from ``first`` to ``last`` milliseconds."""
    pos, timestamp, out = len(see([data]).init.data), 0, bytearray()  # type: ignore[union-attr]
    out += data[:pos]
    while pos < len(data):
        found = ebml.header(data, pos)
        assert found
        ident, size, body = found
        end = body if ident == 0x1F43B675 else body + size
        if ident == 0xE7:
            timestamp = ebml.unsigned(data, body, size)
        gone = ident == 0xA3 and data[body] == 0x82
        at = timestamp + int.from_bytes(data[body + 1 : body + 3], "big", signed=True)
        if not (gone and first <= at < last):
            out += data[pos:end]
        pos = end
    return bytes(out)


# the class by itself


def test_silence_counts_from_the_end_of_what_was_heard() -> None:
    silence = Silence(2, MS)
    silence.heard(100)
    assert [silence.due(at) for at in (0, 160, 1160)] == [False] * 3
    assert silence.due(1161)
    assert silence.fill(1161, 1000, 5000) == quiet(*range(-840, 160, 20))
    assert [silence.due(at) for at in (1161, 1260)] == [False] * 2
    assert silence.due(1261)
    assert silence.fill(1261, 1261, 6000) == quiet(-101, -81, -61, -41, -21)


def test_before_all_sound_the_first_video_counts() -> None:
    silence = Silence(2, MS)
    assert [silence.due(at) for at in (5000, 5500, 6000)] == [False] * 3
    assert silence.due(6001)
    assert silence.fill(6001, 6001, 5000) == quiet(*range(-1001, -1, 20))


def test_real_sound_brings_the_patience_back() -> None:
    silence = Silence(2, MS)
    silence.heard(0)
    assert silence.due(2000)
    silence.fill(2000, 0, 5000)
    silence.heard(1990)
    assert not silence.due(3050)
    assert silence.due(3051)
    assert silence.fill(3051, 3000, 6000) == quiet(*range(-950, 50, 20))


def test_old_sound_ends_no_earlier_than_the_silence_before() -> None:
    silence = Silence(2, MS)
    silence.heard(0)
    assert silence.due(3000)
    silence.fill(3000, 0, 5000)
    silence.heard(70)
    assert not silence.due(4000)
    assert silence.due(4001)
    assert times(silence.fill(4001, 4000, 6000))[0] == -1000


def test_what_does_not_fit_a_block_is_left_out() -> None:
    silence = Silence(2, MS)
    silence.heard(-60)
    assert silence.due(50_000)
    assert times(silence.fill(50_000, 50_000, 5000)) == [*range(-32760, 0, 20)]
    assert not silence.due(50_100)


def test_one_fill_is_a_minute_at_most() -> None:
    silence = Silence(2, MS)
    silence.heard(-60)
    assert silence.due(1_000_000)
    found = times(silence.fill(1_000_000, 968_000, 5000))
    assert (len(found), found[0], found[-1]) == (3000, -28_000, 31_980)


def test_ticks_of_another_length() -> None:
    silence = Silence(2, 20_833)
    silence.heard(0)
    assert not silence.due(50_880)
    assert silence.due(50_881)
    assert times(silence.fill(50_881, 50_881, 5000))[:3] == [-32_641, -31_681, -30_721]
    coarse = Silence(2, 10**9)
    coarse.heard(0)
    assert not coarse.due(1)
    assert coarse.due(2)
    assert times(coarse.fill(2, 0, 5000)) == [0] * 47 + [1] * 50


def test_span() -> None:
    assert span(quiet(-5)) == (-5, -5)
    assert span(quiet(-5, 15, 35)) == (-5, 35)


# in a recording

START = cluster(0, sb(1, 0, True), sb(2, 0, True))
"""Sound up to 60 ms."""


@pytest.mark.parametrize("block", [sb, bg])
def test_a_track_that_ends(block: Callable[[int, int], bytes]) -> None:
    before = START + video(500, 1000, 1060)
    seen = check(before, block(1, 1110), video(1140, 1200), block(1, 1250))
    first, second = quiet(*range(60, 1100, 20)), quiet(*range(1100, 1240, 20))
    body = before + first + block(1, 1110) + video(1140, 1200) + second + block(1, 1250)
    assert seen.stream() == init() + body
    found = [(f.offset, f.media_time, f.end_time, f.starts_unit, f.prefix) for f in silent(seen)]
    assert found[0] == (len(init() + before), 0.06, 1.08, False, b"")
    assert found[1] == (len(init() + before + block(1, 1110) + video(1140, 1200)), 1.1, 1.22, False, b"")


def test_a_track_that_never_starts() -> None:
    one = cluster(40, sb(1, 0, True), video(*range(100, 1300, 100)))
    seen = check(one, cluster(5000, video(0, 40)))
    assert times(seen.stream()) == [*range(0, 1100, 20), *range(-3860, 40, 20)]


def test_sound_that_comes_back() -> None:
    seen = check(START, video(1100), sb(2, 1090), video(1110, 2150), sb(2, 2160), video(2160))
    assert times(seen.stream()) == [*range(60, 1100, 20)]
    seen = check(START, video(1100), sb(2, 1090), video(1110, 2151))
    assert times(seen.stream()) == [*range(60, 1100, 20), *range(1150, 2150, 20)]


def test_before_a_keyframe_silence_belongs_to_the_unit_that_ends() -> None:
    two = sb(1, 1500, True) + video(1540)
    seen = check(START, two)
    assert [bytes(unit.data) for unit in seen.units] == [START + quiet(*range(60, 1500, 20)), two]
    assert seen.units[0].end_time == 1.48
    assert (seen.units[1].media_time, seen.units[1].prefix) == (1.5, cluster_header(0))
    assert silent(seen)[0].offset == seen.units[1].offset == len(init() + START)


def test_while_a_cluster_is_held_back_silence_waits() -> None:
    seen = check(START, cluster(3000, sb(3, 0), sb(1, 0, True), sb(3, 10)), video(40))
    two = cluster(3000, sb(3, 0), sb(1, 0, True), sb(3, 10)) + quiet(*range(-2940, 40, 20)) + video(40)
    assert [bytes(unit.data) for unit in seen.units] == [START, two]
    seen = check(START, cluster(3000, sb(1, 0)), cluster(3040, sb(1, 0)))
    assert not silent(seen)


def test_where_no_silence_fits_its_cluster_there_is_none() -> None:
    seen = check(START, cluster(40_000, sb(1, -32_768), sb(1, -32_760), sb(1, -32_650)))
    assert times(seen.stream()) == [*range(-32_760, -32_660, 20)]


def test_clusters_with_a_header_of_our_own() -> None:
    seen = see([init() + START + cluster(1200, sb(1, 0), uint(0xAB, 77), sb(1, 40), known=True)])
    own = cluster_header(1200) + sb(1, 0) + quiet(*range(-1140, 40, 20)) + sb(1, 40)
    assert seen.stream() == init() + START + own


@pytest.mark.parametrize(
    "tracks",
    [
        video_track(),
        audio_track(),
        video_track() + audio_track(codec=b"A_VORBIS"),
        video_track() + audio_track(codec=b"A_AAC"),
        video_track() + audio_track(codec=b"A_PCM/INT/LIT"),
        video_track() + audio_track(3, b"A_AAC") + audio_track(),
        video_track() + audio_track(127),
        video_track() + audio_track(300),
    ],
)
def test_all_else_is_left_alone(tracks: bytes) -> None:
    stream = init(tracks) + START + video(2000, 5000) + cluster(9000, video(0, 100))
    for size in (5, len(stream)):
        assert see(pieces(stream, size)).stream() == stream


def test_only_the_first_audio_track_counts() -> None:
    tracks = video_track() + audio_track(5) + audio_track(2)
    seen = check(cluster(0, sb(1, 0, True), sb(5, 0)), sb(2, 1000), video(1100), tracks=tracks)
    assert SILENT.findall(seen.stream()) == [quiet(at, track=5) for at in range(60, 1100, 20)]


def test_the_largest_track_number_of_one_byte() -> None:
    seen = check(
        cluster(0, sb(1, 0, True), sb(126, 100)), video(1161), tracks=video_track() + audio_track(126)
    )
    assert SILENT.findall(seen.stream()) == [quiet(at, track=126) for at in range(160, 1160, 20)]


def test_resumed_it_counts_anew() -> None:
    two, three = sb(1, 1500, True) + video(1540, 2500), video(2501, 2560)
    seen = check(START, two, three)
    assert seen.init
    unit = seen.units[1]
    again = see(pieces(two + three, 9), Splitter.resume(seen.init, unit.offset, unit.prefix))
    assert bytes(again.units[0].data) == two + quiet(*range(1500, 2500, 20)) + three


def test_time_stamps_that_jump_do_not_make_gigabytes() -> None:
    jumps = [cluster(60_000 * n, sb(1, 0, True, size=1), sb(1, 20, size=1)) for n in range(1, 2000)]
    jumps += [cluster((1 << 64) - 1, sb(1, 0), sb(1, 20)), cluster(7, sb(1, 0))]
    stream = init() + b"".join(jumps)
    seen = see([stream])
    assert silent(seen)
    assert len(seen.stream()) < 19 * len(stream)


_block = st.tuples(
    st.sampled_from([sb, sb, sb, bg]), st.sampled_from([1, 1, 2, 3]), st.integers(-30, 700), st.booleans()
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 2500), st.lists(_block, max_size=12)), max_size=8), st.data())
def test_cuts_of_any_recording(drawn: list[tuple[int, list[Drawn]]], draw: st.DataObject) -> None:
    stream, now = init(), 0
    for step, blocks in drawn:
        now += step
        ticks = accumulate((after for _, _, after, _ in blocks), initial=0)
        stream += cluster(
            now, *(make(t, at, key) for (make, t, _, key), at in zip(blocks, ticks, strict=False))
        )
    whole = see([stream])
    assert not whole.malformed
    for size in (1, 150):
        same(see(pieces(stream, size)), whole)
    same(see(cut(stream, draw)), whole)


def cut(data: bytes, draw: st.DataObject) -> Iterator[bytes]:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=60)))
    return (data[a:b] for a, b in pairwise([0, *cuts, len(data)]))


# of a browser


def test_the_recording_whose_sound_ends() -> None:
    """At 2.475 s; its video goes on to 5.941 s."""
    seen = see([read(ENDED)])
    found = silent(seen)
    assert found[0].media_time == 2.475
    assert all(b.media_time == pytest.approx(a.end_time + 0.02) for a, b in pairwise(found))
    assert sum(len(f.data) // 9 for f in found) == 171, "(5.895 - 2.475) / 0.02"
    stream = seen.stream()
    assert packets(stream, "a:0")[-171:] == pytest.approx([2.475 + 0.02 * n for n in range(171)])
    assert packets(stream, "v:0") == packets(read(ENDED), "v:0")
    decodes(stream, "matroska")
    assert len(sound(read(ENDED))) == pytest.approx(2470, abs=20)
    assert len(sound(stream)) == pytest.approx(5890, abs=20)
    assert set(sound(stream)[2600:]) == {0}


def test_byte_by_byte_where_the_sound_ends() -> None:
    data = read(ENDED)
    same(see([data[:280_000], *pieces(data[280_000:400_000]), data[400_000:]]), see([data]))


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_any_cuts_where_the_sound_ends(draw: st.DataObject) -> None:
    same(see(cut(read(ENDED), draw)), see([read(ENDED)]))


@pytest.mark.parametrize(("first", "last"), [(0, 99_000), (0, 3000), (3000, 6000), (7000, 99_000)])
def test_sound_missing_anywhere(first: int, last: int) -> None:
    data = muted(read(VP8), first, last)
    seen = see([data])
    other = see([data.replace(b"A_OPUS", b"A_OTHE")])
    assert SILENT.sub(b"", seen.stream()).replace(b"A_OPUS", b"A_OTHE") == other.stream()
    decodes(seen.stream(), "matroska")
    heard = packets(seen.stream(), "a:0")
    assert heard[0] < 0.1 and heard[-1] > 9.8
    assert max(b - a for a, b in pairwise(heard)) < 0.17
    assert all(a < b for a, b in pairwise(heard))
    same(see(pieces(data, 777)), seen)
    same(see(pieces(data[:130_000])), see([data[:130_000]]))
