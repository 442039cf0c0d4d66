"""The sample conversations import without loss, and every question has its answer among them."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.account import ImportReport
from aethergrid_pipelines.capture.importer import import_paths
from aethergrid_pipelines.records.conversation import Message
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore

SAMPLES = Path(__file__).parents[2] / "samples"
QUESTIONS = [json.loads(line) for line in (SAMPLES / "questions.jsonl").read_text().splitlines()]
KINDS = {"direct", "paraphrase", "code", "decision", "temporal", "multi-hop"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteConversationStore]:
    opened = SqliteConversationStore(tmp_path_factory.mktemp("samples") / "conversations.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def report(store: SqliteConversationStore) -> ImportReport:
    return import_paths([SAMPLES], store=store, space="default")


@pytest.fixture(scope="module")
def messages(store: SqliteConversationStore, report: ImportReport) -> dict[tuple[str, str], Message]:
    """By the native ids of their conversation and their own."""
    assert report.files
    native = {state.conversation.id: state.conversation.native_id for state in store.states()}
    return {(native[message.conversation_id], message.native_id): message for message in store.messages(list(native))}


def _records(path: Path) -> int:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return sum(len(row["messages"]) if "messages" in row else 1 for row in rows)


def test_every_record_is_accounted_for_and_none_is_rejected(
    report: ImportReport, messages: dict[tuple[str, str], Message]
) -> None:
    read = {Path(file.path): file.account.read for file in report.files if file.source}
    expected = {path: _records(path) for path in SAMPLES.rglob("*.jsonl") if path.name != "questions.jsonl"}
    assert read == expected
    assert report.adds_up()
    assert report.total.rejected == 0
    assert report.total.stored == len(messages)
    assert report.total.updated == 0
    assert [(Path(file.path).name, file.unread) for file in report.files if file.unread] == [
        ("questions.jsonl", "no source recognises this file")
    ]
    assert all(file.complete for file in report.files if file.source)


def test_importing_the_samples_again_stores_nothing(store: SqliteConversationStore, report: ImportReport) -> None:
    again = import_paths([SAMPLES], store=store, space="default").total
    assert again.stored == 0
    assert again.merged == report.total.stored + report.total.merged


def test_the_samples_cover_ten_days_and_four_families_of_models(
    store: SqliteConversationStore, messages: dict[tuple[str, str], Message]
) -> None:
    assert [str(day) for day, _ in store.days()] == [f"2026-10-{number:02}" for number in range(5, 15)]
    assert sum(count for _, count in store.days()) == 41
    models = Counter(message.model for message in messages.values() if message.model)
    assert set(models) == {"claude-sonnet-4-5-20250929", "gpt-5", "gemini-2.5-pro", "qwen2.5-7b"}
    assert {"user", "assistant", "tool"} == {message.role.value for message in messages.values()}
    assert sum("compact_summary" in message.metadata for message in messages.values()) == 1
    assert any("sidechain" in message.metadata for message in messages.values())
    assert any("<system-reminder>" in message.content for message in messages.values())


def test_a_question_that_was_asked_twice_is_in_two_conversations(messages: dict[tuple[str, str], Message]) -> None:
    said = Counter(message.content for message in messages.values() if len(message.content) > 40)
    assert sum(count > 1 for count in said.values()) == 2


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["question"][:40])
def test_the_evidence_of_a_question_exists_and_does_not_repeat_it(
    question: dict[str, object], messages: dict[tuple[str, str], Message]
) -> None:
    evidence = question["evidence"]
    assert isinstance(evidence, list)
    found = [messages[conversation, message] for _, conversation, message in evidence]
    assert all(message.content for message in found)
    assert not any(str(question["question"]).lower() in message.content.lower() for message in found)
    assert question["kind"] in KINDS
    assert question["kind"] != "multi-hop" or len(found) > 1


def test_there_are_questions_of_every_kind_and_none_twice() -> None:
    kinds = Counter(question["kind"] for question in QUESTIONS)
    assert set(kinds) == KINDS
    assert min(kinds.values()) >= 5
    assert len({question["question"] for question in QUESTIONS}) == len(QUESTIONS) >= 60
