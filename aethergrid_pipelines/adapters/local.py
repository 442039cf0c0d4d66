"""Models on a machine of one's own: Ollama, and any server that speaks OpenAI's interface (vLLM, LM Studio, llama.cpp).

Their vectors are those of the settings' embedder, which is local too unless somebody chose another.
"""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import httpx

from aethergrid_pipelines.adapters.family import Family
from aethergrid_pipelines.adapters.messages import listed
from aethergrid_pipelines.adapters.service import SECONDS, Service, Unreachable
from aethergrid_pipelines.settings import Settings

KNOWN_SECONDS = 10.0
"""How long the server's list of models is believed: one that hangs is not waited for again and again."""


class Local(Family):
    """Conversations as Chat Completions or Ollama's ``/api/chat`` have them, the answer as the last of ``messages``.

    Where no model is named it is the first that the server lists.
    """

    name = "local"
    version = "1.0.0"
    default_model = ""
    # What Ollama reads unless it is told otherwise (https://docs.ollama.com/faq), and the least of common servers.
    window: ClassVar[int] = 4_096

    def __init__(self, settings: Settings, model: str | None = None) -> None:
        super().__init__(settings, model)
        self._known: tuple[float, list[dict[str, Any]]] = (-KNOWN_SECONDS, [])

    def service(self) -> Service:
        url = self.settings.local_base_url.rstrip("/")
        # Not everybody runs one; who says which, or where, means it.
        expected = self._model is not None or "local_base_url" in self.settings.model_fields_set
        return Service(url, self.settings.local_api_key, "LOCAL_API_KEY", needs_key=False, expected=expected)

    @property
    def model_name(self) -> str:
        return self._model or next((model["id"] for model in self._listed()), "")

    @property
    def max_context_window(self) -> int:
        name = self.model_name
        about = next((model for model in self._listed() if model["id"] == name), {})
        # vLLM says max_model_len in its list; LM Studio and llama.cpp say it elsewhere or not at all.
        said = about.get("max_model_len") or self._ollama_window(name)
        return said if isinstance(said, int) and said > 0 else self.window

    def record(self, conversation: Mapping[str, Any]) -> dict[str, Any]:
        return {**conversation, "messages": listed(conversation, "messages")}

    def _listed(self) -> list[dict[str, Any]]:
        since, models = self._known
        if time.monotonic() - since > KNOWN_SECONDS:
            try:
                models = self.service().models()
            except (Unreachable, httpx.HTTPStatusError):
                models = []
            self._known = time.monotonic(), models
        return models

    def _ollama_window(self, name: str) -> Any:
        """``….context_length`` of Ollama's ``/api/show`` (https://docs.ollama.com/api)."""
        service = self.service()
        root = service.base_url.removesuffix("/v1")
        try:
            answer = httpx.post(f"{root}/api/show", json={"model": name}, headers=service.asking(), timeout=SECONDS)
            told = answer.raise_for_status().json()["model_info"]
            return next(value for key, value in told.items() if key.endswith(".context_length"))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, AttributeError, StopIteration):
            return None


ADAPTER = Local
