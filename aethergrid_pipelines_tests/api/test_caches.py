"""The index version, read once for all who ask at the same moment and never from before they asked."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aethergrid_pipelines.api.caches import IndexVersion
from aethergrid_pipelines.flow import index_version
from aethergrid_pipelines.stores.catalog import Catalog


def test_who_asks_while_another_reads_waits_for_the_next_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path}/catalog.db", locks=tmp_path)
    read = index_version.current
    before = read(catalog)
    reading, go_on = threading.Event(), threading.Event()
    readings: list[str] = []

    def slowly(asked: Catalog) -> str:
        readings.append(read(asked))
        reading.set()
        assert go_on.wait(30)
        return readings[-1]

    monkeypatch.setattr(index_version, "current", slowly)
    version = IndexVersion(catalog)
    with ThreadPoolExecutor(20) as threads:
        first = threads.submit(version)
        assert reading.wait(30)
        with catalog.writing() as connection:
            index_version.change(connection)
        others = [threads.submit(version) for _ in range(19)]
        time.sleep(0.2)
        go_on.set()
        found = {one.result() for one in others}
        after = read(catalog)
    catalog.close()

    assert first.result() == before
    assert found == {after}
    assert 2 <= len(readings) < 20
