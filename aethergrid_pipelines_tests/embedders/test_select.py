"""Which embedder a setting means, and what an impossible one says."""

from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.embedders.openai_compatible import OpenAiEmbedder
from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable, UnknownEmbedder
from aethergrid_pipelines.embedders.select import open_embedder
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.vectors import DimensionMismatch

MODEL = "all-MiniLM-L6-v2"


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (MODEL, "all-MiniLM-L6-v2-int8-256"),
        (f"sentence-transformers/{MODEL}", "all-MiniLM-L6-v2-int8-256"),
        (f"{MODEL}@fp32", "all-MiniLM-L6-v2-fp32-256"),
        (f"sentence-transformers/{MODEL}@fp32", "all-MiniLM-L6-v2-fp32-256"),
    ],
)
@pytest.mark.parametrize("dimensions", [None, 384])
def test_the_local_model_and_its_variants(model: str, name: str, dimensions: int | None) -> None:
    embedder = open_embedder(settings(embedding_model=model, vector_dimensions=dimensions))
    assert isinstance(embedder, LocalEmbedder)
    assert (embedder.name, embedder.dimension) == (name, 384)


def test_the_local_model_is_the_default_also_beside_a_server() -> None:
    assert isinstance(open_embedder(settings(openai_base_url="http://127.0.0.1:1/v1")), LocalEmbedder)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"embedding_model": "text-embedding-3-small"}, "text-embedding-3-small-1536"),
        ({"embedding_model": "text-embedding-3-large", "vector_dimensions": 1024}, "text-embedding-3-large-1024"),
        ({"embedding_model": "bge-m3", "openai_base_url": "http://127.0.0.1:1/v1"}, "bge-m3"),
    ],
)
def test_other_models_are_asked_for_over_the_openai_api(values: dict[str, Any], name: str) -> None:
    embedder = open_embedder(settings(**values))
    assert isinstance(embedder, OpenAiEmbedder)
    assert embedder.name == name


def test_an_unknown_model_lists_those_that_exist_and_how_to_use_another() -> None:
    with pytest.raises(UnknownEmbedder, match=r"all-MiniLM-L6-v2.*text-embedding-3-small.*OPENAI_BASE_URL"):
        open_embedder(settings(embedding_model="bge-m3"))


@pytest.mark.parametrize(
    ("model", "dimensions", "native"),
    [(MODEL, 1536, 384), ("text-embedding-3-small", 3072, 1536), ("text-embedding-ada-002", 256, 1536)],
)
def test_a_dimension_that_the_model_does_not_have_names_both_and_the_fix(
    model: str, dimensions: int, native: int
) -> None:
    with pytest.raises(DimensionMismatch, match=rf"VECTOR_DIMENSIONS={dimensions}, but .* {native} .*set VECTOR_DIM"):
        open_embedder(settings(embedding_model=model, vector_dimensions=dimensions))


def test_a_missing_key_is_no_error_before_the_first_use() -> None:
    embedder = open_embedder(settings(embedding_model="text-embedding-3-small"))
    with pytest.raises(EmbedderUnavailable, match="OPENAI_API_KEY"):
        embedder.embed_query("now")


def test_the_graph_is_kept_where_the_setting_says(tmp_path: Path) -> None:
    assert settings(AETHERGRID_MODELS=None, AETHERGRID_HOME=tmp_path).models_path == tmp_path / "models"
    assert settings(AETHERGRID_MODELS=tmp_path).models_path == tmp_path
