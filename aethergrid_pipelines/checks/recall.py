"""The check that retrieval has not become worse: recall on judged questions, beside the last time that it passed."""

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from aethergrid_pipelines.assets.plots import bar_chart
from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.flow.stores import Stores

if TYPE_CHECKING:
    from aethergrid_pipelines.query.evaluation import Evaluation, JudgedQuestion

SAMPLE_QUESTIONS = Path(__file__).parents[2] / "samples" / "questions.jsonl"

TOLERANCE = 0.03
"""How far recall@10 may fall: two of the seventy-five questions on the sample conversations."""

HISTORY = 25
RECALL = "recall@10"
QUESTIONS = "questions"


class RecallConfig(dg.Config):
    """``accept_lower``: what is found now is the new measure, for those who changed something knowingly."""

    accept_lower: bool = False


@dg.asset_check(asset="weaviate_fragments")
def recall_has_not_fallen(
    context: dg.AssetCheckExecutionContext, config: RecallConfig, stores: StoresResource
) -> dg.AssetCheckResult:
    """Recall@10 on judged questions is at most 0.03 below that of the last evaluation that passed on as many.

    It runs nightly, by the job `evaluate_retrieval`, and catches what a new chunker, embedder or ranking breaks. The
    questions are those of EVALUATION_QUESTIONS, or of the sample conversations.
    """
    evaluation, absent = evaluated(stores.open())
    before = None if config.accept_lower else _last_passed(context, evaluation.questions)
    return outcome(evaluation, absent, before)


def evaluated(stores: Stores) -> "tuple[Evaluation, int]":
    """The evaluation, and how many questions were left out because their evidence is not in the memory."""
    from aethergrid_pipelines.query.evaluation import evaluate, read_questions
    from aethergrid_pipelines.query.opening import open_search

    path = stores.settings.evaluation_questions or SAMPLE_QUESTIONS
    questions = read_questions(path, space=stores.settings.space) if path.exists() else []
    there = _in_the_memory(stores, questions)
    search = open_search(stores.settings, stores.vectors, stores.embedder)
    try:
        return evaluate(search, there), len(questions) - len(there)
    finally:
        search.close()


def outcome(evaluation: "Evaluation", absent: int, before: float | None) -> dg.AssetCheckResult:
    """``before`` is the recall@10 that is the measure; without one, whatever is found passes."""
    recall = evaluation.recall[10]
    metadata = {
        QUESTIONS: evaluation.questions,
        **{f"recall@{k}": value for k, value in evaluation.recall.items()},
        "recall@10 by kind": dg.MetadataValue.md(
            bar_chart("recall@10, %", [(kind, 100 * value) for kind, value in evaluation.by_kind.items()])
        ),
        "before": before if before is not None else "nothing to compare with",
        "left out": f"{absent} questions, whose evidence is not in the memory",
        "nothing found": len(evaluation.missed),
    }
    fallen = before is not None and recall < before - TOLERANCE
    if fallen:
        told = f"recall@10 fell from {before} to {recall}; to accept it, run the check with accept_lower: true"
    elif not evaluation.questions:
        told = "none of the judged questions is about what is in the memory: name your own in EVALUATION_QUESTIONS"
    else:
        told = f"recall@10 is {recall} on {evaluation.questions} questions"
    return dg.AssetCheckResult(
        passed=not fallen, severity=dg.AssetCheckSeverity.WARN, description=told, metadata=metadata
    )


def _in_the_memory(stores: Stores, questions: "list[JudgedQuestion]") -> "list[JudgedQuestion]":
    from sqlalchemy import select

    from aethergrid_pipelines.flow.batches import pages
    from aethergrid_pipelines.records.tables import CleanedMessageRow, table_of

    messages = table_of(CleanedMessageRow)
    there: set[str] = set()
    with stores.catalog.reading() as connection:
        for page in pages({id_ for question in questions for id_ in question.evidence}):
            there.update(connection.execute(select(messages.c.id).where(messages.c.id.in_(page))).scalars())
    return [question for question in questions if question.evidence <= there]


def _last_passed(context: dg.AssetCheckExecutionContext, questions: int) -> float | None:
    """The recall@10 of the latest evaluation that passed on so many questions."""
    key = recall_has_not_fallen.check_key
    for record in context.instance.event_log_storage.get_asset_check_execution_history(key, limit=HISTORY):
        evaluation = record.event.asset_check_evaluation if record.event else None
        if evaluation is None or not evaluation.passed:
            continue
        counted, recall = evaluation.metadata.get(QUESTIONS), evaluation.metadata.get(RECALL)
        if counted is not None and recall is not None and counted.value == questions:
            return float(str(recall.value))
    return None
