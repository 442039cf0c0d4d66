"""The labels of enrichment, read from ``labels.toml`` and ``examples.jsonl`` beside this file."""

import json
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class LabelTexts:
    """By label, in a fixed order: the texts that describe topics, the terms of topics, the texts of task types."""

    topics: dict[str, tuple[str, ...]]
    terms: dict[str, tuple[str, ...]]
    task_types: dict[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def load_labels() -> LabelTexts:
    """Task types are described by whole chunks as well, since what somebody wants is a matter of form; topics are not,
    since what a chunk says on the side would only blur what it is about."""
    folder = files("aethergrid_pipelines.transform")
    described = tomllib.loads(folder.joinpath("labels.toml").read_text("utf-8"))
    task_types = {label: list(entry["sentences"]) for label, entry in described["task_types"].items()}
    for line in folder.joinpath("examples.jsonl").read_text("utf-8").splitlines():
        example = json.loads(line)
        task_types[example["task_type"]].append(example["text"])
    return LabelTexts(
        topics={
            label: (*entry["sentences"], *entry.get("subjects", ())) for label, entry in described["topics"].items()
        },
        terms={label: tuple(entry.get("terms", "").split()) for label, entry in described["topics"].items()},
        task_types={label: tuple(texts) for label, texts in task_types.items()},
    )
