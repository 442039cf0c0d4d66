"""What happens every night, in UTC: backfill of what is stale, index care, evaluation, purge of old run events."""

import dagster as dg

from aethergrid_pipelines.automation.jobs import EVALUATION_JOB, INGEST_JOB
from aethergrid_pipelines.automation.partitions import day_ranges, run_request
from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.automation.sensors import stale_days
from aethergrid_pipelines.stores.errors import StoreUnavailable


@dg.schedule(
    cron_schedule="0 2 * * *",
    job_name=INGEST_JOB,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Processes whatever is stale: missed events, killed runs, new code, a new embedder.",
)
def nightly_backfill(
    context: dg.ScheduleEvaluationContext, stores: StoresResource
) -> list[dg.RunRequest] | dg.SkipReason:
    """Request runs for the days in which anything is stale for any step."""
    try:
        days = stale_days(stores.open())
    except StoreUnavailable as error:
        return dg.SkipReason(str(error))
    if not days:
        return dg.SkipReason("nothing is stale")
    key = context.scheduled_execution_time.isoformat()
    return [run_request(first, last, job_name=INGEST_JOB, key=key) for first, last in day_ranges(days)]


def build_schedules() -> list[dg.ScheduleDefinition]:
    """All schedules, on by default."""
    running = dg.DefaultScheduleStatus.RUNNING
    return [
        nightly_backfill,
        dg.ScheduleDefinition(
            name="nightly_index_optimisation",
            job_name="optimise_index",
            cron_schedule="0 3 * * *",
            execution_timezone="UTC",
            default_status=running,
            description="Compacts the vector store and refreshes its indexes.",
        ),
        dg.ScheduleDefinition(
            name="nightly_evaluation",
            job_name=EVALUATION_JOB,
            cron_schedule="30 3 * * *",
            execution_timezone="UTC",
            default_status=running,
            description="Asks the judged questions and compares recall with that of the night before.",
        ),
        dg.ScheduleDefinition(
            name="nightly_purge_of_run_events",
            job_name="purge_run_events",
            cron_schedule="0 4 * * *",
            execution_timezone="UTC",
            default_status=running,
            description="Deletes runs and events older than thirty days, except what partitions rest on.",
        ),
    ]
