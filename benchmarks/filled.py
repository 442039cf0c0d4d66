"""An index of so many fragments, made by the product's own flow, on either vector store."""

import json
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

from aethergrid_pipelines.demo import import_files
from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.settings import load_settings
from benchmarks.generate import conversation, write
from benchmarks.home import Home, fresh_home, opened_home
from benchmarks.phrase_embedder import PhraseEmbedder
from benchmarks.production import delete_collections
from benchmarks.words import ACTIONS, OBJECTS, OPENINGS, SUBJECTS

VARIABLES = "benchmark.json"
"""In a home: the variables that select the servers it is on."""

CONVERSATIONS_AT_ONCE = 400
ASKED = (
    "Why does {subject} {action} {object}?",
    "when did {subject} {action} {object}",
    "{opening}, what happens to {object}?",
    "{subject} {action} {object}",
    "Which model said that {subject} {action} {object}?",
    "how many {object} were there {opening}",
)


@contextmanager
def filled_home(fragments: int, store: str) -> Iterator[Home]:
    """A home of at least so many fragments on either vector store, searched with the real local embedder."""
    with empty_home(store) as home:
        fill(home, fragments)
        yield home


@contextmanager
def empty_home(store: str, *, keep: Path | None = None) -> Iterator[Home]:
    """A home for generated conversations, whose vectors are on ``lancedb`` or ``weaviate`` (at ``WEAVIATE_URL``, in a
    collection of its own that is deleted afterwards). With ``keep``, both stay, for :func:`kept_home`."""
    settings = load_settings()
    variables: dict[str, str] = {}
    if store == "weaviate":
        if not settings.weaviate_url:
            raise SystemExit("WEAVIATE_URL is not set: `make services` starts the server and prints it")
        variables = {
            "WEAVIATE_URL": settings.weaviate_url,
            "WEAVIATE_GRPC_PORT": str(settings.weaviate_grpc_port),
            "VECTOR_COLLECTION": f"Bench{uuid.uuid4().hex[:12]}",
        }
    embedder = PhraseEmbedder(LocalEmbedder(settings.models_path))
    try:
        with fresh_home(embedder=embedder, variables=variables, keep=keep) as home:
            (home.folder / VARIABLES).write_text(json.dumps(variables), encoding="utf-8")
            yield home
    finally:
        if variables and keep is None:
            delete_collections(variables)


@contextmanager
def kept_home(folder: Path) -> Iterator[Home]:
    """A home that :func:`empty_home` made and somebody filled, with the vector store that it was filled on."""
    variables = json.loads((folder / VARIABLES).read_text(encoding="utf-8"))
    models = load_settings().models_path
    embedder = PhraseEmbedder(LocalEmbedder(models))
    with opened_home(folder, models, embedder=embedder, variables=variables) as home:
        yield home


def fill(home: Home, fragments: int) -> int:
    """Generate, import and process conversations until the index holds so many fragments; how many it holds."""
    numbers = count()
    stores = home.stores
    while True:
        active = stores.vectors.active()
        there = stores.vectors.count(active[0]) if active else 0
        if active and there >= fragments:
            stores.vectors.optimise(active[0])
            return there
        # A conversation has about a dozen fragments.
        part = islice(numbers, min(CONVERSATIONS_AT_ONCE, (fragments - there) // 12 + 1))
        file = home.folder / "part.jsonl"
        write(file, (record for number in part for record in conversation(number)))
        import_files(stores, [file])
        file.unlink()
        materialise_all(stores, Scope(), run_id="benchmark")


def questions(number: int, *, seed: int = 0) -> list[str]:
    """So many different questions about what was said."""
    rng, asked = random.Random(seed), dict[str, None]()
    while len(asked) < number:
        words = {"subject": rng.choice(SUBJECTS), "action": rng.choice(ACTIONS), "object": rng.choice(OBJECTS)}
        asked[rng.choice(ASKED).format(opening=rng.choice(OPENINGS), **words)] = None
    return list(asked)
