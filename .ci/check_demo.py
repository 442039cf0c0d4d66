"""Check what two runs of ``make demo`` printed: ``check_demo.py FIRST SECOND``, each a file with its output.

The first has to answer every question from the samples and say where the answer comes from; the second has to find
nothing to do.
"""

import json
import sys
from pathlib import Path
from typing import Any

ASSETS = ("raw_conversations", "cleaned_messages", "chunks", "embeddings", "weaviate_fragments", "topic_stats")


def last_line(path: str) -> dict[str, Any]:
    """The JSON object in the last line of a file."""
    lines = Path(path).read_text().rstrip("\n").splitlines()
    try:
        summary = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise SystemExit(f"{path}: its last line is not JSON: {error}") from error
    if not isinstance(summary, dict):
        raise SystemExit(f"{path}: its last line is no JSON object")
    return summary


def faults(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """What is wrong with the two summaries, in words."""
    found = [f"the first run has no {asset}" for asset in ASSETS if asset not in first["assets"]]
    if len(first["answers"]) < 2:
        found.append("the first run asks fewer than two questions")
    for answer in first["answers"]:
        hits = answer["hits"]
        if not hits or not all(hit["content"].strip() and hit["lineage"] for hit in hits):
            found.append(f"no hits with content and lineage for: {answer['query']}")
    found += [
        f"the second run {did} {second[did]}, and should nothing"
        for did in ("embedded", "upserted", "deleted")
        if second[did] != 0
    ]
    if [answer["hits"][:1] for answer in second["answers"]] != [answer["hits"][:1] for answer in first["answers"]]:
        found.append("the second run's best hits are others")
    return found


if __name__ == "__main__":
    wrong = faults(last_line(sys.argv[1]), last_line(sys.argv[2]))
    sys.stdout.write("".join(f"demo: {fault}\n" for fault in wrong))
    sys.exit(1 if wrong else 0)
