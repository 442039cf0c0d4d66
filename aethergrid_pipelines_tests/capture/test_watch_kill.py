"""A writer and the watcher, both killed at any moment: every complete message is stored exactly once."""

import collections
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aethergrid_pipelines.flow.stores import Stores, open_stores
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.capture.restless_writer import numbers_in
from aethergrid_pipelines_tests.scripts import REPOSITORY

WATCHER = [str(Path(sys.executable).with_name("aethergrid")), "watch", "--no-tools"]
WRITER = [sys.executable, "-m", "aethergrid_pipelines_tests.capture.restless_writer"]
LIMIT_SECONDS = 120


def started(*command: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stored(stores: Stores) -> list[str]:
    ids = [state.conversation.id for state in stores.conversations.states()]
    return [message.content for message in stores.conversations.messages(ids)]


@pytest.mark.parametrize(
    ("messages", "kills"), [(1_500, 4), pytest.param(10_000, 20, marks=pytest.mark.soak)], ids=["quick", "full"]
)
def test_every_complete_message_is_stored_once_however_often_both_are_killed(
    tmp_path: Path, messages: int, kills: int
) -> None:
    folder, dice = tmp_path / "transcripts", random.Random(11)
    folder.mkdir()
    watching = [*WATCHER, str(folder)]
    writing = [*WRITER, str(folder), str(messages)]
    watcher, writer, seed = started(*watching), started(*writing, "0"), 0
    try:
        for _ in range(kills):
            time.sleep(dice.uniform(0.2, 3))
            watcher.kill()
            watcher.wait()
            if writer.poll() is None and dice.random() < 0.5:
                writer.kill()
                writer.wait()
            watcher = started(*watching)
            if writer.poll() not in {None, 0}:
                seed += 1
                writer = started(*writing, str(seed))
        assert writer.wait(LIMIT_SECONDS) == 0
        with open_stores(load_settings()) as stores:
            end = time.monotonic() + LIMIT_SECONDS
            while len(stored(stores)) < messages and time.monotonic() < end:
                assert watcher.poll() is None
                time.sleep(0.5)
            found = stored(stores)
            sources = stores_account(stores)
    finally:
        for process in (watcher, writer):
            process.kill()
            process.wait()

    complete = set().union(*(numbers_in(path) for path in folder.glob("*.jsonl*")))
    assert complete == set(range(messages))
    assert collections.Counter(found) == collections.Counter(f"message {number}" for number in complete)
    assert sources["rejected"] == 0


def stores_account(stores: Stores) -> dict[str, int]:
    from aethergrid_pipelines.flow.overview import overview

    (source,) = overview(stores.catalog).sources
    return {"read": source.read, "rejected": source.rejected}
