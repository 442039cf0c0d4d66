"""A small memory for tests of the read side: conversations as fragments in a real vector store, really embedded."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from aethergrid_pipelines.embedders.protocol import Embedder
from aethergrid_pipelines.records.flow import Chunk, Fragment, Labels
from aethergrid_pipelines.records.ids import chunk_id, conversation_id, message_id, sha256_hex
from aethergrid_pipelines.stores.vectors import VectorStore
from aethergrid_pipelines.transform.fragments import build_fragments

START = dt.datetime(2026, 10, 5, 9, 0, tzinfo=dt.UTC)
COLLECTION = "IntelligenceFragment_test"


@dataclass(frozen=True)
class Said:
    """One turn."""

    content: str
    role: str = "user"
    model: str | None = None
    topic: str = "databases"
    task_type: str = "debugging"


POOL = [
    Said("Why does the checkout service run out of database connections at noon?"),
    Said("The pool holds ten connections and each request leaks one when it times out.", "assistant", "gpt-5"),
    Said("How do we fix the leak?"),
    Said("Return the connection in a finally block, and raise the pool size to thirty.", "assistant", "gpt-5"),
    Said("Thanks, deployed. The errors are gone."),
    Said("Good. Add an alert on the number of waiting requests.", "assistant", "gpt-5", "operations", "planning"),
]
POSTCODES = [
    Said("Which regular expression matches Dutch postcodes?", topic="text", task_type="coding"),
    Said("`^[1-9][0-9]{3} ?[A-Z]{2}$` does.", "assistant", "gemini-2.5-pro", "text", "coding"),
    Said("Thanks, deployed. The errors are gone.", topic="text", task_type="coding"),
]


def fragments(
    embedder: Embedder,
    native_id: str,
    turns: Sequence[Said],
    *,
    start: dt.datetime = START,
    space: str = "default",
    source: str = "generic",
    title: str | None = None,
) -> list[Fragment]:
    """A conversation as the flow would write it, one chunk a turn, a minute apart."""
    conversation = conversation_id(space, source, native_id)
    chunks = []
    for number, said in enumerate(turns):
        message = message_id(conversation, str(number))
        sha256 = sha256_hex(said.content)
        chunks.append(
            Chunk(
                id=chunk_id(message, sha256, 0),
                conversation_id=conversation,
                message_id=message,
                ordinal=number,
                part=0,
                start=0,
                end=len(said.content),
                timestamp=start + dt.timedelta(minutes=number),
                role=said.role,
                model=said.model,
                text=said.content,
                tokens=len(said.content) // 4,
                sha256=sha256,
                origin_path=f"{native_id}.jsonl",
                origin_line=number + 1,
            )
        )
    labels = [Labels(topic=said.topic, task_type=said.task_type, complexity=0.2, language="en") for said in turns]
    header = {"space": space, "source": source, "title": title}
    vectors = embedder.embed([said.content for said in turns]).vectors
    return build_fragments(header, chunks, vectors, labels, embedder=embedder.name, run_id="run-1")


def fill(store: VectorStore, embedder: Embedder) -> None:
    """Two conversations a week apart, in an active collection."""
    store.ensure(COLLECTION, dimension=embedder.dimension, embedder=embedder.name)
    store.activate(COLLECTION)
    store.upsert(COLLECTION, fragments(embedder, "pool", POOL, title="Connections"))
    later = START + dt.timedelta(days=7)
    store.upsert(COLLECTION, fragments(embedder, "postcodes", POSTCODES, start=later, source="claude-code"))
