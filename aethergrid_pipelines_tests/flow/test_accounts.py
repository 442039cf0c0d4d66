"""An account that was damaged is found out, wherever somebody looks."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import delete, update

from aethergrid_pipelines.capture.importer import import_paths
from aethergrid_pipelines.checks.accounts import accounts_add_up
from aethergrid_pipelines.cli.checkup import account
from aethergrid_pipelines.definitions import build_defs
from aethergrid_pipelines.flow.accounts import FileGroup, file_accounts, imbalance, source_accounts, unbalanced
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import ImportedFile, Reject, table_of
from aethergrid_pipelines.stores.journal import CatalogJournal
from aethergrid_pipelines_tests.capture.rows import assistant, text, user, write_lines
from aethergrid_pipelines_tests.capture.secret_examples import GITHUB
from aethergrid_pipelines_tests.opened import KINDS, place

FILES = table_of(ImportedFile)
SOUND = FileGroup(
    space="default", source="generic", path="a.jsonl", read=10, stored=4, updated=1, merged=3, skipped={"title": 2},
    rejected=1, kept=1, redacted=2, flagged=0, secrets={"jwt": 2}, complete=True, error=None,
    imported_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
)  # fmt: skip


@pytest.fixture(params=KINDS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    with place(request.param, tmp_path / "home") as found, found.open() as opened:
        rows = [
            user("u1", f"Hello, {GITHUB}"),
            assistant("a1", "m", text("Hi")),
            assistant("a2", "m", text("there.")),
            {"type": "summary", "summary": "Greeting", "leafUuid": "a2"},
            b"{broken\n",
        ]
        path = write_lines(tmp_path / "in/s.jsonl", rows)
        write_lines(tmp_path / "in/t.jsonl", [user("u9", "More", sessionId="other")])
        journal = CatalogJournal(opened.catalog)
        import_paths([path.parent], store=opened.conversations, space="default", journal=journal)
        yield opened


def damage(stores: Stores, statement: Any) -> None:
    with stores.catalog.writing() as connection:
        connection.execute(statement)


def problems(stores: Stores) -> list[str]:
    with stores.catalog.reading() as connection:
        return [problem for _, problem in unbalanced(file_accounts(connection))]


def test_an_account_that_adds_up_has_no_problem() -> None:
    assert imbalance(SOUND) is None
    assert SOUND.unaccounted == 0


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"read": 11}, "11 records were read, and 10 have an outcome"),
        ({"merged": 4}, "10 records were read, and 11 have an outcome"),
        ({"skipped": {}}, "10 records were read, and 8 have an outcome"),
        ({"stored": -1, "merged": 8}, "a count is less than none"),
        ({"updated": 5}, "5 were updated, and only 4 stored"),
        ({"kept": 0}, "1 were rejected, and 0 of them are kept"),
        ({"secrets": {}}, "secrets by kind are not as many as were redacted and flagged"),
    ],
)
def test_what_does_not_add_up_is_said(damage: dict[str, Any], told: str) -> None:
    assert imbalance(dataclasses.replace(SOUND, **damage)) == told


def test_rejects_of_a_file_that_is_being_read_may_be_fewer() -> None:
    assert imbalance(dataclasses.replace(SOUND, kept=0, complete=False)) is None


def test_the_account_of_an_import_adds_up_by_file_and_by_source(stores: Stores) -> None:
    with stores.catalog.reading() as connection:
        [group] = source_accounts(connection)
    figures = (group.files, group.read, group.stored, group.merged, group.skipped, group.rejected, group.unbalanced)

    assert figures == (2, 6, 3, 1, 1, 1, 0)
    assert (group.redacted, group.flagged, group.secrets) == (1, 0, {"github-token": 1})
    assert problems(stores) == []
    assert accounts_add_up(stores).passed
    assert account(stores.catalog).state == "ok"


def test_a_record_that_vanished_is_found_by_the_check_and_by_the_doctor(stores: Stores) -> None:
    damage(stores, update(FILES).where(FILES.c.path.endswith("s.jsonl")).values(read=FILES.c.read + 1))
    result = accounts_add_up(stores)

    assert problems(stores) == ["6 records were read, and 5 have an outcome"]
    assert not result.passed
    assert "s.jsonl: 6 records were read" in str(result.metadata["failed"].value)
    assert account(stores.catalog).state == "warning"
    with stores.catalog.reading() as connection:
        assert [group.unbalanced for group in source_accounts(connection)] == [1]


def test_a_reject_that_was_not_kept_is_found(stores: Stores) -> None:
    damage(stores, delete(table_of(Reject)))

    assert problems(stores) == ["1 were rejected, and 0 of them are kept"]


def test_a_file_whose_reading_was_cut_short_is_not_complete_and_no_false_alarm(stores: Stores) -> None:
    with stores.catalog.reading() as connection:
        path = next(file.path for file in file_accounts(connection) if file.rejected)
    CatalogJournal(stores.catalog).begin(space="default", source="claude-code", path=path)

    assert problems(stores) == []
    with stores.catalog.reading() as connection:
        assert [file.complete for file in file_accounts(connection)] == [False, True]


def test_dagster_runs_the_check_and_it_blocks_nothing() -> None:
    key = dg.AssetCheckKey(dg.AssetKey("raw_conversations"), "records_are_accounted_for")
    graph = build_defs().resolve_asset_graph()

    assert key in graph.asset_check_keys
    assert not graph.get_check_spec(key).blocking
