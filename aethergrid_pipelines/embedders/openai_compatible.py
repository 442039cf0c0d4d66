"""Embeddings from OpenAI, or from any server that speaks its API (vLLM, Ollama, llama.cpp, LM Studio, gateways…)."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from threading import RLock

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr

from aethergrid_pipelines.embedders.byte_pairs import open_tokenizer
from aethergrid_pipelines.embedders.openai_requests import EmbeddingRequests, GaveUp, TextsRefused
from aethergrid_pipelines.embedders.protocol import Embedded, EmbedderUnavailable, Failure, Tokenizer

MAX_INPUTS = 2_048
MAX_REQUEST_TOKENS = 250_000
"""Limits of a request are 2,048 inputs and 300,000 tokens (OpenAI's API reference); ours stays clear of the second,
where an estimate or another server's tokenizer may be a little off."""

PROBE = "What is the weather like today?"


@dataclass(frozen=True, slots=True)
class OpenAiModel:
    """``window`` in tokens; ``shortens``: takes the parameter ``dimensions``, up to ``dimension``."""

    dimension: int
    window: int
    shortens: bool


# https://platform.openai.com/docs/guides/embeddings: all read 8,192 tokens, of which a margin is left.
KNOWN_MODELS = {
    "text-embedding-3-small": OpenAiModel(1536, 8_000, shortens=True),
    "text-embedding-3-large": OpenAiModel(3072, 8_000, shortens=True),
    "text-embedding-ada-002": OpenAiModel(1536, 8_000, shortens=False),
}

OTHER_WINDOW = 512
"""What is assumed of a model that is not known: most open embedding models read 512 tokens or more."""


def known_model(name: str) -> OpenAiModel | None:
    """The model of this name, also behind a gateway's prefix (``openai/text-embedding-3-small``)."""
    return KNOWN_MODELS.get(name.rsplit("/", 1)[-1])


class OpenAiEmbedder:
    """``dimensions`` shortens the vectors of models that can; of an unknown model it is what the answers must have.

    Nothing is sent, and no key is needed, before the first use. Of an unknown model without ``dimensions`` the first
    use of :attr:`dimension` asks the server. ``tokenizer`` defaults to tiktoken's, which may be downloaded.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: SecretStr | None = None,
        base_url: str | None = None,
        dimensions: int | None = None,
        threads: int = 4,
        attempts: int = 6,
        backoff: tuple[float, float] = (0.5, 30.0),
        timeout: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        known = known_model(model)
        self._fixed = dimensions or (known.dimension if known else None)
        self.name = model if self._fixed is None else f"{model}-{self._fixed}"
        self.window = known.window if known else OTHER_WINDOW
        self._threads = threads
        self._attempts = attempts
        self._requests = EmbeddingRequests(
            model,
            api_key=api_key,
            base_url=base_url,
            send_dimensions=dimensions if known and known.shortens else None,
            attempts=attempts,
            backoff=backoff,
            timeout=timeout,
            sleep=sleep,
        )
        self._lock = RLock()
        self._tokenizer = tokenizer
        self._pool: ThreadPoolExecutor | None = None
        self._served = False

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return self._tokenizer or open_tokenizer()

    @cached_property
    def dimension(self) -> int:
        return self._fixed or int(self.embed_query(PROBE).size)

    def embed(self, texts: Sequence[str]) -> Embedded:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        failures = {
            index: Failure("the text is empty", retryable=False) for index, text in enumerate(texts) if not text.strip()
        }
        counts = self.tokenizer.count(texts)
        work = _Work([self._cut(text, count) for text, count in zip(texts, counts, strict=True)], counts, vectors)
        batches = list(_batches([index for index in range(len(texts)) if index not in failures], counts, self._threads))
        futures = [self._workers().submit(self._fill, work, batch) for batch in batches]
        try:
            for future in futures:
                failures |= future.result()
        finally:
            for future in futures:
                future.cancel()
        if len(failures) == len(texts) and any(failure.retryable for failure in failures.values()):
            raise EmbedderUnavailable(next(failure.reason for failure in failures.values() if failure.retryable))
        return Embedded(vectors, dict(sorted(failures.items())))

    def embed_query(self, text: str) -> NDArray[np.float32]:
        (count,) = self.tokenizer.count([text])
        try:
            # Somebody is waiting, so the attempts are few.
            rows = self._requests.vectors(
                [self._cut(text, count)], tokens=count, dimension=self._fixed, attempts=min(self._attempts, 3)
            )
        except (TextsRefused, GaveUp) as error:
            raise EmbedderUnavailable(str(error)) from error
        vector: NDArray[np.float32] = rows[0]
        return vector

    def close(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)
        self._requests.close()

    def _fill(self, work: "_Work", batch: list[int]) -> dict[int, Failure]:
        """Embed a batch into ``work.vectors``; one that is refused is halved until what is at fault stands alone."""
        failures: dict[int, Failure] = {}
        rest = [batch]
        while rest:
            part = rest.pop()
            tokens = sum(work.counts[index] for index in part)
            try:
                rows = self._requests.vectors(
                    [work.texts[index] for index in part], tokens=tokens, dimension=self.dimension
                )
            except TextsRefused as error:
                self._blame_the_texts(error)
                if len(part) == 1:
                    failures[part[0]] = Failure(str(error), retryable=False)
                else:
                    half = len(part) // 2
                    rest += [part[half:], part[:half]]
            except GaveUp as error:
                failures |= {index: Failure(str(error), retryable=True) for index in part}
            else:
                self._served = True
                work.vectors[part] = rows
        return failures

    def _blame_the_texts(self, error: TextsRefused) -> None:
        """Raise :class:`EmbedderUnavailable` if the server refuses harmless text just the same: then it is the request
        (its model, its dimensions) that is wrong, and halving batches would only hammer."""
        if self._served:
            return
        try:
            self._requests.vectors([PROBE], tokens=8, dimension=self.dimension)
        except TextsRefused:
            raise EmbedderUnavailable(f"every text is refused: {error}") from error
        except GaveUp:
            return
        self._served = True

    def _cut(self, text: str, count: int) -> str:
        return text if count <= self.window else text[: self.tokenizer.offsets(text)[self.window][0]]

    def _workers(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="embed")
            return self._pool


@dataclass(frozen=True, slots=True)
class _Work:
    texts: list[str]
    counts: list[int]
    vectors: NDArray[np.float32]


def _batches(indexes: list[int], counts: list[int], threads: int) -> Iterator[list[int]]:
    """Batches within the limits, and so many that all threads have one, unless they would become very small."""
    size = min(MAX_INPUTS, max(64, ceil(len(indexes) / threads)))
    batch: list[int] = []
    tokens = 0
    for index in indexes:
        if batch and (len(batch) == size or tokens + counts[index] > MAX_REQUEST_TOKENS):
            yield batch
            batch, tokens = [], 0
        batch.append(index)
        tokens += counts[index]
    if batch:
        yield batch
