"""What became of requests that were answered before their work was done."""

import datetime as dt
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from aethergrid_pipelines.api.ingest_records import IngestResponse

MOST_RECORDS = 100_000
"""Of so many records the outcomes are remembered, those of the last request in any case."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request of ``received_at`` and what was known when it was answered."""

    received_at: dt.datetime
    taken: IngestResponse
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Jobs:
    """The latest jobs of this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._records = 0

    def add(self, job: Job) -> None:
        """Remember a job; the oldest ones make room."""
        with self._lock:
            self._jobs[job.id] = job
            self._records += len(job.taken.records)
            while self._records > MOST_RECORDS and len(self._jobs) > 1:
                self._records -= len(self._jobs.popitem(last=False)[1].taken.records)

    def get(self, job_id: str) -> Job | None:
        """The job of this id; ``None`` for one that nobody gave out, and one that is forgotten."""
        with self._lock:
            return self._jobs.get(job_id)
