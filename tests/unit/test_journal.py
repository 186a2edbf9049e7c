"""The journal: what was written is there, all of a transaction or nothing, and damage is noticed."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from ingestd.journal.journal import SUFFIX, BroadcastRow, Damaged, Journal, JournalFull, Kept, remove
from tests.unit.journal_story import (
    BROADCAST,
    NAMES,
    RENDITIONS,
    REPORT,
    REPORTS,
    Story,
    epoch_row,
    segment_row,
)

NAME = f"{BROADCAST.id}{SUFFIX}"
ROOT = Path(__file__).parents[2]
FIRST = dict.fromkeys(NAMES, 0)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    told = Story(tmp_path)
    yield told
    told.journal.close()


def reopened(directory: Path) -> Kept:
    """What the next process finds."""
    journal, kept = Journal.open(directory / NAME)
    journal.close()
    return kept


def round_of(sequence: int) -> list[Any]:
    return [segment_row(name, sequence) for name in NAMES]


# What was written is there


def test_a_new_journal_knows_its_broadcast_and_nothing_else(story: Story, tmp_path: Path) -> None:
    assert story.journal.path == tmp_path / NAME
    assert reopened(tmp_path) == Kept(BROADCAST)


@pytest.mark.parametrize("resumable", [True, False])
def test_whether_its_publisher_is_resumable_is_a_bool(tmp_path: Path, resumable: bool) -> None:
    Journal.create(tmp_path, replace(BROADCAST, resumable=resumable)).close()
    assert reopened(tmp_path).broadcast.resumable is resumable


def test_a_publisher_that_is_no_longer_resumable(story: Story, tmp_path: Path) -> None:
    story.play(3)
    plain = replace(BROADCAST, resumable=False)
    story.journal.resumable(plain)
    assert reopened(tmp_path) == replace(story.now, broadcast=plain)


def test_everything_comes_back_as_it_was_written(story: Story, tmp_path: Path) -> None:
    story.play(30, window=20)
    assert len(story.now.epochs) == 3
    assert len(story.now.segments) == 40
    assert reopened(tmp_path) == story.now


def test_every_state_on_the_way_is_that_of_the_last_transaction(tmp_path: Path) -> None:
    story = Story(tmp_path)
    with closing(story.journal):
        for number in range(4):
            story.generation(number, 0, REPORT if number % 2 else {})
            assert reopened(tmp_path) == story.now
            story.listed(round_of(number), FIRST, epoch_row(0, number + 1.0))
            assert reopened(tmp_path) == story.now


@pytest.mark.parametrize(
    "row",
    [
        replace(epoch_row(), init=b"", prefix=b"", commits={}),
        replace(epoch_row(), prefix=bytes(range(256)), total=0),
        replace(epoch_row(), init=bytes(100_000), offset=2**53, total=2**62),
        replace(epoch_row(), date=-1.5, start=0.1 + 0.2, commits={"ü\n": 1e-300, "": 1e300}),
    ],
)
def test_values_at_the_edge(story: Story, tmp_path: Path, row: Any) -> None:
    story.epoch(row)
    (found,) = reopened(tmp_path).epochs
    assert found == row
    assert (type(found.init), type(found.prefix), type(found.offset)) == (bytes, bytes, int)


def test_whole_seconds_are_numbers_like_others(story: Story, tmp_path: Path) -> None:
    row = replace(segment_row("720p", 0), duration=1.0, date=1_700_000_000.0)
    other = replace(segment_row("360p", 0), duration=cast(float, 1), date=0.0)
    story.listed([row, other], FIRST, epoch_row())
    assert reopened(tmp_path).segments == [other, row]


@pytest.mark.parametrize("title", ["", "007", "1e3", "'; DROP TABLE segments; --", "a\0b", "🎥" * 200])
def test_titles_are_text_whatever_they_look_like(tmp_path: Path, title: str) -> None:
    Journal.create(tmp_path, replace(BROADCAST, title=title, channel="0123")).close()
    found = reopened(tmp_path).broadcast
    assert (found.title, found.channel) == (title, "0123")


def test_lines_before_the_first_one_of_a_playlist_go(story: Story, tmp_path: Path) -> None:
    for sequence in range(5):
        story.listed(round_of(sequence), FIRST, epoch_row())
    story.listed(round_of(5), {"720p": 4, "360p": 2}, epoch_row())
    found = [(row.rendition, row.sequence) for row in reopened(tmp_path).segments]
    assert found == [("360p", n) for n in (2, 3, 4, 5)] + [("720p", n) for n in (4, 5)]


def test_a_rendition_that_is_told_anew_replaces_the_old_one(story: Story, tmp_path: Path) -> None:
    story.play(1)
    portrait = {**RENDITIONS[0], "width": 720, "height": 1280}
    story.journal.listed([], {}, [portrait, portrait], None)
    assert reopened(tmp_path).renditions == [RENDITIONS[1], portrait]


def test_epochs_after_one_are_forgotten(story: Story, tmp_path: Path) -> None:
    for number in range(4):
        story.epoch(epoch_row(number))
    story.journal.forget_epochs(1)
    assert [row.number for row in reopened(tmp_path).epochs] == [0, 1]


def test_the_last_reports_are_kept_and_the_next_number_goes_on(story: Story, tmp_path: Path) -> None:
    for number in range(50):
        story.generation(number, 0, {})
        story.generation(number, 0, {**REPORT, "number": number})
    story.generation(50, 0, {})
    kept = reopened(tmp_path)
    assert [report["number"] for report in kept.reports] == list(range(50 - REPORTS + 1, 50))
    assert kept.generations == 51
    assert kept == story.now


def test_the_log_of_a_long_broadcast_stays_small(story: Story, tmp_path: Path) -> None:
    for sequence in range(600):
        rows = [segment_row(name, sequence) for name in NAMES]
        story.journal.listed(
            rows, dict.fromkeys(NAMES, max(0, sequence - 10)), RENDITIONS, epoch_row(0, 1.0 * sequence)
        )
    sizes = {path.name.removeprefix(NAME): path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes["-wal"] < 1.2 * 2**20
    assert sizes[""] < 100_000


def test_one_that_is_forced_to_disk_says_the_same(tmp_path: Path) -> None:
    with closing(Journal.create(tmp_path, BROADCAST, fsync=True)) as journal:
        journal.epoch(epoch_row())
        assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    journal, kept = Journal.open(tmp_path / NAME, fsync=True)
    with closing(journal):
        assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert kept.epochs == [epoch_row()]


def test_the_journal_of_a_broadcast_that_is_over_leaves_nothing(story: Story, tmp_path: Path) -> None:
    story.play(3)
    assert len(list(tmp_path.iterdir())) > 1
    story.journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_goes_with_what_a_killed_process_left_beside_it(tmp_path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        (tmp_path / f"{NAME}{suffix}").touch()
    remove(tmp_path / NAME)
    remove(tmp_path / NAME)
    assert list(tmp_path.iterdir()) == []


# All of a transaction or nothing


def check_consistent(kept: Kept) -> int:
    """The number of rounds of an endless story: every playlist and the commit points agree on it."""
    last = {name: max(row.sequence for row in kept.segments if row.rendition == name) for name in NAMES}
    rounds = last["720p"] + 1
    assert kept.segments == [
        segment_row(name, sequence)
        for name in sorted(NAMES)
        for sequence in range(max(0, rounds - 60), rounds)
    ]
    assert kept.epochs == [epoch_row(0, float(rounds))]
    return rounds


@pytest.mark.parametrize("rounds", [0, 7, 150])
def test_after_a_kill_what_was_told_is_there_and_what_is_there_is_whole(tmp_path: Path, rounds: int) -> None:
    argv = [sys.executable, "-m", "tests.unit.journal_story", str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        told = next(number for number in map(int, writer.stdout) if number >= rounds)
        writer.kill()
        later = writer.stdout.read().split(b"\n")[:-1]
    assert writer.returncode == -signal.SIGKILL
    told = int(later[-1]) if later else told
    assert told + 1 <= check_consistent(reopened(tmp_path)) <= told + 2


def test_a_failure_in_the_middle_of_a_transaction_undoes_it(story: Story, tmp_path: Path) -> None:
    story.play(4)
    with pytest.raises(KeyError):
        story.journal.listed(round_of(4), FIRST, [{"no": "name"}], epoch_row(2, 99.0))
    row = replace(epoch_row(2, 99.0), offset=cast(int, []))  # SQLite takes no lists
    with pytest.raises(JournalFull):
        story.journal.listed(round_of(4), FIRST, [], row)
    assert reopened(tmp_path) == story.now
    story.listed(round_of(4), FIRST, epoch_row(2, 5.0))
    assert reopened(tmp_path) == story.now


# A full disk

WRITES: dict[str, Callable[[Journal], None]] = {
    "listed": lambda journal: journal.listed(round_of(40), FIRST, RENDITIONS, epoch_row(2, 99.0)),
    "epoch": lambda journal: journal.epoch(replace(epoch_row(2), init=bytes(200_000))),
    "generation": lambda journal: journal.generation(99, 2, {"lines": "x" * 200_000}),
    "resumable": lambda journal: journal.resumable(replace(BROADCAST, title="x" * 200_000)),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_journal_without_room_for_more_stays_as_it_is(story: Story, tmp_path: Path, write: str) -> None:
    story.play(40)
    connection = story.journal._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    full = replace(epoch_row(9), init=bytes(4000))
    with pytest.raises(JournalFull, match="full"):
        while True:  # until the room that is left in its pages is used up
            story.epoch(full)
            full = replace(full, number=full.number + 1)
    for _ in range(2):
        with pytest.raises(JournalFull, match="full") as caught:
            for sequence in range(40, 400):
                WRITES[write](story.journal)
                story.listed(round_of(sequence), FIRST, epoch_row(2, 1.0))
    assert isinstance(caught.value, OSError)
    assert not connection.in_transaction
    if write != "listed":
        assert reopened(tmp_path) == story.now
    connection.execute("PRAGMA max_page_count=100000")
    WRITES[write](story.journal)


class Refusing:
    """A connection whose disk takes no statement that begins so."""

    def __init__(self, connection: sqlite3.Connection, *words: str) -> None:
        self._connection = connection
        self.words = words

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *values: Any) -> Any:
        if statement.startswith(self.words):
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(statement, *values)


@pytest.mark.parametrize("word", ["BEGIN", "INSERT OR REPLACE INTO segments", "DELETE", "COMMIT"])
def test_whatever_the_disk_refuses_nothing_is_changed(story: Story, tmp_path: Path, word: str) -> None:
    story.play(4)
    connection = story.journal._connection
    story.journal._connection = cast(sqlite3.Connection, Refusing(connection, word))
    with pytest.raises(JournalFull, match="disk I/O error"):
        WRITES["listed"](story.journal)
    assert not connection.in_transaction
    assert reopened(tmp_path) == story.now
    story.journal._connection = connection
    story.listed(round_of(4), FIRST, epoch_row(2, 5.0))
    assert reopened(tmp_path) == story.now


def test_a_journal_that_another_process_writes_is_full_for_now(story: Story, tmp_path: Path) -> None:
    story.journal._connection.execute("PRAGMA busy_timeout=10")  # ms
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalFull, match="locked"):
            story.journal.epoch(epoch_row())
        other.execute("ROLLBACK")
    story.epoch(epoch_row())
    assert reopened(tmp_path) == story.now


def test_a_journal_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalFull, match="unable to open"):
        Journal.create(tmp_path / "nowhere", BROADCAST)
    story = Story(tmp_path)
    story.play(1)
    with pytest.raises(JournalFull, match="already exists"):
        Journal.create(tmp_path, BROADCAST)
    story.journal.close()
    assert reopened(tmp_path) == story.now


def test_a_closed_journal_takes_nothing(story: Story, tmp_path: Path) -> None:
    story.play(1)
    story.journal.close()
    with pytest.raises(JournalFull):
        story.journal.epoch(epoch_row(7))
    assert reopened(tmp_path) == story.now


# Journals that cannot be believed


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"SQLite format 3\0", b"\xff" * 10_000, b"{}"])
def test_what_is_no_journal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(Damaged, match=NAME):
        Journal.open(tmp_path / NAME)


def test_one_that_is_not_there_or_a_directory(tmp_path: Path) -> None:
    (tmp_path / "directory.journal").mkdir()
    for name in ("nowhere.journal", "directory.journal"):
        with pytest.raises((Damaged, JournalFull)):
            Journal.open(tmp_path / name)


def change(directory: Path, *statements: str) -> None:
    with closing(sqlite3.connect(directory / NAME, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("PRAGMA user_version=2", "format 2 is not 1"),
        ("UPDATE segments SET duration=duration + 1e-9 WHERE sequence=3", "a row of segments"),
        ("UPDATE segments SET discontinuity=1 WHERE sequence=2", "a row of segments"),
        ("UPDATE segments SET uri='720p/9-9.ts' WHERE sequence=3", "a row of segments"),
        ("UPDATE segments SET uri=NULL", "a row of segments"),
        ("UPDATE epochs SET offset=offset + 1 WHERE number=1", "a row of epochs"),
        ("UPDATE epochs SET total=NULL WHERE total", "a row of epochs"),
        ("UPDATE epochs SET init=substr(init, 2)", "a row of epochs"),
        ("UPDATE epochs SET number=9 WHERE number=2", "a row of epochs"),
        ("UPDATE renditions SET definition='{}'", "a row of renditions"),
        ("UPDATE generations SET report='[' WHERE number=0", "a row of generations"),
        ("UPDATE broadcasts SET resumable=0", "a row of broadcasts"),
        ("UPDATE broadcasts SET crc=NULL", "a row of broadcasts"),
        ("UPDATE broadcasts SET title=CAST(x'ff' AS TEXT)", "UTF-8"),
        ("DELETE FROM broadcasts", "not enough values"),
        ("DELETE FROM renditions", "does not follow"),
        ("DELETE FROM segments WHERE rendition='360p' AND sequence=4", "segment 5 of 360p does not follow"),
        ("DROP TABLE generations", "no such table"),
        ("ALTER TABLE epochs ADD COLUMN more", "damaged|too many"),
    ],
)
def test_a_journal_whose_rows_are_not_what_was_written(
    story: Story, tmp_path: Path, statement: str, reason: str
) -> None:
    story.play(12)
    story.journal.close()
    assert reopened(tmp_path) == story.now
    change(tmp_path, statement)
    with pytest.raises(Damaged, match=reason):
        reopened(tmp_path)


def test_the_journal_of_another_broadcast_under_this_ones_name(tmp_path: Path) -> None:
    Journal.create(tmp_path, BroadcastRow("other", "demo", "", 0.0, True)).close()
    (tmp_path / f"other{SUFFIX}").rename(tmp_path / NAME)
    with pytest.raises(Damaged, match="journal of 'other'"):
        reopened(tmp_path)


# Damage of any kind: what is read is what was written once, or nothing is

Files = dict[str, bytes]


class Damage:
    """A realistic journal, damaged again and again."""

    def __init__(self, directory: Path, *, closed: bool) -> None:
        self._directory = directory
        story = Story(directory)
        story.play(40)
        story.journal._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        story.play(50, begin=40)
        if closed:
            story.journal.close()
        self.files = {path.name.removeprefix(NAME): path.read_bytes() for path in directory.iterdir()}
        self.files.pop("-shm", None)  # it is made anew
        story.journal.close()
        self._states = story.states
        self.noticed = self.read = 0
        self.check({})
        assert (self.noticed, self.read) == (0, 1)

    def check(self, changed: Files) -> None:
        """Open it with these files in place of its own."""
        remove(self._directory / NAME)
        for suffix, content in {**self.files, **changed}.items():
            (self._directory / f"{NAME}{suffix}").write_bytes(content)
        try:
            kept = reopened(self._directory)
        except Damaged:
            self.noticed += 1
            return
        assert kept in self._states
        self.read += 1

    def flip(self, suffix: str, position: int, bits: int) -> None:
        content = bytearray(self.files[suffix])
        content[position] ^= bits
        self.check({suffix: bytes(content)})


@pytest.fixture(params=["closed", "killed"])
def damage(tmp_path: Path, request: pytest.FixtureRequest) -> Damage:
    """One that was closed is a single file; beside one whose process was killed stands its log."""
    found = Damage(tmp_path, closed=request.param == "closed")
    assert set(found.files) == ({""} if request.param == "closed" else {"", "-wal"})
    return found


def test_a_flipped_byte_anywhere(damage: Damage) -> None:
    chance = random.Random(1)
    for suffix, content in damage.files.items():
        for position in chance.sample(range(len(content)), 80):
            damage.flip(suffix, position, chance.choice([0xFF, 1 << chance.randrange(8)]))
    assert damage.noticed and damage.read > 1


def test_a_flipped_byte_where_everything_else_is_read_from(damage: Damage) -> None:
    for suffix in damage.files:
        for position in range(0, 120, 3):  # the header of the file, that of the first page, that of the log
            damage.flip(suffix, position, 0xFF)
    assert damage.noticed or "-wal" in damage.files  # which has a newer first page


def test_rows_that_were_cut_off_the_end_of_their_page(tmp_path: Path) -> None:
    """What is left is whole, and nothing in it says that there was more: only SQLite can tell."""
    damage = Damage(tmp_path, closed=True)
    content, leaves = damage.files[""], (0x0A, 0x0D)
    pages = [at for at in range(4096, len(content), 4096) if content[at] in leaves and content[at + 4]]
    for page in pages:
        damage.flip("", page + 4, content[page + 4] ^ content[page + 4] - 1)  # the count of its cells
    assert damage.noticed == len(pages) > 5


def test_a_flipped_byte_in_the_tables_definitions(tmp_path: Path) -> None:
    damage = Damage(tmp_path, closed=True)
    begin = damage.files[""].index(b"CREATE TABLE segments")
    for position in range(begin - 40, begin + 230, 3):
        damage.flip("", position, 1 << position % 7)
    assert damage.noticed


def test_a_file_that_ends_early(damage: Damage) -> None:
    chance = random.Random(2)
    for suffix, content in damage.files.items():
        sizes = [0, 1, 31, 32, 99, 100, len(content) - 1, *chance.sample(range(len(content)), 40)]
        sizes += range(4096, len(content), 8192 if suffix else 4096)
        for size in sizes[:80]:
            damage.check({suffix: content[:size]})
    assert damage.noticed


def test_a_log_that_ends_early_leaves_an_earlier_state(tmp_path: Path) -> None:
    damage = Damage(tmp_path, closed=False)
    log = damage.files["-wal"]
    for size in range(len(log) - 1, 0, -len(log) // 40):
        damage.check({"-wal": log[:size]})
    assert (damage.noticed, damage.read) == (0, 41)


@pytest.mark.parametrize("with_what", ["nothing", "ones", "noise", "another"])
def test_a_page_that_was_overwritten(damage: Damage, with_what: str) -> None:
    chance = random.Random(3)
    for suffix, content in damage.files.items():
        size, head = (4120, 32) if suffix else (4096, 0)
        count = (len(content) - head) // size
        pages = [content[head + n * size : head + (n + 1) * size] for n in range(count)]
        makers: dict[str, Callable[[list[bytes]], bytes]] = {
            "nothing": lambda pages: bytes(len(pages[0])),
            "ones": lambda pages: b"\xff" * len(pages[0]),
            "noise": lambda pages: chance.randbytes(len(pages[0])),
            "another": chance.choice,
        }
        for number in chance.sample(range(count), min(count, 20)):
            changed = [*pages[:number], makers[with_what](pages), *pages[number + 1 :]]
            damage.check({suffix: content[:head] + b"".join(changed)})
