import gc
from concurrent.futures import ThreadPoolExecutor

import pytest

from aethergrid_pipelines.capture.rare_collections import RARE, rare_collections


def _within() -> tuple[int, int, int]:
    with rare_collections():
        return gc.get_threshold()


def test_collections_are_rare_within_and_as_before_afterwards() -> None:
    before = gc.get_threshold()
    assert _within() == RARE != before
    assert gc.get_threshold() == before


def test_an_error_leaves_them_as_before() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), rare_collections():
        raise ZeroDivisionError
    assert gc.get_threshold() == before


def test_another_thread_leaves_them_alone() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(_within).result() == gc.get_threshold()
