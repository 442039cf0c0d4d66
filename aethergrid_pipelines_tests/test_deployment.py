"""The instance files and the Compose file fit the code."""

import os
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from aethergrid_pipelines.automation.run_launcher import PROCESS_TAG
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines_tests.scripts import REPOSITORY, load_script

variable = load_script("scripts/settings_table.py").variable
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker/compose.yaml").read_text())
OURS = ("code", "ui", "daemon", "worker", "live", "api")


def instance_at(home: Path, config: str) -> Any:
    from dagster import DagsterInstance

    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text((REPOSITORY / config).read_text())
    return DagsterInstance.from_config(str(home))


def started_run(instance: Any) -> Any:
    """A run that the daemon started, as its storage shows it after its process was killed."""
    from dagster import DagsterRun, DagsterRunStatus

    run = DagsterRun(
        job_name="ingest", run_id=str(uuid.uuid4()), status=DagsterRunStatus.STARTED, tags={PROCESS_TAG: "here:1"}
    )
    instance.add_run(run)
    return run


def test_the_embedded_instance_keeps_runs_and_retries_only_what_crashed(tmp_path: Path) -> None:
    with instance_at(tmp_path, "dagster.yaml") as instance:
        run = started_run(instance)

        assert instance.has_run(run.run_id)
        assert instance.run_retries_enabled
        assert not instance.run_retries_retry_on_asset_or_op_failure
        assert not instance.telemetry_enabled


def test_the_production_instance_lives_on_postgresql(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlalchemy

    url = sqlalchemy.make_url(postgres_url)
    database = f"dagster_{uuid.uuid4().hex}"
    server = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {database}")
    for name, value in {
        "HOST": url.host or "127.0.0.1",
        "PORT": str(url.port or 5432),
        "USER": url.username or "",
        "PASSWORD": url.password or "",
        "DB": database,
    }.items():
        monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", value)
    monkeypatch.setenv("DAGSTER_MAX_CONCURRENT_RUNS", "4")
    try:
        with instance_at(tmp_path, "docker/dagster.yaml") as instance:
            run = started_run(instance)
            instance.report_run_failed(run, "its process died")

            assert type(instance.run_storage).__name__ == "PostgresRunStorage"
            assert instance.get_run_by_id(run.run_id).is_failure
            assert [entry.dagster_event.message for entry in instance.all_logs(run.run_id)] == ["its process died"]
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {database} WITH (FORCE)")
        server.dispose()


def test_runs_that_died_with_their_daemon_are_marked_before_a_new_start(tmp_path: Path) -> None:
    run_script = load_script("scripts/run.py")
    with instance_at(tmp_path, "dagster.yaml") as instance:
        died = started_run(instance)

        assert run_script.fail_orphaned_runs(tmp_path) == 1
        assert instance.get_run_by_id(died.run_id).is_failure
    assert run_script.fail_orphaned_runs(tmp_path) == 0


@pytest.mark.parametrize("service", OURS)
def test_compose_sets_only_what_is_read(service: str) -> None:
    settings = {variable(name, field) for name, field in Settings.model_fields.items()}
    given = set(COMPOSE["services"][service]["environment"])

    assert {name for name in given - settings if not name.startswith("DAGSTER_")} == set()


@pytest.mark.parametrize("service", sorted(COMPOSE["services"]))
def test_every_container_is_watched(service: str) -> None:
    image = (REPOSITORY / "docker/Dockerfile").read_text()

    assert "healthcheck" in COMPOSE["services"][service] or (service == "api" and "HEALTHCHECK" in image)


@pytest.mark.parametrize("service", OURS)
def test_what_needs_a_store_waits_until_it_is_healthy(service: str) -> None:
    waits = COMPOSE["services"][service]["depends_on"]

    assert {wait["condition"] for wait in waits.values()} == {"service_healthy"}


def test_workers_get_the_instance_that_hands_runs_to_them() -> None:
    for service in OURS:
        mounted = "./${DAGSTER_CONFIG:-dagster.yaml}:/opt/dagster/dagster.yaml:ro"
        assert mounted in COMPOSE["services"][service]["volumes"]
    instance = yaml.safe_load((REPOSITORY / "docker/dagster.celery.yaml").read_text())
    replicas, each = (int(re.findall(r":-(\d+)", text)[0]) for text in worker_scale())
    assert instance["concurrency"]["runs"]["max_concurrent_runs"] == replicas * each
    assert instance["run_launcher"]["class"] == "CeleryLauncher"


def worker_scale() -> tuple[str, str]:
    """What compose.yaml says of how many workers there are, and of how many runs each executes at once."""
    worker = COMPOSE["services"]["worker"]
    return worker["deploy"]["replicas"], worker["command"][-1]


def test_no_secret_has_a_default() -> None:
    text = (REPOSITORY / "docker/compose.yaml").read_text()

    for name in ("POSTGRES_PASSWORD", "WEAVIATE_API_KEY", "REDIS_PASSWORD", "API_KEY"):
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text


def test_a_home_gets_the_instance_file_and_keeps_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dagster_home = load_script("scripts/dagster_home.py").dagster_home
    monkeypatch.delenv("DAGSTER_HOME", raising=False)

    home = dagster_home()

    assert home == Path(os.environ["AETHERGRID_HOME"]).resolve() / "dagster"
    assert (home / "dagster.yaml").resolve() == REPOSITORY / "dagster.yaml"
    (home / "dagster.yaml").unlink()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert (dagster_home() / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
