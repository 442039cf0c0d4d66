"""Pack ``extension/`` into a zip archive; the same files give the same bytes whenever it is made."""

import json
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
EXTENSION = REPOSITORY / "extension"
# The first moment that the format can tell.
MOMENT = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path) -> Path:
    """Write ``aethergrid-extension-VERSION.zip`` into ``folder`` and return its path."""
    version = json.loads((EXTENSION / "manifest.json").read_text())["version"]
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"aethergrid-extension-{version}.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(path for path in EXTENSION.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(EXTENSION).as_posix(), MOMENT)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive


if __name__ == "__main__":
    print(pack(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "dist"))  # noqa: T201
