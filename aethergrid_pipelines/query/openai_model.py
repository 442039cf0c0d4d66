"""Models behind OpenAI's chat completions API: OpenAI, Ollama, vLLM, llama.cpp, LM Studio, gateways."""

from collections.abc import Generator
from typing import Any

from pydantic import SecretStr

from aethergrid_pipelines.query.language_model import Finished, ModelUnavailable, Prompt
from aethergrid_pipelines.query.model_requests import ModelRequests

OPENAI_BASE_URL = "https://api.openai.com/v1"


class OpenAiModel:
    """https://platform.openai.com/docs/api-reference/chat, of which only what every server knows is sent; to OpenAI's
    own also ``max_completion_tokens``, which its newer models want in place of ``max_tokens``, and a wish for the
    account of tokens."""

    def __init__(self, name: str, *, base_url: str | None, api_key: SecretStr | None, timeout: float) -> None:
        self.name = name
        self._own = base_url is None or base_url.rstrip("/") == OPENAI_BASE_URL
        # Servers of one's own often want no key.
        headers = {"authorization": f"Bearer {api_key.get_secret_value()}"} if api_key else {}
        url = f"{(base_url or OPENAI_BASE_URL).rstrip('/')}/chat/completions"
        self._requests = ModelRequests(url, headers, timeout=timeout)

    def stream(self, prompt: Prompt) -> Generator[str | Finished, None, None]:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        body: dict[str, Any] = {"model": prompt.model, "messages": messages, "stream": True}
        if self._own:
            body |= {"max_completion_tokens": prompt.max_tokens, "stream_options": {"include_usage": True}}
        else:
            body["max_tokens"] = prompt.max_tokens
        reason: str | None = None
        usage: dict[str, Any] = {}
        for event in self._requests.events(body):
            if event.get("error"):
                raise ModelUnavailable(f"{self._requests.address} broke off: {event['error']}")
            usage = event.get("usage") or usage
            # The account of tokens comes last, without a choice.
            for choice in event.get("choices") or ():
                reason = choice.get("finish_reason") or reason
                if piece := (choice.get("delta") or {}).get("content"):
                    yield piece
        if reason is None:
            raise ModelUnavailable(f"{self._requests.address} broke off in the middle of its answer")
        yield Finished(reason == "length", usage.get("prompt_tokens"), usage.get("completion_tokens"))

    def close(self) -> None:
        self._requests.close()
