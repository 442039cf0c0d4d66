"""A live worker in a process that is made to be killed."""

import multiprocessing
import os
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from aethergrid_pipelines.flow.stores import open_stores
from aethergrid_pipelines.live.worker import LiveWorker
from aethergrid_pipelines.settings import Settings

BATCH_SECONDS = 120.0


class StruckWorker:
    """One process; it follows the feed until it is killed."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        # All of them are forks of one process that has imported what they need, but for LanceDB, which has threads.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._told, telling = context.Pipe(duplex=False)
        environment = {**os.environ, **variables}
        self._process: BaseProcess = context.Process(target=_follow, args=(environment, telling), daemon=True)
        self._process.start()
        telling.close()

    def wait_for_batch(self) -> None:
        """Return when it has processed something since the last call; fails, with what troubled it, where it ends
        before or does nothing."""
        while self._told.poll():
            self._told.recv()
        troubles: list[str] = []
        while self._told.poll(BATCH_SECONDS):
            trouble = self._told.recv()
            if trouble is None:
                return
            troubles.append(trouble)
        raise AssertionError(f"the worker does nothing: {troubles[-5:]}")

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._process.kill()
        self._process.join()
        self._told.close()


def _follow(environment: dict[str, str], telling: Connection) -> None:
    os.environ.clear()
    os.environ.update(environment)
    with open_stores(Settings()) as stores:
        worker = LiveWorker(
            stores, on_batch=lambda _: telling.send(None), on_trouble=lambda error: telling.send(str(error))
        )
        worker.run(threading.Event())
