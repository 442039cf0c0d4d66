"""What an exchange says, whatever interface it was spoken in."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from aethergrid_pipelines.records.conversation import Role


@dataclass(slots=True)
class Turn:
    """One message of a request, or the answer."""

    role: Role
    content: str
    model: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def after(self, before: str) -> str:
        """The hash of a history that ended with ``before``, with this turn: 64 hexadecimal digits.

        Role, content and the ids of tool calls count: that is what a client sends back unchanged.
        """
        calls = [call.get("id") for call in self.metadata.get("tool_calls", [])]
        said = json.dumps([before, self.role, self.content.strip(), calls])
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(slots=True)
class Told:
    """A request's instructions (``system``) and turns, and the answer as far as it came (``None``: nothing).

    ``ended`` is whether a stream said that it was over: clients hang up as soon as they hear that. ``previous`` and
    ``answer_id`` are ids of answers where the provider keeps the history.
    """

    turns: list[Turn]
    answer: Turn | None
    system: str | None = None
    previous: str | None = None
    answer_id: str | None = None
    ended: bool = False
