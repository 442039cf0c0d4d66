"""Runs as forks of a process that has imported everything: started, ended, found dead."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.launcher import LaunchRunContext, WorkerStatus

from aethergrid_pipelines.automation.run_launcher import PROCESS_TAG, ForkedRunLauncher

CODE = """
import sys, time
import dagster as dg

@dg.op
def tell(context):
    names = ("great_expectations", "aethergrid_pipelines.definitions")
    context.add_output_metadata({"imported": all(name in sys.modules for name in names)})

@dg.op
def sleep(): time.sleep(300)

@dg.op
def fail(): raise RuntimeError("on purpose")

@dg.job(executor_def=dg.in_process_executor)
def telling(): tell()

@dg.job(executor_def=dg.in_process_executor)
def sleeping(): sleep()

@dg.job(executor_def=dg.in_process_executor)
def failing(): fail()
"""

FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
LAUNCHER = {"module": "aethergrid_pipelines.automation.run_launcher", "class": "ForkedRunLauncher"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides={"run_launcher": LAUNCHER}) as found:
        assert isinstance(found.run_launcher, ForkedRunLauncher)
        yield found


def launch(instance: dg.DagsterInstance, folder: Path, job: str) -> str:
    """Start a run of a job of :data:`CODE`, as the daemon does; its id."""
    file = folder / "jobs.py"
    file.write_text(CODE)
    found = ReconstructableJob.for_file(str(file), job)
    run = instance.create_run_for_job(found.get_definition(), job_code_origin=found.get_python_origin())
    instance.run_launcher.launch_run(LaunchRunContext(run, None))
    return run.run_id


def wait_until(instance: dg.DagsterInstance, run_id: str, *statuses: dg.DagsterRunStatus) -> dg.DagsterRun:
    """The run once it has one of these statuses."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        run = run_of(instance, run_id)
        if run.status in statuses:
            return run
        time.sleep(0.05)
    raise AssertionError(f"run {run_id} is not {statuses}")


def pid_of(run: dg.DagsterRun) -> int:
    return int(run.tags[PROCESS_TAG].rpartition(":")[2])


def test_a_run_finds_what_it_needs_imported(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = launch(instance, tmp_path, "telling")
    assert wait_until(instance, run_id, *FINISHED).status is dg.DagsterRunStatus.SUCCESS
    (output,) = [
        record.event_log_entry.dagster_event
        for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_OUTPUT).records
    ]
    assert output
    assert output.step_output_data.metadata["imported"].value is True
    instance.run_launcher.join()
    assert instance.run_launcher.check_run_worker_health(run_of(instance, run_id)).status is WorkerStatus.SUCCESS


def test_a_run_that_fails_says_so_and_a_run_of_another_daemon_is_not_found(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run_id = launch(instance, tmp_path, "failing")
    assert wait_until(instance, run_id, *FINISHED).status is dg.DagsterRunStatus.FAILURE
    instance.run_launcher.join()
    assert instance.run_launcher.check_run_worker_health(run_of(instance, run_id)).status is WorkerStatus.FAILED
    other = instance.create_run_for_job(
        ReconstructableJob.for_file(str(tmp_path / "jobs.py"), "telling").get_definition()
    )
    assert instance.run_launcher.check_run_worker_health(other).status is WorkerStatus.NOT_FOUND


def test_a_run_is_ended_and_its_process_with_it(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = launch(instance, tmp_path, "sleeping")
    run = wait_until(instance, run_id, dg.DagsterRunStatus.STARTED)
    assert instance.run_launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert instance.run_launcher.terminate(run_id)
    wait_until(instance, run_id, dg.DagsterRunStatus.CANCELED)
    instance.run_launcher.join()
    with pytest.raises(ProcessLookupError):
        os.kill(pid_of(run), 0)
    assert not instance.run_launcher.terminate(run_id)


def test_a_process_that_is_killed_is_noticed(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = launch(instance, tmp_path, "sleeping")
    run = wait_until(instance, run_id, dg.DagsterRunStatus.STARTED)
    os.kill(pid_of(run), signal.SIGKILL)
    instance.run_launcher.join()
    health = instance.run_launcher.check_run_worker_health(run)
    assert (health.status, health.msg) == (WorkerStatus.FAILED, "its process ended with -9")


def run_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    run = instance.get_run_by_id(run_id)
    assert run
    return run
