"""Several batches under way at once: the same result as one after the other, whatever happens to one of them."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from aethergrid_pipelines.embedders.protocol import Embedded, Embedder, EmbedderUnavailable
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
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
