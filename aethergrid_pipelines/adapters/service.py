"""The service behind a model family: where it is, its key, and whether it works.

All of them list their models under ``/models`` as ``{"data": [{"id": …}]}``: OpenAI
(https://platform.openai.com/docs/api-reference/models), Anthropic (https://docs.anthropic.com/en/api/models-list),
Gemini's OpenAI-compatible endpoint (https://ai.google.dev/gemini-api/docs/openai), Ollama, vLLM, LM Studio.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from aethergrid_pipelines.adapters.protocol import Health, Key

SECONDS = 5.0

Headers = Callable[[str], Mapping[str, str]]


class Unreachable(Exception):
    """The service gives no answer that says which models it has."""


def bearer(key: str) -> dict[str, str]:
    """As OpenAI and those who imitate it are told a key."""
    return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True, slots=True)
class Service:
    """``base_url`` ends before ``/models``. ``variable`` names the setting that holds the key. One
    that nobody ``expected`` is missed by nobody."""

    base_url: str
    key: SecretStr | None
    variable: str
    headers: Headers = bearer
    needs_key: bool = True
    expected: bool = True

    def models(self) -> list[dict[str, Any]]:
        """What the service says of each model, ``id`` at least. Raises :class:`Unreachable`, and
        ``httpx.HTTPStatusError`` where it refuses."""
        try:
            answer = httpx.get(
                f"{self.base_url}/models", headers=self.asking(), timeout=SECONDS, params={"limit": 1000}
            )
            answer.raise_for_status()
            listed = answer.json()["data"]
            return [model for model in listed if isinstance(model["id"], str)]
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unreachable(f"{self.base_url} does not answer: {str(error) or type(error).__name__}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise Unreachable(f"{self.base_url}/models answers something else than a list of models") from error

    def asking(self) -> dict[str, str]:
        """The headers of a request."""
        return {} if self.key is None else dict(self.headers(self.key.get_secret_value()))

    def health(self, model: str | None) -> Health:
        """Whether it answers, accepts the key and offers ``model`` (``None``: any)."""
        key: Key = "set" if self.key is not None else "missing" if self.needs_key else "not needed"
        if key == "missing":
            return Health("unset", None, "missing", None, f"no key: set {self.variable}")
        started = time.perf_counter()
        try:
            names = [listed["id"].removeprefix("models/") for listed in self.models()]
        except Unreachable as error:
            return Health("broken" if self.expected else "unset", False, key, None, str(error))
        except httpx.HTTPStatusError as error:
            return self._refused(error, key)
        took = round((time.perf_counter() - started) * 1_000, 1)
        if model is None and not names:
            return Health("broken", True, key, False, f"{self.base_url} has no model: load one", took)
        there = model is None or model in names or f"{model}:latest" in names
        detail = f"{model or names[0]} at {self.base_url}" if there else _missing(model, names)
        return Health("ok" if there else "broken", True, key, there, detail, took)

    def _refused(self, error: httpx.HTTPStatusError, key: Key) -> Health:
        status = error.response.status_code
        # Gemini says 400 to a key that is none.
        if status in {400, 401, 403}:
            return Health("broken", True, "refused", None, f"{self.base_url} refuses the key: see {self.variable}")
        return Health("broken", True, key, None, f"{self.base_url} answers {status}; try again later")


def _missing(model: str | None, names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:10]) or "none"
    return f"there is no model {model!r}; there are {shown}{' …' if len(names) > 10 else ''}"
