"""What holds of every cache."""

import time
import uuid
from collections.abc import Iterator

import pytest

from aethergrid_pipelines.stores.cache import Cache
from aethergrid_pipelines.stores.memory_cache import MemoryCache
from aethergrid_pipelines.stores.redis_cache import RedisCache


@pytest.fixture(params=["memory", "redis"])
def cache(request: pytest.FixtureRequest) -> Iterator[Cache]:
    opened: Cache
    if request.param == "memory":
        opened = MemoryCache(1_000_000)
    else:
        opened = RedisCache(request.getfixturevalue("redis_url"), namespace=f"test:{uuid.uuid4()}:")
    yield opened
    opened.clear()
    opened.close()


def test_what_was_put_is_there_byte_for_byte(cache: Cache) -> None:
    value = bytes(range(256)) * 40
    cache.put("a", value, seconds=60)

    assert cache.get("a") == value
    assert cache.get("b") is None


def test_an_empty_value_is_a_value(cache: Cache) -> None:
    cache.put("a", b"", seconds=60)

    assert cache.get("a") == b""


def test_the_last_value_counts(cache: Cache) -> None:
    cache.put("a", b"1", seconds=60)
    cache.put("a", b"2", seconds=60)

    assert cache.get("a") == b"2"


def test_a_value_is_gone_after_its_time(cache: Cache) -> None:
    cache.put("short", b"1", seconds=0.05)
    cache.put("long", b"2", seconds=60)
    deadline = time.monotonic() + 10
    while cache.get("short") is not None and time.monotonic() < deadline:
        time.sleep(0.02)

    assert cache.get("short") is None
    assert cache.get("long") == b"2"


def test_clearing_removes_what_begins_so_and_nothing_else(cache: Cache) -> None:
    for number in range(1_200):
        cache.put(f"answer:{number}", b"1", seconds=60)
    # Signs that have a meaning in the patterns of Redis.
    cache.put("answer", b"2", seconds=60)
    cache.put("embedding:[*]?", b"3", seconds=60)

    assert cache.clear("answer:")
    assert [cache.get(f"answer:{number}") for number in (0, 600, 1_199)] == [None] * 3
    assert cache.get("answer") == b"2"
    assert cache.clear("embedding:[")
    assert cache.get("embedding:[*]?") is None
    assert cache.clear()
    assert cache.get("answer") is None


def test_it_can_be_used_after_it_was_closed(cache: Cache) -> None:
    cache.put("a", b"1", seconds=60)
    cache.close()
    cache.put("b", b"2", seconds=60)

    assert cache.get("b") == b"2"
