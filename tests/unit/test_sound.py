"""Separate sound: cut where the pictures are, whole, and every packet once."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest

from ingestd.delivery import transport_stream
from ingestd.delivery.delivery import Delivery, stream_name
from ingestd.delivery.private import BASE
from ingestd.delivery.sound import FRAME
from ingestd.encoder.argv import LEAD
from ingestd.encoder.ladder import Rendition
from tests.hls.rfc8216 import check_aligned, check_dates, check_media, check_multivariant, parse_media

PICTURES = (
    Rendition("720p", 1280, 720, 30, 2_500_000, 0, separate=True),
    Rendition("360p", 640, 360, 30, 700_000, 0, separate=True),
)
SOUND = Rendition("audio", 0, 0, 0, 0, 96_000, separate=True)
SILENCE = replace(SOUND, audio_bitrate=0)
ID = "66112233aabbccdd"
DATE = 1_700_000_000.0
PIECE = 12  # packets that nginx-rtmp puts into one file

_real = transport_stream.examine
_stamps = itertools.count(1_700_000_000_000_000_000, 1_000_000)


@pytest.fixture(autouse=True)
def real_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_stream, "examine", _real)


def pictures_of(times: list[float], counter: int) -> bytes:
    """Pictures as nginx-rtmp writes them, a packet each; of the sound's packets but for their PID."""
    packets = b""
    for number, time in enumerate(times):
        packet = bytearray(transport_stream.silence(time, (counter + number) % 16))
        packet[1:3] = b"\x41\x00"
        packets += packet
    return transport_stream.head(video=True, audio=False) + packets


class Writer:
    """One stream of a generation as nginx-rtmp leaves it: files, and a playlist of those that are closed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lengths: list[float] = []
        directory.mkdir(parents=True)

    def close(self, data: bytes, seconds: float) -> Path:
        file = self.directory / f"{len(self.lengths)}.ts"
        file.write_bytes(data)
        self.lengths.append(seconds)
        lines = ["#EXTM3U", "#EXT-X-MEDIA-SEQUENCE:0"]
        for number, length in enumerate(self.lengths):
            lines += [f"#EXTINF:{length:.3f},", f"{number}.ts"]
        playlist = self.directory / "index.m3u8"
        playlist.write_text("\n".join(lines) + "\n")
        stamp = next(_stamps)
        os.utime(playlist, ns=(stamp, stamp))
        return file


class Show:
    """A broadcast, generation by generation. Each packet of sound says in its last bytes which one it is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.delivery = Delivery(root, "demo", ID, 1.0, 600.0, 30)
        self.generation = -1
        self.heard: list[int] = []

    def begin(self, sound: Rendition = SOUND, *, date: float = DATE, fresh: bool = False) -> None:
        origins = {} if fresh or self.generation < 0 else self.delivery.commits
        self.generation += 1
        made = (*PICTURES, sound)
        self.delivery.begin(self.generation, date, made, origins, fresh=not origins)
        self.origins = {one.name: origins.get(one.name, 0.0) for one in made}
        self.writers = {
            one.name: Writer(self.root / "private" / stream_name(ID, self.generation, one.name))
            for one in made
            if one.video_bitrate or one.audio_bitrate
        }
        self.shown = 0  # pictures of this generation
        self.sounded = -1  # packets of it; the first is the run-up

    def show(self, frames: int = 30) -> None:
        times = [BASE + LEAD + (self.shown + number) / 30 for number in range(frames)]
        for made in PICTURES:
            self.writers[made.name].close(pictures_of(times, self.shown), frames / 30)
        self.shown += frames

    def sound(self, packets: int) -> list[Path]:
        """So many packets, in pieces; the first real one begins at sound's own origin."""
        files = []
        begin = BASE + LEAD + self.origins["audio"] - self.origins["720p"]
        while packets > 0:
            count = min(PIECE, packets)
            numbers = range(self.sounded, self.sounded + count)
            data = [self.packet(begin, number) for number in numbers]
            head = transport_stream.head(video=False, audio=True)
            files.append(self.writers["audio"].close(head + b"".join(data), count * FRAME))
            self.sounded += count
            packets -= count
        return files

    def packet(self, begin: float, number: int) -> bytes:
        at = round(self.origins["audio"] / FRAME) + number  # of the epoch
        stamp = round((begin + number * FRAME) * 1000) / 1000
        return transport_stream.silence(stamp, (number + 1) % 16)[:-2] + (at % 65536).to_bytes(2, "big")

    def collect(self, *, final: bool = False) -> bool:
        return self.delivery.collect(self.generation, 0.0, final=final)

    def texts(self) -> dict[str, str]:
        found = self.delivery.directory.glob("*.m3u8")
        return {path.stem: path.read_text() for path in found if path.name != "index.m3u8"}

    def listed(self, name: str) -> list[tuple[str, float]]:
        texts = self.texts()
        return [(one.uri, one.duration) for one in parse_media(texts[name]).segments] if name in texts else []

    def packets(self) -> list[int]:
        """All sound that is listed."""
        data = [(self.delivery.directory / uri).read_bytes() for uri, _ in self.listed("audio")]
        found = [packets for one in data for _, packets in transport_stream.sounds(one)]
        return [int.from_bytes(packets[-2:], "big") for packets in found]

    def check(self) -> None:
        texts = self.texts()
        assert check_multivariant((self.delivery.directory / "index.m3u8").read_text()) == []
        for text in texts.values():
            assert [*check_media(text), *check_dates(text)] == []
            assert check_aligned(texts["audio"], text, by_sequence=True) == []


@pytest.fixture
def show(tmp_path: Path) -> Show:
    made = Show(tmp_path)
    made.begin()
    return made


