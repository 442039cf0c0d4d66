"""A live worker that is killed at random while people talk: in the end nothing is missing and nothing is double."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines_tests.flow.contents import everything, put
from aethergrid_pipelines_tests.opened import KINDS, Place, place

KILLS = 4
COMMAND = [sys.executable, "-c", "from aethergrid_pipelines.cli.app import app; app()", "live", "--no-report"]


def talk(there: Place, turn: int) -> None:
    """A new conversation, one that goes on, one that is edited and one that is forgotten."""
    with there.open() as stores:
        put(stores, f"new-{turn}", [f"Question {turn}?", f"Answer {turn}."], days=turn % 3)
        put(stores, "long", [f"Turn {number} of a long talk." for number in range(turn + 2)])
        put(stores, "edited", ["The same question?", f"Answer as of turn {turn}."])
        stores.conversations.forget(put(stores, f"gone-{turn}", ["Do not keep this.", f"Not {turn}."], days=1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_worker_leaves_what_a_quiet_run_does(kind: str, tmp_path: Path) -> None:
    rng = random.Random(7)
    with place(kind, tmp_path / "disturbed") as disturbed, place(kind, tmp_path / "quiet") as quiet:
        for turn in range(KILLS):
            environment = {**os.environ, **disturbed.variables}
            child = subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True)
            assert child.stderr
            assert "following" in child.stderr.readline()
            talk(disturbed, turn)
            time.sleep(rng.uniform(0, 2))
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stderr.close()
            talk(quiet, turn)
        last = subprocess.Popen(COMMAND, env={**os.environ, **disturbed.variables}, stderr=subprocess.DEVNULL)
        try:
            with disturbed.open() as stores, quiet.open() as undisturbed:
                materialise_all(undisturbed, Scope(), run_id="quiet")
                expected = everything(undisturbed)
                deadline = time.monotonic() + 60
                while everything(stores) != expected and time.monotonic() < deadline:
                    time.sleep(0.2)
                assert everything(stores) == expected
        finally:
            last.send_signal(signal.SIGINT)
            assert last.wait(30) == 0
