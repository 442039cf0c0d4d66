"""Evidence recall on the sample conversations' own questions, through the product's own path.

    python -m benchmarks.samples [--json]

All conversations are searched together. Recall@k is 1 where any of the messages that answer a question is among the
first k; for ``multi-hop`` all are needed, and it is the share of them.
"""

import argparse
import json
from pathlib import Path

from benchmarks.home import fresh_home
from benchmarks.judged import CUTOFFS, native_messages, sample_questions

SAMPLES = Path(__file__).parents[1] / "samples"
MAX_HITS = 100


def measure(folder: Path) -> dict[str, float]:
    """Import, materialise and ask; mean recall by cutoff, and at ten by kind."""
    found: dict[str, list[float]] = {}
    with fresh_home() as home:
        home.import_and_materialise([folder])
        native = native_messages(home)
        for question in sample_questions(folder):
            evidence = {native[conversation, message] for conversation, message in question["evidence"]}
            hits = home.search(question["question"], limit=MAX_HITS)
            ranked = list(dict.fromkeys(hit.lineage.message_id for hit in hits))
            for k in CUTOFFS:
                share = len(evidence.intersection(ranked[:k])) / len(evidence)
                reached = share if question["kind"] == "multi-hop" else float(share > 0)
                found.setdefault(f"recall@{k}", []).append(reached)
                if k == 10:
                    found.setdefault(f"recall@10 {question['kind']}", []).append(reached)
    return {name: round(sum(values) / len(values), 4) for name, values in found.items()}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Evidence recall on the sample conversations.")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    figures = measure(SAMPLES)
    print(json.dumps(figures) if options.json else "\n".join(f"{name:24} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
