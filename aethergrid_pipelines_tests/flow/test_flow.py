"""The whole flow over embedded and real stores: what is processed, what is left alone, what goes."""

import datetime as dt

import pytest
from sqlalchemy import event

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.forget import forget
from aethergrid_pipelines.flow.promotion import retire
from aethergrid_pipelines.flow.scope import Scope, StepReport
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.stores.vectors import CollectionMissing
from aethergrid_pipelines_tests.flow.contents import DAY, conversation, everything, messages, put
from aethergrid_pipelines_tests.opened import Place

TEXTS = [
    "How do I roll back a migration in Alembic?",
    "Run `alembic downgrade -1`.\n\n```sh\nalembic downgrade -1\n```\n\nIt undoes the newest revision.",
    "And if production already uses the new column?",
    "Then add a new migration instead; never rewrite one that has run.",
]

LONG = "\n\n".join(f"## Part {n}\n\n" + f"Sentence {n} about queues and retries. " * 30 for n in range(6))


def run(stores: Stores, scope: Scope | None = None, run_id: str = "r1") -> dict[str, StepReport]:
    reports = materialise_all(stores, scope or Scope(), run_id=run_id)
    assert not any(report.failures for report in reports)
    return {report.step: report for report in reports}


def processed(reports: dict[str, StepReport]) -> dict[str, int]:
    return {name: report.processed for name, report in reports.items()}


def test_every_step_processes_every_conversation_once(stores: Stores) -> None:
    put(stores, "a", TEXTS)
    put(stores, "b", [LONG], days=1)
    reports = run(stores)
    assert set(processed(reports).values()) == {2}
    assert reports["weaviate_fragments"].counts["upserted"] == reports["chunks"].rows > 5


def test_a_second_run_does_nothing(stores: Stores) -> None:
    put(stores, "a", TEXTS)
    run(stores)
    before = everything(stores)
    assert set(processed(run(stores, run_id="r2")).values()) == {0}
    assert everything(stores) == before


