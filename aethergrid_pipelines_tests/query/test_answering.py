from collections.abc import Iterator

import pytest

from aethergrid_pipelines.query.answer_prompt import UNKNOWN, says_unknown
from aethergrid_pipelines.query.answer_records import AnswerRequest, AnswerResponse, Delta
from aethergrid_pipelines.query.answering import Answerer
from aethergrid_pipelines.query.contextual import Packer
from aethergrid_pipelines.query.language_model import ModelUnavailable
from aethergrid_pipelines.query.openai_model import OpenAiModel
from aethergrid_pipelines.query.records import Filters
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines_tests.query.chat_server import ChatServer, Reply
from aethergrid_pipelines_tests.query.memory import POOL

QUESTION = "Why does the checkout service run out of database connections?"
ASKED = AnswerRequest(query=QUESTION)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as found:
        yield found


@pytest.fixture
def answerer(search: Search, filled: LanceVectorStore, server: ChatServer) -> Iterator[Answerer]:
    packer = Packer(search, filled)
    model = OpenAiModel("qwen2.5:7b", base_url=server.url, api_key=None, timeout=20)
    found = Answerer(packer, model, token_budget=2_000, max_tokens=300)
    yield found
    found.close()
    packer.close()


def test_an_answer_cites_passages_that_lead_to_where_they_come_from(answerer: Answerer, server: ChatServer) -> None:
    answer = answerer.answer(ASKED)

    assert (answer.answer, answer.answered, answer.reason) == ("It leaks one [1].", True, None)
    [citation] = answer.citations
    assert citation.number == 1
    assert f"[1] {citation.content}" in server.requests[0]["messages"][1]["content"]
    assert {one.origin_path for one in citation.lineage} == {"pool.jsonl"}
    assert answer.given.passages >= 1
    assert (answer.usage and answer.usage.output_tokens) == 7
    assert answer.model == "qwen2.5:7b"


def test_the_model_is_given_question_and_passages_and_no_more_than_its_budget(
    answerer: Answerer, server: ChatServer
) -> None:
    answer = answerer.answer(AnswerRequest(query=QUESTION, token_budget=60, max_tokens=40, model="other"))

    [asked] = server.requests
    assert (asked["model"], asked["max_tokens"]) == ("other", 40)
    assert QUESTION in asked["messages"][1]["content"]
    assert POOL[0].content in asked["messages"][1]["content"]
    assert answer.given.tokens <= 60


def test_nobody_gets_more_tokens_than_the_cap(answerer: Answerer, server: ChatServer) -> None:
    answerer.answer(AnswerRequest(query=QUESTION, max_tokens=9_000))

    assert server.requests[0]["max_tokens"] == 300


def test_a_citation_that_does_not_exist_is_dropped(answerer: Answerer, server: ChatServer) -> None:
    server.always = Reply(pieces=["It leaks [4", "2] one [1, 77]."])

    answer = answerer.answer(ASKED)

    assert answer.answer == "It leaks one [1]."
    assert [citation.number for citation in answer.citations] == [1]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("I don't know.", "unsupported"),
        ("I don’t know", "unsupported"),
        ("It must be the weather.", "uncited"),
        ("It is said in [99].", "uncited"),
        ("", "uncited"),
    ],
)
def test_what_the_passages_do_not_support_is_not_known(
    answerer: Answerer, server: ChatServer, said: str, reason: str
) -> None:
    server.always = Reply(pieces=[said])

    answer = answerer.answer(ASKED)

    assert (answer.answer, answer.answered, answer.reason, answer.citations) == (UNKNOWN, False, reason, [])
    assert answer.model == "qwen2.5:7b"


@pytest.mark.parametrize(
    "given", [{"filters": Filters(space="another")}, {"token_budget": 0}], ids=["nothing found", "no budget"]
)
def test_without_passages_no_model_is_asked(answerer: Answerer, server: ChatServer, given: dict[str, object]) -> None:
    answer = answerer.answer(AnswerRequest.model_validate({"query": QUESTION, **given}))

    assert (answer.answer, answer.reason, answer.model) == (UNKNOWN, "empty", None)
    assert answer.hint
    assert server.requests == []


def test_what_a_model_thinks_aloud_is_no_part_of_its_answer(answerer: Answerer, server: ChatServer) -> None:
    server.always = Reply(pieces=["<thi", "nk>[2] or not?", "</think>\n\nIt leaks", " [1]."])

    answer = answerer.answer(ASKED)

    assert (answer.answer, [citation.number for citation in answer.citations]) == ("It leaks [1].", [1])


def test_a_streamed_answer_is_the_same_in_pieces(answerer: Answerer) -> None:
    *deltas, answer = answerer.stream(ASKED)

    assert len(deltas) > 1
    assert isinstance(answer, AnswerResponse)
    assert "".join(delta.text for delta in deltas if isinstance(delta, Delta)) == answer.answer


def test_an_answer_that_breaks_off_keeps_what_was_said_before(answerer: Answerer, server: ChatServer) -> None:
    server.always = Reply(cut=1)
    said: list[Delta | AnswerResponse] = []

    with pytest.raises(ModelUnavailable, match="broke off"):
        said.extend(answerer.stream(ASKED))

    assert [step.text for step in said if isinstance(step, Delta)] == ["It leaks"]


def test_an_answer_at_its_greatest_length_says_so(answerer: Answerer, server: ChatServer) -> None:
    server.always = Reply(finish="length")

    assert answerer.answer(ASKED).cut


@pytest.mark.parametrize(("text", "expected"), [("**I don't know.**", True), ("I don't know. Sorry.", True)])
def test_not_knowing_is_understood_in_its_variants(text: str, expected: bool) -> None:
    assert says_unknown(text) is expected
    assert not says_unknown("I don't know who wrote it, but it leaks [1].")
