"""What becomes of followed files: they grow, shrink, move, go; and each message is stored once."""

import datetime as dt
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.follow import Gone, Read
from aethergrid_pipelines.capture.half_line import TRUNCATED
from aethergrid_pipelines.capture.jsonl import read_lines
from aethergrid_pipelines.capture.protocol import Rejected
from aethergrid_pipelines.records.ids import conversation_id
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines_tests.capture.following import LONG_AGO, Following, said, write
from aethergrid_pipelines_tests.capture.rows import SESSION


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Following]:
    opened = Following(tmp_path)
    yield opened
    opened.close()


def test_history_is_read_oldest_first_and_once(following: Following) -> None:
    write(following.folder / "a.jsonl", said("later"), modified=LONG_AGO + 10)
    write(following.folder / "deep" / "b.jsonl", said("earlier"))
    write(following.folder / "notes.txt", said("no transcript"))

    assert following.scan() == [("b.jsonl", "new", 1), ("a.jsonl", "new", 1)]
    assert following.scan() == []
    assert following.contents() == ["earlier", "later"]


def test_what_a_file_grew_by_is_stored(following: Following) -> None:
    path = write(following.folder / "a.jsonl", said("one"))
    following.scan()
    write(path, said("one", "two"), modified=LONG_AGO + 1)

    assert following.scan() == [("a.jsonl", "grown", 1)]
    assert following.contents() == ["one", "two"]


@pytest.mark.parametrize("cut", [1, 40, -2])
def test_a_half_written_last_line_is_held_until_it_is_complete(following: Following, cut: int) -> None:
    half = json.dumps(said("two — «in two halves»")[0], ensure_ascii=False).encode()
    path = write(following.folder / "a.jsonl", [*said("one"), half[:cut]])
    (read,) = following.follower().scan()

    assert isinstance(read, Read)
    assert read.half_line
    assert (read.account.stored, read.account.rejected, read.account.adds_up()) == (1, 0, True)
    assert following.accounts.rejects == []

    write(path, [*said("one"), half + b"\n"], modified=LONG_AGO + 1)
    (read,) = following.follower().scan()

    assert isinstance(read, Read)
    assert not read.half_line
    assert following.contents() == ["one", "two — «in two halves»"]


