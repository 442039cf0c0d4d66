"""Ranked candidates → the response records."""

from collections.abc import Mapping, Sequence

from aethergrid_pipelines.query.context import around, as_text
from aethergrid_pipelines.query.ranking import Ranked
from aethergrid_pipelines.query.records import Hit, Lineage, Metadata, SearchResponse, Stats
from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.transform.analyse import matching_words


def response(
    hits: Sequence[tuple[Ranked, Fragment]],
    context: Sequence[Fragment] | None,
    hint: str | None,
    counts: Mapping[str, int],
    timings: Mapping[str, float],
    *,
    collection: str,
    embedder: str,
    explain: bool = False,
    highlighted: Sequence[str] | None = None,
) -> SearchResponse:
    """``context`` holds the windows around all hits, in the order in which they are to be read; ``None``: not asked.
    ``highlighted`` are the terms whose words each hit names."""
    return SearchResponse(
        results=[
            _hit(hit, fragment, None if context is None else as_text(around(fragment, context)), explain, highlighted)
            for hit, fragment in hits
        ],
        context=None if context is None else as_text(context),
        hint=hint,
        stats=Stats(candidates=dict(counts), took_ms=dict(timings), collection=collection, embedder=embedder),
    )


def empty_response(hint: str) -> SearchResponse:
    """The answer of an index that is not there."""
    counts = {"dense": 0, "lexical": 0, "both": 0, "passed": 0}
    return SearchResponse(
        results=[], hint=hint, stats=Stats(candidates=counts, took_ms={}, collection=None, embedder=None)
    )


def clipped(similarity: float) -> float:
    """A cosine similarity as it is shown and filtered: opposed is no less alike than unrelated."""
    return min(1.0, max(0.0, similarity))


def _hit(hit: Ranked, fragment: Fragment, context: str | None, explain: bool, highlighted: Sequence[str] | None) -> Hit:
    return Hit(
        content=fragment.content,
        similarity=round(clipped(hit.candidate.similarity), 6),
        score=round(hit.score, 6),
        duplicates=hit.duplicates,
        metadata=Metadata.model_validate(fragment.model_dump(include=set(Metadata.model_fields))),
        lineage=Lineage(
            fragment_id=fragment.id, **fragment.model_dump(include=set(Lineage.model_fields) - {"fragment_id"})
        ),
        context=context,
        explanation=_explanation(hit) if explain else None,
        matched=None if highlighted is None else matching_words(fragment.content, highlighted),
    )


def _explanation(hit: Ranked) -> dict[str, float]:
    return {name: round(part, 6) for name, part in sorted(hit.parts.items(), key=lambda pair: -pair[1])}
