"""Several batches under way at once: the same result as one after the other, whatever happens to one of them."""

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select

from aethergrid_pipelines.embedders.protocol import Embedded, Embedder, EmbedderUnavailable
from aethergrid_pipelines.flow import embed
from aethergrid_pipelines.flow.batches import by_rows, tapered
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope, Stale
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import Vector, table_of
from aethergrid_pipelines_tests.flow.contents import everything, put
from aethergrid_pipelines_tests.flow.test_kill import change
from aethergrid_pipelines_tests.opened import KINDS, Place, place

ONE_BY_ONE = {"PROCESSING_BATCH_SIZE": "2"}
"""So that every conversation is a batch of its own."""

SAID_BY_ALL = "The meeting is on Thursday at ten in the small room."
NAMES = [f"c{number}" for number in range(9)]


def fill(stores: Stores) -> None:
    """Conversations of three days; one text is in all of them, one in those of a day, one in each alone."""
    for number, name in enumerate(NAMES):
        day = number % 3
        put(stores, name, [SAID_BY_ALL, f"On day {day} it was cold.", f"And {name} has the key."], days=day)


def in_small_batches(there: Place) -> Place:
    return Place(there.variables | ONE_BY_ONE)


class Unreachable:
    """An embedder that is gone as soon as it sees a certain word."""

    def __init__(self, embedder: Embedder, word: str) -> None:
        self._embedder, self._word = embedder, word
        self.name, self.window = embedder.name, embedder.window
        self.dimension, self.tokenizer = embedder.dimension, embedder.tokenizer
        self.embed_query = embedder.embed_query
        self.close = embedder.close

    def embed(self, texts: Sequence[str]) -> Embedded:
        if any(self._word in text for text in texts):
            raise EmbedderUnavailable("it does not answer")
        return self._embedder.embed(texts)


def stale(*rows: int) -> list[Stale]:
    return [Stale(f"c{number}", dt.date(2026, 1, 1), "1", count) for number, count in enumerate(rows)]


def sizes(batches: Iterable[list[Stale]]) -> list[int]:
    return [sum(item.rows for item in batch) for batch in batches]


def test_a_batch_has_whole_conversations_and_no_more_rows_than_asked_for() -> None:
    items = stale(3, 4, 90, 2, 5, 0, 0, 5)
    batches = list(by_rows(items, 10))
    assert [item for batch in batches for item in batch] == items
    assert sizes(batches) == [7, 90, 7, 5]


def test_conversations_without_rows_are_cut_into_batches_too() -> None:
    many = iter(stale(*[0] * 5_000))
    assert len(next(by_rows(many, 300))) == 300
    # No more was read of the rest than it takes to see that it goes on.
    assert len(list(many)) > 4_000


def test_the_first_batches_and_the_last_ones_are_small() -> None:
    items = stale(*[10] * 1_000)
    found = sizes(tapered(items, 500, least=100, workers=2))
    assert sum(found) == 10_000
    assert found[:4] == [100, 200, 400, 500]
    assert max(found) == 500
    assert found[-8:] == sorted(found[-8:], reverse=True)
    assert found[-1] <= 100
    assert len(list(tapered(items[:40], 500, least=100, workers=2))) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_batches_at_once_end_where_one_after_the_other_does(kind: str, tmp_path: Path) -> None:
    with place(kind, tmp_path / "many") as many, place(kind, tmp_path / "one") as one:
        with in_small_batches(many).open() as stores, one.open() as quiet:
            fill(stores)
            fill(quiet)
            reports = {report.step: report for report in materialise_all(stores, Scope(), run_id="many")}
            materialise_all(quiet, Scope(), run_id="one")
            assert everything(stores) == everything(quiet)
        assert {report.processed for report in reports.values()} == {len(NAMES)}
        # Whichever batches met: no text was embedded twice.
        assert reports["embeddings"].counts["embedded"] == 1 + 3 + len(NAMES)
        assert reports["embeddings"].counts["tokens"] < reports["chunks"].counts["tokens"]


def test_a_text_that_is_written_while_another_batch_looks_for_it_is_not_embedded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with place("embedded", tmp_path) as there, there.open() as stores:
        put(stores, "first", [SAID_BY_ALL])
        materialise_all(stores, Scope(), run_id="first")
        put(stores, "second", [SAID_BY_ALL])
        with stores.catalog.reading() as connection:
            written = {row.sha256: row.vector for row in connection.execute(select(table_of(Vector)))}
        with stores.catalog.writing() as connection:
            connection.execute(delete(table_of(Vector)))
        stores.in_flight.add(written)

        def present(connection: Connection, embedder: str, sha256s: Collection[str]) -> set[str]:
            found = looked_for(connection, embedder, sha256s)
            # Now the first one commits, which this reader's moment does not include.
            with stores.in_flight.written(written):
                return found

        looked_for = embed._present
        monkeypatch.setattr(embed, "_present", present)
        reports = {report.step: report for report in materialise_all(stores, Scope(), run_id="second")}
        assert reports["embeddings"].processed == 1
        assert reports["embeddings"].counts["embedded"] == 0


def test_the_first_error_ends_the_run_and_what_was_done_stays(tmp_path: Path) -> None:
    with place("embedded", tmp_path) as there, in_small_batches(there).open() as stores:
        fill(stores)
        reachable = stores.embedder
        stores.embedder = Unreachable(reachable, "c8")
        with pytest.raises(EmbedderUnavailable):
            materialise_all(stores, Scope(), run_id="broken")
        done = len(everything(stores)["vectors"])
        assert done > 0
        stores.embedder = reachable
        reports = {report.step: report for report in materialise_all(stores, Scope(), run_id="repeated")}
        assert reports["embeddings"].counts["embedded"] == 1 + 3 + len(NAMES) - done
        assert reports["raw_conversations"].processed < len(NAMES)
        assert len(everything(stores)["fragments"]) == 3 * len(NAMES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", ["after-commit-9", "before-commit-12", "after-commit-16", "after-upsert"])
def test_batches_that_are_killed_together_end_like_undisturbed_ones(kind: str, moment: str, tmp_path: Path) -> None:
    with place(kind, tmp_path / "disturbed") as disturbed, place(kind, tmp_path / "quiet") as quiet:
        change(disturbed)
        change(quiet)
        child = subprocess.run(
            [sys.executable, "-m", "aethergrid_pipelines_tests.flow.killed", "all", moment],
            env={**os.environ, **in_small_batches(disturbed).variables},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=False,
        )
        assert child.returncode == -signal.SIGKILL, child.stderr.decode()
        with in_small_batches(disturbed).open() as stores, quiet.open() as undisturbed:
            materialise_all(stores, Scope(), run_id="again")
            materialise_all(undisturbed, Scope(), run_id="quiet")
            assert everything(stores) == everything(undisturbed)
