"""The main job from end to end: ``make demo``.

Imports the sample conversations, materialises the six assets with Dagster, asks two questions, and prints the hits with
their lineage. The last line is JSON for scripts.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg
    from rich.console import Console

    from aethergrid_pipelines.capture.account import ImportReport
    from aethergrid_pipelines.flow.stores import Stores
    from aethergrid_pipelines.query.records import Hit

SAMPLES = Path(__file__).parents[1] / "samples"

QUESTIONS = (
    "Why did going back to the previous release not end the outage of 7 October?",
    "How is it ensured that no scans are lost if a process dies with a half-full batch?",
)

HITS = 3


def import_files(stores: "Stores", paths: Sequence[str | Path]) -> "ImportReport":
    """Import files and folders into the conversation store, with their account in the catalog."""
    from aethergrid_pipelines.capture.importer import import_paths
    from aethergrid_pipelines.capture.redaction import Redaction
    from aethergrid_pipelines.stores.journal import CatalogJournal

    return import_paths(
        paths,
        store=stores.conversations,
        space=stores.settings.space,
        journal=CatalogJournal(stores.catalog),
        redaction=Redaction(stores.settings.redact_secrets),
    )


def materialise_assets(stores: "Stores", instance: "dg.DagsterInstance") -> dict[str, Counter[str]]:
    """Run the six assets and their checks with Dagster, in this process, over every day that has conversations.

    Returns the figures of each asset, added up over the runs. Raises ``RuntimeError`` when a run fails.
    """
    from aethergrid_pipelines.automation.jobs import ASSETS, INGEST_JOB
    from aethergrid_pipelines.automation.partitions import day_ranges, range_tags
    from aethergrid_pipelines.automation.sensors import stale_days
    from aethergrid_pipelines.definitions import build_defs

    job = build_defs().resolve_job_def(INGEST_JOB)
    quiet = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
    figures: dict[str, Counter[str]] = {name: Counter() for name in ASSETS}
    days = stale_days(stores) | Counter(dict(stores.conversations.days()))
    for first, last in day_ranges(days):
        result = job.execute_in_process(
            run_config=quiet, instance=instance, tags=range_tags(first, last), raise_on_error=False
        )
        if not result.success:
            raise RuntimeError(f"run {result.run_id} failed; the log above says why")
        for name in ASSETS:
            # A run over several days reports each of its figures once for every day.
            figures[name].update(_numbers(result.asset_materializations_for_node(name)[0].metadata))
    return figures


def _numbers(metadata: "Mapping[str, dg.MetadataValue[Any]]") -> dict[str, int]:
    return {name: value.value for name, value in metadata.items() if isinstance(value.value, int)}


def ask(stores: "Stores", query: str) -> "list[Hit]":
    """The best hits of a question."""
    from aethergrid_pipelines.query.records import SearchRequest
    from aethergrid_pipelines.query.search import Search

    search = Search(stores.vectors, stores.embedder, space=stores.settings.space)
    try:
        return search.search(SearchRequest(query=query, max_results=HITS)).results
    finally:
        search.close()


def run(console: "Console") -> dict[str, Any]:
    """The whole demo; returns what the last line prints."""

    from aethergrid_pipelines.flow.stores import open_stores
    from aethergrid_pipelines.settings import load_settings

    started = time.perf_counter()
    with open_stores(load_settings()) as stores, _instance() as instance:
        total = import_files(stores, [SAMPLES]).total
        console.print(f"Read {total.read} records: {total.stored} stored, {total.merged} known already.")
        console.print("Materialising the six assets with Dagster…")
        figures = materialise_assets(stores, instance)
        for name, numbers in figures.items():
            console.print(f"  {name:20} {numbers['dagster/row_count']:>6} rows, {numbers['processed']:>4} processed")
        answers = []
        for query in QUESTIONS:
            hits = ask(stores, query)
            _show(console, query, hits)
            answers.append({"query": query, "hits": [_summary(hit) for hit in hits]})
    return {
        "assets": {name: numbers["dagster/row_count"] for name, numbers in figures.items()},
        "embedded": figures["embeddings"]["embedded"],
        "upserted": figures["weaviate_fragments"]["upserted"],
        "deleted": figures["weaviate_fragments"]["deleted"],
        "answers": answers,
        "seconds": round(time.perf_counter() - started, 2),
    }


@contextmanager
def _instance() -> "Iterator[dg.DagsterInstance]":
    """The instance at ``DAGSTER_HOME``, so that the UI shows the runs; without one, one that is gone afterwards."""
    import dagster as dg

    with dg.DagsterInstance.get() if "DAGSTER_HOME" in os.environ else dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _summary(hit: "Hit") -> dict[str, Any]:
    return hit.model_dump(mode="json", by_alias=True, include={"content", "similarity", "lineage"})


def _show(console: "Console", query: str, hits: "list[Hit]") -> None:
    console.print(f"\n[bold]{query}[/bold]")
    for hit in hits:
        lineage = hit.lineage
        console.print(f"  {hit.similarity:.2f}  {' '.join(hit.content.split())[:300]}", markup=False)
        where = f"{lineage.origin_path}:{lineage.origin_line}" if lineage.origin_line else lineage.origin_path
        who = lineage.source_model or lineage.role
        console.print(f"        {who}, {lineage.timestamp:%Y-%m-%d}, {where}", markup=False, style="dim")
        ids = f"conversation {lineage.conversation_id}, run {lineage.run_id}"
        console.print(f"        {ids}", markup=False, style="dim")


def main() -> None:
    """The command line: people read stderr and stdout, scripts the last line of stdout."""
    from rich.console import Console

    if not SAMPLES.is_dir():
        sys.exit("the sample conversations are missing: run the demo from a checkout of the project")
    try:
        summary = run(Console(highlight=False, soft_wrap=True))
    except RuntimeError as error:
        sys.exit(str(error))
    print(json.dumps(summary))  # noqa: T201


if __name__ == "__main__":
    main()