def test_sound_is_cut_where_the_pictures_are_and_no_packet_is_cut(show: Show) -> None:
    for _ in range(10):
        show.show()
        show.sound(48)
    show.sound(12)
    assert show.collect()
    assert [uri for uri, _ in show.listed("audio")] == [f"audio/0-{number}.ts" for number in range(10)]
    assert {round(seconds / FRAME) for _, seconds in show.listed("audio")} == {46, 47}
    assert show.packets() == list(range(469)), "10 s are 468.75 packets, and the run-up is not among them"
    for commit, of in ((10.0, "720p"), (469 * FRAME, "audio")):
        assert show.delivery.commits[of] == pytest.approx(commit, abs=1e-6)
    show.check()


def test_pictures_wait_for_their_sound(show: Show) -> None:
    show.show()
    show.sound(36)
    assert not show.collect()
    assert show.texts() == {}
    show.sound(24)
    assert show.collect()
    assert len(show.listed("360p")) == len(show.listed("audio")) == 1


def test_the_next_generation_goes_on_with_the_packet_that_follows(show: Show) -> None:
    for _ in range(3):
        show.show()
        show.sound(48)
    show.show(7)  # a torn one
    show.collect()
    show.begin()
    assert show.origins["audio"] - show.origins["720p"] == pytest.approx(141 * FRAME - 3.0)
    show.show()
    show.show()
    show.sound(120)
    show.collect()
    assert show.packets() == list(range(235))
    assert all(text.count("#EXT-X-DISCONTINUITY\n") == 1 for text in show.texts().values())
    show.check()


def test_at_the_end_sound_that_is_missing_is_silence(show: Show) -> None:
    for _ in range(2):
        show.show()
    show.sound(60)
    show.show(10)
    show.collect(final=True)
    assert show.delivery.all_listed
    assert show.packets()[:59] == list(range(59))
    assert len(show.packets()) == 110
    show.check()


def test_at_the_end_sound_that_goes_on_goes_with_the_last_pictures(show: Show) -> None:
    show.show()
    show.show(10)
    show.sound(65)
    show.collect(final=True)
    assert show.packets() == list(range(64))
    assert len(show.listed("audio")) == 2
    show.check()


def test_sound_that_goes_on_after_all_pictures_were_listed_is_a_segment_of_its_own(show: Show) -> None:
    show.show()
    show.sound(60)
    show.collect()
    show.collect(final=True)
    assert show.packets() == list(range(59))
    assert [uri for uri, _ in show.listed("audio")] == ["audio/0-0.ts", "audio/0-1.ts"]
    assert len(show.listed("720p")) == 1


def test_pictures_without_sound_have_silence_and_it_has_its_time(tmp_path: Path) -> None:
    show = Show(tmp_path)
    show.begin(SILENCE)
    for _ in range(3):
        show.show()
    show.show(11)
    show.collect()
    assert len(show.listed("audio")) == 3, "the last one may be torn"
    show.collect(final=True)
    stream = b"".join((show.delivery.directory / uri).read_bytes() for uri, _ in show.listed("audio"))
    times = [time for time, _ in transport_stream.sounds(stream)]
    assert times == pytest.approx([BASE + LEAD + number * FRAME for number in range(len(times))], abs=1e-4)
    assert _real(stream.replace(transport_stream.head(video=False, audio=True), b"")).whole
    show.check()


def test_an_epoch_with_sound_follows_one_without(tmp_path: Path) -> None:
    show = Show(tmp_path)
    show.begin(SILENCE)
    show.show()
    show.collect(final=True)
    show.begin(SOUND, date=show.delivery.end_date, fresh=True)
    show.show()
    show.sound(60)
    show.collect()
    assert len(show.listed("audio")) == 2
    show.check()


@pytest.mark.parametrize("damage", ["missing", "hole", "cut off", "late"])
def test_sound_of_which_something_is_missing_is_not_listed(show: Show, damage: str) -> None:
    show.show()
    pieces = show.sound(48)
    show.show()
    if damage == "late":
        show.sounded += 1
    file = show.sound(48)[1]
    if damage == "missing":
        file.unlink()
    elif damage != "late":
        data = file.read_bytes()
        file.write_bytes(data[: 5 * 188] + data[6 * 188 :] if damage == "hole" else data[:-100])
    assert len(pieces) == 4
    show.collect()
    show.collect(final=True)
    assert show.delivery.spoiled
    assert len(show.listed("audio")) == len(show.listed("720p")) == 0


def test_what_could_not_be_written_is_written_the_next_time(show: Show) -> None:
    show.show()
    show.sound(60)
    blocked = show.delivery.directory / "audio"
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("in the way")
    with pytest.raises(OSError):
        show.collect()
    blocked.unlink()
    assert show.collect()
    assert show.packets() == list(range(47))
    show.check()


def test_nothing_is_settled_while_a_piece_is_not_closed(show: Show) -> None:
    show.sound(24)
    show.collect()
    assert show.delivery.settled
    (show.writers["audio"].directory / "9.ts").write_bytes(b"")
    assert not show.delivery.settled


def test_sound_that_ends_long_before_the_pictures_may_be_missing(show: Show) -> None:
    for _ in range(3):
        show.show()
    show.sound(100)
    show.collect()
    assert show.delivery.sound and show.delivery.sound.ends == pytest.approx(99 * FRAME)
    show.sound(30)
    show.collect()
    assert show.delivery.sound.ends is None, "it is not long"


def test_silence_never_ends_too_early(tmp_path: Path) -> None:
    show = Show(tmp_path)
    show.begin(SILENCE)
    show.show()
    assert show.delivery.sound and show.delivery.sound.ends is None
