"""Jobs: the six assets in one process, the care of the index, the purge of old run events."""

import datetime as dt
import json
from typing import Any

import dagster as dg

from aethergrid_pipelines.assets.plots import bar_chart
from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.flow.steps import STEPS

ASSETS = tuple(STEPS)
"""The names of the assets in flow order: each is named after its step."""

INGEST_JOB = "ingest"
EVALUATION_JOB = "evaluate_retrieval"
EVALUATION = dg.AssetCheckKey(dg.AssetKey("weaviate_fragments"), "recall_has_not_fallen")
"""The check that asks questions of the whole memory: once a night, not with every run."""

PURGE_BATCH = 1_000


def build_jobs() -> list[Any]:
    """All jobs. They run in process: starting a process for each step costs more than most steps do."""
    ingest = dg.define_asset_job(
        INGEST_JOB,
        selection=dg.AssetSelection.assets(*ASSETS) - dg.AssetSelection.checks(EVALUATION),
        executor_def=dg.in_process_executor,
        description="Brings the six assets up to date for a day or a range of days.",
    )
    evaluate = dg.define_asset_job(
        EVALUATION_JOB,
        selection=dg.AssetSelection.checks(EVALUATION),
        executor_def=dg.in_process_executor,
        description="Asks the judged questions and compares recall with that of before.",
    )
    return [ingest, evaluate, optimise_index, purge_run_events]


@dg.op
def optimise_collections(context: dg.OpExecutionContext, stores: StoresResource) -> None:
    """Compact the active collection and bring its indexes up to date; let a complete new one take over."""
    from aethergrid_pipelines.flow.probe import probe
    from aethergrid_pipelines.flow.promotion import promote, retire

    opened = stores.open()
    promoted, retired = promote(opened), retire(opened)
    active = opened.vectors.active()
    if active is None:
        context.log.info("there is no collection yet: nothing to optimise")
        return
    probed_before = probe(opened, active[0])
    report = opened.vectors.optimise(active[0])
    probed_after = probe(opened, active[0])
    before, after = dict(report.before), dict(report.after)
    if probed_before and probed_after:
        before, after = before | probed_before.figures(), after | probed_after.figures()
    for line in [*report.actions, *report.notes]:
        context.log.info("%s", line)
    context.add_output_metadata(
        {
            "collection": active[0],
            "promoted": promoted,
            "retired": ", ".join(retired) or "none",
            "actions": dg.MetadataValue.md("\n".join(f"- {line}" for line in report.actions) or "nothing to do"),
            "notes": dg.MetadataValue.md("\n".join(f"- {line}" for line in report.notes)),
            "before_and_after": dg.MetadataValue.md(_comparison(before, after)),
            "latency": dg.MetadataValue.md(_latency(before, after)),
        }
    )


@dg.job(executor_def=dg.in_process_executor, description="Compacts the vector store and refreshes its indexes.")
def optimise_index() -> None:
    """Index care, nightly."""
    optimise_collections()


class PurgeConfig(dg.Config):
    """How long runs are kept."""

    days: int = 30


@dg.op
def delete_old_runs(context: dg.OpExecutionContext, config: PurgeConfig) -> None:
    """Delete finished runs older than ``days``, except those that made the newest state of a partition."""
    instance = context.instance
    until = dt.datetime.now(dt.UTC) - dt.timedelta(days=config.days)
    keep = _latest_runs(instance)
    finished = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    deleted, cursor = 0, None
    while True:
        records = instance.get_run_records(
            dg.RunsFilter(statuses=finished, created_before=until), limit=PURGE_BATCH, cursor=cursor
        )
        for record in records:
            run_id = record.dagster_run.run_id
            if run_id not in keep and run_id != context.run_id:
                instance.delete_run(run_id)
                deleted += 1
        if len(records) < PURGE_BATCH:
            break
        cursor = records[-1].dagster_run.run_id
    context.log.info(
        "deleted %d runs older than %d days; kept %d that partitions rest on", deleted, config.days, len(keep)
    )
    context.add_output_metadata({"deleted": deleted, "kept": len(keep), "older_than_days": config.days})


@dg.job(executor_def=dg.in_process_executor, description="Deletes old runs and their events.")
def purge_run_events() -> None:
    """Keeps Dagster's event log from growing without bound."""
    delete_old_runs()


def _latest_runs(instance: dg.DagsterInstance) -> set[str]:
    """The runs whose deletion would make a partition look as if it had never been materialised."""
    keep: set[str] = set()
    for name in ASSETS:
        newest = instance.get_latest_storage_id_by_partition(
            dg.AssetKey(name), dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        for storage_id in newest.values():
            found = instance.fetch_materializations(
                dg.AssetRecordsFilter(
                    asset_key=dg.AssetKey(name), after_storage_id=storage_id - 1, before_storage_id=storage_id + 1
                ),
                limit=1,
            )
            keep.update(record.run_id for record in found.records)
    return keep


def _latency(before: dict[str, float], after: dict[str, float]) -> str:
    bars = [
        (f"{side}, {when}", figures[f"{side}_ms"])
        for side in ("dense", "lexical")
        for when, figures in (("before", before), ("after", after))
        if f"{side}_ms" in figures
    ]
    return bar_chart("median of a search, ms", bars)


def _comparison(before: dict[str, float], after: dict[str, float]) -> str:
    lines = ["| figure | before | after |", "|---|---|---|"]
    lines += [f"| {name} | {json.dumps(before[name])} | {json.dumps(after.get(name))} |" for name in before]
    return "\n".join(lines)
