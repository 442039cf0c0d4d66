"""The OpenAI-compatible embedder against a real server that misbehaves."""

import logging
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import SecretStr

from aethergrid_pipelines.embedders import openai_compatible
from aethergrid_pipelines.embedders.byte_pairs import EstimatingTokenizer
from aethergrid_pipelines.embedders.openai_compatible import OpenAiEmbedder
from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable
from aethergrid_pipelines_tests.embedders.bad_server import (
    EmbeddingServer,
    Item,
    Reply,
    Vectors,
    encode,
    error,
    hashed_vectors,
)

KEY = "sk-test-0123456789abcdef"
TEXTS = ["one", "two", "three", "four", "five"]


class Waits:
    """Records how long somebody would have slept."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as running:
        yield running


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def opened(waits: Waits) -> Iterator[Callable[..., OpenAiEmbedder]]:
    embedders: list[OpenAiEmbedder] = []

    def open_it(
        url: str,
        *,
        model: str = "text-embedding-3-small",
        dimensions: int | None = 8,
        threads: int = 4,
        timeout: float = 10.0,
    ) -> OpenAiEmbedder:
        embedders.append(
            OpenAiEmbedder(
                model,
                api_key=SecretStr(KEY),
                base_url=url,
                dimensions=dimensions,
                attempts=3,
                threads=threads,
                timeout=timeout,
                sleep=waits,
                tokenizer=EstimatingTokenizer(),
            )
        )
        return embedders[-1]

    yield open_it
    for embedder in embedders:
        embedder.close()


Open = Callable[..., OpenAiEmbedder]


def expected(texts: list[str], dimension: int = 8) -> NDArray[np.float32]:
    rows = np.array(hashed_vectors(texts, dimension))
    normalised: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return normalised


def reverse(items: list[Item]) -> list[Item]:
    return items[::-1]


def shorten(items: list[Item]) -> list[Item]:
    return items[:-1]


def repeat_an_index(items: list[Item]) -> list[Item]:
    return [item | {"index": 0} for item in items]


def halve(items: list[Item]) -> list[Item]:
    return [item | {"embedding": [1.0, 2.0, 3.0, 4.0]} for item in items]


def spoil(items: list[Item]) -> list[Item]:
    return [*items[:-1], items[-1] | {"embedding": encode([float("nan")] * 8)}]


def zero(items: list[Item]) -> list[Item]:
    return [item | {"embedding": [0.0] * 8} for item in items]


def mislabel(items: list[Item]) -> list[Item]:
    return [item | {"embedding": "not base64!"} for item in items]


PASSING = {
    "429": error(429),
    "429 with Retry-After": error(429, retry_after="7"),
    "408": error(408),
    "409": error(409),
    "500": error(500),
    "503 that is not JSON": Reply(503, {}, b"<html>upstream</html>"),
    "connection dropped": Reply(drop=True),
    "200 that is not JSON": Reply(200, {}, b"<html>login</html>"),
    "200 without data": Reply(200, {}, b'{"object": "list"}'),
    "too few vectors": Reply(change=shorten),
    "an index twice": Reply(change=repeat_an_index),
    "another dimension": Reply(change=halve),
    "NaN": Reply(change=spoil),
    "zero": Reply(change=zero),
    "not base64": Reply(change=mislabel),
}


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING.keys())
def test_a_passing_failure_is_repeated_until_it_passes(
    server: EmbeddingServer, opened: Open, waits: Waits, reply: Reply
) -> None:
    server.script.extend([reply, reply])
    embedded = opened(server.url).embed(TEXTS)
    assert embedded.failures == {}
    assert np.allclose(embedded.vectors, expected(TEXTS), atol=1e-6)
    assert server.inputs == [TEXTS] * 3
    assert len(waits.seconds) >= 2


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING.keys())
def test_a_failure_that_stays_makes_the_embedder_unavailable(
    server: EmbeddingServer, opened: Open, reply: Reply
) -> None:
    server.always = reply
    with pytest.raises(EmbedderUnavailable, match=r"127\.0\.0\.1.*attempt 3"):
        opened(server.url).embed(TEXTS)
    assert len(server.requests) == 3


def test_a_timeout_is_repeated(server: EmbeddingServer) -> None:
    server.script.append(Reply(hang=True))
    embedder = OpenAiEmbedder(
        "text-embedding-3-small",
        base_url=server.url,
        dimensions=8,
        timeout=0.2,
        backoff=(0.001, 0.001),
        tokenizer=EstimatingTokenizer(),
    )
    assert np.allclose(embedder.embed(TEXTS).vectors, expected(TEXTS), atol=1e-6)
    assert len(server.requests) == 2
    embedder.close()


def test_a_server_that_is_not_there_is_unavailable(opened: Open) -> None:
    with EmbeddingServer() as gone:
        url = gone.url
    with pytest.raises(EmbedderUnavailable, match="no connection"):
        opened(url).embed(TEXTS)


@pytest.mark.parametrize(
    ("reply", "advice"),
    [
        (error(401, f"Incorrect API key provided: {KEY}"), "OPENAI_API_KEY"),
        (error(403, f"key {KEY} may not"), "permissions"),
        (error(404, "no such model"), "EMBEDDING_MODEL"),
        (error(429, "You exceeded your current quota", code="insufficient_quota"), "quota"),
    ],
    ids=["401", "403", "404", "quota"],
)
@pytest.mark.parametrize("query", [True, False], ids=["query", "texts"])
def test_what_no_repetition_mends_is_asked_once_and_says_what_to_do(
    server: EmbeddingServer, opened: Open, waits: Waits, *, reply: Reply, advice: str, query: bool
) -> None:
    server.always = reply
    embedder = opened(server.url)
    with pytest.raises(EmbedderUnavailable, match=advice) as raised:
        embedder.embed_query("one") if query else embedder.embed(TEXTS)
    assert len(server.requests) == 1
    assert waits.seconds == []
    assert KEY not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("bad", [{0}, {3}, {1, 4}, {0, 1, 2, 3, 4}], ids=str)
def test_a_refused_text_fails_alone(server: EmbeddingServer, opened: Open, bad: set[int]) -> None:
    server.poison = "poison"
    texts = [f"poison {text}" if index in bad else text for index, text in enumerate(TEXTS)]
    embedded = opened(server.url).embed(texts)
    assert set(embedded.failures) == bad
    assert not any(failure.retryable for failure in embedded.failures.values())
    good = [index for index in range(len(texts)) if index not in bad]
    assert np.all(embedded.vectors[sorted(bad)] == 0)
    if good:
        assert np.allclose(embedded.vectors[good], expected([texts[index] for index in good]), atol=1e-6)


def test_one_refused_text_among_many_costs_few_requests(server: EmbeddingServer, opened: Open) -> None:
    server.poison = "poison"
    embedded = opened(server.url).embed(["poison", *(f"text {number}" for number in range(63))])
    assert set(embedded.failures) == {0}
    assert len(server.requests) == 1 + 1 + 2 * 6  # the batch, a probe, and two halves of 64, 32, 16, 8, 4 and 2


def test_a_request_that_is_wrong_itself_is_not_blamed_on_the_texts(server: EmbeddingServer, opened: Open) -> None:
    server.always = error(400, "dimensions is not supported")
    with pytest.raises(EmbedderUnavailable, match="dimensions is not supported"):
        opened(server.url).embed(TEXTS)
    assert len(server.requests) == 2


def test_a_batch_that_fails_leaves_the_others_alone(
    server: EmbeddingServer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_compatible, "MAX_INPUTS", 2)
    server.script.extend([error(500)] * 3)
    embedded = opened(server.url, threads=1).embed(TEXTS)
    assert set(embedded.failures) == {0, 1}
    assert all(failure.retryable for failure in embedded.failures.values())
    assert np.allclose(embedded.vectors[2:], expected(TEXTS[2:]), atol=1e-6)


@pytest.mark.parametrize("as_floats", [True, False])
def test_vectors_follow_the_index_and_not_the_order(server: EmbeddingServer, opened: Open, as_floats: bool) -> None:
    server.as_floats = as_floats
    server.script.append(Reply(change=reverse))
    embedded = opened(server.url).embed(TEXTS)
    assert np.allclose(embedded.vectors, expected(TEXTS), atol=1e-6)
    assert embedded.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(embedded.vectors, axis=1), 1, atol=1e-6)
    assert len(server.requests) == 1


@pytest.mark.parametrize("headers", [{"retry_after": "7"}, {"retry_after_ms": "7000"}], ids=str)
def test_retry_after_is_waited_for(
    server: EmbeddingServer, opened: Open, waits: Waits, headers: dict[str, str]
) -> None:
    server.script.append(error(429, **headers))
    opened(server.url).embed(TEXTS)
    assert max(waits.seconds) == pytest.approx(7, abs=1)


def test_a_pause_that_is_too_long_is_not_waited_for(server: EmbeddingServer, opened: Open, waits: Waits) -> None:
    server.script.append(error(429, retry_after="86400"))
    embedder = opened(server.url)
    with pytest.raises(EmbedderUnavailable, match="86400 s"):
        embedder.embed(TEXTS)
    with pytest.raises(EmbedderUnavailable, match="asks to wait"):
        embedder.embed(TEXTS)
    assert len(server.requests) == 1
    assert max(waits.seconds) < 60


def test_no_request_goes_out_before_the_allowance_is_back(server: EmbeddingServer, opened: Open, waits: Waits) -> None:
    used_up = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m5s"}
    server.script.append(Reply(headers=used_up))
    embedder = opened(server.url)
    embedder.embed(TEXTS)
    assert waits.seconds == []
    embedder.embed(TEXTS)
    assert waits.seconds == [pytest.approx(65, abs=1)]


def test_batches_keep_to_the_limits_of_a_request(
    server: EmbeddingServer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_compatible, "MAX_INPUTS", 40)
    monkeypatch.setattr(openai_compatible, "MAX_REQUEST_TOKENS", 30)
    texts = [f"{'word ' * (number % 9)}number {number}" for number in range(100)]
    embedder = opened(server.url)
    assert np.allclose(embedder.embed(texts).vectors, expected(texts), atol=1e-6)
    assert sorted(text for batch in server.inputs for text in batch) == sorted(texts)
    sums = [sum(embedder.tokenizer.count(batch)) for batch in server.inputs]
    assert all(total <= 30 or len(batch) == 1 for total, batch in zip(sums, server.inputs, strict=True))


def test_a_large_call_uses_every_thread_and_no_more(opened: Open) -> None:
    together = threading.Barrier(4, timeout=20)
    most, now, lock = 0, 0, threading.Lock()

    def meet(texts: Sequence[str], dimension: int) -> Vectors:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        together.wait()
        with lock:
            now -= 1
        return hashed_vectors(texts, dimension)

    with EmbeddingServer(vectors=meet) as server:
        opened(server.url, timeout=30.0).embed([f"text {number}" for number in range(8 * 64)])
    assert most == 4


def test_a_text_beyond_the_window_is_cut_to_it(server: EmbeddingServer, opened: Open) -> None:
    embedder = opened(server.url)
    embedder.embed(["ab " * 9_000])
    (sent,) = server.inputs[0]
    assert embedder.tokenizer.count([sent]) == [embedder.window] == [8_000]


def test_an_empty_text_fails_without_a_request(server: EmbeddingServer, opened: Open) -> None:
    embedded = opened(server.url).embed(["", "one", " \n"])
    assert set(embedded.failures) == {0, 2}
    assert server.inputs == [["one"]]


@pytest.mark.parametrize(
    ("model", "dimensions", "sent", "name", "dimension"),
    [
        ("text-embedding-3-small", None, None, "text-embedding-3-small-1536", 1536),
        ("text-embedding-3-large", 256, 256, "text-embedding-3-large-256", 256),
        ("openai/text-embedding-3-small", 64, 64, "openai/text-embedding-3-small-64", 64),
        ("text-embedding-ada-002", 1536, None, "text-embedding-ada-002-1536", 1536),
        ("bge-m3", 1536, None, "bge-m3-1536", 1536),
        ("bge-m3", None, None, "bge-m3", 1536),
    ],
)
def test_dimensions_are_sent_to_models_that_take_them(
    server: EmbeddingServer,
    opened: Open,
    *,
    model: str,
    dimensions: int | None,
    sent: int | None,
    name: str,
    dimension: int,
) -> None:
    embedder = opened(server.url, model=model, dimensions=dimensions)
    assert embedder.embed(["one"]).vectors.shape == (1, dimension)
    assert (embedder.name, embedder.dimension) == (name, dimension)
    assert {request.get("dimensions") for request in server.requests} == {sent}
    assert {request["model"] for request in server.requests} == {model}


def test_the_key_goes_to_the_server_and_nowhere_else(
    server: EmbeddingServer, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.always = error(400, f"what is {KEY}?")
    embedder = opened(server.url)
    with pytest.raises(EmbedderUnavailable, match=r"what is \*\*\*\?") as raised:
        embedder.embed(TEXTS)
    assert server.keys == {f"Bearer {KEY}"}
    said = "".join(traceback.format_exception(raised.value)) + repr(embedder) + repr(vars(embedder)) + caplog.text
    assert KEY not in said


def test_a_missing_key_is_an_error_of_the_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    embedder = OpenAiEmbedder("text-embedding-3-small", tokenizer=EstimatingTokenizer())
    with pytest.raises(EmbedderUnavailable, match="OPENAI_API_KEY is not set"):
        embedder.embed_query("one")
    embedder.close()
