"""Search over a real embedded store, with the real local model."""

from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.embedders.protocol import UnknownEmbedder
from aethergrid_pipelines.query.opening import embedder_named, open_search
from aethergrid_pipelines.query.records import SearchRequest, SearchResponse
from aethergrid_pipelines.query.search import NO_INDEX, NO_MATCH, NOT_SIMILAR, Search
from aethergrid_pipelines.records.ids import conversation_id
from aethergrid_pipelines.settings import Settings, load_settings
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines.stores.vectors import DimensionMismatch
from aethergrid_pipelines_tests.query.memory import COLLECTION, POOL, POSTCODES, START, Said, fragments


def ask(search: Search, query: str, **given: Any) -> SearchResponse:
    return search.search(SearchRequest.model_validate({"query": query, **given}))


def contents(response: SearchResponse) -> list[str]:
    return [hit.content for hit in response.results]


def test_the_passage_that_answers_comes_first(search: Search) -> None:
    found = ask(search, "what made us exhaust the connection pool?")

    assert contents(found)[0] in {POOL[0].content, POOL[1].content}
    assert found.hint is None


def test_words_that_only_the_neighbour_says_find_a_turn_too(search: Search) -> None:
    assert POSTCODES[1].content in contents(ask(search, "Dutch postcodes", maxResults=2))


def test_a_hit_names_where_it_comes_from(search: Search) -> None:
    [hit] = ask(search, "regular expression for postcodes", maxResults=1, filters={"role": "assistant"}).results

    assert (hit.lineage.origin_path, hit.lineage.origin_line, hit.lineage.run_id) == ("postcodes.jsonl", 2, "run-1")
    assert hit.lineage.conversation_id == conversation_id("default", "claude-code", "postcodes")
    assert (hit.metadata.source_model, hit.metadata.topic, hit.metadata.task_type) == (
        "gemini-2.5-pro",
        "text",
        "coding",
    )


def test_similarity_is_the_cosine_of_query_and_fragment(search: Search, embedder: LocalEmbedder) -> None:
    query = "raise the pool size"
    vector = embedder.embed_query(query)

    for hit in ask(search, query, maxResults=100).results:
        cosine = float(embedder.embed([hit.content]).vectors[0] @ vector)
        assert hit.similarity == pytest.approx(max(0.0, cosine), abs=1e-4)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"sourceModel": "gpt-5"}, {POOL[1].content, POOL[3].content, POOL[5].content}),
        ({"sourceModels": ["gemini-2.5-pro"]}, {POSTCODES[1].content}),
        ({"taskType": "planning"}, {POOL[5].content}),
        ({"topics": ["text", "operations"]}, {said.content for said in POSTCODES} | {POOL[5].content}),
        ({"source": "claude-code"}, {said.content for said in POSTCODES}),
        ({"role": "assistant", "topic": "text"}, {POSTCODES[1].content}),
        ({"after": "2026-10-12"}, {said.content for said in POSTCODES}),
        ({"before": "2026-10-05T09:01:00Z"}, {POOL[0].content, POOL[1].content}),
        ({"after": "2026-10-05T09:01:00Z", "before": "2026-10-05T09:01:00Z"}, {POOL[1].content}),
    ],
)
def test_only_what_passes_every_filter_is_found(search: Search, filters: dict[str, Any], expected: set[str]) -> None:
    assert set(contents(ask(search, "anything at all", maxResults=100, filters=filters))) == expected


def test_spaces_do_not_see_each_other(tmp_path: Path, embedder: LocalEmbedder) -> None:
    store = LanceVectorStore(tmp_path)
    store.ensure(COLLECTION, dimension=embedder.dimension, embedder=embedder.name)
    store.activate(COLLECTION)
    store.upsert(COLLECTION, fragments(embedder, "a", [Said("The secret of team A")], space="a"))
    store.upsert(COLLECTION, fragments(embedder, "b", [Said("The secret of team B")], space="b"))
    search = Search(store, embedder, space="a")

    assert contents(ask(search, "secret")) == ["The secret of team A"]
    assert contents(ask(search, "secret", filters={"space": "b"})) == ["The secret of team B"]
    assert contents(ask(search, "secret", filters={"space": "c"})) == []
    search.close()


def test_what_is_said_twice_is_shown_once_and_counted(search: Search) -> None:
    found = {hit.content: hit.duplicates for hit in ask(search, "errors are gone", maxResults=100).results}

    assert found[POOL[4].content] == 1
    assert len(found) == len(POOL) + len(POSTCODES) - 1


def test_results_below_the_similarity_asked_for_are_left_out(search: Search) -> None:
    assert all(hit.similarity >= 0.4 for hit in ask(search, "connection pool", minSimilarity=0.4).results)
    assert ask(search, "connection pool", minSimilarity=1.0).hint == NOT_SIMILAR


def test_context_shows_the_neighbours_with_roles_and_models_in_order(search: Search) -> None:
    found = ask(search, "finally block", maxResults=1, returnContext=True)
    text = found.context or ""

    places = [text.index(said.content) for said in POOL[1:6]]
    assert places == sorted(places)
    assert "## Connections (generic, 2026-10-05)" in text
    assert "[assistant · gpt-5, 2026-10-05 09:03]" in text
    assert found.results[0].context == text


def test_context_is_there_only_where_it_is_asked_for(search: Search) -> None:
    found = ask(search, "finally block", maxResults=1)

    assert (found.context, found.results[0].context) == (None, None)


