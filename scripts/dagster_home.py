"""Make Dagster's home ready and print its path: ``DAGSTER_HOME``, or ``dagster`` below ``AETHERGRID_HOME``.

In the latter, ``dagster.yaml`` is a link to the one of this repository; a file that somebody put there is left alone.
"""

import os
import sys
from pathlib import Path

from aethergrid_pipelines.settings import load_settings

REPOSITORY = Path(__file__).resolve().parents[1]


def dagster_home() -> Path:
    """The folder, created and configured."""
    if given := os.environ.get("DAGSTER_HOME"):
        return Path(given)
    home = load_settings().home_path / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    link = home / "dagster.yaml"
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(REPOSITORY / "dagster.yaml")
    return home


if __name__ == "__main__":
    sys.stdout.write(f"{dagster_home()}\n")
