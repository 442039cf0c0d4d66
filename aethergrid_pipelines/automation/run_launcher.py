"""A run launcher whose processes begin with everything imported.

A run that does next to nothing spends its time on imports, most of it on Great Expectations'. Here each run is a fork
of one process that has imported them (:mod:`multiprocessing`'s fork server), so it starts at once; and since the
launcher knows its processes, Dagster's run monitoring notices one that died, which it cannot with
``DefaultRunLauncher``.

For one machine: runs are processes beside the daemon. In containers, dagster-docker's or dagster-k8s's launchers do it.
"""

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import Any, Self

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData

PROCESS_TAG = "aethergrid/process"
"""The host and the id of a run's process, as ``host:pid``: another process than the daemon may have to end it."""

IMPORTED = ["aethergrid_pipelines.automation.imported"]

# Each of the daemon's threads has an instance, hence a launcher, of its own.
_processes: dict[str, BaseProcess] = {}
_lock = Lock()


def execution_of(run: dg.DagsterRun, instance: dg.DagsterInstance) -> ExecuteRunArgs:
    """What the process that executes a run is told. Raises ``ValueError`` where the run does not say where its code
    is."""
    if run.job_code_origin is None:
        raise ValueError(f"run {run.run_id} does not say where its code is")
    return ExecuteRunArgs(
        job_origin=run.job_code_origin,
        run_id=run.run_id,
        instance_ref=instance.get_ref(),
        set_exit_code_on_failure=True,
    )


class ForkedRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Starts runs as forks of a process that has imported what they need."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What the instance was configured with."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """There is nothing to configure."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """As Dagster makes one."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the process of a run. Raises ``ValueError`` where the run does not say where its code is."""
        run = context.dagster_run
        arguments = execution_of(run, self._instance).get_command_args()
        # A process that the daemon leaves behind would be nobody's: it ends with it.
        process = _context().Process(target=execute, args=(list(arguments),), name=f"run {run.run_id}", daemon=True)  # type: ignore[attr-defined]
        with _lock:
            process.start()
            _processes.update({run.run_id: process})
            for finished in [run_id for run_id, one in _processes.items() if not one.is_alive()]:
                if finished != run.run_id:
                    _processes.pop(finished).close()
        self._instance.add_run_tags(run.run_id, {PROCESS_TAG: f"{socket.gethostname()}:{process.pid}"})

    def terminate(self, run_id: str) -> bool:
        """Interrupt a run, as Ctrl-C would; whether there was one."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        host, _, pid = run.tags.get(PROCESS_TAG, "").rpartition(":")
        if host != socket.gethostname():
            self._instance.report_engine_event(f"This run is a process of {host or 'nobody'}: end it there.", run)
            return False
        try:
            os.kill(int(pid), signal.SIGINT)
        except ProcessLookupError:
            return False
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a run is there. One of a daemon that is gone is gone, too."""
        process = _processes.get(run.run_id)
        if process is None:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the daemon that had started it is gone")
        if process.is_alive():
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if process.exitcode == 0:
            return CheckRunHealthResult(WorkerStatus.SUCCESS)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process ended with {process.exitcode}")

    def join(self, timeout: int = 30) -> None:
        """Wait until every run that was started here has ended, at most so many seconds."""
        deadline = time.monotonic() + timeout
        for process in list(_processes.values()):
            process.join(max(0.0, deadline - time.monotonic()))


def execute(arguments: list[str]) -> None:
    """``dagster api execute_run``, which other launchers start as a command, in this process."""
    from dagster._cli import cli

    sys.argv = arguments
    cli(arguments[arguments.index("api") :])


def _context() -> BaseContext:
    """Where the platform has no fork server, processes begin with nothing."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context
