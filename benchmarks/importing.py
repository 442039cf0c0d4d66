"""How fast files become messages in the conversation store, and what a second import of the same costs.

    python -m benchmarks.importing [--source generic,claude-code,codex,chatgpt,otel] [--mb 100] [--length chat] [--json]

Writes generated conversations in the form of each source (``chatgpt`` as the zip that people download, ``codex`` and
``claude-code`` as folders of sessions), imports them into fresh embedded stores, then once more, and once more with
everything read again; in one process each, secrets being looked for as always. Messages are long
(:mod:`benchmarks.transcripts` says how long), or ``--length short``, which asks more of the work per message.
Megabytes are those of the JSON, in millions of bytes; seconds are of the processor and of the clock. Named limits:

* ``mb_per_cpu_s`` at least 30, and ``peak_mb`` the same at 10 and at 100 MB;
* ``stored_again`` 0, and ``cpu_s_again`` next to nothing: a second import of the same reads no transcript.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.transcripts import LENGTHS, SOURCES

OLD = 1_000_000_000
"""When the files were written last, in seconds since 1970: none of them was just written."""


def import_once(path: str, home: str, *, reread: bool) -> dict[str, Any]:
    """What one import costs in this process, which does nothing else."""
    from aethergrid_pipelines.capture.importer import import_paths
    from aethergrid_pipelines.settings import Settings
    from aethergrid_pipelines.stores.journal import CatalogJournal
    from aethergrid_pipelines.stores.select import open_catalog
    from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore

    store = SqliteConversationStore(Path(home) / "conversations.db")
    catalog = open_catalog(Settings(AETHERGRID_HOME=Path(home), POSTGRES_URL=None))
    catalog.ping()
    cpu, clock = time.process_time(), time.perf_counter()
    journal = CatalogJournal(catalog)
    report = import_paths([path], store=store, space="default", journal=journal, reread=reread)
    cost = {"cpu_s": time.process_time() - cpu, "seconds": time.perf_counter() - clock}
    catalog.close()
    store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    total, unchanged = report.total, sum(file.unchanged for file in report.files)
    told = {"read": total.read, "stored": total.stored, "rejected": total.rejected}
    return {**cost, **told, "peak_mb": round(peak), "files": len(report.files), "unchanged": unchanged}


def measure(source: str, megabytes: float, length: str) -> dict[str, Any]:
    """The figures of one source."""
    with tempfile.TemporaryDirectory(prefix="aethergrid-benchmark-") as folder:
        path, size = SOURCES[source](Path(folder), int(megabytes * 1_000_000), length)
        for file in [path, *path.rglob("*")]:
            os.utime(file, (OLD, OLD))
        home = Path(folder) / "home"
        home.mkdir()
        command = [sys.executable, "-m", "benchmarks.importing", "--child", str(path), str(home)]
        runs = (command, command, [*command, "--reread"])
        first, again, reread = (json.loads(subprocess.check_output(run)) for run in runs)
    figures: dict[str, Any] = {"source": source, "length": length, "mb": round(size / 1_000_000, 1)}
    figures |= {"messages": first["stored"], "bytes_a_message": round(size / first["stored"])}
    for name, found in (("", first), ("_reread", reread)):
        figures[f"mb_per_cpu_s{name}"] = round(size / 1_000_000 / found["cpu_s"], 1)
        figures[f"mb_per_s{name}"] = round(size / 1_000_000 / found["seconds"], 1)
    figures |= {f"{name}_again": round(again[name], 3) for name in ("cpu_s", "seconds", "stored")}
    figures |= {"files": again["files"], "unread_again": again["unchanged"], "stored_reread": reread["stored"]}
    return {**figures, "rejected": first["rejected"], "peak_mb": first["peak_mb"]}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="How fast files become messages in the conversation store.")
    parser.add_argument("--source", default=",".join(SOURCES), help="separated by commas")
    parser.add_argument("--mb", type=float, default=100, help="of JSON, for each source")
    parser.add_argument("--length", choices=LENGTHS, default=LENGTHS[0], help="of the messages")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--child", nargs=2, metavar=("FILE", "HOME"), help=argparse.SUPPRESS)
    parser.add_argument("--reread", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(import_once(*options.child, reread=options.reread)))
        return
    found = [measure(source, options.mb, options.length) for source in options.source.split(",")]
    if options.json:
        print(json.dumps(found))
        return
    for one in found:
        print("   ".join(f"{name} {value}" for name, value in one.items()))


if __name__ == "__main__":
    main()
