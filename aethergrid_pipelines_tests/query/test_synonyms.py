from aethergrid_pipelines.query.synonyms import synonyms
from aethergrid_pipelines.transform.analyse import index_terms


def test_the_terms_of_the_table_are_terms_of_the_analysis() -> None:
    table = synonyms()
    assert len(table.terms) == len(table.place) > 10_000
    # A stem is seldom its own stem, so words are asked for that are.
    for word in ("guitar", "music", "doctor", "train", "garden", "money"):
        assert index_terms(word)[0] in table.place


def test_related_terms_come_nearest_first_and_are_others() -> None:
    table = synonyms()
    for term in table.terms[::500]:
        found = table.of(term)
        cosines = [cosine for _, cosine in found]
        assert term not in dict(found)
        assert cosines == sorted(cosines, reverse=True)
        assert all(0.49 <= cosine <= 1.0 for cosine in cosines)
        assert len(found) <= 16


def test_an_unknown_term_has_no_related_terms() -> None:
    assert synonyms().of("zzqx") == []
