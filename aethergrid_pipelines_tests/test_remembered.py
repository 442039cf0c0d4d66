"""What was found once is found again, in order and within bounds."""

import pytest

from aethergrid_pipelines import remembered
from aethergrid_pipelines.remembered import Remembered, throughout


def vowels(piece: str) -> tuple[str, ...]:
    return tuple(letter for letter in piece if letter in "aeiou")


def test_a_piece_is_looked_at_once_and_found_in_order() -> None:
    looked_at: list[str] = []

    def noted(piece: str) -> tuple[str, ...]:
        looked_at.append(piece)
        return vowels(piece)

    found = Remembered(noted)
    assert list(throughout("one\ttwo  one\nsky\u00a0two", found)) == ["o", "e", "o", "o", "e", "o"]
    assert looked_at == ["one", "two", "sky"]


def test_what_is_remembered_stays_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST_PIECES", 10)
    found = Remembered(vowels)
    for number in range(100):
        assert list(throughout(f"a{number} {'e' * 40}", found)) == ["a", *"e" * 40]
    assert len(found) <= 10
    assert max(map(len, found)) <= remembered.LONGEST_PIECE
