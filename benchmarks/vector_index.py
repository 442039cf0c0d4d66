"""How LanceDB's vectors are searched: all of them compared by their bytes, beside graphs over the same rows.

    python -m benchmarks.vector_index [--rows 262144] [--queries 60] [--json]

Vectors of generated texts in files of as many rows as the product's, without any other column. The product's index,
HNSW and RaBitQ are built, a segment for each file, and the questions' nearest are looked for in each as the product
does; those that comparing the vectors as they are finds are all of them. Of each index: processor seconds to build a
segment, milliseconds and processor milliseconds of a search (medians), and recall. Named limits, all of one run:

* ``search_to_graphs`` < 1: processor time of a search, to that of HNSW with as many nodes looked at for each row asked
  for as bring its recall near that of the product's;
* ``build_to_graphs`` < 1: processor time of building a segment, to that of HNSW;
* ``recall@100`` >= 0.99.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.query.ranking import CANDIDATES
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines.stores.lancedb_candidates import REFINED
from aethergrid_pipelines.stores.lancedb_segments import SEGMENT_ROWS
from aethergrid_pipelines.stores.lancedb_tables import SEARCHED_INDEX_CACHE, SEARCHED_METADATA_CACHE
from aethergrid_pipelines.stores.lancedb_vector_index import KIND
from benchmarks.filled import questions
from benchmarks.generate import conversations
from benchmarks.phrase_embedder import PhraseEmbedder

if TYPE_CHECKING:
    from lance import LanceDataset

ASKED_FOR = CANDIDATES + 1
"""One more than a side contributes: whether the last one is tied."""

INDEXES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the product's": ({"index_type": KIND}, {"refine_factor": REFINED}),
    "graphs": ({"index_type": "IVF_HNSW_SQ", "m": 20, "ef_construction": 300}, {"ef": 600, "refine_factor": 1}),
    "RaBitQ, 5 bits": ({"index_type": "IVF_RQ", "num_bits": 5}, {"refine_factor": REFINED}),
}
"""What each is built with, and searched with."""

LIMITS = {"search_to_graphs": "< 1", "build_to_graphs": "< 1", "recall@100": ">= 0.99"}

SAME = 2e-6
"""Two distances that differ by less are the same: texts that say the same are interchangeable."""


def measure(rows: int, queries: int) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    embedder = PhraseEmbedder(LocalEmbedder(load_settings().models_path))
    asked = [embedder.embed_query(question) for question in questions(queries)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.lance"
        nearest = [np.empty(0, np.float32) for _ in asked]
        for part in write(path, embedder, rows):
            nearest = [nearest_of(part, query, so_far) for query, so_far in zip(asked, nearest, strict=True)]
        figures: dict[str, Any] = {"rows": rows}
        for name, (built, searched) in INDEXES.items():
            figures[name] = {**build(path, built), **search(path, searched, asked, nearest)}
            print(f"{name}: {figures[name]}", file=sys.stderr, flush=True)
    ours, graphs = figures["the product's"], figures["graphs"]
    return figures | {
        "search_to_graphs": round(ours["search, processor ms"] / graphs["search, processor ms"], 2),
        "build_to_graphs": round(ours["build, processor s"] / graphs["build, processor s"], 3),
        "recall@100": ours["recall@100"],
    }


def write(path: Path, embedder: PhraseEmbedder, rows: int) -> Iterator[NDArray[np.float32]]:
    """Write so many vectors, file by file; each file's as it was written, shape (rows, dimension)."""
    import lance
    import pyarrow as pa

    texts = (record["content"] for record in chain.from_iterable(conversations()))
    for first in range(0, rows, SEGMENT_ROWS):
        part = embedder.embed(list(islice(texts, min(SEGMENT_ROWS, rows - first)))).vectors
        column = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), embedder.dimension)
        lance.write_dataset(pa.table({"vector": column}), path, mode="append" if first else "create")
        yield part


def nearest_of(
    part: NDArray[np.float32], query: NDArray[np.float32], so_far: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The smallest distances to ``query``, ascending, of these rows and of those before them."""
    distances = np.concatenate((so_far, 1 - part @ query))
    return np.sort(distances)[:ASKED_FOR]


def build(path: Path, built: Mapping[str, Any]) -> dict[str, float]:
    """Build an index in place of the one before, a segment for each file."""
    import lance

    dataset = lance.dataset(path)
    for index in dataset.describe_indices():
        dataset.drop_index(index.name)
    files = [file.fragment_id for file in dataset.get_fragments()]
    started = time.process_time()
    for file in files:
        segment = dataset.create_index_uncommitted(
            "vector", name="vector_idx", metric="cosine", replace=True, num_partitions=1, fragment_ids=[file], **built
        )
        dataset.commit_existing_index_segments("vector_idx", "vector", [segment])
    return {"build, processor s": round((time.process_time() - started) / len(files), 2)}


def search(
    path: Path,
    searched: Mapping[str, Any],
    asked: list[NDArray[np.float32]],
    nearest: list[NDArray[np.float32]],
) -> dict[str, float]:
    """Ask all, first without counting, so that the index is in memory."""
    import lance
    from lance import Session  # type: ignore[attr-defined]

    dataset = lance.dataset(path, session=Session(SEARCHED_INDEX_CACHE, SEARCHED_METADATA_CACHE))
    for query in asked[:5]:
        look(dataset, searched, query)
    clock, processor, recall = [], [], []
    for query, expected in zip(asked, nearest, strict=True):
        started, used = time.perf_counter(), time.process_time()
        found = look(dataset, searched, query)
        clock.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
        recall.append(float(np.mean(np.sort(found)[:CANDIDATES] <= expected[CANDIDATES - 1] + SAME)))
    return {
        "search, ms": round(statistics.median(clock) * 1_000, 1),
        "search, processor ms": round(statistics.median(processor) * 1_000, 1),
        "recall@100": round(statistics.mean(recall), 4),
    }


def look(dataset: "LanceDataset", searched: Mapping[str, Any], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """The distances of what is found."""
    nearest = {"column": "vector", "q": query, "k": ASKED_FOR, "metric": "cosine", **searched}
    distances: NDArray[np.float32] = dataset.to_table(columns=["_distance"], nearest=nearest)["_distance"].to_numpy()
    return distances


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="How LanceDB's vectors are searched.")
    parser.add_argument("--rows", type=int, default=8 * SEGMENT_ROWS)
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    figures = measure(options.rows, options.queries)
    if options.json:
        print(json.dumps(figures))
        return
    for name in INDEXES:
        print(f"{name:16}" + "".join(f"{value:>10} {what}" for what, value in figures[name].items()))
    for name, limit in LIMITS.items():
        print(f"{name:34}{figures[name]:>12}  {limit}")


if __name__ == "__main__":
    main()
