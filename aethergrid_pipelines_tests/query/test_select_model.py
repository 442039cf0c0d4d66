import pytest
from pydantic import SecretStr

from aethergrid_pipelines.query.anthropic_model import AnthropicModel
from aethergrid_pipelines.query.language_model import NoModel, Prompt
from aethergrid_pipelines.query.openai_model import OpenAiModel
from aethergrid_pipelines.query.select_model import open_model
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines_tests.query.chat_server import ChatServer

KEYS = {"openai_api_key": SecretStr("openai"), "anthropic_api_key": SecretStr("anthropic")}


def settings(**given: object) -> Settings:
    return Settings().model_copy(update=given)


@pytest.mark.parametrize(
    ("given", "kind", "address"),
    [
        ({"answer_model": "gpt-5"}, OpenAiModel, "https://api.openai.com/v1/chat/completions"),
        ({"answer_model": "claude-opus-4-5"}, AnthropicModel, "https://api.anthropic.com/v1/messages"),
        (
            {"answer_model": "llama3.2", "answer_base_url": "http://127.0.0.1:11434/v1/"},
            OpenAiModel,
            "http://127.0.0.1:11434/v1/chat/completions",
        ),
        (
            {"answer_model": "x", "answer_base_url": "http://gateway/v1", "answer_provider": "anthropic"},
            AnthropicModel,
            "http://gateway/v1/messages",
        ),
        (
            {"answer_model": "llama3.2", "openai_base_url": "http://vllm:8000/v1"},
            OpenAiModel,
            "http://vllm:8000/v1/chat/completions",
        ),
    ],
)
def test_the_settings_say_which_service_answers(given: dict[str, object], kind: type, address: str) -> None:
    model = open_model(settings(**KEYS, **given))

    assert type(model) is kind
    assert isinstance(model, OpenAiModel | AnthropicModel)
    assert model._requests.address == address
    assert model.name == given["answer_model"]


@pytest.mark.parametrize("given", [{}, {"answer_model": "gpt-5"}, {"answer_model": "claude-opus-4-5"}])
def test_without_a_model_or_its_key_the_settings_are_named(given: dict[str, object]) -> None:
    with pytest.raises(NoModel, match=r"ANSWER_MODEL.*OPENAI_API_KEY.*ANSWER_BASE_URL"):
        open_model(settings(**given))


@pytest.mark.parametrize(
    ("provider", "header", "expected"),
    [("openai", "authorization", "Bearer own"), ("anthropic", "x-api-key", "own")],
)
def test_a_server_of_ones_own_gets_its_own_key_and_no_other(provider: str, header: str, expected: str) -> None:
    with ChatServer() as server:
        for key in (SecretStr("own"), None):
            given = {"answer_model": "m", "answer_base_url": server.url, "answer_provider": provider}
            model = open_model(settings(**KEYS, **given, answer_api_key=key))
            list(model.stream(Prompt("m", "", "hello", 5)))
            model.close()

        assert [found.get(header) for found in server.headers] == [expected, None]
