"""Following as it happens: history, then changes, new folders, a store that goes away."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.capture import watch as watching
from aethergrid_pipelines.capture.follow import Read
from aethergrid_pipelines.capture.watch import Notice, Told, Watch
from aethergrid_pipelines_tests.capture.following import Following, said, write

LIMIT_SECONDS = 20.0


class Running:
    """A watch in a thread of its own, over a follower that is opened there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[Told] = []
        self.stop = threading.Event()
        self.following: Following | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.following = Following(self.root)
        try:
            Watch(self.following.follower(), self.told.append, self.stop).run()
        finally:
            self.following.positions.close()

    def __enter__(self) -> "Running":
        self._thread.start()
        self.until(lambda: "following" in self.events())
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(LIMIT_SECONDS)
        assert not self._thread.is_alive()
        if self.following:
            self.following.store.close()

    def events(self) -> list[str]:
        return [str(one.as_json()["event"]) for one in list(self.told)]

    def contents(self) -> list[str]:
        assert self.following
        return self.following.contents()

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while not holds():
            assert time.monotonic() < end, self.told
            assert self._thread.is_alive()
            time.sleep(0.02)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as watch:
        yield watch


@pytest.fixture
def folder(running: Running) -> Path:
    running.until(lambda: "caught-up" in running.events())
    assert running.following
    return running.following.folder


def test_what_is_written_is_stored_as_it_happens(running: Running, folder: Path) -> None:
    path = write(folder / "a.jsonl", said("one"))
    running.until(lambda: running.contents() == ["one"])
    write(path, said("one", "two"), modified=time.time())
    running.until(lambda: running.contents() == ["one", "two"])


def test_folders_that_are_made_meanwhile_are_followed(running: Running, folder: Path) -> None:
    for name in ("a", "b"):
        write(folder / "project" / name / "subagents" / "x.jsonl", said(name))
        running.until(lambda name=name: name in running.contents())  # type: ignore[misc]


def test_a_whole_folder_that_is_moved_in_is_read(running: Running, folder: Path) -> None:
    write(running.root / "elsewhere" / "deep" / "a.jsonl", said("one"))
    (running.root / "elsewhere").rename(folder / "moved")
    running.until(lambda: running.contents() == ["one"])


def test_a_store_that_is_down_is_waited_for(running: Running, folder: Path) -> None:
    assert running.following
    running.following.store.up = False
    write(folder / "a.jsonl", said("one"))
    running.until(lambda: "waiting" in running.events())
    write(folder / "b.jsonl", said("two"))
    running.following.store.up = True
    running.until(lambda: running.contents() == ["one", "two"])


def test_a_deleted_transcript_is_told_once(running: Running, folder: Path) -> None:
    path = write(folder / "a.jsonl", said("one"))
    running.until(lambda: running.contents() == ["one"])
    running.until(lambda: running.following is not None and "file" in running.events())
    path.unlink()
    running.until(lambda: "gone" in running.events())
    assert running.events().count("gone") == 1


def test_what_is_wrong_with_a_file_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "RESCAN_SECONDS", 0.05)
    with Running(tmp_path) as running:
        running.until(lambda: "caught-up" in running.events())
        assert running.following
        broken = running.following.folder / "a.jsonl"
        broken.symlink_to(broken)
        for name in ("b", "c", "d"):
            write(running.following.folder / f"{name}.jsonl", said(name))
            running.until(lambda name=name: name in running.contents())  # type: ignore[misc]
        about = [one for one in running.told if one.as_json().get("path") == str(broken)]

    assert len(about) == 1
    assert isinstance(about[0], Read)
    assert about[0].error


def test_where_the_system_tells_nothing_every_file_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import watchfiles

    def full(*_: object, **__: object) -> Iterator[set[object]]:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr(watchfiles, "watch", full)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.1)
    with Running(tmp_path) as running:
        running.until(lambda: "caught-up" in running.events())
        assert running.following
        write(running.following.folder / "a.jsonl", said("one"))
        running.until(lambda: running.contents() == ["one"])
        reasons = [one.about["reason"] for one in running.told if isinstance(one, Notice) and one.event == "problem"]

    assert len(reasons) == 1
    assert "watch limit" in reasons[0]
