"""Search and answers over what the settings select."""

import re

from aethergrid_pipelines.embedders.protocol import Embedder, UnknownEmbedder
from aethergrid_pipelines.query.answering import Answerer
from aethergrid_pipelines.query.contextual import Packer
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.query.select_model import open_model
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.vectors import VectorStore


def open_search(settings: Settings, vectors: VectorStore, embedder: Embedder) -> Search:
    """The search of these stores, which also answers from an index that another known embedder built."""
    return Search(vectors, embedder, space=settings.space, reopen=lambda name: embedder_named(settings, name))


def open_answerer(settings: Settings, packer: Packer) -> Answerer:
    """What answers from the packs of ``packer`` by the model of these settings. Raises ``NoModel``."""
    return Answerer(
        packer,
        open_model(settings),
        token_budget=settings.answer_context_tokens,
        max_tokens=settings.answer_max_tokens,
    )


def embedder_named(settings: Settings, name: str) -> Embedder:
    """The embedder whose vectors carry ``name``; raises ``UnknownEmbedder``."""
    from aethergrid_pipelines.embedders.openai_compatible import KNOWN_MODELS
    from aethergrid_pipelines.embedders.select import LOCAL_VARIANTS, open_embedder

    # Shortened vectors carry their dimension in their name; local ones have another figure there, so they come first.
    shortened = re.fullmatch(r"(.+)-(\d{1,5})", name)
    asked: list[tuple[str, int | None]] = [(model, None) for model in (*LOCAL_VARIANTS, *KNOWN_MODELS)]
    if shortened and (shortened[1].rsplit("/", 1)[-1] in KNOWN_MODELS or settings.openai_base_url):
        asked.append((shortened[1], int(shortened[2])))
    for model, dimensions in asked:
        change = {"embedding_model": model, "vector_dimensions": dimensions}
        found = open_embedder(settings.model_copy(update=change))
        if found.name == name:
            return found
        found.close()
    raise UnknownEmbedder(f"no embedder that is known here gives vectors called {name}")
