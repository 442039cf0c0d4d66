"""Many rows into a table of the catalog."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

_SQLITE = sqlite.dialect()


def insert_rows(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, unless_there: tuple[str, ...] = ()
) -> None:
    """Insert ``rows``, which have the same columns; ``unless_there``: but those whose values of these columns are in
    the table, of which they are a key.

    The parameters of SQLite's statements are made a column at a time and given to the driver: a row of the ledger takes
    6 µs then, and 8 where SQLAlchemy looks at each row. To PostgreSQL it gives pages of rows in one statement.
    """
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        if unless_there:
            connection.execute(postgresql.insert(table).on_conflict_do_nothing(index_elements=unless_there), rows)
        else:
            # SQLAlchemy compiles PostgreSQL's own kind of statement anew each time, which takes longer than to run it.
            connection.execute(insert(table), rows)
        return
    names = tuple(column.name for column in table.columns if column.name in rows[0])
    statement, conversions = _for_sqlite(table, names, unless_there)
    columns: list[Sequence[Any]] = [[row[name] for row in rows] for name in names]
    for at, convert in conversions.items():
        columns[at] = [*map(convert, columns[at])]
    connection.exec_driver_sql(statement, [*zip(*columns, strict=True)])


@lru_cache(maxsize=64)
def _for_sqlite(
    table: Table, names: tuple[str, ...], unless_there: tuple[str, ...]
) -> tuple[str, dict[int, Callable[[Any], Any]]]:
    """The statement, and by the place of a column what makes its values what SQLite keeps."""
    inserting = sqlite.insert(table)
    if unless_there:
        inserting = inserting.on_conflict_do_nothing(index_elements=unless_there)
    conversions: dict[int, Callable[[Any], Any]] = {
        at: convert
        for at, name in enumerate(names)
        if (convert := table.columns[name].type.dialect_impl(_SQLITE).bind_processor(_SQLITE)) is not None
    }
    return str(inserting.compile(dialect=_SQLITE, column_keys=names)), conversions
