"""Anthropic's Claude. It has no embedding model of its own: its vectors are those of the settings' embedder."""

from collections.abc import Mapping
from typing import Any, ClassVar

from aethergrid_pipelines.adapters.family import Family
from aethergrid_pipelines.adapters.messages import listed, spoken
from aethergrid_pipelines.adapters.service import Service
from aethergrid_pipelines.capture.fields import UnfitField
from aethergrid_pipelines.proxy.anthropic_messages import turns_of
from aethergrid_pipelines.proxy.turn import Turn


class Claude(Family):
    """Conversations as the Messages API has them (https://docs.anthropic.com/en/api/messages), the answer as the last
    of ``messages``."""

    name = "claude"
    version = "1.0.0"
    default_model = "claude-sonnet-4-5"
    # https://docs.anthropic.com/en/docs/about-claude/models: without the beta header for a million tokens.
    window: ClassVar[int] = 200_000

    def service(self) -> Service:
        url = self.settings.anthropic_base_url.rstrip("/") + "/v1"
        return Service(url, self.settings.anthropic_api_key, "ANTHROPIC_API_KEY", headers=_headers)

    def record(self, conversation: Mapping[str, Any]) -> dict[str, Any]:
        messages = []
        if conversation.get("system"):
            told = _turns({"role": "user", "content": conversation["system"]}, "system")
            messages = [{"role": "system", "content": turn.content} for turn in told]
        for number, message in enumerate(listed(conversation, "messages")):
            messages += spoken(_turns(message, f"messages[{number}].content"), message)
        about = {name: conversation.get(name) for name in ("id", "title", "model", "created_at")}
        return {**about, "messages": messages}


def _turns(message: dict[str, Any], where: str) -> list[Turn]:
    try:
        return turns_of(message)
    except UnfitField as error:
        raise UnfitField(where, error.reason) from error


def _headers(key: str) -> dict[str, str]:
    return {"x-api-key": key, "anthropic-version": "2023-06-01"}


ADAPTER = Claude
