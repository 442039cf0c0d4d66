"""The live worker and runs of Dagster over the same days at the same time: nobody waits for ever, nothing is double."""

import datetime as dt
import threading
from pathlib import Path

import dagster as dg
import pytest

from aethergrid_pipelines.automation.jobs import INGEST_JOB
from aethergrid_pipelines.automation.partitions import range_tags
from aethergrid_pipelines.definitions import build_defs
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.live.worker import LiveWorker
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.flow.contents import DAY, everything
from aethergrid_pipelines_tests.live.talk import Talking
from aethergrid_pipelines_tests.opened import KINDS, place

RUNS = 3
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
DAYS = range_tags(DAY.date(), DAY.date() + dt.timedelta(days=3))


@pytest.mark.parametrize("kind", KINDS)
def test_both_at_once_end_where_a_quiet_run_does(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with place(kind, tmp_path / "both") as both, place(kind, tmp_path / "quiet") as quiet:
        for name, value in both.variables.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        job = build_defs().resolve_job_def(INGEST_JOB)
        with (
            both.open() as stores,
            both.open() as own,
            quiet.open() as undisturbed,
            dg.DagsterInstance.ephemeral() as instance,
        ):
            # Alembic, which makes the tables of all of them, knows one migration of a process at a time.
            for each in (stores, own, undisturbed):
                each.catalog.ping()
            talking, stop = Talking(stores, seed=11, rate=20.0), threading.Event()
            worker = LiveWorker(own)
            following = threading.Thread(target=worker.run, args=(stop,), name="live", daemon=True)
            talking.start()
            following.start()
            for _ in range(RUNS):
                ran = job.execute_in_process(run_config=QUIET, instance=instance, tags=DAYS, raise_on_error=False)
                assert ran.success
            talking.stop()
            stop.set()
            following.join(60)
            assert not following.is_alive()
            assert worker.totals["conversations"] > 0
            materialise_all(stores, Scope(), run_id="rest")
            for change in talking.made:
                change(undisturbed)
            materialise_all(undisturbed, Scope(), run_id="quiet")
            found = everything(stores)
            assert found == everything(undisturbed)
            assert len(found["fragments"]) == len(found["vector store"])
