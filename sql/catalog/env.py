"""Alembic's environment for the catalog."""

from typing import Any

from alembic import context
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import aethergrid_pipelines.records.tables  # noqa: F401  (registers the tables)
from aethergrid_pipelines.records.columns import UtcDateTime


def render(kind: str, item: Any, _context: Any) -> str | bool:
    """Write plain SQLAlchemy types into migrations, so that they outlive the classes of today."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.Text()"
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run() -> None:
    """Run the migrations on the connection of the caller, inside the caller's transaction."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=SQLModel.metadata,
        render_item=render,
    )
    context.run_migrations()


run()
