"""Brings the catalog's schema up to date with Alembic; the migrations are in ``sql/catalog``."""

from typing import TYPE_CHECKING

from sqlalchemy import Engine, inspect, text

from aethergrid_pipelines.stores.schema import sql_folder

if TYPE_CHECKING:
    from alembic.config import Config

LOCK_KEY = 0x0AE7_4E12


def catalog_head() -> str:
    """The newest revision. Revisions are the numbers that begin the names of their files, so Alembic is not needed."""
    return max(path.name.split("_", 1)[0] for path in (sql_folder("catalog") / "versions").glob("[0-9]*.py"))


def alembic_config() -> "Config":
    """Alembic's configuration, for ``make migration`` and for :func:`upgrade_catalog`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(sql_folder("catalog")))
    return config


def current_revision(engine: Engine) -> str | None:
    """The revision that the database is at; ``None`` before the first."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade_catalog(engine: Engine) -> None:
    """Upgrade to the newest revision. Several processes may call this at once; the first one does the work."""
    from alembic import command

    with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
