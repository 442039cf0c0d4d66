"""The first use of LanceDB in a process, by several threads at once: what the first query after a start does."""

import subprocess
import sys
from pathlib import Path

import pytest

WHILE_LANCEDB_LOADS = """
import sys, threading, time
from pathlib import Path

import numpy as np

from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines.stores.vectors import CollectionMissing, FragmentFilter

store, where = LanceVectorStore(Path(sys.argv[1])), FragmentFilter(space="default")
calls = {
    "dense": lambda: store.dense("Missing", np.ones(4, np.float32), where=where, limit=1),
    "lexical": lambda: store.lexical("Missing", ["term"], where=where, limit=1),
    "neighbours": lambda: store.neighbours("Missing", "conversation", 0, 1),
}
loading = threading.Thread(target=__import__, args=["lancedb"])
loading.start()
while "lancedb" not in sys.modules:
    time.sleep(0.001)
try:
    calls[sys.argv[2]]()
except CollectionMissing:
    pass
loading.join()
"""


@pytest.mark.parametrize("call", ["dense", "lexical", "neighbours"])
def test_a_thread_may_search_while_another_loads_lancedb(call: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WHILE_LANCEDB_LOADS, str(tmp_path), call], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
