"""What became of requests that were answered before their work was done."""

import datetime as dt
import uuid
from collections import OrderedDict
from threading import Lock

from pydantic import Field, ValidationError

from aethergrid_pipelines.api.ingest_records import IngestResponse
from aethergrid_pipelines.query.records import Record
from aethergrid_pipelines.stores.cache import Cache

MOST_RECORDS = 100_000
"""Of so many records the outcomes are remembered, those of the last request in any case."""

SHARED_SECONDS = 86_400.0
JOB = "job:"
"""What the keys of jobs begin with in a cache that other processes read."""


class Job(Record):
    """A request of ``received_at`` and what was known when it was answered; no text of any message."""

    received_at: dt.datetime
    taken: IngestResponse
    id: str = Field(default_factory=lambda: str(uuid.uuid4()))


class Jobs:
    """The latest jobs of this process and, where there is a cache that all share, of the others for a day.
    Thread-safe."""

    def __init__(self, shared: Cache | None = None) -> None:
        self._lock = Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._records = 0
        self._shared = shared

    def add(self, job: Job) -> None:
        """Remember a job; the oldest ones make room."""
        with self._lock:
            self._jobs[job.id] = job
            self._records += len(job.taken.records)
            while self._records > MOST_RECORDS and len(self._jobs) > 1:
                self._records -= len(self._jobs.popitem(last=False)[1].taken.records)
        if self._shared is not None:
            self._shared.put(JOB + job.id, job.model_dump_json().encode(), seconds=SHARED_SECONDS)

    def get(self, job_id: str) -> Job | None:
        """The job of this id; ``None`` for one that nobody gave out, and one that is forgotten."""
        with self._lock:
            own = self._jobs.get(job_id)
        if own is not None or self._shared is None:
            return own
        kept = self._shared.get(JOB + job_id)
        try:
            return None if kept is None else Job.model_validate_json(kept)
        except ValidationError:
            # Of another release.
            return None

    def close(self) -> None:
        """Release the connection to the cache."""
        if self._shared is not None:
            self._shared.close()
