"""What every vector store promises of a search: order, scores, filters and literal terms."""

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aethergrid_pipelines.stores.vectors import RANKED, DimensionMismatch, FragmentFilter
from aethergrid_pipelines.transform.window import LexicalFields
from aethergrid_pipelines_tests.contract.fragments import (
    EVERYTHING,
    START,
    fragment,
    unit_vectors,
)
from aethergrid_pipelines_tests.contract.vector_stores import STORES, Opened, opened


@pytest.fixture(params=STORES)
def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    address = request.getfixturevalue("weaviate_address") if request.param == "weaviate" else None
    with opened(request.param, tmp_path, address) as store:
        yield store


def lexical(vectors: Opened, name: str, *terms: str, limit: int = 10) -> list[int]:
    hits = vectors.store.lexical(name, terms, where=EVERYTHING, limit=limit)
    return [hit.fragment.ordinal for hit in hits]


def test_an_empty_collection_has_no_candidates(vectors: Opened) -> None:
    name = vectors.collection()
    assert vectors.store.dense(name, unit_vectors(1)[0], where=EVERYTHING, limit=5) == []
    assert lexical(vectors, name, "word") == []


def test_dense_gives_the_order_and_scores_of_the_cosine(vectors: Opened) -> None:
    name = vectors.collection()
    matrix, query = unit_vectors(500, seed=1), unit_vectors(1, seed=2)[0]
    vectors.store.upsert(name, [fragment(n, vector=row.tolist()) for n, row in enumerate(matrix)])
    for _ in range(2):
        hits = vectors.store.dense(name, query, where=EVERYTHING, limit=25)
        exact = matrix @ query
        assert [hit.fragment.ordinal for hit in hits] == np.argsort(-exact)[:25].tolist()
        assert [hit.score for hit in hits] == pytest.approx(np.sort(exact)[::-1][:25].tolist(), abs=1e-5)
        assert all(hit.fragment.vector == [] for hit in hits)
        vectors.store.optimise(name)


def test_equal_scores_are_ordered_by_id_also_at_the_cut(vectors: Opened) -> None:
    name = vectors.collection()
    same = unit_vectors(1)[0].tolist()
    rows = [fragment(n, vector=same, terms="equal") for n in range(60)]
    vectors.store.upsert(name, rows)
    first = sorted(row.id for row in rows)[:7]
    dense = vectors.store.dense(name, unit_vectors(1)[0], where=EVERYTHING, limit=7)
    assert [hit.fragment.id for hit in dense] == first
    matches = vectors.store.lexical(name, ["equal"], where=EVERYTHING, limit=7)
    assert [hit.fragment.id for hit in matches] == first


def test_a_query_of_another_dimension_is_refused(vectors: Opened) -> None:
    name = vectors.collection()
    vectors.store.upsert(name, [fragment(1)])
    with pytest.raises(DimensionMismatch):
        vectors.store.dense(name, unit_vectors(1, dimension=8)[0], where=EVERYTHING, limit=3)


def test_similarities_are_the_cosines_to_the_fragments_that_exist(vectors: Opened) -> None:
    name = vectors.collection()
    matrix, query = unit_vectors(700, seed=8), 3 * unit_vectors(1, seed=9)[0]
    rows = [fragment(n, vector=row.tolist(), space=f"space-{n % 3}") for n, row in enumerate(matrix)]
    vectors.store.upsert(name, rows)
    asked = [row.id for row in rows[::-1]] + [fragment(5_000).id]
    exact = matrix @ query / 3
    for _ in range(2):
        found = vectors.store.similarities(name, asked, query)
        assert found.keys() == {row.id for row in rows}
        assert [found[row.id] for row in rows] == pytest.approx(exact.tolist(), abs=1e-5)
        vectors.store.optimise(name)
    assert vectors.store.similarities(name, [], query) == {}
    with pytest.raises(DimensionMismatch):
        vectors.store.similarities(name, asked, unit_vectors(1, dimension=8)[0])


