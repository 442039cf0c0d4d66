"""Answers stay within their budget, as text and as JSON."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.mcp_server.budget import CHARACTERS, CUT, cut, fitting, tokens
from aethergrid_pipelines.mcp_server.server import MemoryServer
from aethergrid_pipelines.query.token_counts import TokenCounts
from aethergrid_pipelines_tests.mcp_server.asking import call, text
from aethergrid_pipelines_tests.mcp_server.memory import LONG


class Part(BaseModel):
    content: str
    cut: bool = False


def parts(*contents: str) -> list[Part]:
    return [Part(content=content) for content in contents]


def taken(found: list[Part]) -> list[str]:
    return [part.content for part in found]


@pytest.mark.parametrize("max_tokens", [400, 700, 1_500, 5_000, 50_000])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("search_memory", {"query": "copy table, then verify its rows", "max_results": 50}),
        ("get_conversation", {"conversation_id": LONG}),
    ],
)
def test_an_answer_keeps_to_its_budget(
    server: MemoryServer, models: Path, name: str, arguments: dict[str, object], max_tokens: int
) -> None:
    result = call(server, name, **arguments, max_tokens=max_tokens)

    structured = json.dumps(result.structured_content, ensure_ascii=False)
    assert tokens(text(result)) <= max_tokens
    assert tokens(structured) <= max_tokens
    # The budget is an estimate; a tokenizer of a real model counts no more.
    tokenizer = LocalEmbedder(models, threads=1).tokenizer
    assert max(tokenizer.count([text(result), structured])) <= max_tokens
    assert result.structured_content
    assert result.structured_content.get("results") or result.structured_content.get("messages")


@pytest.mark.parametrize("max_tokens", [400, 1_500, 5_000])
def test_a_pack_keeps_to_its_budget_with_its_sources(server: MemoryServer, max_tokens: int) -> None:
    tokenizer, counted_by = TokenCounts().of(None)

    result = call(server, "get_context", task="copy table, then verify its rows", max_tokens=max_tokens)

    structured = json.dumps(result.structured_content, ensure_ascii=False)
    assert max(tokenizer.count([text(result), structured])) <= max_tokens
    assert result.structured_content
    assert result.structured_content["sources"]
    assert result.structured_content["counted_by"] == counted_by.name


def test_a_larger_budget_shows_more(server: MemoryServer) -> None:
    counts = []
    for max_tokens in (1_000, 3_000, 9_000):
        found = call(server, "get_conversation", conversation_id=LONG, max_tokens=max_tokens).structured_content
        assert found
        counts.append(len(found["messages"]))

    assert counts == sorted(set(counts))


def test_parts_are_taken_in_order_until_one_does_not_fit() -> None:
    contents = ["short", "word " * 400, "also short"]

    assert taken(fitting(parts(*contents), 400, as_text=lambda part: part.content)) == ["short"]


def test_the_first_part_is_cut_rather_than_left_out() -> None:
    found = fitting(parts("word " * 4_000), 400, as_text=lambda part: part.content)

    assert len(found) == 1
    assert found[0].cut
    assert found[0].content.endswith(CUT)


@pytest.mark.parametrize("content", ["word " * 300, '"\n\t\\' * 300, "語" * 300, "😀" * 300, "a" * 3_000])
def test_a_cut_keeps_to_its_budget_whatever_is_said(content: str) -> None:
    assert tokens(cut(content, 50)) <= 50
    found = fitting(parts(content), 300, as_text=lambda part: part.content)
    assert found
    assert tokens(json.dumps(found[0].model_dump(), ensure_ascii=False)) <= 300


def test_what_cannot_fit_is_not_counted_to_its_end() -> None:
    blank = fitting(parts("word" + " " * 100_000), 400, as_text=lambda part: part.content)

    assert blank[0].cut
    assert len(blank[0].content) < 400 * CHARACTERS + 10


def test_what_fits_is_not_cut() -> None:
    assert cut("as it is", 10) == "as it is"
