"""The nightly check that retrieval finds what it found before."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from aethergrid_pipelines.automation.jobs import EVALUATION_JOB
from aethergrid_pipelines.definitions import build_defs
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores, open_stores
from aethergrid_pipelines.query.records import SearchRequest
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.flow.contents import put

QUESTION = "Which setting made the consumer slow?"
ANSWER = "The consumer was slow because of the setting fetch_min_bytes."
CONFIG = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    monkeypatch.setenv("EVALUATION_QUESTIONS", str(tmp_path / "questions.jsonl"))
    load_settings.cache_clear()
    with open_stores(load_settings()) as opened:
        put(opened, "a", ["Why?", ANSWER])
        materialise_all(opened, Scope(), run_id="first")
        search = Search(opened.vectors, opened.embedder)
        hits = search.search(SearchRequest(query=ANSWER)).results
        search.close()
        asked = [
            {"question": QUESTION, "evidence": [hits[0].lineage.message_id]},
            {"question": "What was never said?", "evidence": ["of another memory"]},
        ]
        (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, asked)))
        yield opened


def evaluated(instance: dg.DagsterInstance, *, accept: bool = False) -> dg.AssetCheckEvaluation:
    ops = {"weaviate_fragments_recall_has_not_fallen": {"config": {"accept_lower": accept}}}
    job = build_defs().resolve_job_def(EVALUATION_JOB)
    result = job.execute_in_process(run_config={**CONFIG, "ops": ops}, instance=instance)
    assert result.success
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def test_recall_that_falls_fails_until_it_is_accepted(stores: Stores, tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        first = evaluated(instance)
        assert first.passed
        assert first.metadata["questions"].value == 1
        assert first.metadata["recall@10"].value == 1.0

        for number in range(15):
            put(stores, f"like-{number}", [f"Which setting made the consumer slow? Setting number {number}?"])
        materialise_all(stores, Scope(), run_id="second")
        second = evaluated(instance)
        assert (second.passed, second.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert "fell from 1.0 to 0.0" in str(second.description)
        assert not evaluated(instance).passed

        assert evaluated(instance, accept=True).passed
        assert evaluated(instance).passed
