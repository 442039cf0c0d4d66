"""A cache in Redis, which all processes share and which outlives them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from aethergrid_pipelines.stores.breaker import Breaker

if TYPE_CHECKING:
    from redis import Redis

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

NAMESPACE = "aethergrid:cache:"
CONNECT_SECONDS, ANSWER_SECONDS = 0.25, 0.1
"""Redis nearby answers in well under a millisecond. What takes longer than a search is of no use here."""
PAUSE_SECONDS = 5.0
"""For so long it is not asked again after it did not answer."""
KEYS_AT_ONCE = 500


class RedisCache:
    """A :class:`~aethergrid_pipelines.stores.cache.Cache` at ``url``; connects at the first use.

    A Redis that does not answer costs one query a fraction of a second every few seconds, and the others nothing.
    """

    name = "redis"

    def __init__(self, url: str, *, namespace: str = NAMESPACE, pause: float = PAUSE_SECONDS) -> None:
        self._url = url
        self._namespace = namespace
        self._breaker = Breaker(pause)
        self._lock = Lock()
        self._client: Redis | None = None

    def get(self, key: str) -> bytes | None:
        found = self._asked(lambda client: client.get(self._namespace + key), None)
        return found if isinstance(found, bytes) else None

    def put(self, key: str, value: bytes, *, seconds: float) -> None:
        milliseconds = max(1, round(seconds * 1_000))
        self._asked(lambda client: client.set(self._namespace + key, value, px=milliseconds), None)

    def clear(self, prefix: str = "") -> bool:
        def cleared(client: Redis) -> bool:
            pattern = _literal(self._namespace + prefix) + "*"
            found: list[bytes] = []
            for name in client.scan_iter(match=pattern, count=KEYS_AT_ONCE):
                found.append(name)
                if len(found) == KEYS_AT_ONCE:
                    client.unlink(*found)
                    found.clear()
            if found:
                client.unlink(*found)
            return True

        return self._asked(cleared, False)

    def figures(self) -> Mapping[str, float]:
        return {"failures": self._breaker.failures, "paused": float(self._breaker.open)}

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def _asked(self, question: Callable[[Redis], Result], otherwise: Result) -> Result:
        from redis import RedisError

        if not self._breaker.allows():
            return otherwise
        try:
            answer = question(self._connected())
        # A ValueError: REDIS_URL is no address.
        except (RedisError, OSError, ValueError) as error:
            self._breaker.failed()
            self._hang_up()
            logger.warning("Redis does not answer, so answers are not shared for now: %s", error)
            return otherwise
        self._breaker.succeeded()
        return answer

    def _hang_up(self) -> None:
        # The connections that lie idle are as dead, and each would cost a wait of its own.
        with self._lock:
            if self._client is not None:
                self._client.connection_pool.disconnect(inuse_connections=False)

    def _connected(self) -> Redis:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        with self._lock:
            if self._client is None:
                self._client = Redis.from_url(
                    self._url,
                    socket_connect_timeout=CONNECT_SECONDS,
                    socket_timeout=ANSWER_SECONDS,
                    retry=Retry(NoBackoff(), 0),
                )
            return self._client


def _literal(text: str) -> str:
    """``text`` as a pattern of Redis that matches nothing else."""
    return "".join(f"\\{sign}" if sign in "*?[]^-\\" else sign for sign in text)
