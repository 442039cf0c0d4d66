"""Google's Gemini, through its OpenAI-compatible endpoint where that is the same."""

from collections.abc import Mapping
from typing import Any, ClassVar

from aethergrid_pipelines.adapters.family import Family
from aethergrid_pipelines.adapters.messages import listed
from aethergrid_pipelines.adapters.service import Service
from aethergrid_pipelines.capture.gemini_parts import parts_of
from aethergrid_pipelines.embedders.byte_pairs import EstimatingTokenizer
from aethergrid_pipelines.embedders.openai_compatible import OpenAiEmbedder
from aethergrid_pipelines.embedders.protocol import Embedder

# https://ai.google.dev/gemini-api/docs/embeddings: 3,072 dimensions, where no other number is asked for.
EMBEDDING_MODEL, DIMENSIONS = "gemini-embedding-001", 3_072


class Gemini(Family):
    """Conversations as ``generateContent`` has them (https://ai.google.dev/api/generate-content), the answer as the
    last of ``contents``."""

    name = "gemini"
    version = "1.0.0"
    default_model = "gemini-2.5-pro"
    # https://ai.google.dev/gemini-api/docs/models
    windows: ClassVar[Mapping[str, int]] = {"gemini-1.5-pro": 2_097_152}
    window: ClassVar[int] = 1_048_576

    def service(self) -> Service:
        return Service(self.settings.gemini_base_url.rstrip("/"), self.settings.gemini_api_key, "GEMINI_API_KEY")

    def open_embedder(self) -> Embedder:
        return OpenAiEmbedder(
            EMBEDDING_MODEL,
            api_key=self.settings.gemini_api_key,
            base_url=self.settings.gemini_base_url,
            dimensions=DIMENSIONS,
            tokenizer=EstimatingTokenizer(),
        )

    def record(self, conversation: Mapping[str, Any]) -> dict[str, Any]:
        messages = []
        instruction = conversation.get("systemInstruction")
        if isinstance(instruction, dict):
            messages.append({"role": "system", "content": parts_of(instruction.get("parts"), "systemInstruction").text})
        for number, content in enumerate(listed(conversation, "contents")):
            messages += _messages(content, f"contents[{number}].parts")
        about = {name: conversation.get(name) for name in ("id", "title", "created_at")}
        model = conversation.get("modelVersion") or conversation.get("model")
        return {**about, "model": str(model).removeprefix("models/") if model else None, "messages": messages}


def _messages(content: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """A content as messages: answers of functions stand in those of users, and are messages of their own."""
    parts = parts_of(content.get("parts"), where)
    answers = [{"role": "tool", "content": result["content"], "metadata": result} for result in parts.results]
    if parts.results and not parts.text:
        return answers
    about = {name: value for name, value in parts.metadata().items() if name != "tool_results"}
    message = {"role": content.get("role") or "user", "content": parts.text, "metadata": about}
    return [*answers, {**message, **{name: content.get(name) for name in ("id", "timestamp")}}]


ADAPTER = Gemini
