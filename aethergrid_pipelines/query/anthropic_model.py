"""Models behind Anthropic's messages API."""

from collections.abc import Generator
from typing import Any

from pydantic import SecretStr

from aethergrid_pipelines.query.language_model import Finished, ModelUnavailable, Prompt
from aethergrid_pipelines.query.model_requests import ModelRequests

ANTHROPIC_BASE_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"


class AnthropicModel:
    """https://docs.anthropic.com/en/api/messages-streaming."""

    def __init__(self, name: str, *, base_url: str | None, api_key: SecretStr | None, timeout: float) -> None:
        self.name = name
        headers = {"anthropic-version": VERSION}
        if api_key is not None:
            headers["x-api-key"] = api_key.get_secret_value()
        root = (base_url or ANTHROPIC_BASE_URL).rstrip("/").removesuffix("/v1")
        self._requests = ModelRequests(f"{root}/v1/messages", headers, timeout=timeout)

    def stream(self, prompt: Prompt) -> Generator[str | Finished, None, None]:
        body = {
            "model": prompt.model,
            "system": prompt.system,
            "messages": [{"role": "user", "content": prompt.user}],
            "max_tokens": prompt.max_tokens,
            "stream": True,
        }
        reason: str | None = None
        usage: dict[str, Any] = {}
        for event in self._requests.events(body):
            match event.get("type"):
                case "message_start":
                    usage |= event.get("message", {}).get("usage") or {}
                case "content_block_delta" if piece := event.get("delta", {}).get("text"):
                    yield piece
                case "message_delta":
                    reason = event.get("delta", {}).get("stop_reason") or reason
                    usage |= event.get("usage") or {}
                case "error":
                    told = event.get("error", {}).get("message", "no reason given")
                    raise ModelUnavailable(f"{self._requests.address} broke off: {told}")
        if reason is None:
            raise ModelUnavailable(f"{self._requests.address} broke off in the middle of its answer")
        yield Finished(reason == "max_tokens", usage.get("input_tokens"), usage.get("output_tokens"))

    def close(self) -> None:
        self._requests.close()
