"""Terms and wording say what they were taught."""

import numpy as np
import pytest

from aethergrid_pipelines.transform.wording import Glossary, Wording

GLOSSARY = Glossary({"kitchen": ["pan", "oven", "c++"], "garden": ["tree", "pan"]})


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", [0, 0]),
        ("An OVEN.", [1, 0]),
        ("oven oven oven", [1, 0]),
        ("pan", [0.5, 0.5]),
        ("ovens and trees", [1, 1]),
        ("in c++, an oven", [2, 0]),
    ],
)
def test_different_terms_count_once_each_and_share_their_weight(text: str, counts: list[float]) -> None:
    assert GLOSSARY.scores([text])[0] == pytest.approx(1 - np.exp(-np.array(counts) / 2))


def test_wording_generalises_to_texts_with_the_same_words() -> None:
    wording = Wording(
        {
            "question": ["why is it so?", "why does it rain?", "how is it done?", "how does that work?"],
            "order": ["write a letter", "write a poem", "draft a letter", "please draft a text"],
        }
    )
    scores = wording.scores(["why does that work?", "please write a text", "zzz", ""])
    assert scores.shape == (4, 2)
    assert scores[0, 0] > scores[0, 1]
    assert scores[1, 1] > scores[1, 0]
    assert scores[2] == pytest.approx(scores[3])
