"""Names of components, for people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aethergrid_pipelines.flow.stores import Stores
    from aethergrid_pipelines.settings import Settings


def addresses(stores: "Stores") -> dict[str, str]:
    """Which store serves which role, and where; without secrets."""
    settings = stores.settings
    info = stores.vectors.info()
    place = settings.weaviate_url or info.get("path", "")
    return {
        "conversations": conversation_address(settings),
        "catalog": stores.catalog.address,
        "vectors": f"{info.get('name', '')} {info.get('version', '')} {place}".strip(),
        "embedder": stores.embedder.name,
    }


def conversation_address(settings: "Settings") -> str:
    """Where the conversation store is, without its password."""
    if settings.mongodb_url is None:
        return f"SQLite {settings.home_path / 'conversations.db'}"
    from urllib.parse import urlsplit

    host = urlsplit(settings.mongodb_url.get_secret_value()).netloc.rpartition("@")[2]
    return f"MongoDB {host}/{settings.mongodb_database}"
