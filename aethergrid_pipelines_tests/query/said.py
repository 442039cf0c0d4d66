"""Fragments made by hand, for the pure parts that no store is needed for."""

import datetime as dt

from aethergrid_pipelines.records.flow import Fragment

MONDAY = dt.datetime(2026, 10, 5, 9, 0, tzinfo=dt.UTC)


def fragment(
    content: str,
    ordinal: int = 0,
    *,
    conversation: str = "c1",
    message: str | None = None,
    model: str | None = None,
    start: dt.datetime = MONDAY,
    task_type: str = "debugging",
    title: str | None = "Connections",
) -> Fragment:
    """The ``ordinal``-th fragment of a conversation whose fragments are a minute apart."""
    id_ = f"{conversation}-{ordinal}"
    return Fragment(
        id=id_,
        space="default",
        conversation_id=conversation,
        message_id=message or f"m-{id_}",
        chunk_id=f"k-{id_}",
        ordinal=ordinal,
        content=content,
        timestamp=start + dt.timedelta(minutes=ordinal),
        role="assistant" if model else "user",
        source="generic",
        source_model=model,
        title=title,
        topic="databases",
        task_type=task_type,
        complexity=0.2,
        language="en",
        tokens_used=10,
        terms="",
        embedder="none",
        origin_path="chat.jsonl",
        origin_line=ordinal + 1,
        run_id="run-1",
    )
