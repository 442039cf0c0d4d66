"""Rows that are inserted in bulk are those that SQLAlchemy would have inserted one by one, on either database."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import SQLModel

from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import FragmentRow, ImportedFile, StepState, Vector, table_of
from aethergrid_pipelines.stores.bulk_insert import insert_rows

MOMENT = dt.datetime(2026, 3, 1, 23, 59, 59, 123_456, tzinfo=dt.UTC)


def fragment(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": f"fragment-{number}",
        "collection": "Fragments",
        "conversation_id": "talk",
        "chunk_id": f"chunk-{number}",
        "payload_sha256": "0" * 64,
        "state": "pending",
        "topic": "databases",
        "task_type": "coding",
        "complexity": 0.375,
        "language": "en",
        "source_model": None,
        "timestamp": MOMENT,
        "tokens_used": 1 << 40,
        "run_id": "run",
        "written_at": MOMENT,
    } | values


def test_every_kind_of_column_is_read_as_it_was_given(stores: Stores) -> None:
    oslo = dt.timezone(dt.timedelta(hours=1))
    rows = [fragment(0), fragment(1, topic="emoji 🦦", source_model="claude", timestamp=MOMENT.astimezone(oslo))]
    state = {
        "step": "chunks",
        "conversation_id": "talk",
        "day": dt.date(2026, 3, 1),
        "input_version": "a",
        "code_version": "b",
        "output_version": "c",
        "rows": 2,
        "processed_at": MOMENT,
        "run_id": "run",
    }
    file = ImportedFile(
        space="default",
        source="generic",
        path="/notes.jsonl",
        size=1 << 40,
        modified_at=MOMENT,
        read=3,
        stored=1,
        updated=0,
        merged=1,
        skipped={"no text": 1},
        rejected=0,
        mended=0,
        complete=True,
        imported_at=MOMENT,
    ).model_dump()
    vector = {"embedder": "stub", "sha256": "f" * 64, "dimension": 1, "vector": b"\x00\x00\x80?", "created_at": MOMENT}
    given: dict[type[SQLModel], list[dict[str, Any]]] = {
        FragmentRow: rows,
        StepState: [state],
        ImportedFile: [file],
        Vector: [vector],
    }
    for row_class, wanted in given.items():
        table = table_of(row_class)
        with stores.catalog.writing() as connection:
            insert_rows(connection, table, wanted)
        with stores.catalog.reading() as connection:
            found = [dict(row) for row in connection.execute(select(table)).mappings()]
        assert [{**row, **({"vector": bytes(row["vector"])} if "vector" in row else {})} for row in found] == wanted


def test_columns_that_are_not_given_are_null(stores: Stores) -> None:
    row = fragment(0)
    del row["source_model"]
    with stores.catalog.writing() as connection:
        insert_rows(connection, table_of(FragmentRow), [row])
        assert connection.execute(select(table_of(FragmentRow).c.source_model)).scalars().all() == [None]


def test_what_is_there_is_an_error_or_left_alone(stores: Stores) -> None:
    table = table_of(Vector)
    rows = [
        {"embedder": "stub", "sha256": sha, "dimension": 1, "vector": sha.encode(), "created_at": MOMENT}
        for sha in "ab"
    ]
    again = [{**row, "vector": b"other"} for row in rows] + [{**rows[0], "sha256": "c"}]
    with stores.catalog.writing() as connection:
        insert_rows(connection, table, rows)
    with pytest.raises(IntegrityError), stores.catalog.writing() as connection:
        insert_rows(connection, table, again)
    with stores.catalog.writing() as connection:
        insert_rows(connection, table, again, unless_there=("embedder", "sha256"))
        found = connection.execute(select(table.c.sha256, table.c.vector).order_by(table.c.sha256)).all()
    assert [(sha, bytes(vector)) for sha, vector in found] == [("a", b"a"), ("b", b"b"), ("c", b"a")]


def test_nothing_is_inserted_where_there_is_nothing(stores: Stores) -> None:
    with stores.catalog.writing() as connection:
        insert_rows(connection, table_of(FragmentRow), [])
        assert connection.execute(select(table_of(FragmentRow))).first() is None


def test_a_moment_without_a_zone_is_refused(stores: Stores) -> None:
    with (
        pytest.raises((ValueError, SQLAlchemyError), match="without a time zone"),
        stores.catalog.writing() as connection,
    ):
        insert_rows(connection, table_of(FragmentRow), [fragment(0, timestamp=MOMENT.replace(tzinfo=None))])
