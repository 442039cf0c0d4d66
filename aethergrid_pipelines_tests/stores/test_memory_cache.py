from aethergrid_pipelines.stores.memory_cache import ENTRY_BYTES, MemoryCache


def test_it_holds_no_more_than_it_may_and_gives_up_what_was_used_least_recently() -> None:
    cache = MemoryCache(3 * (1_000 + ENTRY_BYTES))
    for key in "abc":
        cache.put(key, bytes(1_000), seconds=60)
    assert cache.get("a") is not None
    cache.put("d", bytes(1_000), seconds=60)

    assert [key for key in "abcd" if cache.get(key) is None] == ["b"]
    assert cache.figures() == {"entries": 3, "bytes": 3 * (1_000 + ENTRY_BYTES)}


def test_what_is_larger_than_all_of_it_is_not_kept_and_drives_nothing_out() -> None:
    cache = MemoryCache(2_000)
    cache.put("a", b"1", seconds=60)
    cache.put("b", bytes(5_000), seconds=60)

    assert cache.get("a") == b"1"
    assert cache.get("b") is None
