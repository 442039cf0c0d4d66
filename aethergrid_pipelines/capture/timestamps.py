"""Moments as people and programs write them into exports."""

import datetime as dt

# Epoch values from here on are milliseconds: as seconds they would lie in the year 5138.
MILLISECONDS_FROM = 100_000_000_000

EXPECTED = "ISO 8601 (2026-10-05T09:30:00Z) or seconds or milliseconds since 1970"


def parse_timestamp(value: object) -> dt.datetime:
    """A moment in UTC from ISO 8601 text (no zone means UTC) or from epoch seconds or milliseconds.

    Raises ``ValueError`` that says what is expected.
    """
    try:
        if isinstance(value, str) and "-" in value:
            moment = dt.datetime.fromisoformat(value)
            return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= MILLISECONDS_FROM else value
            return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError(f"expected {EXPECTED}")
