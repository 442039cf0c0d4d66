"""Evidence recall on the sample conversations' own questions, through the product's own path.

    python -m benchmarks.samples [--json]

All conversations are searched together. Recall@k is 1 where any of the messages that answer a question is among the
first k; for ``multi-hop`` all are needed, and it is the share of them.
"""

import argparse
import json
from pathlib import Path

from aethergrid_pipelines.query.evaluation import evaluate, read_questions
from aethergrid_pipelines.records.ids import DEFAULT_SPACE
from benchmarks.home import fresh_home

SAMPLES = Path(__file__).parents[1] / "samples"


def measure(folder: Path) -> dict[str, float]:
    """Import, materialise and ask; mean recall by cutoff, and at ten by kind."""
    with fresh_home() as home:
        home.import_and_materialise([folder])
        found = evaluate(home.asking, read_questions(folder / "questions.jsonl", space=DEFAULT_SPACE))
    figures = {f"recall@{k}": value for k, value in found.recall.items()}
    return figures | {f"recall@10 {kind}": value for kind, value in found.by_kind.items()}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Evidence recall on the sample conversations.")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    figures = measure(SAMPLES)
    print(json.dumps(figures) if options.json else "\n".join(f"{name:24} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
