"""Both vector stores answer alike: the sample conversations and generated ones, asked what people ask."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from aethergrid_pipelines.demo import import_files
from aethergrid_pipelines.embedders.protocol import Embedder
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.query.ranking import rank
from aethergrid_pipelines.query.records import SearchRequest
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines.stores.vectors import RANKED, Candidate, VectorStore
from aethergrid_pipelines_tests.contract.vector_stores import opened
from aethergrid_pipelines_tests.opened import place
from aethergrid_pipelines_tests.services import service
from benchmarks.filled import questions
from benchmarks.generate import conversation, write

SAMPLES = Path(__file__).parents[2] / "samples"
GENERATED = 40
AT_ONCE = 500


@dataclass(frozen=True)
class Pair:
    """The same fragments in both stores, and the questions that are asked."""

    lancedb: Search
    weaviate: Search
    questions: list[str]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    address = service("WEAVIATE_URL"), int(service("WEAVIATE_GRPC_PORT"))
    folder = tmp_path_factory.mktemp("pair")
    file = folder / "generated.jsonl"
    write(file, (record for number in range(GENERATED) for record in conversation(number)))
    with place("embedded", folder / "home") as there, there.open() as stores:
        assert isinstance(stores.vectors, LanceVectorStore)
        import_files(stores, [SAMPLES, file])
        materialise_all(stores, Scope(), run_id="pair")
        with opened("weaviate", folder, address) as other:
            active = stores.vectors.active()
            assert active is not None
            # Until all rows are in its index, LanceDB scores those inside and those outside by different statistics.
            stores.vectors.optimise(active[0])
            copy(stores.vectors, other.store, f"{other.prefix}Copy", stores.embedder)
            asked = [json.loads(line)["question"] for line in (SAMPLES / "questions.jsonl").read_text().splitlines()]
            lancedb, weaviate = (Search(store, stores.embedder) for store in (stores.vectors, other.store))
            yield Pair(lancedb, weaviate, asked[::3] + questions(15))
            lancedb.close()
            weaviate.close()


def copy(source: VectorStore, target: VectorStore, name: str, embedder: Embedder) -> None:
    """The same fragments with the same vectors, and active."""
    active = source.active()
    assert active is not None
    ids = sorted(source.ids(active[0]))
    target.ensure(name, dimension=embedder.dimension, embedder=embedder.name)
    for start in range(0, len(ids), AT_ONCE):
        target.upsert(name, source.fetch(active[0], ids[start : start + AT_ONCE], with_vectors=True))
    target.activate(name)
    assert target.count(name) == len(ids) > 700


def as_read(candidate: Candidate) -> dict[str, object]:
    return {name: getattr(candidate, name) for name in RANKED}


def overlap(one: Sequence[str], other: Sequence[str]) -> float:
    return len(set(one) & set(other)) / max(len(one), len(other), 1)


def hits(search: Search, request: SearchRequest) -> list[str]:
    return [hit.lineage.fragment_id for hit in search.search(request).results]


def test_the_same_candidates_are_ranked_in_the_same_order(pair: Pair) -> None:
    for question in pair.questions:
        request = SearchRequest(query=question)
        (asked, lance, vector), (_, weaviate, _) = pair.lancedb.judged(request), pair.weaviate.judged(request)
        one, other = ({found.id: found for found in side.found} for side in (lance, weaviate))
        common = one.keys() & other.keys()
        orders = [
            [hit.candidate.id for hit in rank(asked, [side[id_] for id_ in sorted(common)], vector)]
            for side in (one, other)
        ]

        assert len(common) >= 0.99 * max(len(one), len(other)), question
        assert all(one[id_].similarity == pytest.approx(other[id_].similarity, abs=1e-5) for id_ in common)
        assert all(as_read(one[id_]) == as_read(other[id_]) for id_ in common)
        payloads = [[row.payload() for row in side.whole(sorted(common))] for side in (lance, weaviate)]
        assert payloads[0] == payloads[1]
        assert orders[0] == orders[1], question


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"diversity": 0.3, "recency_half_life_days": 30.0},
        {"filters": {"sourceModels": ["gpt-5"], "after": "2024-01-02"}},
    ],
)
def test_the_ten_best_are_the_same_end_to_end(pair: Pair, options: dict[str, object]) -> None:
    overlaps = []
    for question in pair.questions:
        request = SearchRequest.model_validate({"query": question, **options})
        overlaps.append(overlap(hits(pair.lancedb, request), hits(pair.weaviate, request)))

    assert sum(overlaps) / len(overlaps) >= 0.95
