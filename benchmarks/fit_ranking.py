"""Fit the weights of ranking to questions with evidence, and check them on conversations that were left out.

    python -m benchmarks.fit_ranking FILE… [--write]

FILEs are LoCoMo conversations (Maharana et al., 2024). Features and candidates are the product's own. The weights
maximise the mean log-likelihood that evidence is drawn from a softmax over the candidates («listwise», Cao et al.,
«Learning to Rank: From Pairwise Approach to Listwise Approach», 2007), with an L2 penalty and none negative, so that
nothing that speaks for a hit can count against it. Every conversation is left out once; the sample conversations are
never fitted to. ``--write`` puts the weights into ``query/weights.py``.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aethergrid_pipelines.query import weights
from benchmarks.judged import Judged, of_locomo, of_samples, recalls

PENALTY = 10.0
STEPS = 3_000
SAMPLES = Path(__file__).parents[1] / "samples"


def fit(questions: Sequence[Judged], names: Sequence[str]) -> dict[str, float]:
    """Weights ≥ 0 that together make 1, by accelerated projected gradient (Beck and Teboulle, 2009)."""
    usable = [question for question in questions if question.relevant.any() and not question.relevant.all()]
    columns = [usable[0].names.index(name) for name in names]
    raw = np.concatenate([question.figures[:, columns] for question in usable])
    deviations = raw.std(axis=0) + 1e-9
    figures = raw / deviations
    wanted = np.concatenate([question.relevant for question in usable]).astype(float)
    sizes = np.array([len(question.messages) for question in usable])
    starts, owner = np.r_[0, np.cumsum(sizes)[:-1]], np.repeat(np.arange(len(sizes)), sizes)
    wanted /= np.add.reduceat(wanted, starts)[owner]
    # Half the largest squared length of a row bounds the curvature of each question's log-likelihood.
    step = 1.0 / (len(usable) * float(np.median((figures**2).sum(axis=1))) / 2 + 2 * PENALTY)
    found = ahead = np.full(len(names), 0.1)
    for count in range(STEPS):
        scores = figures @ ahead
        powers = np.exp(scores - np.maximum.reduceat(scores, starts)[owner])
        shares = powers / np.add.reduceat(powers, starts)[owner]
        gradient = figures.T @ (shares - wanted) + 2 * PENALTY * ahead
        before, found = found, np.maximum(0.0, ahead - step * gradient)
        ahead = found + count / (count + 3) * (found - before)
        if count > 50 and float(np.abs(found - before).max()) < 1e-6:
            break
    scaled = found / deviations
    return {name: float(value) for name, value in zip(names, scaled / scaled.sum(), strict=True)}


def left_out(questions: Sequence[Judged], names: Sequence[str]) -> dict[str, float]:
    """Mean recalls where the weights for each conversation were fitted on the others."""
    groups = sorted({question.group for question in questions})
    sums: dict[str, float] = {}
    for group in groups:
        mine = [question for question in questions if question.group == group]
        fitted = fit([question for question in questions if question.group != group], names)
        for name, value in recalls(mine, fitted).items():
            kind = name.removesuffix(" @10") if not name.startswith("@") else None
            of_kind = [question for question in questions if kind in (None, question.kind)]
            here = [question for question in mine if kind in (None, question.kind)]
            sums[name] = sums.get(name, 0.0) + value * len(here) / len(of_kind)
    return sums


def shown(figures: Mapping[str, float]) -> str:
    """Recalls on one line, in percent."""
    return "  ".join(f"{name} {100 * value:.1f}" for name, value in figures.items())


def write(found: Mapping[str, float]) -> None:
    """Replace the table in ``query/weights.py``, greatest first, rounded so that it still makes 1."""
    file = Path(weights.__file__)
    head, _, _ = file.read_text(encoding="utf-8").partition("WEIGHTS:")
    rounded = {name: round(value, 3) for name, value in sorted(found.items(), key=lambda pair: -pair[1])}
    greatest = next(iter(rounded))
    rounded[greatest] = round(rounded[greatest] + 1 - sum(rounded.values()), 3)
    rows = "".join(f'    "{name}": {value},\n' for name, value in rounded.items() if value)
    file.write_text(f"{head}WEIGHTS: dict[str, float] = {{\n{rows}}}\n", encoding="utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Fit the weights of ranking.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--write", action="store_true", help="put the weights into query/weights.py")
    options = parser.parse_args()
    questions, samples = of_locomo(options.files), of_samples(SAMPLES)
    names = list(weights.WEIGHTS)
    found = fit(questions, names)
    for name, value in sorted(found.items(), key=lambda pair: -pair[1]):
        print(f"{name:16} {value:.4f}")
    print("fitted on all:   ", shown(recalls(questions, found)))
    print("one left out:    ", shown(left_out(questions, names)))
    print("samples:         ", shown(recalls(samples, found)))
    if options.write:
        write(found)


if __name__ == "__main__":
    main()
