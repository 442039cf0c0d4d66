"""Evidence recall on LoCoMo conversations (Maharana et al., 2024), through the product's own path.

    python -m benchmarks.locomo FILE… [--json]

Each file is one conversation: ``session_N`` = turns ``{speaker, dia_id, text, blip_caption?}``, ``session_N_date_time``
and ``qa``. It is written in the documented JSONL form, imported, materialised through the six assets into a fresh home,
and asked with the search that the API calls, one conversation at a time by filter. For every question of categories
1–4 that has evidence, recall@k is the share of its evidence turns among the k best turns; a hit counts only for the
turn it is ranked for. The figures are means over the questions.
"""

import argparse
import datetime as dt
import json
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aethergrid_pipelines.records.ids import conversation_id, message_id
from benchmarks.home import fresh_home

CUTOFFS = (5, 10, 25, 50)
MAX_HITS = 100
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
SOURCE = "locomo"
SPACE = "default"

_EVIDENCE = re.compile(r"D:?(\d+):(\d+)")
_SESSION = re.compile(r"session_(\d+)")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the turns that hold its answer, and its category."""

    text: str
    evidence: frozenset[str]
    category: int


def turns(conversation: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The turns as records of the JSONL form; a session's turns follow each other by the minute."""
    numbers = sorted(int(found[1]) for key in conversation if (found := _SESSION.fullmatch(key)))
    for number in numbers:
        begun = dt.datetime.strptime(f"{conversation[f'session_{number}_date_time']} Z", "%I:%M %p on %d %B, %Y %z")
        for index, turn in enumerate(conversation[f"session_{number}"]):
            caption = turn.get("blip_caption")
            yield {
                "conversation": name,
                "source": SOURCE,
                "id": turn["dia_id"],
                "timestamp": (begun + dt.timedelta(minutes=index)).isoformat(),
                "role": "user",
                "name": turn["speaker"],
                "content": f"{turn['text']} [shares {caption}]" if caption else turn["text"],
            }


def questions(conversation: dict[str, Any], known: set[str]) -> Iterator[Question]:
    """The questions of categories 1–4 with evidence. A string may name several turns, or hold a stray zero."""
    for item in conversation["qa"]:
        found = {
            f"D{int(session)}:{int(turn)}"
            for text in item.get("evidence", [])
            for session, turn in _EVIDENCE.findall(text)
        }
        if item["category"] in CATEGORIES and found & known:
            yield Question(item["question"], frozenset(found & known), item["category"])


def recall(ranked: list[str], evidence: Iterable[str], k: int) -> float:
    """The share of the evidence among the first k turns."""
    wanted = set(evidence)
    return len(wanted & set(ranked[:k])) / len(wanted)


def measure(files: Sequence[Path]) -> dict[str, Any]:
    """Import, materialise and ask; the figures that ``--json`` prints."""
    conversations = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    with tempfile.TemporaryDirectory() as folder, fresh_home() as home:
        for name, conversation in conversations.items():
            lines = (json.dumps(turn) for turn in turns(conversation, name))
            (Path(folder) / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        home.import_and_materialise([folder])
        started = time.perf_counter()
        scores: dict[str, list[float]] = defaultdict(list)
        asked = 0
        for name, conversation in conversations.items():
            for question, ranked in _ask_all(home, name, conversation):
                asked += 1
                for k in CUTOFFS:
                    scores[f"recall@{k}"].append(recall(ranked, question.evidence, k))
                scores[f"recall@10 {CATEGORIES[question.category]}"].append(recall(ranked, question.evidence, 10))
        seconds = time.perf_counter() - started
    means = {name: round(sum(values) / len(values), 4) for name, values in sorted(scores.items(), key=_by_cutoff)}
    return {"questions": asked, **means, "seconds": round(seconds, 2)}


def _ask_all(home: Any, name: str, conversation: dict[str, Any]) -> Iterator[tuple[Question, list[str]]]:
    own = conversation_id(SPACE, SOURCE, name)
    turn_of = {message_id(own, turn["id"]): turn["id"] for turn in turns(conversation, name)}
    for question in questions(conversation, set(turn_of.values())):
        hits = home.search(question.text, conversation_ids=[own], limit=MAX_HITS)
        yield question, list(dict.fromkeys(turn_of[hit.lineage.message_id] for hit in hits))


def _by_cutoff(item: tuple[str, Any]) -> tuple[int, str]:
    name = item[0]
    return (int(name.split("@")[1].split()[0]) if " " not in name else 1_000, name)


def run(measure: Callable[[Sequence[Path]], dict[str, Any]], description: str) -> None:
    """The command line of a benchmark over LoCoMo conversations."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    if missing := [str(file) for file in options.files if not file.is_file()]:
        sys.exit(f"no such file: {', '.join(missing)}")
    figures = measure(options.files)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value}")


if __name__ == "__main__":
    run(measure, "Evidence recall on LoCoMo conversations.")
