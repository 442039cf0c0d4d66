"""all-MiniLM-L6-v2 on onnxruntime, on this machine's cores, without a network.

One text at a time: for int8 the vector would otherwise depend on its company (see :mod:`.minilm_graph`), and it is also
the fastest, since the activations stay in the cache. Several Python threads share one session, each call on one core:
``run()`` releases the GIL, and goes through many texts before it wants it back.
"""

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.embedders.encodable import encodable
from aethergrid_pipelines.embedders.known_words import KnownWords
from aethergrid_pipelines.embedders.minilm_graph import HIDDEN, Precision, graph_file, weights_folder
from aethergrid_pipelines.embedders.protocol import Embedded, EmbedderUnavailable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer as RustTokenizer

MODEL_TOKENS = 256
"""What the model was made for, special tokens included (``max_seq_length`` on its model card)."""

KEPT_COUNTS = 4_096
"""Texts whose token ids are kept after they were counted: a few batches of the flow, 4 MB mostly."""

KEPT_CHARACTERS = 2_048
"""Of longer texts they are not: a token may be as long as somebody likes."""

CALL_TOKENS = 4_096
"""Of texts that go into one call together: 0.2 s."""

CLS, SEP = 101, 102
MAX_THREADS = 32


class WordPieceTokenizer:
    """The model's own tokenizer, without special tokens, truncation or padding. Thread-safe; loads on first use."""

    name = "all-MiniLM-L6-v2-wordpiece"

    def __init__(self) -> None:
        self._counted: dict[str, NDArray[np.int32]] = {}
        self._lock = Lock()

    @cached_property
    def _tokenizer(self) -> "RustTokenizer":
        from tokenizers import Tokenizer as RustTokenizer

        tokenizer = RustTokenizer.from_file(str(weights_folder() / "tokenizer.json"))
        # As published it cuts and pads to 128 tokens.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _known(self) -> KnownWords:
        return KnownWords(self._tokenizer)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        encoding = self._tokenizer.encode(encodable(text), add_special_tokens=False)
        return list(encoding.offsets)

    def count(self, texts: Sequence[str]) -> list[int]:
        found = [self._known.ids(encodable(text)) for text in texts]
        with self._lock:
            for text, ids in zip(texts, found, strict=True):
                if len(ids) < MODEL_TOKENS and len(text) <= KEPT_CHARACTERS:
                    self._counted[text] = ids
            while len(self._counted) > KEPT_COUNTS:
                del self._counted[next(iter(self._counted))]
        return [len(ids) for ids in found]

    def ids(self, texts: Sequence[str]) -> "list[NDArray[np.int32]]":
        """The token ids of each text. What was counted a moment ago, as the flow counts what it is about to embed, is
        not tokenised again, once."""
        with self._lock:
            found = [self._counted.pop(text, None) for text in texts]
        return [
            self._known.ids(encodable(text)) if ids is None else ids for text, ids in zip(texts, found, strict=True)
        ]


class LocalEmbedder:
    """all-MiniLM-L6-v2. The same text has the same vector, bit for bit, whatever its company, order or threads.

    ``models`` is the folder in which the graph is kept, and built on first use. ``threads`` 0 means every core that
    this process may use.
    """

    dimension = HIDDEN
    window = MODEL_TOKENS - 2

    def __init__(self, models: Path, *, threads: int = 0, precision: Precision = "int8") -> None:
        self.name = f"all-MiniLM-L6-v2-{precision}-{MODEL_TOKENS}"
        self.tokenizer = WordPieceTokenizer()
        self._models = models
        self._precision = precision
        self._threads = threads or usable_cores()
        self._lock = RLock()
        self._loaded: InferenceSession | None = None
        self._pool: ThreadPoolExecutor | None = None

    def embed(self, texts: Sequence[str]) -> Embedded:
        vectors = np.zeros((len(texts), HIDDEN), np.float32)
        if not texts:
            return Embedded(vectors)
        session = self._session()
        inputs = [self._input(ids) for ids in self.tokenizer.ids(texts)]
        # Longest first, each thread taking the next ones: so they end together.
        order = sorted(range(len(inputs)), key=lambda index: -len(inputs[index]))
        rest = deque(calls([len(inputs[index]) for index in order], self._threads))
        helpers = min(self._threads, len(rest)) - 1

        def work() -> None:
            while rest:
                try:
                    texts = order[rest.popleft()]
                except IndexError:  # another thread took the last one
                    return
                vectors[texts] = _run(session, [inputs[index] for index in texts])

        futures = [self._workers().submit(work) for _ in range(helpers)]
        try:
            work()
        finally:
            for future in futures:
                future.result()
        return Embedded(vectors)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = _run(self._session(), [self._input(self.tokenizer.ids([text])[0])])[0]
        return vector

    def close(self) -> None:
        with self._lock:
            pool, self._pool, self._loaded = self._pool, None, None
        if pool is not None:
            pool.shutdown()

    def _input(self, ids: NDArray[np.int32]) -> NDArray[np.int64]:
        return np.concatenate(([CLS], ids[: self.window], [SEP]), dtype=np.int64)

    def _session(self) -> "InferenceSession":
        loaded = self._loaded
        if loaded is None:
            with self._lock:
                if self._loaded is None:
                    self._loaded = _open_session(graph_file(self._models, self._precision))
                loaded = self._loaded
        return loaded

    def _workers(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="embed")
            return self._pool


def calls(lengths: Sequence[int], threads: int) -> list[slice]:
    """Which texts go into one call, of the numbers of tokens of all, longest first: while there are many a part of
    what is left, and in the end one at a time, so that no thread waits long for another one."""
    found: list[slice] = []
    left = sum(lengths)
    while left:
        first = last = found[-1].stop if found else 0
        room = min(CALL_TOKENS, left / (2 * threads))
        while last == first or (last < len(lengths) and lengths[last] <= room):
            room -= lengths[last]
            left -= lengths[last]
            last += 1
        found.append(slice(first, last))
    return found


def _run(session: "InferenceSession", texts: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """The vectors of texts from their token ids, shape (texts, 384)."""
    ends = np.cumsum([len(ids) for ids in texts], dtype=np.int64)
    vectors: NDArray[np.float32] = session.run(["vectors"], {"input_ids": np.concatenate(texts), "ends": ends})[0]
    return vectors


def usable_cores() -> int:
    """The cores that this process may run on, at most 32."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MAX_THREADS)
    return min(os.cpu_count() or 1, MAX_THREADS)


def _open_session(graph: Path) -> "InferenceSession":
    from onnxruntime import InferenceSession, SessionOptions
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NoSuchFile

    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # A plan is kept for every length that occurs, which costs memory and was no faster.
    options.enable_mem_pattern = False
    try:
        # The fused operator is scalar on CPUs: it costs up to 30 % of the time.
        return InferenceSession(
            graph, options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
        )
    except (Fail, InvalidGraph, InvalidProtobuf, NoSuchFile) as error:
        raise EmbedderUnavailable(f"cannot load {graph}: delete it, and it is built again ({error})") from error
