"""A streaming request to a model's service: repeated where that can help, bounded in time, its errors sorted."""

import json
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aethergrid_pipelines.query.language_model import ModelRefused, ModelTimeout, ModelUnavailable

if TYPE_CHECKING:
    from httpx import Client, Response
    from tenacity import RetryCallState

ATTEMPTS = 3
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""What another attempt may not meet; 529 is Anthropic's «overloaded»."""
TOLD = 300
"""Characters of a service's own explanation that are passed on."""

Event = dict[str, Any]


class _Passing(Exception):
    """A failure of one attempt. ``after``: the seconds that the service asks to wait."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


class ModelRequests:
    """Thread-safe. ``timeout`` seconds are for the whole answer, attempts included; a service that falls silent is left
    after as many more at most. Waits double from ``backoff`` seconds on; what the service asks for comes on top."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout: float,
        backoff: float = 0.5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url
        self._headers = dict(headers)
        self._timeout = timeout
        self._backoff = backoff
        self._sleep = sleep
        self._lock = Lock()

    @property
    def address(self) -> str:
        """The service without user, password or query, for messages."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def events(self, body: Event) -> Generator[Event, None, None]:
        """The server-sent events of an answer, each a JSON object. Raises ``ModelFailure``."""
        import httpx

        deadline = time.monotonic() + self._timeout
        with ExitStack() as opened:
            try:
                response = self._begun(body, deadline, opened)
                for line in response.iter_lines():
                    if time.monotonic() > deadline:
                        raise self._too_late()
                    if (event := _event(line)) is not None:
                        yield event
            except httpx.TimeoutException:
                raise self._too_late() from None
            except httpx.TransportError as error:
                raise ModelUnavailable(f"{self.address} broke off: {type(error).__name__}") from error

    def close(self) -> None:
        """Release connections; idempotent."""
        with self._lock:
            client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    @cached_property
    def _client(self) -> "Client":
        import httpx

        return httpx.Client(headers=self._headers, timeout=self._timeout)

    def _begun(self, body: Event, deadline: float, opened: ExitStack) -> "Response":
        """The first response with status 200, its body unread."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

        def too_late(state: "RetryCallState") -> bool:
            # A wait that ends after the deadline is not begun.
            return time.monotonic() + self._wait(state) >= deadline

        attempts = Retrying(
            stop=lambda state: stop_after_attempt(ATTEMPTS)(state) or too_late(state),
            wait=self._wait,
            retry=retry_if_exception_type(_Passing),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return attempts(self._attempt, body, opened)
        except _Passing as error:
            raise ModelUnavailable(f"{self.address} does not answer: {error}") from error

    def _attempt(self, body: Event, opened: ExitStack) -> "Response":
        import httpx

        with ExitStack() as attempt:
            try:
                with self._lock:
                    client = self._client
                response = attempt.enter_context(client.stream("POST", self._url, json=body))
                if response.status_code != 200:
                    response.read()
            except httpx.TimeoutException:
                raise
            except httpx.TransportError as error:
                raise _Passing(str(error) or type(error).__name__) from error
            if response.status_code in PASSING:
                raise _Passing(_explanation(response), _asked_to_wait(response))
            if response.status_code != 200:
                raise ModelRefused(f"{self.address} refuses: {_explanation(response)}")
            opened.push(attempt.pop_all())
            return response

    def _wait(self, state: "RetryCallState") -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.after if isinstance(error, _Passing) else 0.0
        return float(self._backoff * 2 ** (state.attempt_number - 1)) + asked

    def _too_late(self) -> ModelTimeout:
        return ModelTimeout(f"{self.address} did not end its answer within {self._timeout:g} s (ANSWER_TIMEOUT)")


def _event(line: str) -> Event | None:
    """The object of a ``data:`` line (HTML Living Standard, «Server-sent events»); both APIs send one line each."""
    data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
    if not data or data == "[DONE]":
        return None
    try:
        event = json.loads(data)
    except ValueError:
        raise ModelUnavailable("the service sent what is no JSON in the middle of its answer") from None
    return event if isinstance(event, dict) else None


def _explanation(response: "Response") -> str:
    """Status and what the service says, which may be in OpenAI's or Anthropic's form, or anything."""
    try:
        found = response.json()
        told = found["error"]["message"] if isinstance(found["error"], dict) else found["error"]
    except (ValueError, KeyError, TypeError):
        told = response.text
    return f"{response.status_code} {' '.join(str(told).split())[:TOLD]}".strip()


def _asked_to_wait(response: "Response") -> float:
    """The seconds of ``Retry-After``; 0 where it is absent or a date."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdecimal() else 0.0