def test_candidates_are_what_both_sides_find_with_both_scores(vectors: Opened) -> None:
    name = vectors.collection()
    matrix, query = unit_vectors(400, seed=10), unit_vectors(1, seed=11)[0]
    rows = [
        fragment(n, vector=row.tolist(), terms=f"word{n % 7} word{n % 11}", space=f"space-{n % 2}")
        for n, row in enumerate(matrix)
    ]
    vectors.store.upsert(name, rows)
    where = FragmentFilter(space="space-1")
    # None, one, several; the last matches more than are asked for, many with the same score.
    for terms in ([], ["nowhere"], ["word6"], ["word1", "word2", "word3", "word3"]):
        near = vectors.store.dense(name, query, where=where, limit=30)
        matches = vectors.store.lexical(name, terms, where=where, limit=30)
        found = vectors.store.candidates(name, query, terms, where=where, limit=30)

        by_id = {one.id: one for one in found.found}
        ids = {hit.fragment.id for hit in (*near, *matches)}
        assert (found.dense, found.lexical, len(found.found)) == (len(near), len(matches), len(ids))
        assert by_id.keys() == ids
        compared = vectors.store.similarities(name, sorted(ids), query)
        assert {id_: one.similarity for id_, one in by_id.items()} == pytest.approx(compared, abs=1e-5)
        scores = dict.fromkeys(ids, 0.0) | {hit.fragment.id: hit.score for hit in matches}
        assert {id_: one.lexical for id_, one in by_id.items()} == pytest.approx(scores, rel=1e-5)
        there = {hit.fragment.id: hit.fragment for hit in (*near, *matches)}
        assert found.whole(sorted(there)) == [there[id_] for id_ in sorted(there)]
        for id_, one in by_id.items():
            assert {name: getattr(one, name) for name in RANKED} == there[id_].model_dump(include=set(RANKED))


def test_a_candidate_that_was_purged_since_is_left_out_or_as_it_was_found(vectors: Opened) -> None:
    name = vectors.collection()
    rows = [fragment(n, terms="shared") for n in range(5)]
    vectors.store.upsert(name, rows)
    found = vectors.store.candidates(name, unit_vectors(1)[0], ["shared"], where=EVERYTHING, limit=5)
    asked = [rows[n].id for n in (4, 3, 0, 2)]
    before = vectors.store.fetch(name, asked)
    vectors.store.delete(name, [rows[3].id])
    vectors.store.optimise(name, purge=True)

    assert found.whole(asked) in (before, [row for row in before if row.id != rows[3].id])


def test_candidates_of_an_empty_collection_are_none(vectors: Opened) -> None:
    name = vectors.collection()
    found = vectors.store.candidates(name, unit_vectors(1)[0], ["word"], where=EVERYTHING, limit=5)

    assert (found.found, found.dense, found.lexical, found.whole([])) == ([], 0, 0, [])
    with pytest.raises(DimensionMismatch):
        vectors.store.candidates(name, unit_vectors(1, dimension=8)[0], ["word"], where=EVERYTHING, limit=5)


ODD = "a'b\"c\\d*?% OR 1=1 --"
ROWS = [
    fragment(0),
    fragment(1, conversation_id="conversation-2"),
    fragment(2, source="chatgpt"),
    fragment(3, source_model="gpt"),
    fragment(4, task_type="debugging"),
    fragment(5, topic="networks"),
    fragment(6, role="assistant"),
    fragment(7, source_model=None),
    fragment(8, topic=ODD),
    fragment(9, space="private"),
    fragment(10, space="Default"),
]
MINUTE = dt.timedelta(minutes=1)
MICROSECOND = dt.timedelta(microseconds=1)
FILTERS: list[tuple[FragmentFilter, set[int]]] = [
    (EVERYTHING, set(range(9))),
    (FragmentFilter("private"), {9}),
    (FragmentFilter("Default"), {10}),
    (FragmentFilter("nobody"), set()),
    (FragmentFilter("default' OR '1'='1"), set()),
    (replace(EVERYTHING, conversation_ids=("conversation-2",)), {1}),
    (replace(EVERYTHING, conversation_ids=("conversation-2", "absent", "conversation-1")), set(range(9))),
    (replace(EVERYTHING, sources=("chatgpt",)), {2}),
    (replace(EVERYTHING, source_models=("gpt",)), {3}),
    (replace(EVERYTHING, source_models=("gpt", "claude")), set(range(9)) - {7}),
    (replace(EVERYTHING, task_types=("debugging",)), {4}),
    (replace(EVERYTHING, topics=("networks",)), {5}),
    (replace(EVERYTHING, topics=("network",)), set()),
    (replace(EVERYTHING, topics=(ODD,)), {8}),
    (replace(EVERYTHING, topics=("*",)), set()),
    (replace(EVERYTHING, roles=("assistant",)), {6}),
    (replace(EVERYTHING, after=START + 3 * MINUTE), {3, 4, 5, 6, 7, 8}),
    (replace(EVERYTHING, after=START + 3 * MINUTE + MICROSECOND), {4, 5, 6, 7, 8}),
    (replace(EVERYTHING, before=START + 3 * MINUTE), {0, 1, 2, 3}),
    (replace(EVERYTHING, before=START + 3 * MINUTE - MICROSECOND), {0, 1, 2}),
    (replace(EVERYTHING, after=START + 2 * MINUTE, before=START + 2 * MINUTE), {2}),
    (replace(EVERYTHING, after=(START + 8 * MINUTE).astimezone(dt.timezone(dt.timedelta(hours=9)))), {8}),
    (
        replace(EVERYTHING, topics=("networks", "databases"), roles=("user",), sources=("claude-code",)),
        {0, 1, 3, 4, 5, 7},
    ),
    (replace(EVERYTHING, topics=("networks",), roles=("assistant",)), set()),
]


