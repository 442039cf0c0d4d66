import numpy as np
import pytest
from numpy.typing import NDArray

from aethergrid_pipelines.transform.surroundings import AFTER, BEFORE, DECAY, REACH, directions, surroundings
from aethergrid_pipelines_tests.contract.fragments import unit_vectors


def exact(vectors: NDArray[np.float32], sessions: list[int], at: int) -> NDArray[np.float64]:
    total = vectors[at].astype(np.float64)
    for distance in range(1, REACH + 1):
        for other, side in ((at - distance, BEFORE), (at + distance, AFTER)):
            if 0 <= other < len(vectors) and sessions[other] == sessions[at]:
                total = total + side * DECAY ** (distance - 1) * vectors[other]
    return np.asarray(total / np.linalg.norm(total))


def test_surroundings_are_the_weighted_mean_of_the_same_session() -> None:
    vectors, sessions = unit_vectors(25, dimension=384), [0] * 3 + [1] * 20 + [2] * 2
    found = directions(surroundings(vectors, sessions), 384)

    assert all(found[at] @ exact(vectors, sessions, at) > 0.9999 for at in range(25))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_chunks_have_surroundings_too(count: int) -> None:
    written = surroundings(unit_vectors(count), list(range(count)))

    assert directions(written, 16) == pytest.approx(unit_vectors(count), abs=0.01)


def test_the_same_vectors_give_the_same_text() -> None:
    vectors = unit_vectors(8)
    assert surroundings(vectors, [0] * 8) == surroundings(vectors.copy(), [0] * 8)
    assert {len(text) for text in surroundings(unit_vectors(3, dimension=384), [0, 0, 0])} == {512}


def test_what_is_no_vector_of_this_dimension_has_no_direction() -> None:
    [other] = surroundings(unit_vectors(1, dimension=17), [0])
    assert not directions(["", other], 16).any()
    assert not directions(surroundings(np.zeros((1, 16), np.float32), [0]), 16).any()
