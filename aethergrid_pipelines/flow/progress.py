"""Where the pipeline stands: what is stale at each step, who ran last, what could not be read."""

import datetime as dt
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from aethergrid_pipelines.flow.overview import StepGroup, last_runs, step_groups
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.records.tables import Reject, table_of
from aethergrid_pipelines.stores.lease import LIVE, held

if TYPE_CHECKING:
    from aethergrid_pipelines.flow.stores import Stores

LATEST_REJECTS = 5


@dataclass(frozen=True, slots=True)
class StepProgress:
    """What a step made, and how many conversations it has to process. ``last_run`` is the run that did so last."""

    made: StepGroup
    stale: int
    last_run: str | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that could not be read."""

    source: str
    path: str
    line: int | None
    field: str | None
    reason: str
    rejected_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """``captured`` counts the conversations of the conversation store; ``live`` is whether a live worker is at work;
    ``rejects`` are the latest of the ``rejected`` ones. Counts are of all spaces."""

    captured: int
    steps: list[StepProgress]
    rejected: int
    rejects: list[Rejected]
    live: bool


def progress(stores: "Stores", *, most_stale: int | None = None) -> Progress:
    """Compares the conversation store with what each step recorded, a day at a time; counting at a step ends at
    ``most_stale``. Raises ``StoreUnavailable``."""
    rejects = table_of(Reject)
    latest = select(*(rejects.c[name] for name in Rejected.__slots__)).order_by(rejects.c.rejected_at.desc())
    with stores.catalog.reading() as connection:
        made = step_groups(connection)
        rejected = connection.execute(select(func.count()).select_from(rejects)).scalar_one()
        found = [Rejected(*row) for row in connection.execute(latest.limit(LATEST_REJECTS))]
    stale = stale_counts(stores, most=most_stale)
    runs = last_runs(stores.catalog)
    return Progress(
        captured=sum(count for _, count in stores.conversations.days()),
        steps=[StepProgress(group, stale[group.step], runs.get(group.step)) for group in made],
        rejected=rejected,
        rejects=found,
        live=held(stores.catalog, LIVE),
    )


def stale_counts(stores: "Stores", *, most: int | None = None) -> dict[str, int]:
    """How many conversations each step has to process, by step in flow order; ``most`` at most."""
    from aethergrid_pipelines.flow.steps import CHAIN

    return {step.name: sum(1 for _ in islice(step.stale(stores, Scope()), most)) for step in CHAIN}
