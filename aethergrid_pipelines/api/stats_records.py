"""What ``GET /api/stats`` answers: :class:`aethergrid_pipelines.flow.overview.Overview` in camelCase."""

import datetime as dt

from pydantic import ConfigDict

from aethergrid_pipelines.query.records import Record


class _Read(Record):
    model_config = ConfigDict(from_attributes=True)


class GroupRecord(_Read):
    name: str
    fragments: int
    tokens: int


class DayRecord(_Read):
    day: dt.date
    conversations: int
    messages: int


class StepRecord(_Read):
    step: str
    conversations: int
    rows: int
    last_processed_at: dt.datetime | None


class SourceRecord(_Read):
    source: str
    files: int
    incomplete: int
    unbalanced: int
    read: int
    stored: int
    merged: int
    skipped: int
    rejected: int
    redacted: int
    flagged: int
    secrets: dict[str, int]
    last_import_at: dt.datetime | None


class OriginRecord(_Read):
    source: str
    conversations: int


class SpoolRecord(_Read):
    """What is captured and not in the conversation store yet: records, bytes, when the oldest came in. ``refused`` and
    ``dropped`` count records that will never be there (docs/capture/spool.md)."""

    records: int = 0
    bytes: int = 0
    oldest_at: dt.datetime | None = None
    refused: int = 0
    dropped: int = 0


class CacheRecord(_Read):
    """A level of a cache since this process began: ``hit_ratio`` is 0…1, the times are of a look-up. ``store`` holds
    what is particular to a level: entries and bytes, how many joined another's search, how often Redis failed."""

    cache: str
    level: str
    lookups: int
    hits: int
    hit_ratio: float | None
    p50_ms: float | None
    p99_ms: float | None
    store: dict[str, float]


class StatsResponse(_Read):
    """Counts, and groups: the largest first, days ascending, steps in flow order. ``sources`` is the account of
    files, ``origins`` counts conversations whichever way they came in; ``spool`` and ``caches`` are of all
    spaces."""

    conversations: int
    messages: int
    chunks: int
    vectors: int
    fragments: int
    models: list[GroupRecord]
    topics: list[GroupRecord]
    task_types: list[GroupRecord]
    days: list[DayRecord]
    steps: list[StepRecord]
    sources: list[SourceRecord]
    origins: list[OriginRecord]
    spool: SpoolRecord = SpoolRecord()
    caches: tuple[CacheRecord, ...] = ()


class SeriesRecord(_Read):
    name: str
    total: int
    fragments: list[int]


class TimelineResponse(_Read):
    """Fragments by UTC day, week (from Monday), month or year of their conversation: ``starts`` holds the first day of
    each bucket, and all series are as long. The largest series come first, the rest is added up in ``others``."""

    by: str
    unit: str
    starts: list[dt.date]
    series: list[SeriesRecord]
    others: SeriesRecord | None
