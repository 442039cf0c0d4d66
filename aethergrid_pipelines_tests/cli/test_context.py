"""``aethergrid context`` over real embedded stores."""

from pathlib import Path

import pytest

from aethergrid_pipelines_tests.cli.test_commands import LINES, document, run, write


@pytest.fixture
def _imported(tmp_path: Path) -> None:
    assert run("import", write(tmp_path / "export.jsonl", LINES), "--json").exit_code == 0


@pytest.mark.usefixtures("_imported")
def test_the_text_is_all_that_goes_to_stdout_and_its_account_to_stderr() -> None:
    result = run("context", "Why do the connections run out?", "--budget", "40")

    assert result.exit_code == 0, result.output
    assert "gpt-5: Each timeout leaks a connection." in result.stdout
    assert "tokens" not in result.stdout
    assert "of 40 tokens by all-MiniLM-L6-v2-wordpiece" in result.stderr


@pytest.mark.usefixtures("_imported")
def test_as_json_it_is_the_answer_of_the_api() -> None:
    pack = document(run("context", "connections", "--model", "gpt-5", "--for", "claude-opus-4-5", "--json"))

    assert pack["tokens"] <= pack["tokenBudget"] == 2_000
    assert [item["models"] for item in pack["items"]] == [["gpt-5"]]
    assert "claude-opus-4-5" in pack["countedBy"]["note"]


def test_an_empty_memory_says_what_to_do() -> None:
    result = run("context", "anything")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "aethergrid import" in result.stderr


@pytest.mark.parametrize("wrong", [("--budget", "-1"), ("--prefer", "knitting"), ("--after", "tomorrow")])
def test_what_cannot_be_asked_is_refused(wrong: tuple[str, str]) -> None:
    result = run("context", "anything", *wrong)

    assert result.exit_code == 2
    assert "Invalid value" in result.stderr
