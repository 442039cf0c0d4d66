"""``aethergrid ask`` over real embedded stores, answered by a server that speaks the OpenAI protocol."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.cli.test_commands import LINES, POOL, document, run, write
from aethergrid_pipelines_tests.query.chat_server import ChatServer, Reply

QUESTION = "Why do the database connections run out?"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    with ChatServer(Reply(pieces=["Each timeout", " leaks one [1", "][9]."])) as found:
        monkeypatch.setenv("ANSWER_MODEL", "test")
        monkeypatch.setenv("ANSWER_BASE_URL", found.url)
        yield found
    load_settings.cache_clear()


@pytest.fixture
def _imported(tmp_path: Path) -> None:
    assert run("import", write(tmp_path / "export.jsonl", LINES), "--json").exit_code == 0


@pytest.mark.usefixtures("_imported", "server")
def test_the_answer_is_followed_by_its_citations() -> None:
    result = run("ask", QUESTION)

    assert result.exit_code == 0, result.output
    answer, _, citation, *rest = result.stdout.splitlines()
    assert answer == "Each timeout leaks one [1]."
    assert citation.startswith("[1] ")
    assert "export.jsonl:" in citation
    assert POOL in citation
    assert rest == []


@pytest.mark.usefixtures("_imported", "server")
def test_as_json_it_is_the_answer_of_the_api() -> None:
    answer = document(run("ask", QUESTION, "--json"))

    assert (answer["answer"], answer["answered"]) == ("Each timeout leaks one [1].", True)
    assert answer["citations"][0]["lineage"]


@pytest.mark.usefixtures("_imported")
@pytest.mark.parametrize("said", ["I don't know.", "It must be the weather."])
def test_what_is_not_supported_ends_with_not_knowing(server: ChatServer, said: str) -> None:
    server.always = Reply(pieces=[said])

    result = run("ask", QUESTION)

    assert result.stdout.splitlines()[-1] == "I don't know."
    assert "passages" in result.stderr


def test_an_empty_memory_asks_nobody(server: ChatServer) -> None:
    result = run("ask", QUESTION)

    assert (result.exit_code, result.stdout) == (0, "I don't know.\n")
    assert "aethergrid import" in result.stderr
    assert server.requests == []


@pytest.mark.usefixtures("_imported")
def test_a_service_that_refuses_is_one_line(server: ChatServer) -> None:
    server.always = Reply(status=401)

    result = run("ask", QUESTION)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "401 try again" in result.stderr


def test_without_a_model_the_settings_are_named() -> None:
    result = run("ask", QUESTION)

    assert result.exit_code == 1
    assert "ANSWER_MODEL" in result.stderr
