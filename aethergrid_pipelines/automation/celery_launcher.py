"""A run launcher for many machines: a run is a Celery task, executed by whichever worker has a process free.

dagster-celery's own believes what Redis says, where a task that was begun stays «started» for ever when its worker is
killed, and it ends a run without telling Dagster. This one asks the worker.
"""

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._serdes import ConfigurableClassData, pack_value
from dagster_celery.config import TASK_EXECUTE_JOB_NAME
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from aethergrid_pipelines.automation.celery_app import QUEUE, application_options
from aethergrid_pipelines.automation.run_launcher import execution_of
from aethergrid_pipelines.settings import load_settings

ANSWER_SECONDS = 5.0
ATTEMPTS = 2
"""A worker that does not answer twice is gone. Its answer does not wait for its runs: another process gives it."""


class CeleryLauncher(CeleryRunLauncher):
    """Hands runs to the workers that ``aethergrid worker`` starts, and notices which of them are gone."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(default_queue=QUEUE, inst_data=inst_data, **application_options(load_settings()))

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """There is nothing to configure: the settings say where Redis is."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """As Dagster makes one. Raises ``ValueError`` without ``REDIS_URL``."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Put a run into the queue. Raises ``ValueError`` where the run does not say where its code is."""
        run = context.dagster_run
        arguments = execution_of(run, self._instance)
        # By its name: dagster-celery's registers the task with each run again, which Celery warns of.
        task = self.celery.signature(
            TASK_EXECUTE_JOB_NAME, kwargs={"execute_job_args_packed": pack_value(arguments)}, immutable=True
        )
        self._launch_celery_task_run(run=run, task_signature=task, routing_key=TASK_EXECUTE_JOB_NAME)

    @property
    def supports_resume_run(self) -> bool:
        """A retry is a run of its own, which finds done what the one before had done."""
        return False

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the worker that began the run still has it."""
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task is None:
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, "no task was made of this run")
        result = self.celery.AsyncResult(task)
        if result.state != "STARTED":
            return super().check_run_worker_health(run)
        worker = result.info["hostname"]
        for _ in range(ATTEMPTS):
            answers = self.celery.control.inspect(destination=[worker], timeout=ANSWER_SECONDS).query_task(task)
            if answers:
                break
        else:
            return CheckRunHealthResult(WorkerStatus.FAILED, f"worker {worker} does not answer")
        if task in answers.get(worker, {}):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if self.celery.AsyncResult(task).state != "STARTED":
            # It ended while we asked.
            return super().check_run_worker_health(run)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"worker {worker} was started again and no longer has it")

    def terminate(self, run_id: str) -> bool:
        """Interrupt a run, as Ctrl-C would, or take it back before it began; whether there was one."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        self._instance.report_run_canceling(run)
        result = self.celery.AsyncResult(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
        begun = result.state == "STARTED"
        # The process of a worker ignores SIGINT except while Dagster listens for it: that is, while it executes a run.
        result.revoke(terminate=begun, signal="SIGINT")
        if not begun:
            self._instance.report_run_canceled(run)
        return True
