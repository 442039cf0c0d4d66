"""Who keeps the vector store's files and indexes in order after a step's writes."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from aethergrid_pipelines.stores.vectors import VectorStore


class Upkeep:
    """Does it at once, in the thread that wrote; or beside it, where somebody waits for the next write. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._under_way: Future[bool] | None = None

    def beside(self) -> None:
        """From now on work in a thread of its own: compacting and indexing take 0.1 to 0.5 s every few seconds,
        for which no message has to wait."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(1, thread_name_prefix="upkeep")

    def wrote(self, vectors: VectorStore, collection: str) -> None:
        """Refresh this collection, unless that is under way. Raises what ``refresh`` raises; beside others, what the
        one before raised."""
        if self._threads is None:
            vectors.refresh(collection)
            return
        with self._lock:
            before = self._under_way
            if before is None or before.done():
                self._under_way = self._threads.submit(vectors.refresh, collection)
        if before is not None and before.done():
            before.result()

    def close(self) -> None:
        """Finish what is under way; idempotent. What it raises is for the next writer to meet."""
        threads, self._threads, self._under_way = self._threads, None, None
        if threads is not None:
            threads.shutdown()
