"""How SQLite finds what a batch needs: by its conversations, so that it costs the same in a history of any size."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines_tests.flow.contents import put
from aethergrid_pipelines_tests.opened import place

MANY = 250
"""As many conversations as batches have. Where SQLite looks up each of a few, it may read all there are for many."""

OF_CONVERSATIONS = re.compile(r"\bconversation_id IN \(|\.id IN \(\?")
BY_KEY = re.compile(r"\((\w+=\? AND )*(conversation_id|id|sha256)=\?")


def plans(stores: Stores, run_id: str) -> dict[str, list[str]]:
    """What SQLite does for each different statement of a run that names conversations; each table is a line."""
    seen: dict[str, Any] = {}

    def remember(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many and OF_CONVERSATIONS.search(statement):
            seen.setdefault(re.sub(r"(\?, )+\?", "?", statement), (statement, parameters))

    event.listen(stores.catalog.engine, "before_cursor_execute", remember)
    try:
        reports = materialise_all(stores, Scope(), run_id=run_id)
    finally:
        event.remove(stores.catalog.engine, "before_cursor_execute", remember)
    assert all(report.processed == MANY for report in reports)
    found = {}
    with stores.catalog.reading() as connection:
        for short, (statement, parameters) in seen.items():
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            found[short] = [row[3] for row in rows if row[3].startswith(("SEARCH", "SCAN"))]
    return found


@pytest.fixture
def stores(tmp_path: Path) -> Any:
    with place("embedded", tmp_path) as there, there.open() as opened:
        yield opened


def test_no_statement_about_a_batch_reads_what_is_not_of_it(stores: Stores) -> None:
    for number in range(MANY):
        put(stores, f"c{number}", ["Where do the otters live?"], days=number % 3)
    first = plans(stores, "first")
    for number in range(MANY):
        put(stores, f"c{number}", ["Where do the otters live?", "By the river."], days=number % 3)
    both = first | plans(stores, "second")
    assert len(both) > 12
    slow = {statement: lines for statement, lines in both.items() if not all(map(BY_KEY.search, lines))}
    assert slow == {}
