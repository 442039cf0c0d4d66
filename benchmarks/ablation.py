"""What each part of ranking adds, on conversations that its weights were not fitted to.

    python -m benchmarks.ablation FILE…

FILEs are LoCoMo conversations (Maharana et al., 2024). Each row adds features to those above it; its weights are fitted
with every conversation left out once, and on all of them for the sample conversations, which are never fitted to. The
last one has what is shipped. Prints the rows of the table in ranking.md.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from aethergrid_pipelines.query.weights import WEIGHTS
from benchmarks.fit_ranking import SAMPLES, fit, left_out
from benchmarks.judged import Judged, of_locomo, of_samples, recalls

PARTS: dict[str, tuple[str, ...]] = {
    "BM25 of the store and cosine": ("store", "similarity"),
    "BM25F over the candidates, related words, coverage": ("related", "coverage", "together"),
    "mean vector around the fragment, plain and centred": ("around", "around_centred"),
    "who is asked about": ("speaker",),
    "dates in the question": ("period", "day"),
    "kind of answer, kind of text": (
        *("when", "how_many", "who_or_where", "title"),
        *("names", "statement", "first_person", "event"),
    ),
    "length": ("length",),
    "best of the session": ("session",),
}
COLUMNS = ("@5", "@10", "@25", "@50", "multi-hop @10")


def rows(questions: list[Judged], samples: list[Judged]) -> list[str]:
    """The table, one row for each part."""
    table = [f"| + | {' | '.join(COLUMNS)} | samples @5 | samples @10 |", f"|---|{'---|' * (len(COLUMNS) + 2)}"]
    plain = [replace(question, several=False) for question in questions]
    names: list[str] = []
    for part, added in PARTS.items():
        names += added
        table.append(_row(part, names, plain, [replace(sample, several=False) for sample in samples]))
    table.append(_row("lists out of several sessions", names, questions, samples))
    table.append(_row("**as shipped**", list(WEIGHTS), questions, samples))
    return table


def _row(part: str, names: list[str], questions: list[Judged], samples: list[Judged]) -> str:
    found, own = left_out(questions, names), recalls(samples, fit(questions, names))
    figures = [found[column] for column in COLUMNS] + [own["@5"], own["@10"]]
    return f"| {part} | {' | '.join(f'{100 * figure:.1f}' for figure in figures)} |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What each part of ranking adds.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    options = parser.parse_args()
    for row in rows(of_locomo(options.files), of_samples(SAMPLES)):
        print(row, flush=True)


if __name__ == "__main__":
    main()
