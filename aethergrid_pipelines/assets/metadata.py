"""What people see of a materialisation in the Dagster UI.

No text of any message is part of it: the event log outlives conversations, and what is forgotten must be gone.
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg
from sqlalchemy import Table, func, select

from aethergrid_pipelines.assets.plots import bar_chart
from aethergrid_pipelines.flow import state
from aethergrid_pipelines.flow.accounts import source_accounts
from aethergrid_pipelines.flow.scope import Scope, StepReport
from aethergrid_pipelines.flow.step import Step
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import (
    ChunkEmbedding,
    ChunkRow,
    CleanedMessageRow,
    ConversationRow,
    FragmentRow,
    StepState,
    TopicStatRow,
    table_of,
)

SAMPLE_ROWS = 5
PLOTTED_TOPICS = 12

SAMPLED: dict[str, tuple[Table, tuple[str, ...]]] = {
    "raw_conversations": (table_of(ConversationRow), ("id", "source", "first_at", "message_count")),
    "cleaned_messages": (table_of(CleanedMessageRow), ("id", "role", "model", "timestamp", "dropped", "origin_line")),
    "chunks": (table_of(ChunkRow), ("id", "role", "model", "part", "tokens", "origin_line")),
    "embeddings": (table_of(ChunkEmbedding), ("chunk_id", "embedder", "sha256")),
    "weaviate_fragments": (table_of(FragmentRow), ("id", "topic", "task_type", "complexity", "language", "state")),
    "topic_stats": (table_of(TopicStatRow), ("topic", "task_type", "source_model", "fragments", "tokens")),
}


def report_metadata(stores: Stores, step: Step, scope: Scope, report: StepReport) -> dict[str, Any]:
    """Figures of this run, totals of its days, and a few sample rows."""
    with stores.catalog.reading() as connection:
        conversations, rows = state.row_count(connection, step=step.name, scope=scope)
    metadata: dict[str, Any] = {
        "dagster/row_count": conversations if step.name == "raw_conversations" else rows,
        "conversations": conversations,
        "processed": report.processed,
        "rows_written": report.rows,
        "rows_erased": report.erased,
        "seconds": round(report.seconds, 3),
        "sample": _sample(stores, step.name, scope),
    }
    counts = dict(report.counts)
    if milliseconds := counts.pop("embedding_ms", 0):
        metadata["embedding_seconds"] = milliseconds / 1_000
        metadata["tokens_per_second"] = round(counts["tokens"] * 1_000 / milliseconds)
    if report.failures:
        metadata["failures"] = dg.MetadataValue.json(report.failures)
    if step.name == "raw_conversations":
        metadata["account"] = _account(stores)
    if step.name == "topic_stats":
        metadata["topics"] = _topics(stores, scope)
    return {**metadata, **counts}


def _account(stores: Stores) -> dg.MetadataValue[Any]:
    """What became of the records of all imported files, by source."""
    columns = (
        "source",
        "files",
        "unbalanced",
        "read",
        "stored",
        "merged",
        "skipped",
        "rejected",
        "redacted",
        "flagged",
    )
    with stores.catalog.reading() as connection:
        rows = [[getattr(group, name) for name in columns] for group in source_accounts(connection)]
    return dg.MetadataValue.md(_markdown(columns, rows))


def _topics(stores: Stores, scope: Scope) -> dg.MetadataValue[Any]:
    """A picture of what these days are about."""
    stats = table_of(TopicStatRow)
    total = func.sum(stats.c.fragments)
    query = (
        select(stats.c.topic, total)
        .where(stats.c.day.between(scope.first, scope.last))
        .group_by(stats.c.topic)
        .order_by(total.desc(), stats.c.topic)
        .limit(PLOTTED_TOPICS)
    )
    with stores.catalog.reading() as connection:
        bars = [(str(topic), float(number)) for topic, number in connection.execute(query)]
    return dg.MetadataValue.md(bar_chart("fragments by topic", bars))


def _sample(stores: Stores, name: str, scope: Scope) -> dg.MetadataValue[Any]:
    table, columns = SAMPLED[name]
    key = table.c.id if name == "raw_conversations" else table.c.conversation_id
    states = table_of(StepState)
    query = (
        select(*(table.c[column] for column in columns))
        .join(states, states.c.conversation_id == key)
        .where(states.c.step == name, states.c.day.between(scope.first, scope.last))
        .order_by(states.c.processed_at.desc())
        .limit(SAMPLE_ROWS)
    )
    with stores.catalog.reading() as connection:
        rows = connection.execute(query).all()
    return dg.MetadataValue.md(_markdown(columns, rows))


def _markdown(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    names = list(columns)
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    lines += [" | ".join("" if value is None else str(value) for value in row) for row in rows]
    return "\n".join(lines)
