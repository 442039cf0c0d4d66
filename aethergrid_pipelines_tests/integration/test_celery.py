"""Runs on Celery workers: several share a history, and one that is killed loses nothing."""

import datetime as dt
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.launcher import LaunchRunContext, WorkerStatus

from aethergrid_pipelines.automation.jobs import INGEST_JOB
from aethergrid_pipelines.automation.partitions import EMBEDDER_POOL, VECTOR_STORE_POOL, range_tags
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.flow.contents import DAY, everything, put
from aethergrid_pipelines_tests.integration.celery_cluster import DAEMON, Cluster, cluster
from aethergrid_pipelines_tests.opened import place

DAYS = 2


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Cluster, dg.DagsterInstance]]:
    """A cluster that looks at its runs every second, with a place for one step in each pool, and its instance."""
    monitoring = {
        "enabled": True,
        "start_timeout_seconds": 120,
        "poll_interval_seconds": 1,
        "free_slots_after_run_end_seconds": 1,
    }
    coordinator = {
        "module": "dagster.core.run_coordinator",
        "class": "QueuedRunCoordinator",
        "config": {"dequeue_interval_seconds": 1},
    }
    with cluster(tmp_path, run_monitoring=monitoring, run_coordinator=coordinator) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        with dg.DagsterInstance.get() as opened:
            for pool in (EMBEDDER_POOL, VECTOR_STORE_POOL):
                opened.event_log_storage.set_concurrency_slots(pool, 1)
            yield found, opened


def fill(stores: Stores) -> None:
    """Two conversations a day, of which one says what that of another day says, too."""
    for day in range(DAYS):
        put(stores, f"own-{day}", [f"Why is queue {day} slow?", f"Consumer {day} commits too often."], days=day)
        put(stores, f"same-{day}", ["And now?", "Now it commits every hundred messages."], days=day)


def of_a_single_run(folder: Path) -> dict[str, list[Any]]:
    """What all stores hold after one process has done it all."""
    with place("production", folder / "alone") as alone, alone.open() as stores:
        fill(stores)
        materialise_all(stores, Scope(), run_id="alone")
        return everything(stores)


def launch(instance: dg.DagsterInstance, first: dt.date, last: dt.date) -> str:
    """Start a run of these days, as the daemon does; its id."""
    job = ReconstructableRepository.for_module("aethergrid_pipelines.definitions", "defs").get_reconstructable_job(
        INGEST_JOB
    )
    run = instance.create_run_for_job(
        job.get_definition(), tags=range_tags(first, last), job_code_origin=job.get_python_origin()
    )
    instance.run_launcher.launch_run(LaunchRunContext(run, None))
    return run.run_id


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status


def claimed(instance: dg.DagsterInstance, pool: str) -> int:
    """How many steps have a place in a pool."""
    return instance.event_log_storage.get_concurrency_info(pool).active_slot_count


def worker_of(instance: dg.DagsterInstance, run_id: str) -> str:
    launcher: Any = instance.run_launcher
    run = instance.get_run_by_id(run_id)
    assert run
    return str(launcher.celery.AsyncResult(run.tags["dagster-celery/task_id"]).worker).partition("@")[0]


def test_two_workers_share_a_history_and_make_what_one_process_makes(
    instance: tuple[Cluster, dg.DagsterInstance], tmp_path: Path
) -> None:
    cluster, dagster = instance
    with cluster.there.open() as stores:
        fill(stores)
        cluster.start_worker("one")
        cluster.start_worker("two")
        expected = of_a_single_run(tmp_path)
        cluster.wait_for(lambda: all("ready" in cluster.log(name) for name in ("one", "two")))
        days = [DAY.date() + dt.timedelta(days=day) for day in range(DAYS)]
        # Each day once by itself, and all of them once more: some are processed twice at once.
        runs = [launch(dagster, day, day) for day in days] + [launch(dagster, days[0], days[-1])]
        cluster.wait_for(lambda: {status_of(dagster, run) for run in runs} == {dg.DagsterRunStatus.SUCCESS})
        assert everything(stores) == expected
        assert {worker_of(dagster, run) for run in runs} == {"one", "two"}


def test_a_run_whose_worker_is_killed_is_done_by_another_one(
    instance: tuple[Cluster, dg.DagsterInstance], tmp_path: Path
) -> None:
    cluster, dagster = instance
    with cluster.there.open() as stores:
        fill(stores)
        cluster.start_worker("killed")
        # Its sensor finds the history and requests a run.
        cluster.start("daemon", DAEMON)
        expected = of_a_single_run(tmp_path)
        # It embeds, and has the only place in the pool.
        cluster.wait_for(lambda: claimed(dagster, EMBEDDER_POOL) == 1)
        cluster.end("killed", signal.SIGKILL)
        (run,) = dagster.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        assert not dagster.get_materialized_partitions(dg.AssetKey("embeddings"))
        cluster.start_worker("heir")
        again = dg.RunsFilter(tags={"dagster/parent_run_id": run.run_id}, statuses=[dg.DagsterRunStatus.SUCCESS])
        cluster.wait_for(lambda: dagster.get_runs_count(again) == 1)
        assert worker_of(dagster, dagster.get_runs(again)[0].run_id) == "heir"
        assert status_of(dagster, run.run_id) is dg.DagsterRunStatus.FAILURE
        assert everything(stores) == expected


def test_a_run_can_be_ended_before_and_after_a_worker_took_it(instance: tuple[Cluster, dg.DagsterInstance]) -> None:
    cluster, dagster = instance
    # A pool without places: whatever the run has to embed, it waits.
    dagster.event_log_storage.set_concurrency_slots(EMBEDDER_POOL, 0)
    waiting = launch(dagster, DAY.date(), DAY.date())
    assert dagster.run_launcher.terminate(waiting)
    assert status_of(dagster, waiting) is dg.DagsterRunStatus.CANCELED
    begun = launch(dagster, DAY.date(), DAY.date())
    cluster.start_worker("one")
    cluster.wait_for(lambda: bool(dagster.get_materialized_partitions(dg.AssetKey("chunks"))))
    run = dagster.get_run_by_id(begun)
    assert run
    assert dagster.run_launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert dagster.run_launcher.terminate(begun)
    cluster.wait_for(lambda: status_of(dagster, begun) is dg.DagsterRunStatus.CANCELED)
    assert status_of(dagster, waiting) is dg.DagsterRunStatus.CANCELED
    assert not dagster.run_launcher.terminate(begun)
    worker = cluster.processes.pop("one")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0


@pytest.mark.soak
def test_a_worker_that_was_started_again_does_not_have_the_run_that_it_began(
    instance: tuple[Cluster, dg.DagsterInstance],
) -> None:
    cluster, dagster = instance
    dagster.event_log_storage.set_concurrency_slots(EMBEDDER_POOL, 0)
    run_id = launch(dagster, DAY.date(), DAY.date())
    cluster.start_worker("one")
    cluster.wait_for(lambda: status_of(dagster, run_id) is dg.DagsterRunStatus.STARTED)
    run = dagster.get_run_by_id(run_id)
    assert run
    cluster.end("one", signal.SIGKILL)
    gone = dagster.run_launcher.check_run_worker_health(run)
    assert gone.status is WorkerStatus.FAILED
    assert "does not answer" in str(gone.msg)
    cluster.start_worker("one")
    cluster.wait_for(lambda: cluster.log("one").count(" ready.") == 2)
    forgotten = dagster.run_launcher.check_run_worker_health(run)
    assert forgotten.status is WorkerStatus.FAILED
    assert "no longer has it" in str(forgotten.msg)
