"""Values of OpenTelemetry as OTLP writes them in JSON (``AnyValue`` in opentelemetry-proto, common/v1)."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from aethergrid_pipelines.capture.fields import UnfitField

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PLAIN = ("stringValue", "boolValue", "doubleValue", "bytesValue")


def attributes_of(record: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The attributes whose names begin with ``prefix``, as plain values; what is no attribute is passed over."""
    found: dict[str, Any] = {}
    for attribute in _listed(record, "attributes"):
        if isinstance(attribute, dict):
            key = attribute.get("key")
            if isinstance(key, str) and key.startswith(prefix):
                value = attribute.get("value")
                text = value.get("stringValue") if isinstance(value, dict) else None
                found[key] = plain(value) if text is None else text
    return found


def plain(value: object) -> Any:
    """What an ``AnyValue`` holds; ``None`` where it holds nothing that is known."""
    if not isinstance(value, dict):
        return None
    for name in _PLAIN:
        if name in value:
            return value[name]
    if "intValue" in value:
        return _integer(value["intValue"])
    array, pairs = value.get("arrayValue"), value.get("kvlistValue")
    if isinstance(array, dict):
        return [plain(item) for item in _listed(array, "values")]
    if isinstance(pairs, dict):
        listed = [pair for pair in _listed(pairs, "values") if isinstance(pair, dict)]
        return {str(pair.get("key")): plain(pair.get("value")) for pair in listed}
    return None


def moment_of(record: Mapping[str, Any], name: str) -> dt.datetime | None:
    """A moment in nanoseconds since 1970, as a number or, since JSON has none of 64 bits, as text; 0 is none.

    Raises :class:`UnfitField`.
    """
    nanoseconds = _integer(record.get(name) or 0)
    if nanoseconds is None or nanoseconds < 0:
        raise UnfitField(name, "expected nanoseconds since 1970")
    try:
        return _EPOCH + dt.timedelta(microseconds=nanoseconds // 1000) if nanoseconds else None
    except OverflowError:
        raise UnfitField(name, "expected nanoseconds since 1970") from None


def _listed(record: Mapping[str, Any], name: str) -> list[Any]:
    listed = record.get(name)
    return listed if isinstance(listed, list) else []


def _integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) < 32 and value.lstrip("-").isdecimal():
        return int(value)
    return value if isinstance(value, int) else None
