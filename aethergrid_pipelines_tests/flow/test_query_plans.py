"""How SQLite finds what a batch needs: by its conversations, so that it costs the same in a history of any size."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.recent import recent_conversations
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines_tests.flow.contents import put
from aethergrid_pipelines_tests.opened import place

MANY = 250
"""As many conversations as batches have. Where SQLite looks up each of a few, it may read all there are for many."""

OF_A_BATCH = " IN ("
BY_KEY = re.compile(r"\((\w+=\? AND )*(conversation_id|id|sha256)=\?")


def plans(stores: Stores, work: Callable[[], Any]) -> dict[str, list[str]]:
    """What SQLite does for each different statement of some work, by the statement, line for line."""
    seen: dict[str, Any] = {}

    def remember(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many:
            seen.setdefault(re.sub(r"(\?, )+\?", "?", statement), (statement, parameters))

    event.listen(stores.catalog.engine, "before_cursor_execute", remember)
    try:
        work()
    finally:
        event.remove(stores.catalog.engine, "before_cursor_execute", remember)
    found = {}
    with stores.catalog.reading() as connection:
        for short, (statement, parameters) in seen.items():
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            found[short] = [row[3] for row in rows]
    return found


def run(stores: Stores) -> None:
    reports = materialise_all(stores, Scope(), run_id="run")
    assert all(report.processed == MANY for report in reports)


@pytest.fixture
def stores(tmp_path: Path) -> Any:
    with place("embedded", tmp_path) as there, there.open() as opened:
        yield opened


def test_no_statement_about_a_batch_reads_what_is_not_of_it(stores: Stores) -> None:
    for number in range(MANY):
        put(stores, f"c{number}", ["Where do the otters live?"], days=number % 3)
    both = plans(stores, partial(run, stores))
    for number in range(MANY):
        put(stores, f"c{number}", ["Where do the otters live?", "By the river."], days=number % 3)
    both |= plans(stores, partial(run, stores))
    tables = {
        statement: [line for line in lines if line.startswith(("SEARCH", "SCAN"))]
        for statement, lines in both.items()
        if OF_A_BATCH in statement
    }
    assert len(tables) > 12
    assert {statement: lines for statement, lines in tables.items() if not all(map(BY_KEY.search, lines))} == {}


def test_the_latest_conversations_are_found_without_reading_the_others(stores: Stores) -> None:
    for number in range(30):
        put(stores, f"c{number}", ["Where do the otters live?"], days=number)
    materialise_all(stores, Scope(), run_id="run")
    found = plans(stores, lambda: recent_conversations(stores.catalog, space="default", limit=3))
    assert [lines[0] for lines in found.values()] == [
        "SEARCH conversations USING INDEX ix_conversations_latest (space=?)"
    ]
    assert not any(line == "USE TEMP B-TREE FOR ORDER BY" for lines in found.values() for line in lines)
