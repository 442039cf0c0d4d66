"""Models behind OpenAI's chat completions API: OpenAI, Ollama, vLLM, llama.cpp, LM Studio, gateways."""

import contextlib
from collections.abc import Generator
from typing import Any

from pydantic import SecretStr

from aethergrid_pipelines.query.language_model import Finished, ModelUnavailable, Prompt
from aethergrid_pipelines.query.model_requests import ModelRequests
from aethergrid_pipelines.query.thinking import without_thoughts

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
        account: dict[str, Any] = {}
        with contextlib.closing(self._texts(body, account)) as pieces:
            yield from without_thoughts(pieces)
        if "finish_reason" not in account:
            raise ModelUnavailable(f"{self._requests.address} broke off in the middle of its answer")
        cut = account["finish_reason"] == "length"
        yield Finished(cut, account.get("prompt_tokens"), account.get("completion_tokens"))

    def _texts(self, body: dict[str, Any], account: dict[str, Any]) -> Generator[str, None, None]:
        """The pieces of the answer; why it ended and how many tokens it took are put into ``account``."""
        for event in self._requests.events(body):
            if event.get("error"):
                raise ModelUnavailable(f"{self._requests.address} broke off: {event['error']}")
            # This comes last, without a choice.
            account |= event.get("usage") or {}
            for choice in event.get("choices") or ():
                if reason := choice.get("finish_reason"):
                    account["finish_reason"] = reason
                if piece := (choice.get("delta") or {}).get("content"):
                    yield piece

    def close(self) -> None:
        self._requests.close()
