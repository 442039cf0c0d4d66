"""A call of a model as a GenAI span, or its event as a log record, tells it.

The form is that of OTLP (opentelemetry-proto, trace/v1 and logs/v1), the attributes those of the semantic conventions
for generative AI.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from aethergrid_pipelines.capture.fields import UnfitField, identifier_of, json_type, name_in
from aethergrid_pipelines.capture.generic_message import MODEL_LIMIT
from aethergrid_pipelines.capture.otel_message import Told, instructions_of, messages_of
from aethergrid_pipelines.capture.otel_values import attributes_of, moment_of

INPUT, OUTPUT, INSTRUCTIONS = "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"

_LISTS = {"resourceSpans": ("scopeSpans", "spans"), "resourceLogs": ("scopeLogs", "logRecords")}
_WRAPPERS = frozenset({"create_agent", "execute_tool", "invoke_agent", "invoke_workflow", "plan"})
_TOKENS = {
    "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "cache_read": ("gen_ai.usage.cache_read.input_tokens",),
    "cache_write": ("gen_ai.usage.cache_creation.input_tokens",),
    "thinking": ("gen_ai.usage.reasoning.output_tokens",),
}
_ABOUT = {
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "agent": ("gen_ai.agent.name",),
}
_DESCRIBING = frozenset(chain.from_iterable((*_ABOUT.values(), *_TOKENS.values())))


@dataclass(slots=True)
class Call:
    """What a model was told (``inputs``, instructions first) and what it answered.

    ``answer_id`` is the id of the response, or of the span. ``wraps`` is whether this is an agent or a workflow, whose
    messages are those of the calls within it. ``about`` are the attributes of GenAI.
    """

    conversation: str
    trace: str
    answer_id: str
    start: dt.datetime | None
    end: dt.datetime | None
    wraps: bool
    about: Mapping[str, Any]
    inputs: list[Told | UnfitField] = field(default_factory=list)
    outputs: list[Told | UnfitField] = field(default_factory=list)

    @property
    def model(self) -> str | None:
        """The model that answered, or that was asked."""
        return _model(self.about)

    @property
    def metadata(self) -> dict[str, Any]:
        """What is to be kept of the call beside its messages."""
        return _metadata(self.about)


Place = tuple[str, int, str, int, str, int]
"""Where a record stands in a request: names of lists and places in them, from 0."""


def records_in(request: Mapping[str, Any]) -> Iterator[tuple[Place, object]]:
    """The spans and log records of an export request, each with its place in it."""
    for outer, (middle, inner) in _LISTS.items():
        for first, resource in enumerate(_listed(request, outer)):
            for second, scope in enumerate(_listed(resource, middle)):
                for third, record in enumerate(_listed(scope, inner)):
                    yield (outer, first, middle, second, inner, third), record


def told_place(place: Place) -> str:
    """A place as people read it: ``resourceSpans[0].scopeSpans[0].spans[2]``."""
    return "{}[{}].{}[{}].{}[{}]".format(*place)


def read_call(record: object) -> Call | str:
    """The call that a span or a log record tells of, or why it tells of none. Raises :class:`UnfitField`."""
    if not isinstance(record, dict):
        raise UnfitField("", f"expected an object, not {json_type(record)}")
    about = attributes_of(record, "gen_ai.")
    events = record.get("events")
    for event in events if isinstance(events, list) else ():
        found = attributes_of(event, "gen_ai.") if isinstance(event, dict) else {}
        about = {**found, **about}
    if not about:
        return "not about GenAI"
    if not (about.get(INPUT) or about.get(OUTPUT) or about.get(INSTRUCTIONS)):
        return "no content was recorded"
    trace = identifier_of(record, "traceId") or ""
    span = identifier_of(record, "spanId") or ""
    conversation = identifier_of(about, "gen_ai.conversation.id") or trace
    answer = identifier_of(about, "gen_ai.response.id") or span
    if not conversation:
        raise UnfitField("traceId", "expected a trace, or gen_ai.conversation.id")
    if not answer:
        raise UnfitField("spanId", "expected the id of the span, or gen_ai.response.id")
    log = "timeUnixNano" in record or "observedTimeUnixNano" in record
    start = _logged(record) if log else moment_of(record, "startTimeUnixNano")
    end = start if log else moment_of(record, "endTimeUnixNano")
    wraps = name_in(about, "gen_ai.operation.name") in _WRAPPERS
    call = Call(conversation, trace, answer, start, end, wraps, about)
    if about.get(INSTRUCTIONS):
        call.inputs += instructions_of(about[INSTRUCTIONS], INSTRUCTIONS)
    if about.get(INPUT):
        call.inputs += messages_of(about[INPUT], INPUT)
    if about.get(OUTPUT):
        call.outputs += messages_of(about[OUTPUT], OUTPUT)
    return call


def _listed(record: object, name: str) -> Sequence[object]:
    listed = record.get(name) if isinstance(record, dict) else None
    return listed if isinstance(listed, list) else ()


def _logged(record: Mapping[str, Any]) -> dt.datetime | None:
    return moment_of(record, "timeUnixNano") or moment_of(record, "observedTimeUnixNano")


def _model(about: Mapping[str, Any]) -> str | None:
    for name in ("gen_ai.response.model", "gen_ai.request.model"):
        model = about.get(name)
        if isinstance(model, str) and 0 < len(model) <= MODEL_LIMIT:
            return model
    return None


def _metadata(about: Mapping[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if _DESCRIBING.isdisjoint(about):
        return metadata
    for name, attributes in _ABOUT.items():
        if value := _first(about, attributes, str):
            metadata[name] = value
    counted = {name: count for name, attributes in _TOKENS.items() if (count := _first(about, attributes, int))}
    if counted:
        metadata["tokens"] = counted
    return metadata


def _first(about: Mapping[str, Any], attributes: Iterable[str], kind: type) -> Any:
    for attribute in attributes:
        if attribute in about and isinstance(about[attribute], kind):
            return about[attribute]
    return None
