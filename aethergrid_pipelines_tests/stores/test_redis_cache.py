"""Redis gone means slower, not broken."""

import socket
import time
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from aethergrid_pipelines.stores.redis_cache import RedisCache
from aethergrid_pipelines_tests.stores.tcp_forwarder import TcpForwarder

PAUSE = 0.2


@pytest.fixture
def way(redis_url: str) -> Iterator[TcpForwarder]:
    parts = urlsplit(redis_url)
    forwarder = TcpForwarder((parts.hostname or "127.0.0.1", parts.port or 6379))
    yield forwarder
    forwarder.cut()


@pytest.fixture
def cache(way: TcpForwarder) -> Iterator[RedisCache]:
    opened = RedisCache(f"redis://127.0.0.1:{way.port}/0", namespace=f"test:{uuid.uuid4()}:", pause=PAUSE)
    opened.put("a", b"1", seconds=60)
    assert opened.get("a") == b"1"
    yield opened
    opened.close()


def test_what_cannot_be_read_is_not_there_and_it_is_not_asked_again_for_a_while(
    way: TcpForwarder, cache: RedisCache
) -> None:
    way.cut()

    assert cache.get("a") is None
    assert cache.figures() == {"failures": 1, "paused": 1}
    for _ in range(50):
        cache.put("b", b"2", seconds=60)
        assert cache.get("b") is None
    # Two or three pauses may have passed on a busy machine; fifty queries did not wait fifty times.
    assert cache.figures()["failures"] < 10
    assert cache.clear() is False


def test_it_serves_again_once_redis_is_back(way: TcpForwarder, cache: RedisCache) -> None:
    way.cut()
    assert cache.get("a") is None
    way.mend()
    deadline = time.monotonic() + 20
    while cache.get("a") is None and time.monotonic() < deadline:
        time.sleep(PAUSE / 4)

    assert cache.get("a") == b"1"
    assert cache.figures()["paused"] == 0


def test_one_that_accepts_and_never_answers_is_given_up_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = RedisCache(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", pause=60)
        for _ in range(100):
            assert cache.get("a") is None
        cache.close()

    assert cache.figures() == {"failures": 1, "paused": 1}


def test_an_address_that_is_none_breaks_nothing() -> None:
    cache = RedisCache("postgres://elsewhere", pause=60)

    assert cache.get("a") is None
    cache.put("a", b"1", seconds=1)
    assert cache.clear() is False
    cache.close()
