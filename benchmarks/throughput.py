"""Messages and tokens a second through the whole flow, and what the flow costs beside the embedding.

    python -m benchmarks.throughput [--messages N] [--runs N] [--json]

Generated messages are imported from a file and go through the six steps, with the local embedder on every core, in a
process of their own. While one batch is embedded, the rest is done to another, so no clock inside the flow can tell the
two apart. So that process is stopped every second and a half, and meanwhile the embedding alone is timed, on the next
of the same chunks: a bare onnxruntime session of the same nodes and weights (chunks tokenised beforehand, one a call,
longest first, as many threads, nothing around it), then ``embed()``, which tokenises. What neighbours take from the
machine they take from all three alike. The clock of the flow is that of the time in which it is not stopped:

* ``rest_to_embedding`` < 0.25: the clock from the file to the last step, less that of ``embed()`` for as many tokens,
  to the latter;
* ``end_to_end_to_bare`` >= 0.85: tokens/s from the file to the last step, to those of the bare session;
* ``embed_to_bare`` >= 0.90: the rate of ``embed()`` to that of the bare session, the median of the rounds.

``rest_to_embedding, processor`` is the first one in processor seconds, those of the embedding divided by its threads,
and ``end_to_end_to_bare, processor`` the second one. They say nothing of time in which a core is idle.

With ``--runs`` all of this several times, one after the other, and the median of each figure.
"""

import argparse
import json
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import takewhile
from operator import sub
from typing import IO, TYPE_CHECKING, Any

from benchmarks.generate import first_messages, write
from benchmarks.home import Home, fresh_home

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from aethergrid_pipelines.embedders.local import LocalEmbedder

MESSAGES = 3_000
SLICE = 1.5
"""Seconds after which the flow is stopped for a round of the others."""
ROUND = 500
"""Chunks of a round, about as many as a batch of the flow has."""

SPECIAL = 2
"""Tokens that the model wants around each text, and that nobody counts."""

READY = "ready\n"
"""What the process of the flow says when it has warmed up."""

LIMITS = {
    "rest_to_embedding": "< 0.25",
    "rest_to_embedding, processor": "< 0.25",
    "end_to_end_to_bare": ">= 0.85",
    "end_to_end_to_bare, processor": ">= 0.85",
    "embed_to_bare": ">= 0.90",
}


@dataclass(frozen=True, slots=True)
class Round:
    """Tokens, and clock and processor seconds of the bare session and of ``embed()`` on the same chunks."""

    tokens: int
    bare: float
    bare_processor: float
    embed: float
    embed_processor: float


def measure(messages: int) -> dict[str, Any]:
    """The figures that ``--json`` prints; seconds unless named otherwise."""
    with embedding_alone(messages) as rounds, own_process(messages) as flow:
        total, measured, counts = in_turn(flow, rounds)
    processor, tokens, threads = counts["processor"], counts["tokens"], usable_threads()
    sums = [sum(values) for values in zip(*map(astuple, measured), strict=True)]
    # What as many tokens as the flow's take.
    bare, bare_processor, embed, embed_processor = (value * tokens / sums[0] for value in sums[1:])
    return {
        "messages": messages,
        "tokens": tokens,
        "seconds": round(total, 2),
        "messages/s": round(messages / total, 1),
        "tokens/s": round(tokens / total),
        "embed() alone, tokens/s": round(tokens / embed),
        "bare session, tokens/s": round(tokens / bare),
        "rest_to_embedding": round((total - embed) / embed, 3),
        "rest_to_embedding, processor": round((processor - embed_processor) / (embed_processor / threads), 3),
        "end_to_end_to_bare": round(bare / total, 3),
        "end_to_end_to_bare, processor": round(bare_processor / processor, 3),
        "embed_to_bare": round(statistics.median(one.bare / one.embed for one in measured), 3),
    }


def in_turn(flow: "subprocess.Popen[str]", rounds: Iterator[Round]) -> tuple[float, list[Round], dict[str, Any]]:
    """Let the flow go on, and stop it for each round: its seconds, the rounds, and what it says in the end."""
    told, seconds = _pipe(flow.stdout), 0.0
    measured: list[Round] = []
    _pipe(flow.stdin).close()
    while True:
        started = time.perf_counter()
        flow.send_signal(signal.SIGCONT)
        ended, _, _ = select.select([told], [], [], SLICE)
        if not ended:
            flow.send_signal(signal.SIGSTOP)
        seconds += time.perf_counter() - started
        if ended:
            return seconds, measured or [next(rounds)], json.loads(told.read())
        measured.append(next(rounds))


