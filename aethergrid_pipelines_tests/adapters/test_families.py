"""Every family does what the interface says, against servers that speak its protocol."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aethergrid_pipelines.adapters.protocol import INTERFACE, NoMap, Space, UnfitConversation
from aethergrid_pipelines.adapters.registry import Adapters, open_adapters
from aethergrid_pipelines.adapters.service import Service
from aethergrid_pipelines.capture.spool import Spool, open_spool
from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.query.contextual import Packer
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.records.conversation import Message, Role
from aethergrid_pipelines.records.ids import conversation_id
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines.stores.conversations import ConversationStore
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines.stores.select import open_conversation_store
from aethergrid_pipelines_tests.adapters.conftest import pointed
from aethergrid_pipelines_tests.adapters.conversations import FORMS, MODELS
from aethergrid_pipelines_tests.adapters.model_server import KEY, ModelServer
from aethergrid_pipelines_tests.query.memory import fill

NOW = dt.datetime(2026, 10, 5, 9, 0, tzinfo=dt.UTC)
FAMILIES = sorted(FORMS)
OTHER = Space("text-embedding-3-small-1536", 1_536)
GRID = Space("all-MiniLM-L6-v2-int8", 384)


@pytest.fixture
def store() -> Iterator[ConversationStore]:
    opened = open_conversation_store(load_settings())
    yield opened
    opened.close()


@pytest.fixture
def spool(store: ConversationStore) -> Iterator[Spool]:
    opened = open_spool(load_settings(), lambda: store)
    yield opened
    opened.close()


@pytest.fixture
def packer(tmp_path: Path, models: Path) -> Iterator[Packer]:
    embedder, vectors = LocalEmbedder(models, threads=1), LanceVectorStore(tmp_path / "vectors")
    fill(vectors, embedder)
    search = Search(vectors, embedder)
    opened = Packer(search, vectors)
    yield opened
    opened.close()
    search.close()
    vectors.close()
    embedder.close()


def captured(store: ConversationStore, family: str) -> list[Message]:
    return list(store.messages([conversation_id("default", family, "depot")]))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_conversation_in_the_familys_form_is_stored_once(
    adapters: Adapters, spool: Spool, store: ConversationStore, family: str
) -> None:
    adapter = adapters.named(family)

    first = adapter.capture(FORMS[family], spool=spool, space="default", received=NOW)
    again = adapter.capture(FORMS[family], spool=spool, space="default", received=NOW)

    assert {row.outcome for row in first} == {"stored"}
    assert {row.outcome for row in again} == {"merged"}
    messages = captured(store, family)
    assert [message.role for message in messages] == [
        Role.SYSTEM,
        Role.USER,
        Role.ASSISTANT,
        Role.TOOL,
        Role.ASSISTANT,
    ]
    assert [message.content for message in messages][1::2] == ["Where is parcel 4711?", "depot Utrecht"]
    assert messages[-1].content == "In the depot in Utrecht."
    assert messages[-1].model == MODELS[family]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_surrounds_the_words_is_kept(
    adapters: Adapters, spool: Spool, store: ConversationStore, family: str
) -> None:
    adapters.named(family).capture(FORMS[family], spool=spool, space="default", received=NOW)

    asked = captured(store, family)[2].metadata

    assert asked["thinking"] == "I have to look."
    assert [(call["name"], call["input"]) for call in asked["tool_calls"]] == [("locate", {"parcel": 4711})]


@pytest.mark.parametrize(
    ("family", "conversation", "told"),
    [
        ("claude", {}, "messages: expected an array"),
        ("claude", {"messages": [{"role": "user", "content": 7}]}, r"messages\[0\].content: expected text or an array"),
        ("gpt", {"messages": "hello"}, "messages: expected an array, not text"),
        ("gemini", {"messages": []}, "contents: expected an array"),
        ("gemini", {"contents": [{"role": "user", "parts": [1]}]}, r"contents\[0\].parts\[0\]: expected text"),
        ("local", {"messages": ["hello"]}, r"messages\[0\]: expected an object, not text"),
    ],
)
def test_a_conversation_of_another_form_is_refused_with_the_field(
    adapters: Adapters, spool: Spool, family: str, conversation: dict[str, object], told: str
) -> None:
    with pytest.raises(UnfitConversation, match=told):
        adapters.named(family).capture(conversation, spool=spool, space="default", received=NOW)


@pytest.mark.parametrize(("family", "dimensions"), [("claude", 384), ("gpt", 1_536), ("gemini", 3_072), ("local", 384)])
def test_an_embedding_has_the_dimensions_that_are_declared(
    adapters: Adapters, server: ModelServer, family: str, dimensions: int
) -> None:
    adapter = adapters.named(family)
    server.dimensions = dimensions

    embedded = adapter.embed(["Where is parcel 4711?", "In the depot."])

    assert adapter.vector_dimensions == dimensions
    assert embedded.vectors.shape == (2, dimensions)
    np.testing.assert_allclose(np.linalg.norm(embedded.vectors, axis=1), 1.0, rtol=1e-5)
    # What has a model of its own asked its own service.
    assert (server.paths == ["/v1/embeddings"]) == (family in {"gpt", "gemini"})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_vector_becomes_one_of_length_1_or_the_missing_map_is_named(adapters: Adapters, family: str) -> None:
    adapter = adapters.named(family)

    same = adapter.normalise(np.full(384, 3.0), of=GRID, to=GRID)

    assert same.dtype == np.float32
    assert np.linalg.norm(same) == pytest.approx(1.0)
    with pytest.raises(NoMap, match=r"from text-embedding-3-small-1536 \(1536 dimensions\) to all-MiniLM-L6-v2-int8"):
        adapter.normalise(np.ones(1_536), of=OTHER, to=GRID)
    with pytest.raises(NoMap):
        adapter.normalise(np.ones(384), of=Space("another of 384", 384), to=GRID)


@pytest.mark.parametrize("vector", [np.zeros(384), np.full(384, np.nan), np.full(384, np.inf), np.ones(383)])
def test_a_vector_without_a_direction_is_refused(adapters: Adapters, vector: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="all-MiniLM"):
        adapters.named("gpt").normalise(vector, of=GRID, to=GRID)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_grid_is_asked_within_what_the_model_reads(adapters: Adapters, packer: Packer, family: str) -> None:
    adapter = adapters.named(family)

    pack = adapter.query(packer, "mend the leak of database connections")
    small = adapter.query(packer, "mend the leak of database connections", token_budget=60)

    assert "finally block" in pack.text
    assert pack.token_budget <= adapter.max_context_window
    assert small.tokens <= 60


@pytest.mark.parametrize(
    ("family", "window"), [("claude", 200_000), ("gpt", 400_000), ("gemini", 1_048_576), ("local", 32_768)]
)
def test_an_adapter_says_what_it_is(adapters: Adapters, family: str, window: int) -> None:
    adapter = adapters.named(family)

    assert adapter.model_name == MODELS[family]
    assert adapter.max_context_window == window
    assert adapter.interface == INTERFACE
    assert adapter.version


def test_the_longest_name_that_fits_gives_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTER_MODELS", "gpt=gpt-4.1-mini, gemini=gemini-1.5-pro-002")
    opened = open_adapters(load_settings())

    assert opened.named("gpt").max_context_window == 1_047_576
    assert opened.named("gemini").max_context_window == 2_097_152
    opened.close()


def test_a_server_that_says_its_window_in_its_list_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer([{"id": "llama", "max_model_len": 16_384}], key=None) as vllm:
        opened = open_adapters(pointed(monkeypatch, vllm.url, None))

        assert opened.named("local").max_context_window == 16_384
        opened.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_service_that_works_is_healthy(adapters: Adapters, server: ModelServer, family: str) -> None:
    health = adapters.named(family).health()

    assert (health.state, health.reachable, health.key, health.model_there) == ("ok", True, "set", True)
    header = "x-api-key" if family == "claude" else "authorization"
    assert KEY in server.headers[-1][header]


@pytest.mark.parametrize("family", ["claude", "gpt", "gemini"])
def test_without_a_key_nothing_is_asked(server: ModelServer, monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    opened = open_adapters(pointed(monkeypatch, server.url, None))

    health = opened.named(family).health()

    opened.close()
    assert (health.state, health.reachable, health.key) == ("unset", None, "missing")
    assert "_API_KEY" in health.detail
    assert server.paths == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_wrong_key_is_told_of(server: ModelServer, monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    opened = open_adapters(pointed(monkeypatch, server.url, "wrong"))

    health = opened.named(family).health()

    opened.close()
    assert (health.state, health.key) == ("broken", "refused")
    assert "wrong" not in health.detail


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_that_is_not_there_is_told_of_with_those_that_are(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    monkeypatch.setenv("ADAPTER_MODELS", f"{family}=no-such-model")
    opened = open_adapters(pointed(monkeypatch, server.url))

    health = opened.named(family).health()

    opened.close()
    assert (health.state, health.reachable, health.model_there) == ("broken", True, False)
    assert "no-such-model" in health.detail
    assert "gpt-5" in health.detail


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("status", "body", "told"),
    [(503, None, "answers 503"), (200, b"<html>", "something else"), (200, b'{"models": []}', "something else")],
)
def test_a_service_in_trouble_is_told_of(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, *, family: str, status: int, body: bytes | None, told: str
) -> None:
    server.status, server.body = status, body
    opened = open_adapters(pointed(monkeypatch, server.url))

    health = opened.named(family).health()

    opened.close()
    assert health.state == "broken"
    assert told in health.detail


@pytest.mark.parametrize("family", FAMILIES)
def test_a_service_that_is_away_is_told_of(monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    opened = open_adapters(pointed(monkeypatch, "http://127.0.0.1:9"))

    health = opened.named(family).health()

    opened.close()
    assert (health.state, health.reachable) == ("broken", False)
    assert "does not answer" in health.detail


def test_a_local_server_that_nobody_named_is_not_missed() -> None:
    away = Service("http://127.0.0.1:9/v1", None, "LOCAL_API_KEY", needs_key=False, expected=False)

    assert away.health(None).state == "unset"
