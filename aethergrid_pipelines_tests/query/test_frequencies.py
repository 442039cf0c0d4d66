from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aethergrid_pipelines.query.frequencies import _counts

TERMS = ["a", "aa", "ab", "b", "b.c", "naïve", "日本", "x"]
texts = st.lists(st.lists(st.sampled_from([*TERMS, "other", "aab"]), max_size=12).map(" ".join), min_size=1, max_size=8)


@given(texts, st.lists(st.sampled_from(TERMS), unique=True))
def test_terms_are_counted_whole_wherever_they_stand(written: list[str], asked: list[str]) -> None:
    counts, lengths = _counts(written, {term: at for at, term in enumerate(asked)})

    counted = [Counter(text.split()) for text in written]
    assert counts.shape == (len(written), len(asked))
    assert counts.tolist() == [[found[term] for term in asked] for found in counted]
    np.testing.assert_array_equal(lengths, [found.total() for found in counted])
