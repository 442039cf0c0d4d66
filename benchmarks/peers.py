"""The same work as a LlamaIndex ingestion pipeline does it, in the same run.

    UV_LINK_MODE=copy uv run --isolated --no-dev --group peers python -m benchmarks.peers [--messages N] [--json]

In an environment of its own, since LlamaIndex asks for older libraries than the project has; with copies of their
files, since a part of it refuses files with several links.

The work: read generated messages from JSON Lines, split each within the model's window with the model's tokenizer,
embed the pieces with the same ONNX graph of all-MiniLM-L6-v2 on as many threads, store them in LanceDB so that a second
run sees what is there. The flow does more on the way (cleaning, labels, lexical fields and indexes, lineage, step
states in SQL); nothing of that is left out.

The pipeline is the documented one (https://developers.llamaindex.ai/python/framework/module_guides/loading/ingestion_pipeline):
a document for each message, ``SentenceSplitter``, an embedding, ``docstore`` for upserts, ``LanceDBVectorStore``; run
once over all documents and persisted. It is spared what is not asked for: no overlap, no metadata in the embedded text,
no cache of transformations (the docstore knows what was done), and calls of as many texts as it allows. The embedding
comes in three kinds:

* ``FastEmbed``: LlamaIndex's own integration for ONNX models, as it is documented, with all threads. It calls with
  padded batches of 256 texts, so the graph is given a batch dimension and a mask (:mod:`benchmarks.batched_graph`);
* ``session``: a subclass of ``BaseEmbedding`` written for this graph: a session that has all threads for one text a
  call, so nothing is padded;
* ``embed()``: our own embedder instead, with its threads, its order by length and its tokenising; what is left of the
  difference is all but the embedding.

Named limit: ``ratio``, messages/s of the flow to those of the pipeline with ``FastEmbed``, >= 2. ``ratio, session`` and
``ratio, embed()`` say the same of the other kinds, which somebody would have to find first; most of the time of all is
the same model, so the last cannot be much above 1.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.batched_graph import write_batched
from benchmarks.generate import first_messages, write
from benchmarks.home import Home, fresh_home
from benchmarks.throughput import usable_threads, warm_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aethergrid_pipelines.embedders.local import LocalEmbedder

MESSAGES = 3_000
MOST_TEXTS = 2_048
"""The most that LlamaIndex gives to one call of an embedding."""

Embed = Callable[[list[str]], list[list[float]]]


def measure(messages: int) -> dict[str, Any]:
    """The figures that ``--json`` prints; seconds unless named otherwise."""
    from aethergrid_pipelines.embedders.local import LocalEmbedder

    with fresh_home() as home:
        embedder = home.stores.embedder
        if not isinstance(embedder, LocalEmbedder):
            raise TypeError(f"{embedder.name} is not the local embedder")
        file = home.folder / "generated.jsonl"
        write(file, first_messages(messages))
        warm_up(home)
        seconds, pieces = {}, {}
        seconds["flow"], pieces["flow"] = flow(home, file)
        for kind, given in kinds(embedder, home.folder).items():
            seconds[kind], pieces[kind] = pipeline(home.folder / f"peer-{kind.strip('()')}", file, embedder, given)
    return {
        "messages": messages,
        **{f"{name}, seconds": round(value, 2) for name, value in seconds.items()},
        **{f"{name}, pieces": value for name, value in pieces.items()},
        **{f"{name}, messages/s": round(messages / value, 1) for name, value in seconds.items()},
        "ratio": round(seconds["FastEmbed"] / seconds["flow"], 2),
        "ratio, session": round(seconds["session"] / seconds["flow"], 2),
        "ratio, embed()": round(seconds["embed()"] / seconds["flow"], 2),
    }


def flow(home: Home, file: Path) -> tuple[float, int]:
    """Seconds of import and the six steps, and how many fragments came of it."""
    from aethergrid_pipelines.demo import import_files
    from aethergrid_pipelines.flow.engine import materialise_all
    from aethergrid_pipelines.flow.scope import Scope

    started = time.perf_counter()
    import_files(home.stores, [file])
    reports = materialise_all(home.stores, Scope(), run_id="peers")
    seconds = time.perf_counter() - started
    return seconds, next(report.rows for report in reports if report.step == "weaviate_fragments")


def kinds(embedder: "LocalEmbedder", folder: Path) -> dict[str, Any]:
    """LlamaIndex embeddings by name."""
    return {
        "FastEmbed": fast_embedding(folder / "FastEmbed"),
        "session": embedding(session_embed(embedder)),
        "embed()": embedding(own_embed(embedder)),
    }


def pipeline(folder: Path, file: Path, embedder: "LocalEmbedder", given: Any) -> tuple[float, int]:
    """Seconds of the pipeline over the messages of a file, and how many nodes came of it."""
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.storage.docstore import SimpleDocumentStore
    from llama_index.vector_stores.lancedb import LanceDBVectorStore

    splitter = SentenceSplitter(chunk_size=embedder.window, chunk_overlap=0, tokenizer=embedder.tokenizer.offsets)
    work = IngestionPipeline(
        transformations=[splitter, given],
        docstore=SimpleDocumentStore(),
        vector_store=LanceDBVectorStore(uri=str(folder / "lancedb"), table_name="messages"),
        disable_cache=True,
    )
    given.get_text_embedding_batch(["Something to begin with."])
    started = time.perf_counter()
    nodes = work.run(documents=documents(file))
    work.persist(str(folder / "pipeline"))
    return time.perf_counter() - started, len(nodes)


def documents(file: Path) -> list[Any]:
    """A document for each message, of which the embedding sees the text alone."""
    from llama_index.core import Document

    found = []
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            text = record.pop("content")
            names = list(record)
            found.append(
                Document(
                    text=text,
                    doc_id=f"{record['conversation']}/{record['id']}",
                    metadata={name: record[name] for name in ("conversation", "timestamp", "role")},
                    excluded_embed_metadata_keys=names,
                    excluded_llm_metadata_keys=names,
                )
            )
    return found


def embedding(embed: Embed) -> Any:
    """A LlamaIndex embedding over a function."""
    from llama_index.core.base.embeddings.base import BaseEmbedding

    class Given(BaseEmbedding):  # type: ignore[misc]
        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return embed(texts)

        def _get_text_embedding(self, text: str) -> list[float]:
            return embed([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return embed([query])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return embed([query])[0]

    return Given(model_name="all-MiniLM-L6-v2", embed_batch_size=MOST_TEXTS)


def fast_embedding(folder: Path) -> Any:
    """LlamaIndex's embedding over FastEmbed, of the local embedder's model in ``folder``, which is made."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType
    from llama_index.embeddings.fastembed import FastEmbedEmbedding

    from aethergrid_pipelines.embedders.local import MODEL_TOKENS
    from aethergrid_pipelines.embedders.minilm_graph import weights_folder

    folder.mkdir()
    write_batched("int8", folder / "model.onnx")
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(weights_folder() / name, folder)
    tokenizer = {"model_max_length": MODEL_TOKENS, "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    name = "all-MiniLM-L6-v2-int8"
    TextEmbedding.add_custom_model(
        name,
        pooling=PoolingType.DISABLED,
        normalization=False,
        sources=ModelSource(url="file"),
        dim=384,
        model_file="model.onnx",
    )
    found = FastEmbedEmbedding(model_name=name, threads=usable_threads(), specific_model_path=str(folder))
    found.embed_batch_size = MOST_TEXTS
    return found


def session_embed(embedder: "LocalEmbedder") -> Embed:
    """Text after text through a session that has all threads."""
    import numpy as np
    from onnxruntime import InferenceSession, SessionOptions

    from aethergrid_pipelines.embedders.local import CLS, SEP
    from aethergrid_pipelines.embedders.minilm_graph import one_text_graph, published_weights

    options = SessionOptions()
    options.intra_op_num_threads = usable_threads()
    graph = one_text_graph(published_weights(), "int8").SerializeToString()
    session = InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def embed(texts: Sequence[str]) -> list[list[float]]:
        vectors: list[NDArray[np.float32]] = []
        for ids in embedder.tokenizer.ids(texts):
            row = np.array([CLS, *ids[: embedder.window].tolist(), SEP], np.int64)
            vectors.append(session.run(None, {"input_ids": row})[0])
        return [vector.tolist() for vector in vectors]

    return embed


def own_embed(embedder: "LocalEmbedder") -> Embed:
    """The flow's own way."""

    def embed(texts: Sequence[str]) -> list[list[float]]:
        found: list[list[float]] = embedder.embed(texts).vectors.tolist()
        return found

    return embed


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="The same work in LlamaIndex, in the same run.")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    figures = measure(options.messages)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:28} {value:<12} {'>= 2' if name == 'ratio' else ''}".rstrip())


if __name__ == "__main__":
    main()