@pytest.fixture(scope="module", params=STORES)
def filtered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Opened, str]]:
    """One collection with ROWS for all filters."""
    from aethergrid_pipelines_tests.services import service

    address = None
    if request.param == "weaviate":
        address = service("WEAVIATE_URL"), int(service("WEAVIATE_GRPC_PORT"))
    with opened(request.param, tmp_path_factory.mktemp("filtered"), address) as store:
        name = store.collection()
        store.store.upsert(name, ROWS)
        yield store, name


@pytest.mark.parametrize(("where", "passing"), FILTERS)
def test_a_filter_holds_before_the_search(
    filtered: tuple[Opened, str], where: FragmentFilter, passing: set[int]
) -> None:
    store, name = filtered[0].store, filtered[1]
    dense = store.dense(name, unit_vectors(1, seed=77)[0], where=where, limit=20)
    assert {hit.fragment.ordinal for hit in dense} == passing
    matches = store.lexical(name, ["shared"], where=where, limit=20)
    assert {hit.fragment.ordinal for hit in matches} == passing


def test_a_narrow_filter_gives_the_nearest_of_those_that_pass(vectors: Opened) -> None:
    name = vectors.collection()
    matrix, query = unit_vectors(400, seed=3), unit_vectors(1, seed=4)[0]
    topics = ["rare" if n % 40 == 0 else "common" for n in range(400)]
    rows = [fragment(n, vector=row.tolist(), topic=topics[n]) for n, row in enumerate(matrix)]
    vectors.store.upsert(name, rows)
    hits = vectors.store.dense(name, query, where=replace(EVERYTHING, topics=("rare",)), limit=5)
    order = [n for n in np.argsort(-(matrix @ query)).tolist() if topics[n] == "rare"]
    assert [hit.fragment.ordinal for hit in hits] == order[:5]


def test_a_rare_term_outranks_a_common_one(vectors: Opened) -> None:
    name = vectors.collection()
    rows = [fragment(n, terms="common filler") for n in range(20)]
    vectors.store.upsert(name, [*rows, fragment(20, terms="rare filler")])
    assert lexical(vectors, name, "common", "rare")[0] == 20


def test_a_term_counts_more_in_a_chunk_than_beside_it(vectors: Opened) -> None:
    name = vectors.collection()
    others = [fragment(n, terms=LexicalFields("x y", "x y", "x y").written()) for n in range(10, 30)]
    one = fragment(1, terms=LexicalFields("term y", "x y", "x y").written())
    two = fragment(2, terms=LexicalFields("x y", "term y", "x y").written())
    vectors.store.upsert(name, [*others, two, one])
    assert lexical(vectors, name, "term") == [1, 2]


