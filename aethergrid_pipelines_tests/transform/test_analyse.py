"""What the terms of a text are, and that questions meet texts."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethergrid_pipelines.transform.analyse import LONGEST_TERM, date_terms, index_terms, matching_words, query_terms
from aethergrid_pipelines.transform.irregular import BASE_FORMS


@pytest.mark.parametrize(
    ("token", "terms"),
    [
        ("weaviate_client", {"weaviate_client", "weaviat", "client"}),
        ("camelCase", {"camelcas", "camel", "case"}),
        ("HTTPServer", {"httpserver", "http", "server"}),
        ("v1.39.0", {"v1.39.0", "1.39.0", "1.39"}),
        ("foo/bar.py", {"foo/bar.py", "foo", "bar", "py", "bar.py"}),
        ("--flag", {"--flag", "flag"}),
        ("--dry-run", {"--dry-run", "dry-run", "dri", "run"}),
        ("ERR_CONN_REFUSED", {"err_conn_refused", "err", "conn", "refus"}),
        ("E0308", {"e0308"}),
        ("0x80070005", {"0x80070005"}),
        ("C++", {"c++", "c"}),
        ("C#", {"c#", "c"}),
        (".env", {".env", "env"}),
        ("std::vector", {"std::vector", "std", "vector"}),
        ("3.14", {"3.14"}),
        ("1,250,000", {"1250000"}),
        ("8th", {"8th", "8"}),
        ("12:30", {"12:30", "12", "30"}),
        ("Caroline's", {"carolin"}),
        ("Caroline’s", {"carolin"}),
        ("won't", {"will"}),
        ("café", {"cafe"}),
        ("Straße", {"strass"}),
        ("Ærø", {"aero"}),
        ("ＡＢＣ", {"abc"}),
        ("東京タワー", {"東京", "京タ", "タワ", "ワー"}),
        ("字", {"字"}),
        ("使用Python编写", {"使用", "python", "编写"}),
        ("안녕하세요", {"안녕", "녕하", "하세", "세요"}),
        ("ภาษา", {"ภา", "าษ", "ษา"}),
        ("हिन्दी", {"हिन्दी"}),
        ("می‌خواهم", {"میخواهم"}),
        ("кафе", {"кафе"}),
        ("שָׁלוֹם", {"שלום"}),
    ],
)
def test_terms_of_a_token(token: str, terms: set[str]) -> None:
    assert set(index_terms(token)) == terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("went", "go"),
        ("bought", "buying"),
        ("children", "child"),
        ("mice", "mouse"),
        ("running", "runs"),
        ("Dec", "december"),
        ("indices", "index"),
        ("wrote", "written"),
        ("CAFÉ", "cafe"),
        ("JavaScript", "javascript"),
    ],
)
def test_forms_of_a_word_share_a_term(one: str, other: str) -> None:
    assert set(index_terms(one)) & set(index_terms(other))


def test_terms_repeat_and_keep_their_order() -> None:
    assert index_terms("tea, then tea again") == ["tea", "then", "tea", "again"]


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("When did Caroline go to the support group?", ["carolin", "go", "support", "group"]),
        ("What's the price of apples, apples?", ["price", "appl"]),
        ("Who works in IT in the US?", ["work", "it", "us"]),
        ("What happened in May?", ["happen", "may"]),
        ("How do I use --flag?", ["use", "--flag", "flag"]),
        ("WHAT DID HE SAY", ["say"]),
        ("Was macht die Maschine?", ["macht", "die", "maschin"]),
        ("東京はどこ", ["東京", "京は", "はど", "どこ"]),
    ],
)
def test_a_question_loses_what_only_makes_it_a_question(question: str, terms: list[str]) -> None:
    assert query_terms(question) == terms


def test_a_question_of_stop_words_alone_keeps_them() -> None:
    assert query_terms("Who are you?") == ["who", "be", "you"]
    assert query_terms("?!") == []


def test_a_date_is_found_as_people_write_it() -> None:
    terms = date_terms(dt.datetime(2022, 12, 7, 9, tzinfo=dt.UTC))
    assert terms == ["2022", "decemb", "7", "2022-12-07"]
    for written in ("7 December, 2022", "Dec 7th 2022", "2022-12-07"):
        assert set(query_terms(written)) & set(terms)


def test_the_table_of_irregular_words_is_large_and_leads_to_base_forms_only() -> None:
    assert len(BASE_FORMS) > 200
    assert not set(BASE_FORMS.values()) & set(BASE_FORMS)


@given(st.text(st.characters(), max_size=200))
def test_terms_are_short_without_white_space_and_the_same_every_time(text: str) -> None:
    terms = index_terms(text)
    assert all(term and len(term) <= LONGEST_TERM and not any(map(str.isspace, term)) for term in terms)
    assert index_terms(text) == terms
    assert set(query_terms(text)) <= set(terms)


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_capitals_make_no_difference_to_a_word(text: str) -> None:
    word = "".join(filter(str.isalpha, text))
    if word.lower().upper() == word.upper() and word.isascii():
        assert index_terms(word.lower()) == index_terms(word.upper())


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit", ["x", "漢", "a.", "a_", "111,", "a/b-", "1,", "é", "'", "--", "::", "a\u0301", "camelCase"]
)
def test_megabytes_without_a_space_are_analysed(unit: str) -> None:
    assert all(len(term) <= LONGEST_TERM for term in index_terms(unit * (1_000_000 // len(unit))))


def test_threads_agree() -> None:
    texts = [f"running{number} Quickly deployments{number} went childrens" for number in range(2_000)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(index_terms, texts)) == [index_terms(text) for text in texts]


@pytest.mark.parametrize(
    ("question", "text", "words"),
    [
        ("Which pool leaks?", "Pools leak; one LEAKED a connection.", ["pools", "leak", "leaked"]),
        ("client", "The weaviate_client of 2026", ["weaviate_client"]),
        ("数据库", "连接数据库超时", ["数据", "据库"]),
        ("pool", "Nothing of the kind.", []),
        ("pool", "x" * 10_000, []),
    ],
)
def test_words_that_are_asked_for_are_named_as_they_stand_there(question: str, text: str, words: list[str]) -> None:
    assert matching_words(text, query_terms(question)) == words
