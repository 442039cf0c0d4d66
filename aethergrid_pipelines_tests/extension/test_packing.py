"""The archive of the extension."""

import zipfile
from pathlib import Path

from aethergrid_pipelines_tests.extension.conftest import EXTENSION
from aethergrid_pipelines_tests.scripts import load_script

pack_extension = load_script("scripts/pack_extension.py")


def test_the_archive_holds_every_file_and_is_the_same_each_time(tmp_path: Path) -> None:
    first, second = (pack_extension.pack(tmp_path / name) for name in ("first", "second"))

    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    files = {
        path.relative_to(EXTENSION).as_posix(): path.read_bytes() for path in EXTENSION.rglob("*") if path.is_file()
    }
    assert packed == files
