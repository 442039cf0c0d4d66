"""The sensor that captures what tools wrote, for those who prefer to see it in Dagster."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.automation.watching import scan, watch_folders
from aethergrid_pipelines.flow.stores import Stores, open_stores
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.capture.following import said, write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "transcripts"
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("WATCH_FOLDERS", str(folder))
    load_settings.cache_clear()
    write(folder / "a.jsonl", said("one", "two"))
    return folder


@pytest.fixture
def stores(folder: Path) -> Iterator[Stores]:
    with open_stores(load_settings()) as opened:
        yield opened


def reason() -> str:
    """What a tick says."""
    with dg.build_sensor_context(resources={"stores": StoresResource()}) as context:
        told = watch_folders(context)
    assert isinstance(told, dg.SkipReason)
    return str(told.skip_message)


def test_it_is_off_until_somebody_switches_it_on() -> None:
    assert watch_folders.default_status is dg.DefaultSensorStatus.STOPPED


def test_a_tick_captures_what_is_new(folder: Path, stores: Stores) -> None:
    assert reason() == "1 files had changed, 2 messages were stored, 0 problems"
    assert reason() == "0 files had changed, 0 messages were stored, 0 problems"
    assert [state.message_count for state in stores.conversations.states()] == [2]


def test_rejected_records_are_a_problem(folder: Path, stores: Stores) -> None:
    write(folder / "b.jsonl", [*said("three"), b"{broken\n"])
    files, account, problems = scan(stores)

    assert (files, account.stored, account.rejected) == (2, 3, 1)
    assert problems == [f"{folder / 'b.jsonl'}: 1 records were rejected"]


def test_a_tick_whose_time_is_over_leaves_the_rest_to_the_next(folder: Path, stores: Stores) -> None:
    files, _, _ = scan(stores, limit=-1.0)

    assert files == 0
    assert scan(stores)[0] == 1


def test_a_running_watcher_goes_first(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "locks").mkdir(parents=True)
    with FileLock(tmp_path / "home" / "locks" / "watch.lock"):
        assert "another" in reason()


def test_a_folder_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("WATCH_FOLDERS", "/missing")
    load_settings.cache_clear()

    assert "/missing is not a folder" in reason()
