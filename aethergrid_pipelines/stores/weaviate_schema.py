"""Fragments as Weaviate objects: the collection's properties, both directions of the mapping, and filters.

The names ``content, conversationId, messageId, timestamp, sourceModel, topic, taskType, complexity, tokensUsed`` are
public: other programs read them from the collection.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.vectors import RANKED, FragmentFilter

if TYPE_CHECKING:
    from weaviate.client import WeaviateClient
    from weaviate.collections.classes.filters import _Filters

VECTOR = "default"

BM25_K1 = 1.2
BM25_B = 0.75

# Property of Weaviate → field of a fragment.
PROPERTIES = {
    "content": "content",
    "conversationId": "conversation_id",
    "messageId": "message_id",
    "timestamp": "timestamp",
    "sourceModel": "source_model",
    "topic": "topic",
    "taskType": "task_type",
    "complexity": "complexity",
    "tokensUsed": "tokens_used",
    "space": "space",
    "chunkId": "chunk_id",
    "ordinal": "ordinal",
    "role": "role",
    "speaker": "speaker",
    "source": "source",
    "title": "title",
    "language": "language",
    "terms": "terms",
    "surroundings": "surroundings",
    "traits": "traits",
    "embedder": "embedder",
    "originPath": "origin_path",
    "originLine": "origin_line",
    "runId": "run_id",
}
RANKING = tuple(name for name, field in PROPERTIES.items() if field in RANKED)
"""What is read of a candidate."""

SEARCHED = "terms"
EXACT = frozenset({"conversationId", "messageId", "sourceModel", "topic", "taskType", "space", "role", "source"})
WHOLE_NUMBERS = frozenset({"tokensUsed", "ordinal", "originLine"})
RANGES = frozenset({"timestamp", "ordinal"})
OPTIONAL_TEXT = frozenset({"speaker", "sourceModel", "title"})


def create(client: WeaviateClient, collection: str, *, dimension: int, embedder: str) -> None:
    """Create the collection. Its description is a JSON object that keeps the embedder's name and the dimension."""
    from weaviate.classes.config import Configure, VectorDistances
    from weaviate.collections.classes.config import StopwordsPreset

    client.collections.create(
        collection,
        description=json.dumps({"embedder": embedder, "dimension": dimension}),
        properties=[_property(name) for name in PROPERTIES],
        # BM25 with the parameters that LanceDB has fixed, so that both stores score alike.
        inverted_index_config=Configure.inverted_index(
            bm25_k1=BM25_K1, bm25_b=BM25_B, stopwords_preset=StopwordsPreset.NONE
        ),
        # HNSW from the first row on: every filter names a space, and up to 40,000 rows that pass a filter are compared
        # one by one anyway, while «dynamic» needs asynchronous indexing, which would delay what was just written.
        # Vectors stay uncompressed, so that scores are exact: 1.5 KB a fragment at 384 dimensions.
        vector_config=Configure.Vectors.self_provided(
            name=VECTOR,
            vector_index_config=Configure.VectorIndex.hnsw(
                distance_metric=VectorDistances.COSINE,
                flat_search_cutoff=40_000,
                dynamic_ef_min=200,
                quantizer=Configure.VectorIndex.Quantizer.none(),
            ),
        ),
    )


def complete(client: WeaviateClient, collection: str) -> None:
    """Add the properties that a collection of an older version lacks."""
    config = client.collections.use(collection).config
    there = {one.name for one in config.get().properties}
    for name in PROPERTIES.keys() - there:
        config.add_property(_property(name))


def _property(name: str) -> Any:
    from weaviate.classes.config import DataType, Property, Tokenization

    if name == "timestamp":
        return Property(name=name, data_type=DataType.DATE, index_filterable=True, index_range_filters=True)
    if name == "complexity":
        return Property(name=name, data_type=DataType.NUMBER, index_filterable=False)
    if name in WHOLE_NUMBERS:
        ranged = name in RANGES
        return Property(name=name, data_type=DataType.INT, index_filterable=False, index_range_filters=ranged)
    searched = name == SEARCHED
    return Property(
        name=name,
        data_type=DataType.TEXT,
        index_searchable=searched,
        index_filterable=name in EXACT,
        # The terms were made by our own analysis: split at white space, otherwise left as they are.
        tokenization=Tokenization.WHITESPACE if searched else Tokenization.FIELD,
    )


def described(description: str | None) -> tuple[str, int]:
    """The embedder's name and the dimension that :func:`create` wrote; raises ``ValueError`` for what it did not."""
    try:
        content = json.loads(description or "")
        return str(content["embedder"]), int(content["dimension"])
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"not a collection of fragments: its description is {description!r}") from error


def to_properties(fragment: Fragment) -> dict[str, Any]:
    """The properties of a fragment, without those that are empty where they may be."""
    values = {name: getattr(fragment, field) for name, field in PROPERTIES.items()}
    for name in OPTIONAL_TEXT:
        values[name] = values[name] or None
    values["timestamp"] = utc(fragment.timestamp)
    return {name: value for name, value in values.items() if value is not None}


def to_fragment(uuid: object, properties: Mapping[str, Any], vector: list[float] | None = None) -> Fragment:
    """The fragment of an object. Weaviate keeps times to the nanosecond, so microseconds come back as they were."""
    values = {field: properties.get(name) for name, field in PROPERTIES.items()}
    # What an older version did not write is left to the field's default.
    there = {field: value for field, value in values.items() if value is not None}
    return Fragment.model_validate({**there, "id": str(uuid), "vector": vector or []})


def utc(moment: dt.datetime) -> dt.datetime:
    """``moment`` in UTC; raises ``ValueError`` without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"a moment without a time zone: {moment.isoformat()}")
    return moment.astimezone(dt.UTC)


def condition(where: FragmentFilter) -> _Filters:
    """The filter as Weaviate's; values travel as values, never as part of a query's text."""
    from weaviate.classes.query import Filter

    parts = [Filter.by_property("space").equal(where.space)]
    several = {
        "conversationId": where.conversation_ids,
        "source": where.sources,
        "sourceModel": where.source_models,
        "taskType": where.task_types,
        "topic": where.topics,
        "role": where.roles,
    }
    parts += [Filter.by_property(name).contains_any(list(values)) for name, values in several.items() if values]
    if where.after is not None:
        parts.append(Filter.by_property("timestamp").greater_or_equal(utc(where.after)))
    if where.before is not None:
        parts.append(Filter.by_property("timestamp").less_or_equal(utc(where.before)))
    return Filter.all_of(parts)
