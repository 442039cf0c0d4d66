"""The Celery application that the launcher of runs and their workers share: its broker is Redis, at ``REDIS_URL``.

A run is one task, and a worker executes it in one of its processes. Only this module says how the two talk.
"""

from typing import Any

from celery import Celery
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task

from aethergrid_pipelines.settings import Settings

QUEUE = "dagster"

RUNS_PER_PROCESS = 50
"""Runs after which a worker replaces a process: whatever it kept of them goes with it."""

RESULT_SECONDS = 8 * 24 * 3600
"""How long the state of a task is kept: longer than any run lasts, whose state it tells the daemon."""


def application_options(settings: Settings) -> dict[str, Any]:
    """``broker``, ``backend`` and ``config_source`` of the application. Raises ``ValueError`` without ``REDIS_URL``."""
    if settings.redis_url is None:
        raise ValueError("Celery workers need a broker: set REDIS_URL")
    url = settings.redis_url.get_secret_value()
    # Several installations on one Redis have tasks and workers of their own, as they have caches of their own.
    prefix = {"global_keyprefix": f"aethergrid:celery:{settings.vector_collection}:"}
    return {
        "broker": url,
        "backend": url,
        "config_source": {
            "task_default_queue": QUEUE,
            "broker_transport_options": prefix,
            "result_backend_transport_options": prefix,
            "broker_connection_retry_on_startup": True,
            "result_expires": RESULT_SECONDS,
            # Which worker it was.
            "result_extended": True,
            # A worker takes a task when it has a process for it. What it held in advance would be lost with it.
            "worker_prefetch_multiplier": 1,
            "worker_disable_prefetch": True,
            "worker_max_tasks_per_child": RUNS_PER_PROCESS,
            # Dagster captures what a run prints, from the real files.
            "worker_redirect_stdouts": False,
            "worker_hijack_root_logger": False,
        },
    }


def open_application(settings: Settings) -> Celery:
    """The application with its task. Raises ``ValueError`` without ``REDIS_URL``."""
    application: Celery = make_app(application_options(settings))  # type: ignore[no-untyped-call]
    create_execute_job_task(application)
    return application
