"""What all six assets do: run their step for the partitions of the run, and say what it did."""

import dagster as dg

from aethergrid_pipelines.assets.metadata import report_metadata
from aethergrid_pipelines.automation.partitions import scope_of
from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable, UnknownEmbedder
from aethergrid_pipelines.flow.scope import StepReport
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.vectors import DimensionMismatch

MAX_RETRIES = 3
SECONDS_TO_WAIT = 5


def materialise_asset(
    context: dg.AssetExecutionContext, resource: StoresResource, name: str
) -> dg.MaterializeResult[None]:
    """Bring a step up to date. What may succeed later is retried, what cannot fails at once and says what to do."""
    from aethergrid_pipelines.flow.engine import materialise
    from aethergrid_pipelines.flow.promotion import promote
    from aethergrid_pipelines.flow.steps import CHAIN, STEPS

    scope = scope_of(context.run.tags)

    def log(report: StepReport) -> None:
        context.log.info("%s: %d conversations, %d rows so far", name, report.processed, report.rows)

    try:
        stores = resource.open()
        report = materialise(stores, STEPS[name], scope, run_id=context.run.run_id, progress=log)
    except (StoreUnavailable, EmbedderUnavailable) as error:
        context.log.warning("%s", error)
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=SECONDS_TO_WAIT) from error
    except (DimensionMismatch, UnknownEmbedder) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    for conversation, reason in report.failures.items():
        context.log.warning("conversation %s stays stale: %s", conversation, reason)
    if report.retryable and context.retry_number < MAX_RETRIES:
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=SECONDS_TO_WAIT)
    metadata = report_metadata(stores, STEPS[name], scope, report)
    if name == CHAIN[-1].name:
        # The last asset runs when the checks of all others have passed: a complete new index may take over.
        metadata["index_promoted"] = promote(stores)
    return dg.MaterializeResult(metadata=metadata)
