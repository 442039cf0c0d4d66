"""Which store serves which role: a URL that is set selects the production store, else the embedded one serves."""

from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.catalog import Catalog


def open_catalog(settings: Settings) -> Catalog:
    """PostgreSQL where ``POSTGRES_URL`` is set, else SQLite below ``AETHERGRID_HOME``."""
    if settings.postgres_url is not None:
        url = settings.postgres_url.get_secret_value()
    else:
        url = f"sqlite:///{settings.home_path / 'catalog.db'}"
    return Catalog(url, locks=settings.home_path / "locks")
