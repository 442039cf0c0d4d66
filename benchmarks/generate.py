"""Generated conversations: the same ones for the same seed, as many as wanted, one at a time.

    python -m benchmarks.generate [--messages N] [--first I] [--json] [--out FILE]

Writes JSON Lines in the documented form (docs/capture/generic.md), or measures what it would write. Messages have
lengths of p5/p50/p95 = 34/79/211 tokens, those of the chunks on which the local embedder was chosen; prose, lists and
code blocks; several models; forty conversations a day, so that a longer history has more days and not fuller ones.
Hardly any text repeats.
"""

import argparse
import datetime as dt
import json
import math
import random
import sys
from collections.abc import Iterable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

from benchmarks.words import ACTIONS, CLAUSES, CODE, OBJECTS, OPENINGS, SUBJECTS

MEDIAN = 79.0
# Spreads of the logarithm below and above the median: 1.645 of them are the distance to the 5th and 95th percentile.
BELOW = math.log(79 / 34) / 1.645
ABOVE = math.log(211 / 79) / 1.645
CHARACTERS_PER_TOKEN = 4.4

START = dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC)
CONVERSATIONS_A_DAY = 40
MODELS = ("claude-opus-4-5", "gpt-5", "gemini-2.5-pro", "qwen3-32b")

Record = dict[str, Any]


def conversations(seed: int = 0, first: int = 0) -> Iterator[list[Record]]:
    """Conversations without end, from the one of number ``first`` on; each is a list of message records."""
    for number in count(first):
        yield conversation(number, seed)


def conversation(number: int, seed: int = 0, start: dt.datetime = START) -> list[Record]:
    """The conversation of this number: 4 to 22 messages, user and assistant in turn, some minutes apart. ``start`` is
    when the first one began."""
    rng = random.Random(f"{seed}:{number}")
    day, place = divmod(number, CONVERSATIONS_A_DAY)
    moment = start + dt.timedelta(days=day, minutes=10 * place)
    model = rng.choice(MODELS)
    records = []
    for index in range(2 * rng.randint(2, 11)):
        moment += dt.timedelta(seconds=rng.randint(5, 200))
        record: Record = {
            "conversation": f"generated-{seed}-{number}",
            "source": "generated",
            "title": f"{rng.choice(SUBJECTS)} {number}".capitalize() if index == 0 else None,
            "id": str(index),
            "timestamp": moment.isoformat(),
            "role": "assistant" if index % 2 else "user",
            "content": message(rng, answers=index % 2 == 1),
        }
        if index % 2:
            record["model"] = model
        records.append(record)
    return records


def message(rng: random.Random, *, answers: bool) -> str:
    """One message; answers have lists and code blocks."""
    deviate = rng.gauss(0, 1)
    tokens = MEDIAN * math.exp(deviate * (ABOVE if deviate > 0 else BELOW))
    return passage(rng, tokens * CHARACTERS_PER_TOKEN, answers=answers)


def passage(rng: random.Random, characters: float, *, answers: bool) -> str:
    """A text of about so many characters."""
    parts = [sentence(rng)]
    length = len(parts[0])
    while length < characters - 40:
        kind = rng.random() if answers else 1.0
        part = code(rng) if kind < 0.04 else items(rng) if kind < 0.1 else sentence(rng)
        parts.append(part)
        length += len(part) + 1
    return "".join(_joined(parts))


def sentence(rng: random.Random) -> str:
    """A sentence of about twenty tokens."""
    return (
        f"{rng.choice(OPENINGS)} {rng.choice(SUBJECTS)} {rng.choice(ACTIONS)} {rng.choice(OBJECTS)} "
        f"{rng.choice(CLAUSES).format(rng.randrange(2, 10_000))}."
    )


def items(rng: random.Random) -> str:
    """A list of two or three items."""
    return "\n" + "\n".join(f"- {rng.choice(SUBJECTS)}: {rng.choice(ACTIONS)} {rng.choice(OBJECTS)}" for _ in "ab")


def code(rng: random.Random) -> str:
    """A code block of a few lines."""
    return "\n```python\n" + rng.choice(CODE).format(rng.randrange(10_000)) + "\n```"


def _joined(parts: list[str]) -> Iterator[str]:
    before = ""
    for part in parts:
        if before:
            yield "\n" if before.endswith("```") or "\n- " in before or part.startswith("\n") else " "
        yield part
        before = part


def first_messages(messages: int, *, seed: int = 0, first: int = 0) -> Iterator[Record]:
    """So many messages of the conversations from number ``first`` on; the last conversation may be cut short."""
    return islice((record for records in conversations(seed, first) for record in records), messages)


def write(path: Path, records: Iterable[Record]) -> int:
    """Write records as JSON Lines, streamed; how many those are."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")
            written += 1
    return written


def lengths(messages: int) -> dict[str, float]:
    """The percentiles of the messages' lengths, in tokens of the local model, and what else they are."""
    import numpy as np

    from aethergrid_pipelines.embedders.local import WordPieceTokenizer

    records = list(first_messages(messages))
    tokens = WordPieceTokenizer().count([record["content"] for record in records])
    low, middle, high = np.percentile(tokens, [5, 50, 95])
    return {
        "messages": len(records),
        "conversations": len({record["conversation"] for record in records}),
        "days": len({record["timestamp"][:10] for record in records}),
        "tokens": sum(tokens),
        "p5": round(float(low)),
        "p50": round(float(middle)),
        "p95": round(float(high)),
        "distinct_texts": len({record["content"] for record in records}),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Generate conversations, or measure the generated ones.")
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first conversation")
    parser.add_argument("--out", type=Path, help="write JSON Lines to this file instead of measuring")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    if options.out:
        write(options.out, first_messages(options.messages, first=options.first))
        return
    figures = lengths(options.messages)
    sys.stdout.write(json.dumps(figures) + "\n" if options.json else "")
    if not options.json:
        for name, value in figures.items():
            print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
