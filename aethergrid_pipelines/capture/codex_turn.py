"""What a model does in one go, as Codex tells it: thoughts, words and calls of tools, merged into a message."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aethergrid_pipelines.capture.codex_item import Item, Kind


@dataclass(slots=True)
class Turn:
    """A message as far as it was read. It takes no more items once it is ``closed``."""

    line: int
    native_id: str
    moment: dt.datetime
    inferred: bool
    model: str | None
    metadata: dict[str, Any]
    warning: str | None = None
    closed: bool = False
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)

    def add(self, item: Item) -> None:
        """Take a further item."""
        (self.thoughts if item.kind is Kind.THOUGHT else self.texts).extend(text for text in item.texts if text)
        merge_metadata(self.metadata, item.metadata)

    @property
    def content(self) -> str:
        """What was said in words."""
        return "\n\n".join(self.texts)

    def finish(self) -> bool:
        """Complete the metadata. Whether there is anything to tell: reasoning may be encrypted throughout."""
        if self.thoughts:
            self.metadata["thinking"] = "\n\n".join(self.thoughts)
        calls = self.metadata.get("tool_calls", [])
        if calls:
            self.metadata["tools_used"] = list(dict.fromkeys(call["name"] for call in calls))
        told = {"thinking", "tool_calls", "attachments", "other_blocks"}
        return bool(self.texts) or not told.isdisjoint(self.metadata)


def merge_metadata(metadata: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add to ``metadata``; lists are joined."""
    for name, value in more.items():
        if isinstance(value, list):
            metadata[name] = [*metadata.get(name, ()), *value]
        else:
            metadata[name] = value
