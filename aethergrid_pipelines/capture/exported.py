"""One conversation of an export on its way to messages: who follows whom, and when, where the export does not say."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.branches import current_branch, depths
from aethergrid_pipelines.capture.export_file import Record, read_export
from aethergrid_pipelines.capture.fields import UnfitField
from aethergrid_pipelines.capture.generic_message import MODEL_LIMIT, Spoken
from aethergrid_pipelines.capture.protocol import Captured, Outcome, Rejected, Skipped
from aethergrid_pipelines.capture.timestamps import parse_timestamp
from aethergrid_pipelines.records.conversation import ALTERNATE, Conversation, Message, Origin
from aethergrid_pipelines.records.ids import conversation_id, message_id

NO_MESSAGES = "conversation without messages"
EMPTY = "empty message"


@dataclass(frozen=True, slots=True)
class Exported:
    """A conversation where it stands in an export; ``began`` is for messages of which nothing says when."""

    conversation: Conversation
    path: Path
    line: int
    began: dt.datetime
    warning: str | None = None

    def captured(self, name: str, spoken: Spoken, *, position: int, earlier: dt.datetime, alternate: bool) -> Captured:
        """A message of this conversation. Without a time of its own it is of ``earlier``."""
        message = Message(
            id=message_id(self.conversation.id, name),
            conversation_id=self.conversation.id,
            native_id=name,
            timestamp=spoken.timestamp or earlier,
            timestamp_inferred=spoken.timestamp is None,
            role=spoken.role,
            content=spoken.content,
            model=spoken.model,
            position=position,
            metadata={**spoken.metadata, ALTERNATE: True} if alternate else spoken.metadata,
            origin=Origin(path=str(self.path), line=self.line),
        )
        return Captured(self.conversation, message, self.warning)

    def tree(
        self, parents: Mapping[str, str | None], leaf: str | None, read: Callable[[str], Spoken | str]
    ) -> Iterator[Outcome]:
        """The outcomes of all messages of a tree, those of the current branch first. ``read`` gives a message by its
        name, or the reason why it is skipped; raises :class:`~.fields.UnfitField`."""
        places = depths(parents)
        branch = dict.fromkeys(current_branch(parents, leaf))
        others = sorted((name for name in parents if name not in branch), key=places.__getitem__)
        moments: dict[str, dt.datetime] = {}
        for name in (*branch, *others):
            earlier = moments.get(parents[name] or "", self.began)
            moments[name] = earlier
            try:
                spoken = read(name)
            except UnfitField as error:
                yield Rejected(self.line, error.reason, error.field)
                continue
            if isinstance(spoken, str):
                yield Skipped(self.line, spoken)
                continue
            moments[name] = spoken.timestamp or earlier
            alternate = name not in branch
            yield self.captured(name, spoken, position=places[name], earlier=earlier, alternate=alternate)


def conversation_of(space: str, source: str, native_id: str, title: object) -> Conversation:
    """The conversation that ``source`` calls ``native_id``; whatever is no text is no title."""
    return Conversation(
        id=conversation_id(space, source, native_id),
        space=space,
        source=source,
        native_id=native_id,
        title=title.strip() or None if isinstance(title, str) else None,
    )


def moment_at(record: Mapping[str, Any], *fields: str, within: str = "") -> dt.datetime | None:
    """The moment in the first of ``fields`` that is set (zero is not). Raises :class:`~.fields.UnfitField`, which names
    the field after ``within``."""
    for field in fields:
        if record.get(field):
            try:
                return parse_timestamp(record[field])
            except ValueError as error:
                raise UnfitField(f"{within}{field}", str(error)) from None
    return None


def moment_if_any(record: Any, *fields: str) -> dt.datetime | None:
    """The moment in the first of ``fields`` that can be read: for what nothing depends on."""
    for field in fields if isinstance(record, dict) else ():
        try:
            if moment := moment_at(record, field):
                return moment
        except UnfitField:
            continue
    return None


def model_named(value: object) -> str | None:
    """The name of a model; ``None`` for what is none, which is no reason to lose what was said."""
    return value if isinstance(value, str) and 0 < len(value) <= MODEL_LIMIT else None


def outcomes_of(
    path: Path, space: str, conversation: Callable[[Record, Path, str, dt.datetime], Iterator[Outcome]]
) -> Iterator[Outcome]:
    """The outcomes of an export's conversations, one after the other; one that cannot be read is rejected whole.

    ``conversation`` takes a record, the path, the space and when the file was modified, and may raise ``UnfitField``.
    """
    modified = modified_at(path)
    for record in read_export(path):
        if isinstance(record, Rejected):
            yield record
            continue
        try:
            yield from conversation(record, path, space, modified)
        except UnfitField as error:
            yield Rejected(record.number, error.reason, error.field)


def modified_at(path: Path) -> dt.datetime:
    """When a file was last written. Raises ``OSError``."""
    return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
