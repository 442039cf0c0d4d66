"""Which embedder ``EMBEDDING_MODEL`` means."""

from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.embedders.minilm_graph import HIDDEN, Precision
from aethergrid_pipelines.embedders.openai_compatible import KNOWN_MODELS, OpenAiEmbedder, known_model
from aethergrid_pipelines.embedders.protocol import Embedder, UnknownEmbedder
from aethergrid_pipelines.settings import LOCAL_EMBEDDING_MODEL, Settings
from aethergrid_pipelines.stores.vectors import DimensionMismatch

LOCAL_VARIANTS: dict[str, Precision] = {
    LOCAL_EMBEDDING_MODEL: "int8",
    f"{LOCAL_EMBEDDING_MODEL}@int8": "int8",
    f"{LOCAL_EMBEDDING_MODEL}@fp32": "fp32",
}


def open_embedder(settings: Settings) -> Embedder:
    """The embedder of ``settings``. Nothing is loaded or sent before its first use.

    Raises :class:`UnknownEmbedder`, and :class:`DimensionMismatch` where ``VECTOR_DIMENSIONS`` contradicts the model.
    """
    name = settings.embedding_model.strip()
    precision = LOCAL_VARIANTS.get(name.removeprefix("sentence-transformers/"))
    if precision is not None:
        _check_dimension(name, settings.vector_dimensions, HIDDEN, shortens=False)
        return LocalEmbedder(settings.models_path, threads=settings.embedding_threads, precision=precision)
    known = known_model(name)
    if known is None and settings.openai_base_url is None:
        raise UnknownEmbedder(
            f"EMBEDDING_MODEL={name!r} is not known. Local: {', '.join(LOCAL_VARIANTS)}. OpenAI: "
            f"{', '.join(KNOWN_MODELS)}. For any other model, set OPENAI_BASE_URL to a server that offers it under "
            "this name through the OpenAI API"
        )
    if known is not None:
        _check_dimension(name, settings.vector_dimensions, known.dimension, shortens=known.shortens)
    return OpenAiEmbedder(
        name,
        api_key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        dimensions=settings.vector_dimensions,
    )


def _check_dimension(name: str, asked: int | None, native: int, *, shortens: bool) -> None:
    if asked is None or asked == native or (shortens and asked < native):
        return
    limit = f"at most {native}" if shortens else str(native)
    raise DimensionMismatch(
        f"VECTOR_DIMENSIONS={asked}, but {name} has {native} dimensions: set VECTOR_DIMENSIONS to {limit}, or unset it"
    )
