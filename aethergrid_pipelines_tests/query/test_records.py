import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from aethergrid_pipelines.query.records import MAX_QUERY_CHARACTERS, SearchRequest


def asked(**filters: Any) -> SearchRequest:
    return SearchRequest.model_validate({"query": "pool", "filters": filters})


@pytest.mark.parametrize(
    "names",
    [
        {"maxResults": 3, "minSimilarity": 0.5, "returnContext": True, "filters": {"sourceModels": ["a"]}},
        {"max_results": 3, "min_similarity": 0.5, "return_context": True, "filters": {"source_models": ["a"]}},
        {"maxResults": 3, "minSimilarity": 0.5, "returnContext": True, "filters": {"sourceModel": "a"}},
        {"max_results": 3, "min_similarity": 0.5, "return_context": True, "filters": {"source_model": "a"}},
    ],
)
def test_camel_case_and_snake_case_one_value_and_lists_mean_the_same(names: dict[str, Any]) -> None:
    request = SearchRequest.model_validate({"query": "pool", **names})

    assert (request.max_results, request.min_similarity, request.return_context) == (3, 0.5, True)
    assert request.filters.source_models == ["a"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-10-05", dt.datetime(2026, 10, 5, tzinfo=dt.UTC)),
        ("2026-10-05T09:30:00", dt.datetime(2026, 10, 5, 9, 30, tzinfo=dt.UTC)),
        ("2026-10-05T09:30:00+02:00", dt.datetime(2026, 10, 5, 7, 30, tzinfo=dt.UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc(given: str, expected: dt.datetime) -> None:
    assert asked(after=given).filters.after == expected


def test_a_bare_date_as_upper_bound_means_all_of_that_day() -> None:
    found = asked(after="2026-10-05", before="2026-10-05").filters

    assert found.before == dt.datetime(2026, 10, 5, 23, 59, 59, 999_999, tzinfo=dt.UTC)


@pytest.mark.parametrize("query", ["", "   ", "\x00", "\n\t\x00"])
def test_a_query_that_says_nothing_is_refused(query: str) -> None:
    with pytest.raises(ValidationError, match="is empty"):
        SearchRequest(query=query)


def test_control_characters_in_a_query_are_spaces() -> None:
    assert SearchRequest(query="pool\x00size\n").query == "pool size"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"query": "x" * (MAX_QUERY_CHARACTERS + 1)}, "query"),
        ({"query": 5}, "query"),
        ({"query": "\ud800"}, "query"),
        ({"maxResults": 0}, "maxResults"),
        ({"maxResults": 1_000}, "maxResults"),
        ({"minSimilarity": 1.5}, "minSimilarity"),
        ({"minSimilarity": float("nan")}, "minSimilarity"),
        ({"limit": 5}, "limit"),
        ({"filters": {"colour": "red"}}, "filters.colour"),
        ({"filters": {"sourceModel": "a", "sourceModels": ["b"]}}, "filters.sourceModel"),
        ({"filters": {"roles": ["wizard"]}}, "filters.roles.0"),
        ({"filters": {"topics": [""]}}, "filters.topics.0"),
        ({"filters": {"topic": "a\x00"}}, "filters.topic.0"),
        ({"filters": {"after": "yesterday"}}, "filters.after"),
        ({"filters": {"after": "2026-10-06", "before": "2026-10-05"}}, "filters"),
        ({"filters": {"before": "0001-01-01T00:00:00+14:00"}}, "filters.before"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SearchRequest.model_validate({"query": "pool", **change})

    assert [".".join(str(part) for part in error["loc"]) for error in refused.value.errors()] == [field]
