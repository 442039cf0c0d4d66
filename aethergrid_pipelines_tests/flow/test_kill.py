"""A run that is killed in the middle of any step, and repeated, ends where an undisturbed one does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines_tests.flow.contents import everything, put
from aethergrid_pipelines_tests.opened import KINDS, Place, place

BEFORE = ["Which queue do we use?", "RabbitMQ, until the move to Kafka.", "When is that?", "In November."]
AFTER = [*BEFORE[:3], "In January: the brokers come late.", "Then I plan for January."]

MOMENTS = [
    ("raw_conversations", "before-commit-1"),
    ("raw_conversations", "after-commit-1"),
    ("cleaned_messages", "before-commit-1"),
    ("cleaned_messages", "after-commit-2"),
    ("chunks", "before-commit-2"),
    ("chunks", "after-commit-1"),
    ("embeddings", "before-commit-2"),
    ("embeddings", "after-commit-2"),
    ("weaviate_fragments", "after-commit-2"),
    ("weaviate_fragments", "after-upsert"),
    ("weaviate_fragments", "after-delete"),
    ("weaviate_fragments", "before-commit-3"),
    ("topic_stats", "before-commit-2"),
]
"""Transaction 1 of a step erases the forgotten conversation; those after it write the stale ones."""


def change(there: Place) -> None:
    """A processed history, then an edit, a forgotten conversation and a new one."""
    with there.open() as stores:
        put(stores, "edited", BEFORE)
        gone = put(stores, "forgotten", ["Remember this.", "I will, until you say otherwise."])
        put(stores, "kept", ["An untouched question?", "An untouched answer."], days=1)
        materialise_all(stores, Scope(), run_id="first")
        put(stores, "edited", AFTER)
        put(stores, "new", ["What is new?", "This is."], days=1)
        stores.conversations.forget(gone)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("step", "moment"), MOMENTS)
def test_a_killed_run_that_is_repeated_ends_like_an_undisturbed_one(
    kind: str, step: str, moment: str, tmp_path: Path
) -> None:
    with place(kind, tmp_path / "disturbed") as disturbed, place(kind, tmp_path / "quiet") as quiet:
        change(disturbed)
        change(quiet)
        child = subprocess.run(
            [sys.executable, "-m", "aethergrid_pipelines_tests.flow.killed", step, moment],
            env={**os.environ, **disturbed.variables},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=False,
        )
        assert child.returncode == -signal.SIGKILL, child.stderr.decode()
        with disturbed.open() as stores, quiet.open() as undisturbed:
            materialise_all(stores, Scope(), run_id="again")
            materialise_all(undisturbed, Scope(), run_id="quiet")
            assert everything(stores) == everything(undisturbed)
