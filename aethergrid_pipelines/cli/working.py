"""``aethergrid worker``."""

import logging
import os
from importlib.util import find_spec
from typing import Annotated

import typer

from aethergrid_pipelines.cli.output import answers, errors


def worker(
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-c", help="Runs at the same time, each in a process of its own.", min=1)
    ] = 1,
    name: Annotated[
        str, typer.Option(help="What tells it from other workers; %h is the machine's name.")
    ] = "aethergrid@%h",
    check: Annotated[bool, typer.Option("--check", help="Only say whether it is at work; exit 1 if not.")] = False,
) -> None:
    """Execute Dagster's runs on this machine, as they come through Redis; needs the extra `celery`."""
    from aethergrid_pipelines.settings import load_settings

    settings = load_settings()
    _require(find_spec("dagster_celery"), "Workers need dagster-celery: `uv sync --extra celery` installs it")
    _require(settings.redis_url, "Workers get their runs through Redis: set REDIS_URL")
    _require(os.environ.get("DAGSTER_HOME"), "Set DAGSTER_HOME to the folder of the daemon's dagster.yaml")
    from celery.utils.nodenames import host_format

    from aethergrid_pipelines.automation.celery_app import QUEUE, open_application

    application = open_application(settings)
    if check:
        _check(application.control.ping(destination=[host_format(name)], timeout=5.0), host_format(name))
        return
    if settings.embedding_threads == 0:
        # Before the processes begin, which inherit it.
        os.environ["EMBEDDING_THREADS"] = str(max(1, _cores() // concurrency))
        load_settings.cache_clear()
    for talkative in ("great_expectations", "httpx"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # What every run needs, imported once: the processes are forks of this one.
    import aethergrid_pipelines.automation.imported  # noqa: F401

    application.worker_main(
        [
            *("worker", "--pool", "prefork", "--concurrency", str(concurrency), "--hostname", name),
            *("--queues", QUEUE, "--loglevel", settings.log_level.lower(), "--without-gossip", "--without-mingle"),
        ]
    )


def _require(there: object, what_to_do: str) -> None:
    if not there:
        errors().print(what_to_do, markup=False)
        raise typer.Exit(1)


def _cores() -> int:
    from aethergrid_pipelines.embedders.local import usable_cores

    return usable_cores()


def _check(replies: list[dict[str, object]], name: str) -> None:
    answers().print(f"{name} is at work" if replies else f"{name} does not answer: aethergrid worker starts one")
    if not replies:
        raise typer.Exit(1)
