"""A tool that writes transcripts as unkindly as possible; it is killed at any moment and started again.

    python -m aethergrid_pipelines_tests.capture.restless_writer FOLDER COUNT SEED

Writes messages 0…COUNT-1, in order, into ``FOLDER/current.jsonl``: in halves, with pauses in between, and every now
and then it rotates, renames, truncates and rewrites, replaces, or copies and truncates that file. When it starts it
removes a half-written line and writes again what is in no file: whatever a killed one was about to write back. Exits
with 0 when every message is complete.
"""

import json
import random
import shutil
import sys
import time
from pathlib import Path

SESSIONS = 20


def row(number: int) -> bytes:
    """The line of a message."""
    said = {
        "type": "user",
        "uuid": f"row-{number}",
        "parentUuid": None,
        "sessionId": f"session-{number % SESSIONS}",
        "timestamp": f"2026-10-05T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z",
        "message": {"role": "user", "content": f"message {number}"},
    }
    return json.dumps(said).encode() + b"\n"


def numbers_in(path: Path) -> set[int]:
    """The messages that are complete in a file."""
    lines = path.read_bytes().splitlines(keepends=True)
    return {int(json.loads(line)["uuid"].removeprefix("row-")) for line in lines if line.endswith(b"\n")}


class Writer:
    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.current = folder / "current.jsonl"
        self.dice = random.Random(seed)

    def write(self, count: int) -> None:
        """Until all are complete."""
        self._remove_half_line()
        written = set().union(*(numbers_in(path) for path in self.folder.glob("*.jsonl*")))
        for number in (number for number in range(count) if number not in written):
            self._append(row(number))
            if self.dice.random() < 0.01:
                self._disturb()

    def _append(self, line: bytes) -> None:
        with self.current.open("ab", buffering=0) as file:
            if self.dice.random() < 0.05:
                cut = self.dice.randrange(1, len(line))
                file.write(line[:cut])
                time.sleep(self.dice.uniform(0, 0.05))
                line = line[cut:]
            file.write(line)
        if self.dice.random() < 0.2:
            time.sleep(self.dice.uniform(0, 0.01))

    def _disturb(self) -> None:
        content = self.current.read_bytes()
        number = len(list(self.folder.iterdir()))
        match self.dice.choice(["rotate", "rename", "rewrite", "replace", "copy and truncate"]):
            case "rotate":
                self.current.rename(self.folder / f"current.jsonl.{number}")
            case "rename":
                self.current.rename(self.folder / f"session-{number}.jsonl")
            case "rewrite":
                kept = content[: content.rfind(b"\n", 0, len(content) // 2) + 1]
                with self.current.open("r+b", buffering=0) as file:
                    file.truncate(len(kept))
                    time.sleep(self.dice.uniform(0, 0.05))
                    file.seek(0, 2)
                    file.write(content[len(kept) :])
            case "replace":
                draft = self.folder / "draft"
                draft.write_bytes(content)
                draft.replace(self.current)
            case "copy and truncate":
                shutil.copyfile(self.current, self.folder / f"current.jsonl.{number}")
                with self.current.open("r+b", buffering=0) as file:
                    file.truncate(0)

    def _remove_half_line(self) -> None:
        self.current.touch()
        # Copies that were cut short by the kill: what they hold is in the file that they are of.
        for path in self.folder.glob("*.jsonl*"):
            content = path.read_bytes()
            if not content.endswith(b"\n"):
                with path.open("r+b") as file:
                    file.truncate(content.rfind(b"\n") + 1)


if __name__ == "__main__":
    Writer(Path(sys.argv[1]), int(sys.argv[3])).write(int(sys.argv[2]))
