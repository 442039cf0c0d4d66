"""Answers that are kept: never longer than they are true, and made once however many ask."""

import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.forget import forget
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.stores.cache import ANSWERS
from aethergrid_pipelines.stores.redis_cache import NAMESPACE, RedisCache
from aethergrid_pipelines_tests.api.conftest import components, materialise
from aethergrid_pipelines_tests.api.test_query import POOL, POSTCODES
from aethergrid_pipelines_tests.opened import KINDS, Place, place
from aethergrid_pipelines_tests.stores.tcp_forwarder import TcpForwarder

LEAK = {"query": "connection pool leak"}


@pytest.fixture(params=KINDS)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """The embedded stores without Redis, then the real servers with it."""
    with place(request.param, tmp_path / "home") as found:
        if request.param == "embedded":
            yield found
            return
        with on_redis(found, request.getfixturevalue("redis_url")) as shared:
            yield shared


@contextmanager
def on_redis(there: Place, redis_url: str) -> Iterator[Place]:
    """The same place with Redis, where it has keys of its own that are gone afterwards."""
    name = {"VECTOR_COLLECTION": f"T{uuid.uuid4().hex[:12]}", **there.variables}
    found = Place(name | {"REDIS_URL": redis_url})
    yield found
    cache = RedisCache(redis_url, namespace=namespace(found))
    cache.clear()
    cache.close()


def namespace(there: Place) -> str:
    return f"{NAMESPACE}{there.variables['VECTOR_COLLECTION']}:"


@pytest.fixture
def client(there: Place) -> Iterator[TestClient]:
    with TestClient(create_app(there.settings())) as found:
        yield found


def ask(client: TestClient, **body: Any) -> tuple[str, list[str]]:
    """Where the answer came from, and the contents of its hits."""
    response = client.post("/api/query/semantic", json=body)
    assert response.status_code == 200, response.text
    return response.headers["x-cache"], [hit["content"] for hit in response.json()["results"]]


def remember(client: TestClient, *records: Any) -> list[str]:
    """Ingest records and wait until they are stored, as a busy server may keep them waiting; their conversations."""
    response = client.post("/api/ingest", json=list(records))
    assert response.status_code in {200, 202}, response.text
    ids: list[str] = response.json()["conversationIds"]
    deadline = time.monotonic() + 60
    while response.status_code == 202 and time.monotonic() < deadline:
        time.sleep(0.05)
        if all(client.get(f"/api/conversations/{id_}").status_code == 200 for id_ in ids):
            break
    return ids


