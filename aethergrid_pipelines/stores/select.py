"""Which store serves which role: a URL that is set selects the production store, else the embedded one serves."""

from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.cache import Cache
from aethergrid_pipelines.stores.catalog import Catalog
from aethergrid_pipelines.stores.conversations import ConversationStore
from aethergrid_pipelines.stores.vectors import VectorStore


def open_catalog(settings: Settings) -> Catalog:
    """PostgreSQL where ``POSTGRES_URL`` is set, else SQLite below ``AETHERGRID_HOME``."""
    if settings.postgres_url is not None:
        url = settings.postgres_url.get_secret_value()
    else:
        url = f"sqlite:///{settings.home_path / 'catalog.db'}"
    return Catalog(url, locks=settings.home_path / "locks")


def open_vector_store(settings: Settings) -> VectorStore:
    """Weaviate at ``WEAVIATE_URL``, else LanceDB in ``AETHERGRID_HOME/vectors``. Connects at the first call."""
    if settings.weaviate_url:
        from aethergrid_pipelines.stores.weaviate_vectors import WeaviateVectorStore

        key = settings.weaviate_api_key
        secret = None if key is None else key.get_secret_value()
        return WeaviateVectorStore(
            settings.weaviate_url, settings.weaviate_grpc_port, secret, alias=settings.vector_collection
        )
    from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore

    return LanceVectorStore(settings.home_path / "vectors")


def open_conversation_store(settings: Settings) -> ConversationStore:
    """MongoDB at ``MONGODB_URL``, else SQLite in ``AETHERGRID_HOME/conversations.db``. Connects at the first call."""
    if settings.mongodb_url is not None:
        from aethergrid_pipelines.stores.mongo_conversations import MongoConversationStore

        return MongoConversationStore(settings.mongodb_url.get_secret_value(), settings.mongodb_database)
    from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore

    settings.home_path.mkdir(parents=True, exist_ok=True)
    return SqliteConversationStore(settings.home_path / "conversations.db")


def open_shared_cache(settings: Settings) -> Cache | None:
    """Redis at ``REDIS_URL``; without one there is no cache beyond the process. Connects at the first call."""
    if settings.redis_url is None:
        return None
    from aethergrid_pipelines.stores.redis_cache import NAMESPACE, RedisCache

    # Several installations on one Redis clear and fill their own.
    namespace = f"{NAMESPACE}{settings.vector_collection}:"
    return RedisCache(settings.redis_url.get_secret_value(), namespace=namespace)
