"""Errors that people can do something about, in one line."""

import os


def explained(error: Exception) -> str | None:
    """What went wrong and what to do; ``None`` for an error that nobody foresaw."""
    from pydantic import ValidationError

    from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable, UnknownEmbedder
    from aethergrid_pipelines.query.language_model import ModelFailure
    from aethergrid_pipelines.stores.errors import StoreUnavailable
    from aethergrid_pipelines.stores.vectors import CollectionMissing, DimensionMismatch

    if isinstance(error, ValidationError):
        return "; ".join(_mistake(dict(found), of_settings=error.title == "Settings") for found in error.errors())
    if isinstance(error, StoreUnavailable):
        return f"{in_one_line(error)}. `aethergrid doctor` looks at every component"
    if isinstance(error, EmbedderUnavailable | UnknownEmbedder | DimensionMismatch | CollectionMissing | ModelFailure):
        return in_one_line(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    return None


def in_one_line(error: Exception) -> str:
    """The message of an error, without its line breaks."""
    return " ".join(str(error).split()).rstrip(".")


def wants_traceback() -> bool:
    """Whether LOG_LEVEL is DEBUG."""
    return os.environ.get("LOG_LEVEL", "").strip().upper() == "DEBUG"


def _mistake(found: dict[str, object], *, of_settings: bool) -> str:
    location = found["loc"]
    names = [str(part) for part in location] if isinstance(location, tuple) else []
    # Settings are known by the name of their variable.
    known = ".".join(names).upper() if of_settings else ".".join(names)
    reason = str(found["msg"]).removeprefix("Value error, ")
    return f"{known}: {reason}" if known else reason
