"""Messages of other forms as those of the documented one."""

from collections.abc import Mapping, Sequence
from typing import Any

from aethergrid_pipelines.capture.fields import UnfitField, json_type
from aethergrid_pipelines.proxy.turn import Turn
from aethergrid_pipelines.records.conversation import Role


def listed(conversation: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects under ``name``. Raises ``UnfitField``."""
    found = conversation.get(name)
    if not isinstance(found, list):
        raise UnfitField(name, f"expected an array, not {json_type(found)}")
    for number, one in enumerate(found):
        if not isinstance(one, dict):
            raise UnfitField(f"{name}[{number}]", f"expected an object, not {json_type(one)}")
    return found


def spoken(turns: Sequence[Turn], said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The turns of one message, with what it says of itself: the last one has its id."""
    found = []
    for number, turn in enumerate(turns, start=1):
        about: dict[str, Any] = {"role": turn.role.value, "content": turn.content, "metadata": turn.metadata}
        about |= {name: said.get(name) for name in ("timestamp", "created_at")}
        if said.get("id") is not None:
            about["id"] = said["id"] if number == len(turns) else f"{said['id']}/{number}"
        if turn.role is Role.ASSISTANT:
            about |= {"model": turn.model or said.get("model"), "usage": said.get("usage")}
        found.append(about)
    return found
