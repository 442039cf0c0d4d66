"""Milliseconds of a whole query beside the bare store call, without a cache, and of a query that the cache answers.

    python -m benchmarks.latency [--fragments 20000] [--store lancedb|weaviate] [--queries 200] [--json]

    python -m benchmarks.latency --home FOLDER      on what ``benchmarks.staleness --keep FOLDER`` left

The index is made by the flow from generated conversations; questions are embedded by the local model. For each
question, one after another in this process: the embedding alone, the bare call (the store's own hybrid query over the
same index, as its documentation has it: own fusion, the ten best, the space as its filter), and the whole query as the
API makes it (embedding, candidates of both sides, ranking, ten hits with their lineage). Named limits, of the same run:

* ``ratio`` <= 2.5: the median of the whole query less the median of the embedding, to that of the bare call;
* ``tail`` <= 5: the whole query's p99 to its median;
* ``cached p50`` <= 2: milliseconds of a repeated question over HTTP, keep-alive, through an API of its own.

``API MB`` is the resident memory of that API after it answered all the questions.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.query.records import SearchRequest
from aethergrid_pipelines.transform.analyse import query_terms
from benchmarks.filled import filled_home, kept_home, questions
from benchmarks.home import Home
from benchmarks.http_load import percentile
from benchmarks.servers import Api, stop_on_sigterm

HITS = 10
WARM_UP = 20
CACHED = 1_000
Bare = Callable[[str, NDArray[np.float32]], int]


def measure(home: Home, queries: int) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    store = home.stores.vectors.info()["name"].lower()
    figures = {"store": store, "fragments": home.stores.vectors.count(_collection(home)), **compare(home, queries)}
    return figures | cached(home, queries)


def compare(home: Home, queries: int) -> dict[str, float]:
    """Embedding, bare call and whole query of each question, in turn."""
    with BARE[type(home.stores.vectors).__name__](home) as bare:
        return _compared(home, bare, queries)


def _compared(home: Home, bare: Bare, queries: int) -> dict[str, float]:
    took: dict[str, list[float]] = {"embed": [], "bare": [], "whole": []}
    stages: dict[str, list[float]] = {}
    for at, question in enumerate(questions(WARM_UP + queries)):
        vector = home.stores.embedder.embed_query(question)
        request = SearchRequest(query=question, max_results=HITS)
        one = {
            "embed": _timed(home.stores.embedder.embed_query, question),
            "bare": _timed(bare, question, vector),
        }
        started = time.perf_counter()
        answer = home.asking.search(request)
        one["whole"] = (time.perf_counter() - started) * 1_000
        if at < WARM_UP:
            continue
        for name, milliseconds in one.items():
            took[name].append(milliseconds)
        for name, milliseconds in answer.stats.took_ms.items():
            stages.setdefault(name, []).append(milliseconds)
    middle = {name: percentile(values, 0.5) for name, values in took.items()}
    figures = {f"{name} p50": value for name, value in middle.items()}
    figures |= {f"{name} p99": percentile(values, 0.99) for name, values in took.items()}
    figures |= {f"stage {name} p50": percentile(values, 0.5) for name, values in stages.items()}
    figures["ratio"] = (middle["whole"] - middle["embed"]) / middle["bare"]
    figures["tail"] = figures["whole p99"] / figures["whole p50"]
    return {name: round(value, 3) for name, value in figures.items()}


def cached(home: Home, queries: int) -> dict[str, float]:
    """A question that was asked before, from the cache of an API that answered all of them."""
    took = []
    question, *others = questions(WARM_UP + queries)
    body = {"query": question, "maxResults": HITS}
    with Api(home.folder, **home.variables) as api, httpx.Client(base_url=api.url, timeout=60) as client:
        first = api.first_answer(question)
        for other in others:
            api.ask(other)
        resident = api.resident()
        client.post("/api/query/semantic", json=body)
        for _ in range(CACHED):
            started = time.perf_counter()
            level = client.post("/api/query/semantic", json=body).headers["x-cache"]
            took.append((time.perf_counter() - started) * 1_000)
            if level != "process":
                raise RuntimeError(f"answered by {level}, not by the cache")
    figures = {"cached p50": percentile(took, 0.5), "cached p99": percentile(took, 0.99)}
    figures |= {"first answer s": first, "API MB": resident}
    return {name: round(value, 3) for name, value in figures.items()}


def _timed(call: Callable[..., object], *given: object) -> float:
    started = time.perf_counter()
    call(*given)
    return (time.perf_counter() - started) * 1_000


def _collection(home: Home) -> str:
    active = home.stores.vectors.active()
    if active is None:
        raise RuntimeError("the index is empty")
    return active[0]


@contextmanager
def _bare_lancedb(home: Home) -> Iterator[Bare]:
    """LanceDB's hybrid query with its default reranker (reciprocal ranks)."""
    import lancedb

    from aethergrid_pipelines.stores.collections_file import CollectionsFile

    folder = home.folder / "vectors"
    database = lancedb.connect(folder)
    entry = CollectionsFile(folder).resolve(_collection(home))

    def ask(text: str, vector: NDArray[np.float32]) -> int:
        # Opened for each query, as the product has to: another process may have written.
        table = database.open_table(entry.table)
        words = " ".join(query_terms(text))
        query: Any = table.search(query_type="hybrid", vector_column_name="vector", fts_columns="terms")
        query = query.vector(vector).text(words).where("space = 'default'", prefilter=True).limit(HITS)
        return int(query.to_arrow().num_rows)

    yield ask


@contextmanager
def _bare_weaviate(home: Home) -> Iterator[Bare]:
    """Weaviate's hybrid query with its default fusion (relative scores)."""
    import weaviate
    from weaviate.classes.query import Filter

    settings = home.stores.settings
    host, port = (settings.weaviate_url or "").removeprefix("http://").split(":")
    default = Filter.by_property("space").equal("default")

    def ask(text: str, vector: NDArray[np.float32]) -> int:
        words = " ".join(query_terms(text))
        answer = collection.query.hybrid(
            words, vector=vector.tolist(), query_properties=["terms"], filters=default, limit=HITS
        )
        return len(answer.objects)

    with weaviate.connect_to_local(host, int(port), settings.weaviate_grpc_port) as client:
        collection = client.collections.use(_collection(home))
        yield ask


BARE = {"LanceVectorStore": _bare_lancedb, "WeaviateVectorStore": _bare_weaviate}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="The whole query beside the bare store call.")
    parser.add_argument("--fragments", type=int, default=20_000)
    parser.add_argument("--store", choices=("lancedb", "weaviate"), default="lancedb")
    parser.add_argument("--home", type=Path, help="a filled home that was kept, instead of filling one")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    stop_on_sigterm()
    with kept_home(options.home) if options.home else filled_home(options.fragments, options.store) as home:
        figures = measure(home, options.queries)
    print(json.dumps(figures) if options.json else "\n".join(f"{name:24} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
