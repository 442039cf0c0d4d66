"""What ``GET /api/pipeline`` answers: :class:`aethergrid_pipelines.flow.progress.Progress` in camelCase."""

import datetime as dt
from typing import Self

from pydantic import ConfigDict

from aethergrid_pipelines.flow.progress import Progress, StepProgress
from aethergrid_pipelines.query.records import Record


class StepStateRecord(Record):
    """``stale``: conversations that the step has to process; ``last_run_id`` is Dagster's where it is a UUID."""

    step: str
    conversations: int
    rows: int
    stale: int
    last_processed_at: dt.datetime | None
    last_run_id: str | None

    @classmethod
    def of(cls, step: StepProgress) -> Self:
        """A step as the flow tells of it."""
        made = step.made
        return cls(
            step=made.step,
            conversations=made.conversations,
            rows=made.rows,
            stale=step.stale,
            last_processed_at=made.last_processed_at,
            last_run_id=step.last_run,
        )


class RejectRecord(Record):
    """A record that could not be read: where it stands and why."""

    model_config = ConfigDict(from_attributes=True)

    source: str
    path: str
    line: int | None
    field: str | None
    reason: str
    rejected_at: dt.datetime


class PipelineResponse(Record):
    """Steps in flow order; counting stale conversations ends at ``most_stale``. ``captured`` are the conversations of
    the conversation store, ``rejects`` the latest of the ``rejected`` records; ``live`` is whether a live worker is at
    work, ``dagster_url`` where Dagster's UI is, as a browser reaches it."""

    captured: int
    steps: list[StepStateRecord]
    most_stale: int
    rejected: int
    rejects: list[RejectRecord]
    live: bool
    dagster_url: str

    @classmethod
    def of(cls, found: Progress, *, most_stale: int, dagster_url: str) -> Self:
        """The state that the flow tells of."""
        return cls(
            captured=found.captured,
            steps=[StepStateRecord.of(step) for step in found.steps],
            most_stale=most_stale,
            rejected=found.rejected,
            rejects=[RejectRecord.model_validate(row) for row in found.rejects],
            live=found.live,
            dagster_url=dagster_url,
        )
