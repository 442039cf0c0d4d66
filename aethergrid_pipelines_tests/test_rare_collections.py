import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from aethergrid_pipelines.rare_collections import RARE, rare_collections


def test_collections_are_rare_within_and_as_before_afterwards() -> None:
    before = gc.get_threshold()
    with rare_collections():
        assert gc.get_threshold() == RARE != before
        with rare_collections():
            assert gc.get_threshold() == RARE
        assert gc.get_threshold() == RARE
    assert gc.get_threshold() == before


def test_an_error_leaves_them_as_before() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), rare_collections():
        raise ZeroDivisionError
    assert gc.get_threshold() == before


def test_they_stay_rare_until_the_last_thread_is_out() -> None:
    before = gc.get_threshold()
    inside, go_on = Event(), Event()

    def wait_within() -> None:
        with rare_collections():
            inside.set()
            go_on.wait(10)

    with ThreadPoolExecutor(1) as pool:
        with rare_collections():
            other = pool.submit(wait_within)
            assert inside.wait(10)
        assert gc.get_threshold() == RARE
        go_on.set()
        other.result()
    assert gc.get_threshold() == before
