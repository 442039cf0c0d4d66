"""Where the SQL files of the project are: beside the package in a checkout, inside it once installed."""

from pathlib import Path


def sql_folder(name: str) -> Path:
    """The folder ``sql/<name>``; raises ``FileNotFoundError`` where the installation lacks it."""
    package = Path(__file__).parents[1]
    for folder in (package.parent / "sql" / name, package / "_sql" / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the SQL files of {name!r} are missing from this installation")
