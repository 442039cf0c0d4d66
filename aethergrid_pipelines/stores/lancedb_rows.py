"""Fragments as rows of a LanceDB table, and filters as its expressions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.vectors import RANKED, Candidate, FragmentFilter

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.expr import Expr

VALUES_AT_ONCE = 2_000

OPTIONAL_TEXT = ("speaker", "source_model", "title")
COLUMNS = [name for name in Fragment.model_fields if name != "vector"]
SEARCHED = "terms"
# Ids, times and conversations have many values, the others few: a B-tree and a bitmap. With them a filtered scan of
# 30,000 vectors takes 3–9 ms instead of 32.
BTREE_COLUMNS = ("id", "conversation_id", "timestamp")
BITMAP_COLUMNS = ("space", "source", "source_model", "task_type", "topic", "role")
_FRAGMENTS = TypeAdapter(list[Fragment])
IN_FILTER = {
    "conversation_id": "conversation_ids",
    "source": "sources",
    "source_model": "source_models",
    "task_type": "task_types",
    "topic": "topics",
    "role": "roles",
}


def schema(dimension: int) -> pa.Schema:
    """One column for each field of a fragment, by its name; ``vector`` is ``dimension`` float32."""
    import pyarrow as pa

    special = {
        "timestamp": pa.timestamp("us", tz="UTC"),
        "ordinal": pa.int64(),
        "tokens_used": pa.int64(),
        "origin_line": pa.int64(),
        "complexity": pa.float64(),
        "vector": pa.list_(pa.float32(), dimension),
    }
    return pa.schema([pa.field(name, special.get(name, pa.string())) for name in (*COLUMNS, "vector")])


def to_table(fragments: Sequence[Fragment], dimension: int) -> pa.Table:
    """Fragments as an Arrow table of :func:`schema`; times without a zone are refused with ``ValueError``."""
    import pyarrow as pa

    shape = schema(dimension)
    columns: dict[str, list[Any]] = {name: [getattr(one, name) for one in fragments] for name in COLUMNS}
    columns["timestamp"] = [utc(moment) for moment in columns["timestamp"]]
    for name in OPTIONAL_TEXT:
        columns[name] = [value or None for value in columns[name]]
    arrays = [pa.array(columns[name], type=shape.field(name).type) for name in COLUMNS]
    flat = np.asarray([one.vector for one in fragments], dtype=np.float32).ravel()
    arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(flat), dimension))
    return pa.Table.from_arrays(arrays, schema=shape)


def to_fragments(rows: pa.Table) -> list[Fragment]:
    """Fragments of a result; columns that are no field of a fragment are passed over."""
    table = rows.select([name for name in rows.column_names if name in Fragment.model_fields])
    return _FRAGMENTS.validate_python(table.to_pylist())


def to_candidates(rows: pa.Table, similarities: Sequence[float], lexical: Sequence[float]) -> list[Candidate]:
    """Candidates of a result, with the scores of its rows; a text that an older version did not write is empty."""
    there = set(rows.column_names)
    read = [rows.column(name).to_pylist() if name in there else [""] * rows.num_rows for name in RANKED]
    return [Candidate(*values) for values in zip(*read, similarities, lexical, strict=True)]


def utc(moment: dt.datetime) -> dt.datetime:
    """``moment`` in UTC; raises ``ValueError`` without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"a moment without a time zone: {moment.isoformat()}")
    return moment.astimezone(dt.UTC)


def one_of(column: str, values: Sequence[str]) -> Expr:
    """``column`` is one of ``values``. Values are literals of an expression and never become part of a text."""
    import lancedb  # noqa: F401  (whole before its parts: see lancedb_tables)
    from lancedb.expr import col, lit

    return col(column).isin([lit(value) for value in values])


def any_of(column: str, values: Sequence[str]) -> Iterator[Expr]:
    """The same for any number of values, in conditions of at most :data:`VALUES_AT_ONCE` each."""
    for start in range(0, len(values), VALUES_AT_ONCE):
        yield one_of(column, values[start : start + VALUES_AT_ONCE])


def condition(where: FragmentFilter) -> Expr:
    """The filter as an expression."""
    import lancedb  # noqa: F401  (whole before its parts: see lancedb_tables)
    from lancedb.expr import col, lit

    parts = [col("space") == lit(where.space)]
    for column, name in IN_FILTER.items():
        values: tuple[str, ...] = getattr(where, name)
        if values:
            parts.append(one_of(column, values))
    if where.after is not None:
        parts.append(col("timestamp") >= lit(utc(where.after)))
    if where.before is not None:
        parts.append(col("timestamp") <= lit(utc(where.before)))
    return reduce(and_, parts)