@contextmanager
def own_process(messages: int) -> "Iterator[subprocess.Popen[str]]":
    """The process of :func:`run_flow`, which waits for the end of its input."""
    command = [sys.executable, "-m", "benchmarks.throughput", "--flow", "--messages", str(messages)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as flow:
        if _pipe(flow.stdout).readline() != READY:
            raise SystemExit("the process of the flow ended before it began")
        try:
            yield flow
        except BaseException:
            # It removes its folder then.
            flow.send_signal(signal.SIGINT)
            flow.send_signal(signal.SIGCONT)
            raise


def _pipe(found: "IO[str] | None") -> "IO[str]":
    assert found is not None
    return found


def run_flow(messages: int) -> None:
    """Wait for the end of the input, then import and materialise; print the tokens and processor seconds."""
    from aethergrid_pipelines.demo import import_files
    from aethergrid_pipelines.flow.engine import materialise_all
    from aethergrid_pipelines.flow.scope import Scope

    with fresh_home() as home:
        file = home.folder / "generated.jsonl"
        write(file, first_messages(messages))
        warm_up(home)
        print(READY, end="", flush=True)
        sys.stdin.read()
        processor = time.process_time()
        import_files(home.stores, [file])
        reports = materialise_all(home.stores, Scope(), run_id="throughput")
        processor = time.process_time() - processor
        tokens = next(report.counts["tokens"] for report in reports if report.step == "embeddings")
        print(json.dumps({"tokens": tokens, "processor": processor}), flush=True)
        # The clock of the other process stops here, and not after the folder was removed.
        sys.stdout.close()


def warm_up(home: Home) -> None:
    """Load model, labels, readers and index code, and make the stores, which a resident process does once."""
    from aethergrid_pipelines.demo import import_files
    from aethergrid_pipelines.flow.engine import materialise_all
    from aethergrid_pipelines.flow.index import ensure_collection
    from aethergrid_pipelines.flow.labels import open_enricher
    from aethergrid_pipelines.flow.scope import Scope
    from aethergrid_pipelines.records.flow import Chunk

    with tempfile.NamedTemporaryFile(suffix=".jsonl") as empty:
        import_files(home.stores, [empty.name])
    materialise_all(home.stores, Scope(), run_id="warm-up")
    chunk: dict[str, Any] = {"text": "Something in plain English, long enough for a language to be recognised."}
    vector = home.stores.embedder.embed_query(chunk["text"])
    open_enricher(home.stores).enrich([Chunk.model_construct(**chunk)], vector[None])
    ensure_collection(home.stores)


def usable_threads() -> int:
    """The threads of the local embedder."""
    from aethergrid_pipelines.embedders.local import usable_cores
    from aethergrid_pipelines.settings import load_settings

    return load_settings().embedding_threads or usable_cores()


@contextmanager
def embedding_alone(messages: int) -> Iterator[Iterator[Round]]:
    """Rounds without end of the bare session and ``embed()`` in turn, on the chunks of these messages."""
    from aethergrid_pipelines.embedders.local import LocalEmbedder

    with fresh_home() as home:
        embedder = home.stores.embedder
        if not isinstance(embedder, LocalEmbedder):
            raise TypeError(f"{embedder.name} is not the local embedder")
        texts = chunk_texts(home, messages)
        embedder.embed(texts[:1])
        bare = BareSession(embedder)
        yield _rounds(texts, bare, embedder)
        bare.close()


def _rounds(texts: Sequence[str], bare: "BareSession", embedder: "LocalEmbedder") -> Iterator[Round]:
    while True:
        for start in range(0, len(texts), ROUND):
            part = texts[start : start + ROUND]
            inputs = bare.inputs(part)
            first = time.perf_counter(), time.process_time()
            bare.run(inputs)
            between = time.perf_counter(), time.process_time()
            embedder.embed(part)
            last = time.perf_counter(), time.process_time()
            tokens = sum(len(one) - SPECIAL for one in inputs)
            yield Round(tokens, *map(sub, between, first), *map(sub, last, between))


def chunk_texts(home: Home, messages: int) -> list[str]:
    """What the embedder sees of these messages, in the flow's order."""
    from sqlalchemy import select

    from aethergrid_pipelines.demo import import_files
    from aethergrid_pipelines.flow.engine import materialise
    from aethergrid_pipelines.flow.scope import Scope
    from aethergrid_pipelines.flow.steps import CHAIN
    from aethergrid_pipelines.records.flow import Chunk
    from aethergrid_pipelines.records.tables import ChunkRow, table_of
    from aethergrid_pipelines.transform.chunk import embedded_text

    file = home.folder / "generated.jsonl"
    write(file, first_messages(messages))
    import_files(home.stores, [file])
    for step in takewhile(lambda step: step.name != "embeddings", CHAIN):
        materialise(home.stores, step, Scope(), run_id="throughput")
    chunks = table_of(ChunkRow)
    with home.stores.catalog.reading() as connection:
        rows = connection.execute(select(chunks).order_by(chunks.c.conversation_id, chunks.c.ordinal)).mappings()
        return [embedded_text(Chunk.model_construct(**row)) for row in rows]


class BareSession:
    """The peer: an onnxruntime session of the same graph, and nothing around it."""

    def __init__(self, embedder: "LocalEmbedder") -> None:
        from onnxruntime import InferenceSession, SessionOptions

        from aethergrid_pipelines.embedders.minilm_graph import one_text_graph, published_weights

        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = InferenceSession(
            one_text_graph(published_weights(), "int8").SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],
        )
        self._tokenizer = embedder.tokenizer
        self._threads = usable_threads()
        self._pool = ThreadPoolExecutor(self._threads)

    def inputs(self, texts: Sequence[str]) -> "list[NDArray[np.int64]]":
        """Token ids with the special tokens around them, longest first."""
        import numpy as np

        ids = self._tokenizer.ids(texts)
        return sorted((np.array([101, *one[:254], 102], np.int64) for one in ids), key=len, reverse=True)

    def run(self, inputs: "list[NDArray[np.int64]]") -> None:
        """One chunk a call, each thread taking the next."""
        rest = deque(inputs)

        def work() -> None:
            while rest:
                try:
                    one = rest.popleft()
                except IndexError:
                    return
                self._session.run(None, {"input_ids": one})

        for future in [self._pool.submit(work) for _ in range(self._threads)]:
            future.result()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Messages a second through the whole flow.")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--runs", type=int, default=1, help="measure so often, each in a home of its own")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--flow", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.flow:
        run_flow(options.messages)
        return
    runs = [measure(options.messages) for _ in range(options.runs)]
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    if options.json:
        print(json.dumps(figures | {"runs": runs}))
        return
    for name, value in figures.items():
        each = " ".join(str(run[name]) for run in runs) if len(runs) > 1 else ""
        print(f"{name:36} {value:<12} {LIMITS.get(name, ''):8} {each}".rstrip())


if __name__ == "__main__":
    main()
