"""Materialising: find what is stale or gone, process it in batches of bounded size, say what was done.

The assets, the command line and the live worker are callers of the same two functions. Two batches are under way at
once, so that the model, which wants every core, works while the other batch is read, cut, joined and written; see
:mod:`.in_flight` for how they take turns.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cache
from itertools import chain, islice

from aethergrid_pipelines.flow.batches import by_rows, pages, tapered
from aethergrid_pipelines.flow.handed_on import HandedOn
from aethergrid_pipelines.flow.promotion import promote
from aethergrid_pipelines.flow.scope import Scope, Stale, StepReport
from aethergrid_pipelines.flow.step import Step
from aethergrid_pipelines.flow.steps import CHAIN
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.rare_collections import rare_collections

Progress = Callable[[StepReport], None]
Work = Callable[[list[Stale]], list[StepReport]]

PASSES = 3
"""How often a step looks again for conversations that somebody else changed while they were processed."""

WORKERS = 2
"""Batches under way at once. Each has at most half as many rows as one alone might have: together they need as much
memory, and what the first and the last of them wait for is half as long."""

LEAST_ROWS = 128
"""Of the first batches and the last ones. Each has transactions of its own and a write to the vector store, which takes
13 ms on LanceDB for a single row."""


def materialise(
    stores: Stores, step: Step, scope: Scope, *, run_id: str, progress: Progress | None = None
) -> StepReport:
    """Bring one step up to date for a scope. ``progress`` is called after each batch, by the thread of the caller.

    A conversation that cannot be processed stays stale and is named in ``report.failures``; the others go on. Raises
    ``StoreUnavailable`` or ``EmbedderUnavailable`` when nothing can go on; what was done until then stays done.
    """
    (report,) = _bring_up_to_date(stores, (step,), scope, run_id=run_id, progress=progress)
    return report


def materialise_all(stores: Stores, scope: Scope, *, run_id: str, progress: Progress | None = None) -> list[StepReport]:
    """Bring all six steps up to date for a scope: each batch goes through them in flow order, before it the batches
    of earlier days. Reports are in flow order; what is raised is the same as of :func:`materialise`."""
    reports = _bring_up_to_date(stores, CHAIN, scope, run_id=run_id, progress=progress)
    promote(stores)
    return reports


@rare_collections()
def _bring_up_to_date(
    stores: Stores, steps: Sequence[Step], scope: Scope, *, run_id: str, progress: Progress | None
) -> list[StepReport]:
    reports = {step.name: StepReport(step.name) for step in steps}
    for step in steps:
        report = reports[step.name]
        with report.timed():
            for ids in pages(step.gone(stores, scope)):
                report.erased += step.erase(stores, ids)
                report.counts["conversations_erased"] += len(ids)
    through: set[str] = set()
    for at, step in enumerate(steps):
        if scope.ids is not None and scope.ids <= through:
            # Each went all the way with its batch: nothing is stale for the steps that are left.
            break
        report = reports[step.name]
        for _ in range(PASSES):
            report.postponed = 0

            def work(batch: list[Stale], following: Sequence[Step] = steps[at:]) -> list[StepReport]:
                done = _through(stores, following, batch, run_id=run_id)
                if scope.ids is not None and not any(one.postponed or one.failed for one in done):
                    through.update(item.conversation_id for item in batch)
                return done

            # What failed is stale still, and would fail again.
            stale = (item for item in step.stale(stores, scope) if item.conversation_id not in report.failed)
            for done in _each(tapered(stale, _rows(stores), least=LEAST_ROWS, workers=WORKERS), work):
                for one in done:
                    reports[one.step].add(one)
                    if progress:
                        progress(reports[one.step])
            if not report.postponed:
                break
    return list(reports.values())


def _rows(stores: Stores) -> int:
    return max(1, stores.settings.processing_batch_size // WORKERS)


def _through(stores: Stores, steps: Sequence[Step], batch: list[Stale], *, run_id: str) -> list[StepReport]:
    """Take a batch through the first of these steps and, as far as it became stale for them, through the others."""
    first, *others = steps
    handed = HandedOn()
    report = StepReport(first.name)
    with report.timed():
        first.run(stores, batch, report, run_id=run_id, handed=handed)
    report.days.update(item.day for item in batch)
    reports = [report]
    scope = Scope.conversations([item.conversation_id for item in batch])
    for step in others:
        report = StepReport(step.name)
        with report.timed():
            # Long messages make many chunks: what was one batch before may be several now.
            for part in by_rows(step.stale(stores, scope), WORKERS * _rows(stores)):
                step.run(stores, part, report, run_id=run_id, handed=handed)
                report.days.update(item.day for item in part)
        reports.append(report)
    _keep_what_is_loaded()
    return reports


@cache
def _keep_what_is_loaded() -> None:
    """Let the collector pass over what is there after the first batch. It would look through all the modules again
    with every few thousand rows: a tenth of the flow's own time, and 100 ms at once in which nobody else computes."""
    gc.freeze()


def _each(batches: Iterable[list[Stale]], work: Work) -> Iterator[list[StepReport]]:
    """What became of each batch, as they end; a single one stays in this thread.

    After an error no other batch is begun, and what is under way ends first.
    """
    rest = iter(batches)
    begun = list(islice(rest, WORKERS))
    if len(begun) < WORKERS:
        yield from map(work, begun)
        return
    rest = chain(begun, rest)
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="batch") as pool:
        running: set[Future[list[StepReport]]] = set()
        while True:
            running |= {pool.submit(work, batch) for batch in islice(rest, WORKERS - len(running))}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
