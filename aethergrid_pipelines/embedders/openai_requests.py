"""One request to an OpenAI-compatible embeddings endpoint: paced, repeated where that can help, its errors sorted."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr

from aethergrid_pipelines.embedders.openai_answer import MalformedAnswer, vectors_of
from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable
from aethergrid_pipelines.embedders.rate_limit import RateLimit, WaitTooLong

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI
    from tenacity import RetryCallState

OPENAI_BASE_URL = "https://api.openai.com/v1"
TRANSIENT_STATUS = frozenset({408, 409, 425, 429})
TEXT_STATUS = frozenset({400, 413, 422})
"""What a server says to a text, or to a batch, that it will not take."""


class TextsRefused(Exception):
    """The server refuses these texts, or one of them; asking again is of no use."""


class GaveUp(Exception):
    """Every attempt failed for a passing reason; a later one may succeed."""


class _Passing(Exception):
    """A failure of one attempt that another may not have."""


class EmbeddingRequests:
    """``attempts`` counts the first one. Waits between attempts double from ``backoff[0]`` to ``backoff[1]`` seconds,
    with as much jitter as the first; what the server asks for comes on top."""

    def __init__(
        self,
        model: str,
        *,
        api_key: SecretStr | None,
        base_url: str | None,
        send_dimensions: int | None,
        attempts: int = 6,
        backoff: tuple[float, float] = (0.5, 30.0),
        timeout: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._send_dimensions = send_dimensions
        self._attempts = attempts
        self._backoff = backoff
        self._timeout = timeout
        self._sleep = sleep
        self._limit = RateLimit(sleep=sleep)

    @cached_property
    def _client(self) -> "OpenAI":
        from openai import OpenAI

        if self._api_key is None and self._base_url is None:
            raise EmbedderUnavailable(
                f"OPENAI_API_KEY is not set: {self._model} needs a key, or set OPENAI_BASE_URL to a server of your own"
            )
        # Servers of one's own often want no key, but the SDK insists on one.
        key = self._api_key.get_secret_value() if self._api_key else "none"
        return OpenAI(api_key=key, base_url=self._base_url or OPENAI_BASE_URL, max_retries=0, timeout=self._timeout)

    @property
    def address(self) -> str:
        """The server without user, password or query, for messages."""
        parts = urlsplit(self._base_url or OPENAI_BASE_URL)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def vectors(
        self, texts: Sequence[str], *, tokens: int, dimension: int | None, attempts: int | None = None
    ) -> NDArray[np.float32]:
        """Vectors of ``texts`` (``tokens`` in all), as :func:`.openai_answer.vectors_of` gives them.

        Raises :class:`TextsRefused`, :class:`GaveUp` and, where no text could succeed, :class:`EmbedderUnavailable`.
        """
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

        first, longest = self._backoff
        retrying = Retrying(
            stop=stop_after_attempt(attempts or self._attempts),
            wait=wait_exponential(multiplier=first, max=longest) + wait_random(0, first),
            retry=retry_if_exception_type(_Passing),
            sleep=self._sleep,
            retry_error_callback=self._give_up,
        )
        result: NDArray[np.float32] = retrying(self._once, texts, tokens, dimension)
        return result

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()
            del self.__dict__["_client"]

    def _once(self, texts: Sequence[str], tokens: int, dimension: int | None) -> NDArray[np.float32]:
        from openai import APIConnectionError, APIStatusError, APITimeoutError, omit

        client = self._client
        try:
            self._limit.hold(tokens)
        except WaitTooLong as error:
            raise GaveUp(f"{self.address} {error}") from None
        # Errors are raised `from None`: what the SDK's carry along holds the request, and with it the key.
        try:
            answer = client.embeddings.with_raw_response.create(
                model=self._model,
                input=list(texts),
                dimensions=self._send_dimensions or omit,
                encoding_format="base64",
            )
        except APITimeoutError:
            raise _Passing(f"{self.address} did not answer in {self._timeout:g} s") from None
        except APIConnectionError as error:
            cause = type(error.__cause__ or error).__name__
            raise _Passing(f"no connection to {self.address} ({cause})") from None
        except APIStatusError as error:
            self._limit.note(error.response.headers)
            raise self._sorted(error) from None
        self._limit.note(answer.headers)
        try:
            return vectors_of(answer.content, count=len(texts), dimension=dimension)
        except MalformedAnswer as error:
            raise _Passing(f"{self.address} gave an unusable answer: {error}") from None

    def _sorted(self, error: "APIStatusError") -> Exception:
        status, said = error.status_code, self._redacted(error.message)
        if error.code == "insufficient_quota":
            return EmbedderUnavailable(f"the quota at {self.address} is used up: add credit or use another key")
        if status in TRANSIENT_STATUS or status >= 500:
            return _Passing(f"{self.address} answered {status}: {said}")
        if status in TEXT_STATUS:
            return TextsRefused(f"{self.address} answered {status}: {said}")
        what_to_do = {
            # Not what the server said: it may quote the key.
            401: "does not accept the key (401): set OPENAI_API_KEY to a valid one",
            403: f"does not let this key use {self._model} (403): check the project's permissions; it said: {said}",
            404: f"has no model {self._model!r} or no embeddings (404): check EMBEDDING_MODEL and OPENAI_BASE_URL, "
            f"which mostly ends in /v1; it said: {said}",
        }
        return EmbedderUnavailable(f"{self.address} {what_to_do.get(status, f'answered {status}: {said}')}")

    def _redacted(self, message: str) -> str:
        key = self._api_key.get_secret_value() if self._api_key else ""
        return (message.replace(key, "***") if key else message)[:300]

    @staticmethod
    def _give_up(state: "RetryCallState") -> NDArray[np.float32]:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _Passing):
            raise GaveUp(f"{error} (attempt {state.attempt_number})")
        raise RuntimeError("tenacity gave up without a passing failure")
