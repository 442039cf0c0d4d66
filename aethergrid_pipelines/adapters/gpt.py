"""OpenAI's GPT models, and its embeddings."""

from collections.abc import Mapping
from typing import Any, ClassVar

from aethergrid_pipelines.adapters.family import Family
from aethergrid_pipelines.adapters.messages import listed
from aethergrid_pipelines.adapters.service import Service
from aethergrid_pipelines.embedders.openai_compatible import OpenAiEmbedder, known_model
from aethergrid_pipelines.embedders.openai_requests import OPENAI_BASE_URL
from aethergrid_pipelines.embedders.protocol import Embedder

EMBEDDING_MODEL = "text-embedding-3-small"


class Gpt(Family):
    """Conversations as Chat Completions has them (https://platform.openai.com/docs/api-reference/chat), the answer as
    the last of ``messages``. This is the documented form, too."""

    name = "gpt"
    version = "1.0.0"
    default_model = "gpt-5"
    # https://platform.openai.com/docs/models
    windows: ClassVar[Mapping[str, int]] = {
        "gpt-5": 400_000,
        "gpt-4.1": 1_047_576,
        "gpt-4o": 128_000,
        "gpt-4-turbo": 128_000,
        "o3": 200_000,
        "o4-mini": 200_000,
    }
    window: ClassVar[int] = 128_000

    def service(self) -> Service:
        url = (self.settings.openai_base_url or OPENAI_BASE_URL).rstrip("/")
        return Service(url, self.settings.openai_api_key, "OPENAI_API_KEY")

    def open_embedder(self) -> Embedder:
        settings = self.settings
        # The setting may name another of OpenAI's models, or the local one, whose dimensions are not OpenAI's.
        chosen = known_model(settings.embedding_model) is not None
        return OpenAiEmbedder(
            settings.embedding_model if chosen else EMBEDDING_MODEL,
            api_key=settings.openai_api_key,
            base_url=settings.openai_base_url,
            dimensions=settings.vector_dimensions if chosen else None,
        )

    def record(self, conversation: Mapping[str, Any]) -> dict[str, Any]:
        return {**conversation, "messages": listed(conversation, "messages")}


ADAPTER = Gpt
