"""What the memory has for a question: asked of the API that runs elsewhere, which keeps index, model and cache warm."""

import asyncio
import logging
from dataclasses import dataclass

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

logger = logging.getLogger(__name__)

PATH = "/api/query/contextual"
MOST_CHARACTERS = 8_000
"""Of a question, the API takes so many."""
MOST_MODEL_CHARACTERS = 512
_ELLIPSIS = " … "


class _Item(BaseModel):
    lineage: list[object]


class _Answer(BaseModel):
    text: str
    tokens: int
    items: list[_Item]


@dataclass(frozen=True, slots=True)
class Context:
    """Passages for a prompt, their tokens and the fragments that they are made of; or ``reason``, a word, for having
    none."""

    text: str = ""
    tokens: int = 0
    fragments: int = 0
    reason: str | None = None


class Memory:
    """Asks for context packs. ``timeout``, in seconds, is for all of an answer."""

    def __init__(self, url: str, key: SecretStr | None, *, space: str, timeout: float) -> None:
        self._space, self._timeout = space, timeout
        headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        # A proxy of the environment is for the way to other machines' models.
        self._client = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, trust_env=False)

    async def context(self, question: str, *, tokens: int, model: object, going_on: str | None) -> Context:
        """At most ``tokens`` tokens as ``model`` counts, without the conversation ``going_on``, which the asking model
        has before it. Raises nothing: without an answer in time there is no context, and why is logged."""
        asked = {
            "task": _shortened(question),
            "tokenBudget": tokens,
            "model": model if isinstance(model, str) and _is_value(model) else None,
            "filters": {"space": self._space},
            "exceptConversations": [going_on] if going_on else [],
        }
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.post(PATH, json=asked)
        except (TimeoutError, httpx.TimeoutException):
            logger.warning("no context: the memory took longer than %g s", self._timeout)
            return Context(reason="timeout")
        except httpx.HTTPError as error:
            logger.warning("no context: %s does not answer: %s", self._client.base_url, type(error).__name__)
            return Context(reason="unavailable")
        return self._read(response)

    async def aclose(self) -> None:
        """Idempotent."""
        await self._client.aclose()

    def _read(self, response: httpx.Response) -> Context:
        if not response.is_success:
            logger.warning("no context: %s answers %d", self._client.base_url, response.status_code)
            return Context(reason="refused" if response.is_client_error else "unavailable")
        try:
            answer = _Answer.model_validate_json(response.content)
        except ValidationError:
            logger.warning("no context: %s answers something else than a context pack", self._client.base_url)
            return Context(reason="unavailable")
        if not answer.text.strip():
            return Context(reason="empty")
        return Context(answer.text, answer.tokens, sum(len(item.lineage) for item in answer.items))


def _shortened(question: str) -> str:
    """Long ones by their beginning and their end: what is asked stands before or after what is pasted."""
    # JSON may hold half a surrogate pair, which no UTF-8 does.
    question = question.encode("utf-8", "replace").decode()
    if len(question) <= MOST_CHARACTERS:
        return question
    half = (MOST_CHARACTERS - len(_ELLIPSIS)) // 2
    return question[:half] + _ELLIPSIS + question[-half:]


def _is_value(model: str) -> bool:
    return 0 < len(model) <= MOST_MODEL_CHARACTERS and model.isprintable()