def test_a_half_written_line_is_known_by_what_the_reader_of_lines_says(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"type": "us')

    assert list(read_lines(path)) == [Rejected(1, TRUNCATED)]


def test_a_broken_line_that_is_complete_is_rejected(following: Following) -> None:
    write(following.folder / "a.jsonl", [*said("one"), b'{"type": "us\n', *said("two")])
    (read,) = following.follower().scan()

    assert isinstance(read, Read)
    assert [reject.line for reject in following.accounts.rejects] == [2]
    assert following.contents() == ["one", "two"]


def test_a_truncated_file_is_read_from_its_start_and_loses_nothing(following: Following) -> None:
    path = write(following.folder / "a.jsonl", said("one", "two", "three"))
    following.scan()
    write(path, said("four"), modified=LONG_AGO + 1)

    assert following.scan() == [("a.jsonl", "truncated", 1)]
    assert following.contents() == ["four", "one", "three", "two"]


@pytest.mark.parametrize("rows", [said("six", "ten"), said("seven", "eight", "nine")], ids=["as long", "longer"])
def test_a_file_that_was_replaced_is_read(following: Following, rows: list[object]) -> None:
    path = write(following.folder / "a.jsonl", said("one", "two"))
    following.scan()
    draft = write(following.root / "draft", rows)
    draft.replace(path)

    assert following.scan() == [("a.jsonl", "replaced", len(rows))]


@pytest.mark.parametrize("rows", [said("six", "ten"), said("seven", "eight", "nine")], ids=["as long", "longer"])
def test_a_file_that_was_written_anew_in_place_is_read(following: Following, rows: list[object]) -> None:
    path = write(following.folder / "a.jsonl", said("one", "two"))
    following.scan()
    write(path, rows, modified=LONG_AGO + 1)

    assert following.scan() == [("a.jsonl", "replaced", len(rows))]


def test_a_file_that_was_renamed_is_not_read_again(following: Following) -> None:
    path = write(following.folder / "a.jsonl", said("one"))
    following.scan()
    path.rename(following.folder / "b.jsonl")
    told = list(following.follower().scan())

    assert [(one.path.name, one.change) for one in told if isinstance(one, Read)] == [("b.jsonl", "renamed")]
    assert [one.account.read for one in told if isinstance(one, Read)] == [0]
    assert following.scan() == []


def test_what_was_written_before_a_rotation_and_not_read_is_stored(following: Following) -> None:
    path = write(following.folder / "a.jsonl", said("one"))
    following.scan()
    write(path, said("one", "two"), modified=LONG_AGO + 1)
    path.rename(following.folder / "a.jsonl.1")
    write(path, said("three"), modified=LONG_AGO + 2)

    assert set(following.scan()) == {("a.jsonl.1", "renamed", 1), ("a.jsonl", "replaced", 1)}
    assert following.contents() == ["one", "three", "two"]


def test_what_was_rotated_twice_before_anybody_looked_is_stored(following: Following) -> None:
    write(following.folder / "a.jsonl.2", said("one"))
    write(following.folder / "a.jsonl.1", said("two"), modified=LONG_AGO + 1)
    write(following.folder / "a.jsonl", said("three"), modified=LONG_AGO + 2)
    following.scan()

    assert following.contents() == ["one", "three", "two"]


def test_a_file_written_to_a_moment_ago_is_looked_at_once_more(following: Following) -> None:
    path = write(following.folder / "a.jsonl", said("one"), modified=dt.datetime.now(dt.UTC).timestamp() + 60)

    assert following.scan() == [("a.jsonl", "new", 1)]
    assert following.scan() == [("a.jsonl", "new", 0)]
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert following.scan() == [("a.jsonl", "new", 0)]
    assert following.scan() == []


def test_what_is_written_while_a_file_is_read_is_stored(following: Following) -> None:
    path = write(following.folder / "a.jsonl", said("one"))

    def grow() -> None:
        write(path, said("one", "two"), modified=LONG_AGO + 1)

    following.store.meanwhile = grow
    (read,) = following.follower().scan()

    assert isinstance(read, Read)
    assert not read.settled
    following.scan()
    assert following.contents() == ["one", "two"]
    assert following.scan() == []


@pytest.mark.parametrize("modified", [LONG_AGO, LONG_AGO + 1], ids=["same time", "later"])
def test_what_takes_the_place_of_a_file_while_it_is_read_is_stored(following: Following, modified: float) -> None:
    path = write(following.folder / "a.jsonl", said("one"))

    def rotate() -> None:
        path.rename(following.folder / "a.jsonl.1")
        write(path, said("two"), modified=modified)

    following.store.meanwhile = rotate
    following.scan()
    following.scan()
    assert following.contents() == ["one", "two"]
    assert following.scan() == []


def test_what_no_source_recognises_is_left_alone_until_it_changes(following: Following) -> None:
    path = write(following.folder / "a.jsonl", [{"what": "this is not"}])
    assert following.scan() == []
    write(path, said("one"), modified=LONG_AGO + 1)

    assert [name for name, _, stored in following.scan() if stored] == ["a.jsonl"]


def test_a_store_that_is_down_costs_another_look_and_nothing_else(following: Following) -> None:
    write(following.folder / "a.jsonl", said("one"))
    following.store.up = False
    with pytest.raises(StoreUnavailable):
        following.scan()
    following.store.up = True

    assert following.scan() == [("a.jsonl", "new", 1)]


def test_lost_positions_cost_reading_again_and_nothing_else(following: Following) -> None:
    path = write(following.folder / "a.jsonl", said("one", "two"))
    following.scan()
    following.positions.drop(path)

    assert following.scan() == [("a.jsonl", "new", 0)]
    assert following.contents() == ["one", "two"]


def test_a_transcript_that_its_tool_deletes_is_in_the_archive(following: Following) -> None:
    path = write(following.folder / "a.jsonl", said("one"))
    content = path.read_bytes()
    following.scan()
    path.unlink()

    assert list(following.follower().scan()) == [Gone(path, archived=True)]
    assert following.scan() == []
    (copy,) = following.archive.folder.rglob("a.jsonl")
    assert copy.read_bytes() == content


def test_nothing_is_archived_where_that_is_switched_off(following: Following) -> None:
    path = write(following.folder / "a.jsonl", said("one"))
    following.scan(archived=False)
    path.unlink()

    assert list(following.follower(archived=False).scan()) == [Gone(path, archived=False)]
    assert not following.archive.folder.exists()


def test_a_transcript_with_a_forgotten_conversation_is_not_archived_again(following: Following) -> None:
    path = write(following.folder / "a.jsonl", said("one"))
    following.scan()
    forgotten = conversation_id("default", "claude-code", SESSION)
    following.store.forget(forgotten)
    assert following.archive.erase(forgotten) == 1
    write(path, said("one", "two"), modified=LONG_AGO + 1)

    assert following.scan() == [("a.jsonl", "grown", 0)]
    assert following.archive.holding(forgotten) == 0
    assert list(following.archive.folder.rglob("a.jsonl")) == []
    assert following.contents() == []


def test_a_folder_that_vanishes_with_its_files_is_told(following: Following) -> None:
    write(following.folder / "project" / "a.jsonl", said("one"))
    following.scan()
    shutil.rmtree(following.folder / "project")

    assert following.scan() == [("a.jsonl", "gone", 0)]


def test_a_name_that_no_store_can_keep_is_told(following: Following) -> None:
    path = following.folder / os.fsdecode(b"\xff.jsonl")
    write(path, said("one"))
    (read,) = following.follower().scan()

    assert isinstance(read, Read)
    assert read.error is not None
    assert "UTF-8" in read.error
