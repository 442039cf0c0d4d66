"""Chunks, their vectors and their labels → fragments as the vector store keeps them."""

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from aethergrid_pipelines.records.flow import Chunk, Fragment, Labels
from aethergrid_pipelines.records.ids import fragment_id
from aethergrid_pipelines.transform.surroundings import surroundings
from aethergrid_pipelines.transform.traits import traits
from aethergrid_pipelines.transform.window import lexical_fields, sessions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAGMENT_VERSION = "4"


def build_fragments(
    header: Mapping[str, Any],
    chunks: Sequence[Chunk],
    vectors: "NDArray[np.float32]",
    labels: Sequence[Labels],
    *,
    embedder: str,
    run_id: str,
) -> list[Fragment]:
    """The fragments of one conversation.

    ``header`` holds its ``space``, ``source`` and ``title``; ``chunks`` are all of its chunks in order; ``vectors``
    has shape (chunks, dimension).
    """
    return [
        Fragment.model_construct(
            id=fragment_id(piece.conversation_id, piece.id, embedder),
            space=header["space"],
            conversation_id=piece.conversation_id,
            message_id=piece.message_id,
            chunk_id=piece.id,
            ordinal=piece.ordinal,
            content=piece.text,
            timestamp=piece.timestamp,
            role=piece.role,
            speaker=piece.speaker,
            source=header["source"],
            source_model=piece.model,
            title=header["title"],
            topic=label.topic,
            task_type=label.task_type,
            complexity=label.complexity,
            language=label.language,
            tokens_used=piece.tokens if piece.tokens_used is None else piece.tokens_used,
            terms=fields.written(),
            surroundings=around,
            traits=traits(piece.text),
            embedder=embedder,
            origin_path=piece.origin_path,
            origin_line=piece.origin_line,
            run_id=run_id,
            # As they are in memory: 384 numbers of Python's own, made and unmade, take 7 µs.
            vector=array("f", vector.tobytes()),
        )
        for piece, vector, label, fields, around in zip(
            chunks,
            vectors,
            labels,
            lexical_fields(chunks),
            surroundings(vectors, sessions(chunks)),
            strict=True,
        )
    ]


def payload_sha256(fragment: Fragment) -> str:
    """Equal for two fragments exactly when sending the second one after the first would change nothing."""
    return hashlib.sha256(orjson.dumps(fragment.payload(), option=orjson.OPT_SORT_KEYS)).hexdigest()
