"""What each part of ranking adds, on conversations that its weights were not fitted to.

    python -m benchmarks.ablation FILE…

FILEs are LoCoMo conversations (Maharana et al., 2024). Each row adds features to those above it; its weights are fitted
with every conversation left out once, and on all of them for the sample conversations, which are never fitted to.
Prints the rows of the table in ranking.md.
"""

import argparse
from pathlib import Path

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
    "length, rare words": ("length", "special"),
    "best of the session": ("session",),
}
COLUMNS = ("@5", "@10", "@25", "@50", "multi-hop @10")


def rows(questions: list[Judged], samples: list[Judged]) -> list[str]:
    """The table, one row for each part."""
    table = [f"| + | {' | '.join(COLUMNS)} | samples @5 | samples @10 |", f"|---|{'---|' * (len(COLUMNS) + 2)}"]
    names: list[str] = []
    for part, added in PARTS.items():
        names += added
        found = left_out(questions, names)
        own = recalls(samples, fit(questions, names))
        figures = [found[column] for column in COLUMNS] + [own["@5"], own["@10"]]
        table.append(f"| {part} | {' | '.join(f'{100 * figure:.1f}' for figure in figures)} |")
    return table


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What each part of ranking adds.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    options = parser.parse_args()
    for row in rows(of_locomo(options.files), of_samples(SAMPLES)):
        print(row, flush=True)


if __name__ == "__main__":
    main()