def test_the_same_question_has_the_same_answer(search: Search) -> None:
    answers = [[(hit.lineage.fragment_id, hit.score) for hit in ask(search, "pool size").results] for _ in range(5)]

    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize(
    "query", ["the of and", "🚀", "連接池", "x" * 8_000, "'; DROP TABLE", '"unbalanced AND (', "-"]
)
def test_strange_queries_are_answered(search: Search, query: str) -> None:
    assert isinstance(ask(search, query).results, list)


def test_an_index_that_is_not_there_gives_a_hint(tmp_path: Path, embedder: LocalEmbedder) -> None:
    found = Search(LanceVectorStore(tmp_path), embedder).search(SearchRequest(query="pool"))

    assert (found.results, found.hint) == ([], NO_INDEX)


def test_an_empty_index_gives_a_hint(tmp_path: Path, embedder: LocalEmbedder) -> None:
    store = LanceVectorStore(tmp_path)
    store.ensure(COLLECTION, dimension=embedder.dimension, embedder=embedder.name)
    store.activate(COLLECTION)

    assert ask(Search(store, embedder), "pool").hint == NO_INDEX


def test_filters_that_nothing_passes_give_a_hint(search: Search) -> None:
    assert ask(search, "pool", filters={"topic": "gardening"}).hint == NO_MATCH


class OtherEmbedder(LocalEmbedder):
    """A newly configured embedder, of whose vectors there is no index yet."""

    def __init__(self, models: Path) -> None:
        super().__init__(models, threads=1)
        self.name = "another-embedder"


def test_an_index_of_another_embedder_is_asked_with_that_embedder(
    filled: LanceVectorStore, models: Path, embedder: LocalEmbedder
) -> None:
    search = open_search(load_settings(), filled, OtherEmbedder(models))

    found = ask(search, "connection pool")

    assert found.stats.embedder == embedder.name
    assert contents(found)[0] in {said.content for said in POOL}
    search.close()


def test_an_index_whose_embedder_cannot_be_opened_says_what_to_do(filled: LanceVectorStore, models: Path) -> None:
    def reopen(name: str) -> LocalEmbedder:
        raise UnknownEmbedder(f"nobody knows {name}")

    search = Search(filled, OtherEmbedder(models), reopen=reopen)

    with pytest.raises(DimensionMismatch, match=r"nobody knows .* Set EMBEDDING_MODEL back"):
        ask(search, "connection pool")


@pytest.mark.parametrize(
    ("name", "dimension"),
    [
        ("all-MiniLM-L6-v2-int8-256", 384),
        ("all-MiniLM-L6-v2-fp32-256", 384),
        ("text-embedding-3-small-1536", 1536),
        ("text-embedding-3-small-512", 512),
        ("text-embedding-ada-002-1536", 1536),
    ],
)
def test_the_embedders_that_are_known_are_found_by_the_name_of_their_vectors(name: str, dimension: int) -> None:
    found = embedder_named(Settings(), name)

    assert (found.name, found.dimension) == (name, dimension)


def test_the_vectors_of_an_unknown_embedder_cannot_be_asked() -> None:
    with pytest.raises(UnknownEmbedder, match="nomic"):
        embedder_named(Settings(), "nomic-768")


def test_a_collection_that_is_swapped_between_two_calls_is_asked_again(tmp_path: Path, embedder: LocalEmbedder) -> None:
    store = LanceVectorStore(tmp_path)
    for name in ("First", "Second"):
        store.ensure(name, dimension=embedder.dimension, embedder=embedder.name)
        store.upsert(name, fragments(embedder, "pool", POOL, start=START))
    store.activate("First")

    class Swapping(LocalEmbedder):
        def embed_query(self, text: str) -> Any:
            if (store.active() or ("",))[0] == "First":
                store.activate("Second")
                store.drop("First")
            return super().embed_query(text)

    search = Search(store, Swapping(Path(embedder._models), threads=1))

    assert ask(search, "pool size").stats.collection == "Second"
    search.close()


def test_each_part_of_a_score_is_shown_to_who_asks_for_it(search: Search) -> None:
    hits = ask(search, "why does the pool leak connections?", explain=True).results
    assert hits
    for hit in hits:
        assert hit.explanation
        assert sum(hit.explanation.values()) == pytest.approx(hit.score, abs=1e-4)
        assert list(hit.explanation.values()) == sorted(hit.explanation.values(), reverse=True)
    assert ask(search, "why does the pool leak connections?").results[0].explanation is None


def test_the_words_of_the_question_are_named_to_who_asks_for_them(search: Search) -> None:
    hits = ask(search, "why does the pool leak connections?", highlight=True).results

    assert {"pool", "connections", "leaks"} <= {word for hit in hits for word in hit.matched or []}
    assert all(word in hit.content.lower() for hit in hits for word in hit.matched or [])
    assert ask(search, "why does the pool leak connections?").results[0].matched is None


def test_what_is_newer_comes_first_where_recency_is_asked_for(search: Search) -> None:
    query = "deployed, the errors are gone"
    plain = ask(search, query, maxResults=100).results
    recent = ask(search, query, maxResults=100, recencyHalfLifeDays=0.5).results
    assert {hit.content for hit in plain} == {hit.content for hit in recent}
    days = [hit.metadata.timestamp.date() for hit in recent]
    assert days == sorted(days, reverse=True)


def test_a_diverse_answer_begins_with_the_best_and_repeats_no_hit(search: Search) -> None:
    query = "connection pool"
    plain, diverse = (contents(ask(search, query, maxResults=5, diversity=value)) for value in (0.0, 0.7))
    assert diverse[0] == plain[0]
    assert len(set(diverse)) == 5
    assert contents(ask(search, query, maxResults=5, diversity=0.7)) == diverse
