"""What Dagster's people see: assets, checks, the sensor, schedules and jobs, on a real instance."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from aethergrid_pipelines.automation.jobs import ASSETS, INGEST_JOB
from aethergrid_pipelines.automation.partitions import day_ranges, range_tags
from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.automation.schedules import nightly_backfill
from aethergrid_pipelines.automation.sensors import conversation_changes
from aethergrid_pipelines.definitions import build_defs
from aethergrid_pipelines.flow.stores import Stores, open_stores
from aethergrid_pipelines.settings import Settings, load_settings
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines_tests.flow.contents import DAY, put
from aethergrid_pipelines_tests.services import service

FIRST, SECOND = DAY.date(), DAY.date() + dt.timedelta(days=1)
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
SECRET = "Zephyrine"


@pytest.fixture
def stores() -> Iterator[Stores]:
    with open_stores(load_settings()) as opened:
        put(opened, "a", ["Why is the queue slow?", f"The consumer named {SECRET} commits after every message."])
        put(opened, "b", ["And now?", "Now it commits every hundred."], days=1)
        yield opened


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as found:
        yield found


def run(
    instance: dg.DagsterInstance, first: dt.date = FIRST, last: dt.date = SECOND, stores: StoresResource | None = None
) -> dg.ExecuteInProcessResult:
    overrides = {"stores": stores} if stores else None
    job = build_defs(resource_overrides=overrides).resolve_job_def(INGEST_JOB)
    tags = range_tags(first, last)
    return job.execute_in_process(run_config=QUIET, instance=instance, tags=tags, raise_on_error=False)


class FaultyStores(StoresResource):
    """Stores whose embedder or whose conversation store has a fault."""

    length: float = 1.0
    down: int = 0

    def open(self) -> Stores:
        if self._stores is None:
            opened = super().open()
            embed, length = opened.embedder.embed, self.length
            opened.embedder.embed = lambda texts: replace(  # type: ignore[method-assign]
                embed(texts), vectors=(embed(texts).vectors * length).astype(np.float32)
            )
            states, left = opened.conversations.states, [self.down]

            def failing(**which: object) -> object:
                left[0] -= 1
                if left[0] >= 0:
                    raise StoreUnavailable("the conversation store does not answer")
                return states(**which)  # type: ignore[arg-type]

            opened.conversations.states = failing  # type: ignore[method-assign,assignment]
        return super().open()


def test_the_definitions_are_what_people_expect() -> None:
    defs = build_defs()
    graph = defs.resolve_asset_graph()
    chain = {
        key.to_user_string(): {up.to_user_string() for up in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert chain == {name: set(ASSETS[:at][-1:]) for at, name in enumerate(ASSETS)}
    assert {check.asset_key.to_user_string() for check in graph.asset_check_keys} == set(ASSETS)
    assert conversation_changes.default_status is dg.DefaultSensorStatus.RUNNING
    schedules = [schedule for schedule in defs.schedules or () if isinstance(schedule, dg.ScheduleDefinition)]
    assert {schedule.cron_schedule for schedule in schedules} == {
        "0 2 * * *",
        "0 3 * * *",
        "30 3 * * *",
        "0 4 * * *",
    }
    assert {schedule.default_status for schedule in schedules} == {dg.DefaultScheduleStatus.RUNNING}


def test_a_run_materialises_every_asset_for_every_day_and_checks_each(
    stores: Stores, instance: dg.DagsterInstance
) -> None:
    result = run(instance)
    assert result.success
    days = {FIRST.isoformat(), SECOND.isoformat()}
    for name in ASSETS:
        assert set(instance.get_materialized_partitions(dg.AssetKey(name))) == days
    evaluations = result.get_asset_check_evaluations()
    assert all(evaluation.passed for evaluation in evaluations)
    assert sorted(one.asset_key.to_user_string() for one in evaluations if one.blocking) == sorted(ASSETS)
    assert [one.check_name for one in evaluations if not one.blocking] == ["records_are_accounted_for"]


def test_metadata_shows_figures_and_no_text_of_any_message(stores: Stores, instance: dg.DagsterInstance) -> None:
    result = run(instance)
    metadata = result.asset_materializations_for_node("embeddings")[0].metadata
    assert metadata["embedded"].value == 4
    assert metadata["dagster/row_count"].value == 4
    log = json.dumps([str(event) for event in instance.all_logs(result.run_id)])
    assert SECRET not in log


def test_a_check_that_fails_keeps_bad_vectors_out_of_the_vector_store(
    stores: Stores, instance: dg.DagsterInstance
) -> None:
    result = run(instance, stores=FaultyStores(length=2.0))
    assert not result.success
    failed = [found for found in result.get_asset_check_evaluations() if not found.passed]
    assert [found.check_name for found in failed] == ["vectors_have_length_one"]
    assert stores.vectors.active() is None


def test_a_store_that_comes_back_is_asked_again(
    stores: Stores, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aethergrid_pipelines.assets.materialise.SECONDS_TO_WAIT", 0)
    result = run(instance, stores=FaultyStores(down=2))
    assert result.success
    assert sum(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.all_events) == 2


def test_a_wrong_dimension_fails_at_once_and_says_what_to_do(
    stores: Stores, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VECTOR_DIMENSIONS", "999")
    load_settings.cache_clear()
    result = run(instance)
    assert not result.success
    failure = result.failure_data_for_node("raw_conversations")
    assert failure
    assert "999" in str(failure.error)
    assert not any(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.all_events)


def tick(instance: dg.DagsterInstance, cursor: str | None, stores: StoresResource | None = None) -> dg.SensorResult:
    resources = {"stores": stores or StoresResource()}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        result = conversation_changes(context)
        if isinstance(result, dg.SkipReason):
            return dg.SensorResult(skip_reason=result, cursor=context.cursor)
    assert isinstance(result, dg.SensorResult)
    return result


def days_of(result: dg.SensorResult) -> list[dict[str, str]]:
    return [dict(request.tags) for request in result.run_requests or ()]


def test_the_sensor_finds_the_history_first_and_then_only_what_changes(
    stores: Stores, instance: dg.DagsterInstance
) -> None:
    first = tick(instance, None)
    assert days_of(first) == [range_tags(FIRST, SECOND)]
    assert run(instance).success
    quiet = tick(instance, first.cursor)
    assert days_of(quiet) == []
    put(stores, "b", ["And now?", "Now it commits every thousand."], days=1)
    assert days_of(tick(instance, quiet.cursor)) == [range_tags(SECOND, SECOND)]


def test_a_lost_history_is_answered_with_a_scan(stores: Stores, instance: dg.DagsterInstance) -> None:
    assert days_of(tick(instance, "from another store:17")) == [range_tags(FIRST, SECOND)]


def test_a_store_that_is_down_is_a_skip_and_the_cursor_stays(stores: Stores, instance: dg.DagsterInstance) -> None:
    result = tick(instance, None, FaultyStores(down=1_000))
    assert result.skip_reason
    assert "does not answer" in str(result.skip_reason)
    assert result.cursor is None


def test_the_nightly_backfill_asks_for_what_is_stale_and_nothing_else(
    stores: Stores, instance: dg.DagsterInstance
) -> None:
    def night() -> object:
        with dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=dt.datetime(2026, 10, 7, 2, tzinfo=dt.UTC),
            resources={"stores": StoresResource()},
        ) as context:
            return nightly_backfill(context)

    requests = night()
    assert isinstance(requests, list)
    assert [dict(request.tags) for request in requests] == [range_tags(FIRST, SECOND)]
    assert run(instance).success
    assert isinstance(night(), dg.SkipReason)


def test_old_runs_go_except_those_that_partitions_rest_on(stores: Stores, instance: dg.DagsterInstance) -> None:
    older, newer = run(instance).run_id, run(instance).run_id
    job = build_defs().resolve_job_def("purge_run_events")
    config = {"ops": {"delete_old_runs": {"config": {"days": 0}}}, **QUIET}
    assert job.execute_in_process(run_config=config, instance=instance).success
    assert instance.get_run_by_id(older) is None
    assert instance.get_run_by_id(newer) is not None
    assert len(instance.get_materialized_partitions(dg.AssetKey("topic_stats"))) == 2


def test_index_optimisation_says_what_it_did(stores: Stores, instance: dg.DagsterInstance) -> None:
    assert run(instance).success
    result = build_defs().resolve_job_def("optimise_index").execute_in_process(run_config=QUIET, instance=instance)
    assert result.success
    (handled,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    shown = {name: str(value.value) for name, value in handled.step_output_data.metadata.items()}
    assert "| probe_recall | 1.0 | 1.0 |" in shown["before_and_after"]
    assert "lexical_ms" in shown["before_and_after"]
    assert shown["latency"].startswith("![median of a search, ms](data:image/svg+xml;base64,")


@pytest.mark.parametrize(
    ("days", "ranges"),
    [
        ([], []),
        ([1], [(1, 1)]),
        ([3, 1, 2], [(1, 3)]),
        ([1, 8, 20], [(1, 8), (20, 20)]),
    ],
)
def test_dirty_days_become_few_ranges(days: list[int], ranges: list[tuple[int, int]]) -> None:
    def day(number: int) -> dt.date:
        return dt.date(2026, 10, number)

    assert day_ranges(map(day, days)) == [(day(first), day(last)) for first, last in ranges]


def test_years_become_runs_of_bounded_length() -> None:
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=number) for number in range(800)]
    assert len(day_ranges(days)) == 26


def test_days_with_many_conversations_become_runs_of_their_own() -> None:
    first, second, third = (dt.date(2026, 10, day) for day in (1, 2, 3))
    assert day_ranges({first: 1_500, second: 500, third: 1}) == [(first, second), (third, third)]
    assert day_ranges({first: 9_000, second: 1}) == [(first, first), (second, second)]


def test_the_whole_flow_runs_with_postgres_as_the_instances_storage(stores: Stores, tmp_path: Path) -> None:
    import uuid

    from sqlalchemy import create_engine, text

    url = service("POSTGRES_URL")
    name = f"d{uuid.uuid4().hex[:12]}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    storage = {"storage": {"postgres": {"postgres_url": f"{url.rsplit('/', 1)[0]}/{name}"}}}
    try:
        with dg.instance_for_test(temp_dir=str(tmp_path), overrides=storage) as instance:
            assert run(instance).success
            assert len(instance.get_materialized_partitions(dg.AssetKey("topic_stats"))) == 2
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def test_settings_are_read_once_for_each_process() -> None:
    assert load_settings() is load_settings()
    assert isinstance(load_settings(), Settings)
