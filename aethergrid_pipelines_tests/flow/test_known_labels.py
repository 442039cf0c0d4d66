import datetime as dt
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from aethergrid_pipelines.flow import known_labels
from aethergrid_pipelines.flow.known_labels import KnownLabels
from aethergrid_pipelines.records.flow import Chunk, Labels
from aethergrid_pipelines.records.ids import sha256_hex
from aethergrid_pipelines.transform.chunk import embedded_text


class Counting:
    """Labels each chunk by its text and its vector, and remembers which texts it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def enrich(self, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> list[Labels]:
        self.asked += [chunk.text for chunk in chunks]
        return [
            Labels.model_construct(topic=chunk.text, task_type="coding", complexity=float(vector[0]), language="en")
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]


def chunk(text: str, *, speaker: str | None = None) -> Chunk:
    piece = Chunk(
        id="piece",
        conversation_id="talk",
        message_id="said",
        ordinal=0,
        part=0,
        start=0,
        end=len(text),
        timestamp=dt.datetime.now(dt.UTC),
        role="user",
        speaker=speaker,
        text=text,
        tokens=1,
        sha256="",
        origin_path="talk.jsonl",
    )
    piece.sha256 = sha256_hex(embedded_text(piece))
    return piece


def vectors(*first: float) -> NDArray[np.float32]:
    return np.array([[value, 0.0] for value in first], np.float32)


def test_a_chunk_is_labelled_once_and_each_by_its_own_vector() -> None:
    known, enricher = KnownLabels(), Counting()
    one, two, three = chunk("one"), chunk("two"), chunk("three")
    before = known.of([one, two], vectors(0.25, 0.5), enricher)
    found = known.of([three, one, two], vectors(0.75, 0.25, 0.5), enricher)
    assert found[1:] == before
    assert [(labels.topic, labels.complexity) for labels in found] == [("three", 0.75), ("one", 0.25), ("two", 0.5)]
    assert enricher.asked == ["one", "two", "three"]


def test_texts_that_are_embedded_alike_are_still_two() -> None:
    known, enricher = KnownLabels(), Counting()
    whole, part = chunk("Ann: yes"), chunk("yes", speaker="Ann")
    assert whole.sha256 == part.sha256
    assert [one.topic for one in known.of([whole, part], vectors(1, 1), enricher)] == ["Ann: yes", "yes"]


def test_what_was_asked_for_longest_ago_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_labels, "KEPT_LABELS", 2)
    known, enricher = KnownLabels(), Counting()
    for text in ("one", "two", "one", "three", "one", "two"):
        known.of([chunk(text)], vectors(1), enricher)
    assert enricher.asked == ["one", "two", "three", "two"]


def test_no_chunks_have_no_labels() -> None:
    assert KnownLabels().of([], np.zeros((0, 2), np.float32), Counting()) == []
