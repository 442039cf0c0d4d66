"""Alembic's environment for the catalog."""

from typing import Any

from alembic import context
from sqlalchemy import Text
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


def differs(_context: Any, _found: Any, _declared: Any, found: Any, declared: Any) -> bool | None:
    """Whether a column has another type than its record says; ``None`` leaves it to Alembic.

    A string without a length is TEXT in the database, which Alembic would call a change each time.
    """
    if isinstance(declared, AutoString) and not declared.length and isinstance(found, Text):
        return False
    return None


def run() -> None:
    """Run the migrations on the connection of the caller, inside the caller's transaction."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=SQLModel.metadata,
        render_item=render,
        compare_type=differs,
    )
    context.run_migrations()


run()
