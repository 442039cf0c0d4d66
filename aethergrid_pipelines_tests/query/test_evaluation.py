"""Recall on judged questions."""

import json
from pathlib import Path

import pytest

from aethergrid_pipelines.query.evaluation import JudgedQuestion, read_questions
from aethergrid_pipelines.records.ids import conversation_id, message_id


def test_one_message_of_the_evidence_suffices_and_a_multi_hop_question_needs_all() -> None:
    either = JudgedQuestion("?", "direct", frozenset({"a", "b"}))
    both = JudgedQuestion("?", "multi-hop", frozenset({"a", "b"}))
    ranked = ["x", "a", "y", "b"]
    assert [either.recall(ranked, k) for k in (1, 2, 4)] == [0.0, 1.0, 1.0]
    assert [both.recall(ranked, k) for k in (1, 2, 4)] == [0.0, 0.5, 1.0]


def test_evidence_is_named_by_id_or_by_the_ids_of_its_source(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    record = {"question": "Why?", "evidence": ["one", ["generic", "talk", "m1"]]}
    path.write_text(json.dumps(record) + "\n\n")
    (question,) = read_questions(path, space="mine")
    derived = message_id(conversation_id("mine", "generic", "talk"), "m1")
    assert question == JudgedQuestion("Why?", "question", frozenset({"one", derived}))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{not json", "the record"),
        ('{"question": "", "evidence": ["a"]}', "question"),
        ('{"question": "Why?", "evidence": []}', "evidence"),
        ('{"question": "Why?", "evidence": [["talk", "m1"]]}', "evidence.0"),
        ('{"question": "Why?", "evidence": ["a"], "kinds": "x"}', "kinds"),
    ],
)
def test_a_bad_question_is_named_by_file_line_and_field(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(f'{{"question": "Why?", "evidence": ["a"]}}\n{line}\n')
    with pytest.raises(ValueError, match=rf"questions\.jsonl, line 2, {told}"):
        read_questions(path, space="mine")
