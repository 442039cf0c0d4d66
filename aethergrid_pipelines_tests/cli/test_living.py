"""``aethergrid live`` from outside: it says whether a worker is at work, and ends cleanly."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from aethergrid_pipelines.cli.app import app


def test_the_check_tells_whether_a_worker_is_at_work(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["live", "--check"]).exit_code == 1
    child = subprocess.Popen(
        [sys.executable, "-c", "from aethergrid_pipelines.cli.app import app; app()", "live", "--json"],
        env=dict(os.environ),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stderr
        assert "following" in child.stderr.readline()
        attempts = iter(range(100))
        while (found := CliRunner().invoke(app, ["live", "--check"])).exit_code and next(attempts, None) is not None:
            pass
        assert found.exit_code == 0
    finally:
        child.send_signal(signal.SIGINT)
        _, rest = child.communicate(timeout=30)
    assert child.returncode == 0
    assert "stopped after 0 conversations" in rest
    assert CliRunner().invoke(app, ["live", "--check"]).exit_code == 1
