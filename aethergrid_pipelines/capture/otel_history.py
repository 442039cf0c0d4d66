"""What only all spans of a file tell: when a message was first said, and which answers a request repeats.

Each call replays the conversation before it, and spans are written when they end, in no order.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from aethergrid_pipelines.capture.fields import UnfitField
from aethergrid_pipelines.capture.otel_call import Call
from aethergrid_pipelines.capture.otel_message import Told
from aethergrid_pipelines.records.conversation import Role


@dataclass(slots=True)
class History:
    """The result of a first reading.

    ``first`` has, by conversation and name of a message, the start of the earliest call that was told it, and its
    place among what that call was told; ``answers`` has, by conversation and what is said, the answers that say it;
    ``in_trace`` is what the calls of a trace answered.
    """

    first: dict[tuple[str, str], tuple[dt.datetime, int]] = field(default_factory=dict)
    answers: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    in_trace: set[tuple[str, str]] = field(default_factory=set)
    _around: dict[tuple[str, str], tuple[dt.datetime, int]] = field(default_factory=dict)
    _wrapped: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, call: Call) -> None:
        """Take a call."""
        # An agent begins before the calls within it, and may repeat in the end what they were told.
        first = self._around if call.wraps else self.first
        for position, (name, _, told) in enumerate(named_inputs(call)):
            if told is not None and call.start is not None:
                key, found = (call.conversation, name), (call.start, position)
                first[key] = min(found, first.get(key, found))
        for answer, told in named_outputs(call):
            if told is None:
                continue
            if call.wraps:
                self._wrapped.append((call.conversation, call.trace, told.said, answer))
            else:
                self.in_trace.add((call.trace, told.said))
                self.answers.setdefault((call.conversation, told.said), set()).add(answer)

    def close(self) -> None:
        """After the last call: what is told of an agent counts where no call within it tells of it."""
        self.first = {**self._around, **self.first}
        self._around.clear()
        for conversation, trace, said, answer in self._wrapped:
            if (trace, said) not in self.in_trace:
                self.answers.setdefault((conversation, said), set()).add(answer)
        self._wrapped.clear()

    def repeats(self, conversation: str, said: str, time: int) -> bool:
        """Whether an answer of this file is what a request repeats for the ``time``-th time (from 0)."""
        return time < len(self.answers.get((conversation, said), ()))


def named_inputs(call: Call) -> Iterator[tuple[str, int, Told | None]]:
    """The messages that a model was told, each with its name and how often the same was said before it in this call;
    ``None`` for one that cannot be read.

    A name is of the role and the words, so that it is the same in each call that replays the message.
    """
    times: dict[str, int] = {}
    for told in call.inputs:
        if isinstance(told, UnfitField):
            yield "", 0, None
            continue
        said = told.said
        time = times.get(said, 0)
        times[said] = time + 1
        name = told.role + "/" + said
        yield f"{name}/{time}" if time else name, time, told


def named_outputs(call: Call) -> Iterator[tuple[str, Told | None]]:
    """The answers, each with its name; there are several where several were asked for."""
    for number, told in enumerate(call.outputs):
        name = f"{call.answer_id}/{number}" if number else call.answer_id
        yield name, None if isinstance(told, UnfitField) else told


def is_answer(told: Told) -> bool:
    """Whether a model said it."""
    return told.role is Role.ASSISTANT
