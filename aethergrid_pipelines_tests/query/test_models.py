"""Both protocols against a real server that can misbehave."""

import time
from collections.abc import Iterator

import pytest

from aethergrid_pipelines.query.anthropic_model import AnthropicModel
from aethergrid_pipelines.query.language_model import (
    Finished,
    LanguageModel,
    ModelFailure,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    Prompt,
)
from aethergrid_pipelines.query.openai_model import OpenAiModel
from aethergrid_pipelines_tests.query.chat_server import ChatServer, Reply

PROMPT = Prompt("test", "be brief", "why?", 50)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as found:
        yield found


@pytest.fixture(params=["openai", "anthropic"])
def model(request: pytest.FixtureRequest, server: ChatServer) -> Iterator[LanguageModel]:
    found: OpenAiModel | AnthropicModel
    if request.param == "openai":
        found = OpenAiModel("test", base_url=server.url, api_key=None, timeout=20)
    else:
        found = AnthropicModel("test", base_url=server.root, api_key=None, timeout=20)
    # Waits are asked for, and not waited.
    found._requests._sleep = lambda _: None
    yield found
    found.close()


def told(model: LanguageModel) -> list[str | Finished]:
    return list(model.stream(PROMPT))


def test_an_answer_comes_piece_by_piece_and_ends_with_its_account(server: ChatServer, model: LanguageModel) -> None:
    assert told(model) == ["It leaks", " one [1", "].", Finished(cut=False, input_tokens=90, output_tokens=7)]
    [asked] = server.requests
    assert (asked["model"], asked["max_tokens"], asked["stream"]) == ("test", 50, True)
    assert "be brief" in str(asked)


def test_an_answer_of_greatest_length_is_cut(server: ChatServer, model: LanguageModel) -> None:
    server.script.append(Reply(finish="length"))

    assert told(model)[-1] == Finished(cut=True, input_tokens=90, output_tokens=7)


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_what_may_pass_is_asked_again_twice(server: ChatServer, model: LanguageModel, status: int) -> None:
    server.script += [Reply(status=status), Reply(status=status)]

    assert told(model)[:-1] == ["It leaks", " one [1", "]."]
    assert len(server.requests) == 3


def test_what_does_not_pass_is_given_up_with_what_the_service_said(server: ChatServer, model: LanguageModel) -> None:
    server.always = Reply(status=429)

    with pytest.raises(ModelUnavailable, match="429 try again"):
        told(model)
    assert len(server.requests) == 3


def test_a_wait_that_ends_too_late_is_not_begun(server: ChatServer, model: LanguageModel) -> None:
    server.always = Reply(status=429, headers={"Retry-After": "3600"})

    with pytest.raises(ModelUnavailable):
        told(model)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_is_refused_is_asked_once(server: ChatServer, model: LanguageModel, status: int) -> None:
    server.always = Reply(status=status)

    with pytest.raises(ModelRefused, match=str(status)):
        told(model)
    assert len(server.requests) == 1


@pytest.mark.parametrize("broken", [Reply(cut=2), Reply(ends=False), Reply(fail=2)], ids=["closed", "no end", "error"])
def test_an_answer_that_breaks_off_is_told_so_after_its_first_pieces(
    server: ChatServer, model: LanguageModel, broken: Reply
) -> None:
    server.script.append(broken)
    pieces: list[str | Finished] = []

    with pytest.raises(ModelUnavailable, match="broke off"):
        pieces.extend(model.stream(PROMPT))

    # What was shown cannot be taken back, so nobody is asked again.
    assert len(server.requests) == 1


@pytest.mark.parametrize("after", [0, 2])
def test_a_service_that_falls_silent_is_left(server: ChatServer, model: LanguageModel, after: int) -> None:
    server.always = Reply(hang=after)
    model._requests._timeout = 0.2  # type: ignore[attr-defined]

    with pytest.raises(ModelTimeout, match="ANSWER_TIMEOUT"):
        told(model)
    assert len(server.requests) == 1


def test_a_service_that_never_ends_is_left(server: ChatServer, model: LanguageModel) -> None:
    server.always = Reply(pieces=["word "] * 50)
    model._requests._timeout = 20.0  # type: ignore[attr-defined]
    stream = model.stream(PROMPT)
    next(stream)

    with pytest.MonkeyPatch.context() as patched:
        later = time.monotonic() + 60
        patched.setattr("aethergrid_pipelines.query.model_requests.time.monotonic", lambda: later)
        with pytest.raises(ModelTimeout):
            list(stream)


def test_whoever_stops_listening_ends_the_request(server: ChatServer, model: LanguageModel) -> None:
    server.always = Reply(pieces=["word " * 10_000] * 5_000)
    stream = model.stream(PROMPT)
    next(stream)

    stream.close()

    assert server.left.wait(10)


def test_a_server_that_is_not_there_is_unavailable(server: ChatServer) -> None:
    model = OpenAiModel("test", base_url="http://user:secret@127.0.0.1:9/v1?key=secret", api_key=None, timeout=5)
    model._requests._sleep = lambda _: None

    with pytest.raises(ModelFailure, match=r"127\.0\.0\.1:9") as failure:
        told(model)
    assert "secret" not in str(failure.value)


def test_openais_own_service_is_asked_in_the_words_of_its_newer_models(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aethergrid_pipelines.query.openai_model.OPENAI_BASE_URL", server.url)
    model = OpenAiModel("gpt-5", base_url=None, api_key=None, timeout=20)

    told(model)

    model.close()
    assert server.requests[0]["max_completion_tokens"] == 50
    assert "max_tokens" not in server.requests[0]