def test_scores_are_those_of_bm25(vectors: Opened) -> None:
    """Robertson and Zaragoza, «The Probabilistic Relevance Framework», 2009, with idf = ln(1 + (N − n + ½)/(n + ½)).

    Far more rows match than are asked for, and a text has its terms in lines, one of them twice.
    """
    name = vectors.collection()
    generator = np.random.default_rng(11)

    def words(most: int) -> str:
        return " ".join(generator.integers(0, 60, generator.integers(1, most)).astype(str))

    written = [LexicalFields(words(20), words(40), words(40)).written() for _ in range(400)]
    vectors.store.upsert(name, [fragment(n, terms=text) for n, text in enumerate(written)])
    texts, terms = [text.split() for text in written], ["3", "17", "42"]
    mean = sum(map(len, texts)) / len(texts)

    def bm25(term: str, text: list[str]) -> float:
        n = sum(term in words for words in texts)
        idf = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        return idf * text.count(term) * 2.2 / (text.count(term) + 1.2 * (0.25 + 0.75 * len(text) / mean))

    exact = [sum(bm25(term, text) for term in terms) for text in texts]
    for _ in range(2):
        hits = vectors.store.lexical(name, terms, where=EVERYTHING, limit=10)
        assert [hit.score for hit in hits] == pytest.approx(sorted(exact, reverse=True)[:10], rel=1e-3)
        assert [hit.score for hit in hits] == pytest.approx([exact[hit.fragment.ordinal] for hit in hits], rel=1e-3)
        vectors.store.optimise(name)


LITERAL = [
    '"quoted"',
    "a:b",
    "AND",
    "OR",
    "NOT",
    "*",
    "wild*",
    "(x",
    "x^2",
    "~",
    "+plus",
    "-minus",
    "\\",
    "'",
    "terms:x",
]
UNICODE = ["straße", "東京", "naïve", "Ωμέγα", "привет", "🙂", "x" * 300]


@pytest.mark.parametrize("term", [*LITERAL, *UNICODE])
def test_a_term_is_taken_literally(literal: tuple[Opened, str], term: str) -> None:
    vectors, name = literal
    assert lexical(vectors, name, term) == [[*LITERAL, *UNICODE].index(term)]


@pytest.mark.parametrize(
    "term", ["quoted", "wild", "wildcard", "and", "strasse", "naive", "Straße", "plus", "zzz", " "]
)
def test_a_term_that_is_not_there_matches_nothing(literal: tuple[Opened, str], term: str) -> None:
    vectors, name = literal
    assert lexical(vectors, name, term) == []
    assert lexical(vectors, name) == []


@pytest.fixture(scope="module", params=STORES)
def literal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Opened, str]]:
    """One fragment for each odd term; the index was refreshed for half of them."""
    from aethergrid_pipelines_tests.services import service

    address = None
    if request.param == "weaviate":
        address = service("WEAVIATE_URL"), int(service("WEAVIATE_GRPC_PORT"))
    with opened(request.param, tmp_path_factory.mktemp("literal"), address) as store:
        name = store.collection()
        rows = [fragment(n, terms=f"{term} filler{n}") for n, term in enumerate([*LITERAL, *UNICODE])]
        store.store.upsert(name, rows[::2])
        store.store.optimise(name)
        store.store.upsert(name, rows[1::2])
        yield store, name


def test_both_stores_find_the_same(tmp_path: Path, weaviate_address: tuple[str, int]) -> None:
    generator = np.random.default_rng(5)
    words = [f"w{n}" for n in range(800)]
    weights = 1 / np.arange(1, 801)

    def text(length: int) -> str:
        return " ".join(generator.choice(words, length, p=weights / weights.sum()))

    matrix = unit_vectors(2_000, seed=6)
    rows = [
        fragment(n, vector=row.tolist(), terms=LexicalFields(text(40), text(60) if n % 5 else "", text(80)).written())
        for n, row in enumerate(matrix)
    ]
    queries = [(query, text(6).split()) for query in unit_vectors(20, seed=7)]
    dense, matches = [], []
    for kind in STORES:
        with opened(kind, tmp_path, weaviate_address) as store:
            name = store.collection()
            store.store.upsert(name, rows)
            store.store.optimise(name)
            near = [store.store.dense(name, query, where=EVERYTHING, limit=10) for query, _ in queries]
            dense.append([[hit.fragment.id for hit in hits] for hits in near])
            best = [store.store.lexical(name, terms, where=EVERYTHING, limit=10) for _, terms in queries]
            matches.append([{hit.fragment.id for hit in hits} for hits in best])
    assert dense[0] == dense[1]
    overlaps = [len(one & two) / 10 for one, two in zip(*matches, strict=True)]
    assert sum(overlaps) / len(overlaps) >= 0.9
