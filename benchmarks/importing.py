"""How fast files become messages in the conversation store, and what a second import of the same costs.

    python -m benchmarks.importing [--source generic,claude-code,chatgpt,otel] [--mb 100] [--json]

Writes generated conversations in the form of each source (``chatgpt`` as the zip that people download), imports them
into a fresh embedded store and then once more, in one process each, secrets being looked for as always. Megabytes are
those of the JSON, in millions of bytes; seconds are of the processor and of the clock. Named limits:

* ``mb_per_cpu_s`` at least 30, and ``peak_mb`` the same at 10 and at 100 MB;
* ``stored_again`` 0: a second import of the same adds nothing.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.generate import Record, conversations

Line = dict[str, Any]
Writer = Callable[[Path, int], tuple[Path, int]]


def _lines(form: Callable[[list[Record]], Iterable[Line]]) -> Writer:
    """A writer of JSON Lines: of so many bytes, until there are that many."""

    def write(folder: Path, size: int) -> tuple[Path, int]:
        path, written = folder / "export.jsonl", 0
        with path.open("wb") as file:
            for line in chain.from_iterable(map(form, conversations())):
                written += file.write(json.dumps(line).encode() + b"\n")
                if written >= size:
                    break
        return path, written

    return write


def _claude_code(records: list[Record]) -> Iterator[Line]:
    for record in records:
        said = record["role"] == "assistant"
        content = [{"type": "text", "text": record["content"]}] if said else record["content"]
        message = {"role": record["role"], "content": content, "model": record.get("model"), "id": record["id"]}
        about = {"uuid": f"{record['conversation']}-{record['id']}", "sessionId": record["conversation"]}
        yield {"type": record["role"], **about, "timestamp": record["timestamp"], "message": message, "version": "2"}


def _otel(records: list[Record]) -> Iterator[Line]:
    for question, answer in zip(records[::2], records[1::2], strict=True):
        told = {"input": question, "output": answer}
        attributes = {
            "gen_ai.conversation.id": question["conversation"],
            "gen_ai.request.model": answer.get("model"),
            "gen_ai.operation.name": "chat",
            **{
                f"gen_ai.{name}.messages": json.dumps(
                    [{"role": said["role"], "parts": [{"type": "text", "content": said["content"]}]}]
                )
                for name, said in told.items()
            },
        }
        values = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
        span = {"traceId": question["conversation"], "spanId": answer["id"], "name": "chat", "attributes": values}
        times = {"startTimeUnixNano": "1791190800000000000", "endTimeUnixNano": "1791190801000000000"}
        yield {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, **times}]}]}]}


def _chatgpt(folder: Path, size: int) -> tuple[Path, int]:
    """The archive; ``conversations.json`` in it has so many bytes."""
    path, written = folder / "export.zip", 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("conversations.json", "w") as file:
        for number, records in enumerate(conversations()):
            mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": ["0"]}}
            for index, record in enumerate(records):
                content = {"content_type": "text", "parts": [record["content"]]}
                message: Line = {"id": str(index), "author": {"role": record["role"]}, "content": content}
                message |= {"create_time": 1_791_190_800.0 + index, "metadata": {"model_slug": record.get("model")}}
                children = [str(index + 1)] if index + 1 < len(records) else []
                parent = str(index - 1) if index else "root"
                mapping[str(index)] = {"id": str(index), "message": message, "parent": parent, "children": children}
            found: Line = {"id": str(number), "title": records[0]["title"], "create_time": 1_791_190_800.0}
            found |= {"mapping": mapping, "current_node": str(len(records) - 1)}
            written += file.write((b"[" if not number else b",") + json.dumps(found).encode())
            if written >= size:
                break
        file.write(b"]")
    return path, written


SOURCES: dict[str, Writer] = {
    "generic": _lines(lambda records: records),
    "claude-code": _lines(_claude_code),
    "chatgpt": _chatgpt,
    "otel": _lines(_otel),
}


def import_once(path: str, database: str) -> dict[str, Any]:
    """What one import costs in this process, which does nothing else."""
    from aethergrid_pipelines.capture.importer import import_paths
    from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore

    store = SqliteConversationStore(Path(database))
    cpu, clock = time.process_time(), time.perf_counter()
    total = import_paths([path], store=store, space="default").total
    cost = {"cpu_s": time.process_time() - cpu, "seconds": time.perf_counter() - clock}
    store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**cost, "read": total.read, "stored": total.stored, "rejected": total.rejected, "peak_mb": round(peak)}


def measure(source: str, megabytes: float) -> dict[str, Any]:
    """The figures of one source."""
    with tempfile.TemporaryDirectory(prefix="aethergrid-benchmark-") as folder:
        path, size = SOURCES[source](Path(folder), int(megabytes * 1_000_000))
        command = [sys.executable, "-m", "benchmarks.importing", "--child", str(path), str(Path(folder) / "c.db")]
        first, again = (json.loads(subprocess.check_output(command)) for _ in range(2))
    figures: dict[str, Any] = {"source": source, "mb": round(size / 1_000_000, 1), "messages": first["stored"]}
    for name, found in (("", first), ("_again", again)):
        figures[f"mb_per_cpu_s{name}"] = round(size / 1_000_000 / found["cpu_s"], 1)
        figures[f"mb_per_s{name}"] = round(size / 1_000_000 / found["seconds"], 1)
    unread = first["rejected"] + again["rejected"]
    return {**figures, "stored_again": again["stored"], "rejected": unread, "peak_mb": first["peak_mb"]}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="How fast files become messages in the conversation store.")
    parser.add_argument("--source", default=",".join(SOURCES), help="separated by commas")
    parser.add_argument("--mb", type=float, default=100, help="of JSON, for each source")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--child", nargs=2, metavar=("FILE", "DATABASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(import_once(*options.child)))
        return
    found = [measure(source, options.mb) for source in options.source.split(",")]
    if options.json:
        print(json.dumps(found))
        return
    for one in found:
        print("   ".join(f"{name} {value}" for name, value in one.items()))


if __name__ == "__main__":
    main()
