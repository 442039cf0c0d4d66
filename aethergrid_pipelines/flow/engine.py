"""Materialising: find what is stale or gone, process it in batches of bounded size, say what was done.

The assets, the command line and the live worker are callers of the same two functions.
"""

import time
from collections.abc import Callable

from aethergrid_pipelines.flow.batches import by_rows, pages
from aethergrid_pipelines.flow.promotion import promote
from aethergrid_pipelines.flow.scope import Scope, StepReport
from aethergrid_pipelines.flow.step import Step
from aethergrid_pipelines.flow.steps import CHAIN
from aethergrid_pipelines.flow.stores import Stores

Progress = Callable[[StepReport], None]

PASSES = 3
"""How often a step looks again for conversations that somebody else changed while they were processed."""


def materialise(
    stores: Stores, step: Step, scope: Scope, *, run_id: str, progress: Progress | None = None
) -> StepReport:
    """Bring one step up to date for a scope. ``progress`` is called after each batch.

    A conversation that cannot be processed stays stale and is named in ``report.failures``; the others go on. Raises
    ``StoreUnavailable`` or ``EmbedderUnavailable`` when nothing can go on; what was done until then stays done.
    """
    report = StepReport(step.name)
    started = time.perf_counter()
    for ids in pages(step.gone(stores, scope)):
        report.erased += step.erase(stores, ids)
        report.counts["conversations_erased"] += len(ids)
    for _ in range(PASSES):
        report.postponed = 0
        for batch in by_rows(step.stale(stores, scope), stores.settings.processing_batch_size):
            todo = [item for item in batch if item.conversation_id not in report.failures]
            if todo:
                step.run(stores, todo, report, run_id=run_id)
                report.days.update(item.day for item in todo)
            report.seconds = time.perf_counter() - started
            if progress:
                progress(report)
        if not report.postponed:
            break
    report.seconds = time.perf_counter() - started
    return report


def materialise_all(stores: Stores, scope: Scope, *, run_id: str, progress: Progress | None = None) -> list[StepReport]:
    """Bring all six steps up to date for a scope, in flow order."""
    reports = [materialise(stores, step, scope, run_id=run_id, progress=progress) for step in CHAIN]
    promote(stores)
    return reports
