"""Waiting as long as a server asks: ``Retry-After`` and OpenAI's ``x-ratelimit-*`` headers.

Formats: RFC 9110, section 10.2.3, and https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class WaitTooLong(Exception):
    """The server asks for a longer pause than is granted."""


class RateLimit:
    """One for all threads that call one server; what one of them is told holds for all."""

    def __init__(
        self,
        *,
        longest: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``longest`` is the longest wait, in seconds, that is granted."""
        self._longest = longest
        self._sleep = sleep
        self._clock = clock
        self._lock = Lock()
        self._open_at = 0.0
        self._tokens_left: float | None = None
        self._tokens_back_at = 0.0

    def hold(self, tokens: int) -> None:
        """Sleep until a request of ``tokens`` may go out, and count it. Raises :class:`WaitTooLong`."""
        with self._lock:
            now = self._clock()
            until = self._open_at
            if self._tokens_left is not None and now >= self._tokens_back_at:
                self._tokens_left = None
            if self._tokens_left is not None:
                if self._tokens_left < tokens:
                    until = max(until, self._tokens_back_at)
                self._tokens_left -= tokens
        wait = until - now
        if wait > self._longest:
            raise WaitTooLong(
                f"asks to wait {wait:.0f} s, which is more than the {self._longest:.0f} s that are granted"
            )
        if wait > 0:
            self._sleep(wait)

    def note(self, headers: Mapping[str, str]) -> None:
        """Take in the headers of an answer, of an error as well. Header names in lower case, or any case-insensitive
        mapping."""
        now = self._clock()
        with self._lock:
            pause = retry_after(headers)
            if pause is not None:
                self._open_at = max(self._open_at, now + pause)
            reset = duration(headers.get("x-ratelimit-reset-requests"))
            if _number(headers.get("x-ratelimit-remaining-requests")) == 0 and reset is not None:
                self._open_at = max(self._open_at, now + reset)
            left = _number(headers.get("x-ratelimit-remaining-tokens"))
            back = duration(headers.get("x-ratelimit-reset-tokens"))
            if left is not None and back is not None:
                self._tokens_left, self._tokens_back_at = left, now + back


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by ``retry-after-ms`` or ``retry-after`` (seconds or a date); ``None`` where neither says."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment.tzinfo else None


def duration(value: str | None) -> float | None:
    """Seconds of ``1h2m3.5s``, ``6m0s``, ``20ms`` or a plain number; ``None`` where it is none of these."""
    if value is None:
        return None
    plain = _number(value)
    if plain is not None:
        return plain
    parts = _DURATION.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value.strip():
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _number(value: str | None) -> float | None:
    if value is None or not re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
        return None
    return float(value)