class Counting:
    """Something real, and how often each of its methods was called."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        if not callable(found):
            return found

        def counted(*args: Any, **given: Any) -> Any:
            self.calls.append(name)
            return found(*args, **given)

        return counted


class Held(Counting):
    """A real embedder that embeds a question only when it may."""

    def __init__(self, real: Any) -> None:
        super().__init__(real)
        self.may = threading.Event()

    def embed_query(self, text: str) -> NDArray[np.float32]:
        self.calls.append("embed_query")
        assert self.may.wait(60)
        vector: NDArray[np.float32] = self.real.embed_query(text)
        return vector


def test_fifty_who_ask_the_same_at_once_cost_one_embedding_and_one_search(client: TestClient) -> None:
    remember(client, POOL, POSTCODES)
    materialise(client)
    opened = components(client)
    opened._opened.pop("answers"), opened._opened.pop("search").close()
    embedder, vectors = Held(opened.embedder), Counting(opened.vectors)
    opened._opened |= {"embedder": embedder, "vectors": vectors}

    # A new one each time: Redis keeps the vectors of questions beyond a test.
    question = f"connection pool leak {uuid.uuid4()}"

    with ThreadPoolExecutor(50) as threads:
        asked = [threads.submit(ask, client, query=question) for _ in range(50)]
        # The server works on forty requests at a time; all but the first of them wait for it.
        deadline = time.monotonic() + 50
        while opened.caches.figures()[0].store["joined"] < 39 and time.monotonic() < deadline:
            time.sleep(0.005)
        embedder.may.set()
        answers = [one.result() for one in asked]

    assert embedder.calls == ["embed_query"]
    assert vectors.calls.count("candidates") == 1
    assert [level for level, _ in answers].count("none") == 1
    assert {tuple(hits) for _, hits in answers} == {tuple(answers[0][1])}
    assert answers[0][1]


def test_the_same_question_is_answered_from_the_cache_and_another_is_not(client: TestClient) -> None:
    remember(client, POOL, POSTCODES)
    materialise(client)
    first = client.post("/api/query/semantic", json=LEAK)
    again = client.post("/api/query/semantic", json=LEAK | {"filters": {}})

    assert first.headers["x-cache"] == "none"
    assert again.headers["x-cache"] == "process"
    assert again.content == first.content
    others: list[dict[str, Any]] = [
        {"maxResults": 1},
        {"minSimilarity": 0.2},
        {"returnContext": True},
        {"explain": True},
        {"filters": {"sourceModel": "gpt-5"}},
        {"filters": {"space": "elsewhere"}},
    ]
    for other in others:
        assert ask(client, **LEAK | other)[0] == "none", other


def test_no_answer_of_before_is_given_after_another_process_wrote(there: Place, client: TestClient) -> None:
    remember(client, POSTCODES)
    materialise(client)
    assert POOL["messages"][1]["content"] not in ask(client, **LEAK)[1]  # type: ignore[index]
    assert ask(client, **LEAK)[0] == "process"

    remember(client, POOL)
    # Its own stores: what the live worker or a run of Dagster has.
    with there.open() as stores:
        materialise_all(stores, Scope(), run_id="elsewhere")

    level, hits = ask(client, **LEAK)
    assert level == "none"
    assert hits[0] == POOL["messages"][1]["content"]  # type: ignore[index]


def test_what_another_process_forgets_is_in_no_answer_any_more(there: Place, client: TestClient) -> None:
    [conversation, _] = remember(client, POOL, POSTCODES)
    materialise(client)
    assert any("leaks one connection" in hit for hit in ask(client, **LEAK)[1])
    assert ask(client, **LEAK)[0] == "process"

    with there.open() as stores:
        forget(stores, conversation, run_id="elsewhere")

    level, hits = ask(client, **LEAK)
    assert level == "none"
    assert hits == [POSTCODES["content"]]


def test_the_stats_tell_how_each_level_does(client: TestClient) -> None:
    remember(client, POOL)
    materialise(client)
    for _ in range(4):
        ask(client, **LEAK)
    levels = {(found["cache"], found["level"]): found for found in client.get("/api/stats").json()["caches"]}

    answers = levels["answers", "process"]
    # The warm-up asked something, too.
    assert answers["hits"] == 3
    assert 4 <= answers["lookups"] <= 5
    assert answers["hitRatio"] == pytest.approx(answers["hits"] / answers["lookups"])
    assert 0 <= answers["p50Ms"] <= answers["p99Ms"]
    assert levels["embeddings", "process"]["lookups"] >= 1


def test_with_the_cache_switched_off_each_question_is_searched_for(
    monkeypatch: pytest.MonkeyPatch, embedded: Place
) -> None:
    monkeypatch.setenv("CACHE_SECONDS", "0")
    with TestClient(create_app(embedded.settings())) as client:
        assert [ask(client, **LEAK)[0] for _ in range(2)] == ["none", "none"]


def test_a_catalog_that_does_not_answer_stops_the_cache_and_no_question(tmp_path: Path, postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    way = TcpForwarder((parts.hostname or "127.0.0.1", parts.port or 5432))
    with place("production", tmp_path / "home") as found:
        database = found.variables["POSTGRES_URL"]
        forwarded = database.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{way.port}")
        there = Place(found.variables | {"POSTGRES_URL": forwarded})
        with TestClient(create_app(there.settings())) as client:
            remember(client, POOL)
            materialise(client)
            before = [ask(client, **LEAK)[0] for _ in range(2)]
            way.cut()
            cut = [ask(client, **LEAK) for _ in range(2)]

    assert before == ["none", "process"]
    assert [level for level, _ in cut] == ["none", "none"]
    assert all(hits for _, hits in cut)


@pytest.fixture
def way(redis_url: str) -> Iterator[TcpForwarder]:
    parts = urlsplit(redis_url)
    forwarder = TcpForwarder((parts.hostname or "127.0.0.1", parts.port or 6379))
    yield forwarder
    forwarder.cut()


@pytest.fixture
def shared(embedded: Place, redis_url: str, way: TcpForwarder) -> Iterator[Place]:
    with on_redis(embedded, redis_url) as found:
        yield Place(found.variables | {"REDIS_URL": f"redis://127.0.0.1:{way.port}/0"})


def test_another_process_answers_from_what_redis_keeps(shared: Place) -> None:
    with TestClient(create_app(shared.settings())) as client:
        remember(client, POOL)
        materialise(client)
        first = ask(client, **LEAK)
    with TestClient(create_app(shared.settings())) as client:
        again = ask(client, **LEAK)

    assert (first[0], again[0]) == ("none", "redis")
    assert again[1] == first[1]


def test_redis_that_goes_away_breaks_no_question_and_delays_none_for_long(shared: Place, way: TcpForwarder) -> None:
    with TestClient(create_app(shared.settings())) as client:
        remember(client, POOL)
        materialise(client)
        before = ask(client, **LEAK)
        way.cut()
        levels = [ask(client, query=f"connection pool leak {number}")[0] for number in range(20)]
        again = ask(client, **LEAK)
        figures = {found["level"]: found for found in client.get("/api/stats").json()["caches"]}

    assert levels == ["none"] * 20
    assert again == ("process", before[1])
    # Asked once every few seconds and not once a question.
    assert 1 <= figures["redis"]["store"]["failures"] < 20
    assert figures["redis"]["store"]["paused"] == 1


def test_forgetting_takes_the_text_out_of_redis(shared: Place, redis_url: str) -> None:
    with TestClient(create_app(shared.settings())) as client:
        [conversation] = remember(client, POOL)
        materialise(client)
        ask(client, **LEAK)
        assert kept(redis_url, shared)
        client.delete(f"/api/conversations/{conversation}")

    assert not kept(redis_url, shared)


def kept(redis_url: str, there: Place) -> list[bytes]:
    """The keys of its answers."""
    cache = RedisCache(redis_url)
    found = list(cache._connected().scan_iter(match=f"{namespace(there)}{ANSWERS}*", count=1_000))
    cache.close()
    return found
