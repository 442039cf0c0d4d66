"""A child process that runs the flow and kills itself (SIGKILL) at a chosen moment of a chosen step.

    python -m aethergrid_pipelines_tests.flow.killed STEP MOMENT

``MOMENT`` is ``before-commit-N`` or ``after-commit-N`` of the step's N-th transaction, or ``after-upsert`` or
``after-delete`` of the vector store's call. ``STEP`` may be ``all``: one call for all steps, with several batches under
way at once.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from aethergrid_pipelines.flow.engine import materialise, materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.steps import CHAIN
from aethergrid_pipelines.flow.stores import Stores, open_stores
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines.stores.catalog import Catalog


def die() -> None:
    """As if the machine's owner had sent ``kill -9``."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_commit(number: int, *, before: bool) -> None:
    """Die just before or just after the N-th transaction from now on is committed."""
    begun = 0
    original = Catalog.writing

    @contextmanager
    def writing(self: Catalog, *, durable: bool = True) -> Iterator[Connection]:
        nonlocal begun
        begun += 1
        mine = begun
        with original(self, durable=durable) as connection:
            yield connection
            if mine == number and before:
                die()
        if mine == number:
            die()

    Catalog.writing = writing  # type: ignore[method-assign]


def kill_after(stores: Stores, method: str) -> None:
    """Die as soon as a method of the vector store has done its work."""
    original: Callable[..., Any] = getattr(stores.vectors, method)

    def call(*arguments: Any, **options: Any) -> None:
        original(*arguments, **options)
        die()

    setattr(stores.vectors, method, call)


def main(step_name: str, moment: str) -> None:
    """Run the steps in order; when it is the turn of ``step_name``, set the trap."""
    with open_stores(load_settings()) as stores:
        if step_name == "all":
            set_trap(stores, moment)
            materialise_all(stores, Scope(), run_id="killed")
        for step in CHAIN:
            if step.name == step_name:
                set_trap(stores, moment)
            materialise(stores, step, Scope(), run_id="killed")


def set_trap(stores: Stores, moment: str) -> None:
    """Die at this moment, counted from now on."""
    if "-commit-" in moment:
        kill_at_commit(int(moment.rpartition("-")[2]), before=moment.startswith("before"))
    else:
        kill_after(stores, moment.removeprefix("after-"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