def test_conversations_that_went_through_all_steps_are_asked_about_once_and_others_again(stores: Stores) -> None:
    put(stores, "a", TEXTS)
    put(stores, "b", [LONG], days=1)
    ids = [state.conversation.id for state in stores.conversations.states()]
    asked: list[str] = []
    listening = (stores.catalog.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    event.listen(*listening)
    run(stores, Scope.conversations(ids))
    first = sum("AS own ON" in statement for statement in asked)
    run(stores, Scope.conversations(ids))
    event.remove(*listening)
    assert first == 5
    assert sum("AS own ON" in statement for statement in asked) == 10


def test_a_repeated_import_is_not_stale(stores: Stores) -> None:
    put(stores, "a", TEXTS)
    run(stores)
    put(stores, "a", TEXTS)
    assert set(processed(run(stores)).values()) == {0}


def test_an_edit_embeds_exactly_its_chunks_and_its_old_fragments_go(stores: Stores) -> None:
    put(stores, "a", TEXTS)
    put(stores, "b", TEXTS[::-1])
    run(stores)
    active = stores.vectors.active()
    assert active
    before = set(stores.vectors.ids(active[0]))
    edited = put(stores, "a", [*TEXTS[:3], "Then expand and contract: add, backfill, switch, drop."])
    reports = run(stores, run_id="r2")
    assert reports["embeddings"].counts["embedded"] == 1
    assert reports["weaviate_fragments"].counts["deleted"] == 1
    after = set(stores.vectors.ids(active[0]))
    assert len(before - after) == len(after - before) == 1
    contents = [fragment.content for fragment in stores.vectors.fetch(active[0], sorted(after))]
    assert sum("expand and contract" in text for text in contents) == 1
    assert set(stores.vectors.ids(active[0], conversation_ids=[edited])) <= after


def test_a_text_said_twice_is_embedded_once_and_goes_with_its_last_use(stores: Stores) -> None:
    first = put(stores, "a", TEXTS)
    second = put(stores, "b", TEXTS)
    assert run(stores)["embeddings"].counts["embedded"] == len(TEXTS)
    forget(stores, first, run_id="r2")
    assert len(everything(stores)["vectors"]) == len(TEXTS)
    forget(stores, second, run_id="r3")
    assert everything(stores)["vectors"] == []


def test_forgetting_leaves_nothing_anywhere(stores: Stores) -> None:
    kept = put(stores, "kept", TEXTS)
    run(stores)
    before = everything(stores)
    gone = put(stores, "gone", ["The code name is Zephyrine.", "Understood: Zephyrine."], title="Zephyrine")
    run(stores)
    assert everything(stores) != before
    done = forget(stores, gone, run_id="r2")
    assert done.found
    assert not any(done.remains.values())
    assert everything(stores) == before
    assert kept in repr(before)
    assert not forget(stores, gone, run_id="r3").found


def test_a_new_title_reaches_the_fragments_and_embeds_nothing(stores: Stores) -> None:
    put(stores, "a", TEXTS, title="Old")
    run(stores)
    stores.conversations.append([(conversation("a", "New"), messages("a", TEXTS))])
    reports = run(stores, run_id="r2")
    assert reports["embeddings"].counts["embedded"] == 0
    active = stores.vectors.active()
    assert active
    fragments = stores.vectors.fetch(active[0], list(stores.vectors.ids(active[0])))
    assert {fragment.title for fragment in fragments} == {"New"}


def test_another_chunker_version_redoes_the_chunks_and_what_follows(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stores, "a", TEXTS)
    run(stores)
    monkeypatch.setattr("aethergrid_pipelines.transform.chunk.CHUNK_VERSION", "next")
    reports = run(stores, run_id="r2")
    # The new version makes the same chunks, so the work ends where nothing differs any more.
    assert processed(reports) == {
        "raw_conversations": 0,
        "cleaned_messages": 0,
        "chunks": 1,
        "embeddings": 0,
        "weaviate_fragments": 0,
        "topic_stats": 0,
    }


def test_an_earlier_message_moves_the_conversation_to_another_day(stores: Stores) -> None:
    put(stores, "a", TEXTS, days=1)
    run(stores)
    moved = [*messages("a", TEXTS[:1]), *messages("a", TEXTS, start=DAY.replace(day=6))[1:]]
    stores.conversations.append([(conversation("a"), moved)])
    run(stores, Scope.day(DAY.date()), run_id="r2")
    days = {row[2] for row in everything(stores)["step_states"]}
    assert days == {repr(DAY.date())}
    assert set(processed(run(stores)).values()) == {0}


def test_only_the_days_that_are_asked_for_are_processed(stores: Stores) -> None:
    put(stores, "a", TEXTS)
    put(stores, "b", TEXTS[:2], days=1)
    assert set(processed(run(stores, Scope.day(DAY.date()))).values()) == {1}
    assert set(processed(run(stores)).values()) == {1}


@pytest.mark.parametrize("text", ["emoji 👩‍👩‍👧 and 日本語", "a NUL \x00 inside", "x" * 100_000, " \n\t ", "\u200b"])
def test_odd_text_goes_through(stores: Stores, text: str) -> None:
    put(stores, "a", [text, "An answer that can be found."])
    run(stores)
    active = stores.vectors.active()
    assert active
    assert stores.vectors.count(active[0]) >= 1


OTHER = "all-MiniLM-L6-v2@fp32"


def test_another_embedder_fills_its_own_collection_and_takes_over_when_it_is_complete(there: Place) -> None:
    with there.open() as stores:
        put(stores, "a", TEXTS)
        put(stores, "b", TEXTS[:2], days=1)
        run(stores)
        old = stores.vectors.active()
        assert old
    with Place({**there.variables, "EMBEDDING_MODEL": OTHER}).open() as stores:
        run(stores, Scope.day(DAY.date()), run_id="r2")
        assert stores.vectors.active() == old
        run(stores, run_id="r3")
        new = stores.vectors.active()
        assert new
        assert new[0] != old[0]
        assert stores.vectors.count(new[0]) == len(TEXTS) + 2


def test_setting_the_embedder_of_before_again_embeds_only_what_changed_since(there: Place) -> None:
    with there.open() as stores:
        put(stores, "a", TEXTS)
        put(stores, "b", TEXTS[:2], days=1)
        run(stores)
        before = stores.vectors.active()
    with Place({**there.variables, "EMBEDDING_MODEL": OTHER}).open() as stores:
        run(stores, run_id="r2")
        assert stores.vectors.active() != before
        put(stores, "c", ["Said after the change."], days=2)
        run(stores, run_id="r3")
    with there.open() as stores:
        reports = {step: report.counts for step, report in run(stores, run_id="r4").items()}
        assert stores.vectors.active() == before
        assert reports["embeddings"]["embedded"] == 1
        assert (reports["weaviate_fragments"]["upserted"], reports["weaviate_fragments"]["deleted"]) == (1, 0)


def test_the_collection_of_before_goes_after_a_while_and_leaves_nothing(there: Place) -> None:
    with there.open() as stores:
        put(stores, "a", TEXTS)
        run(stores)
        old = stores.vectors.active()
        assert old
        assert retire(stores, kept=dt.timedelta(0)) == []
    with Place({**there.variables, "EMBEDDING_MODEL": OTHER}).open() as stores:
        run(stores, run_id="r2")
        assert retire(stores) == []
        assert retire(stores, kept=dt.timedelta(0)) == [old[0]]
        new = stores.vectors.active()
        assert new
        rows = everything(stores)
        assert {embedder for _, embedder, *_ in rows["chunk_embeddings"]} == {repr(new[1])}
        assert len(rows["fragments"]) == len(TEXTS)
        with pytest.raises(CollectionMissing):
            stores.vectors.count(old[0])


def test_what_is_forgotten_is_gone_from_the_collection_of_before_too(there: Place) -> None:
    with there.open() as stores:
        put(stores, "a", TEXTS)
        put(stores, "b", TEXTS[:2], days=1)
        run(stores)
        old = stores.vectors.active()
        assert old
    with Place({**there.variables, "EMBEDDING_MODEL": OTHER}).open() as stores:
        run(stores, run_id="r2")
        forget(stores, conversation("a").id, run_id="r3")
        assert stores.vectors.count(old[0]) == 2
