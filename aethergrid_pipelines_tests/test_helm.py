"""The chart and the values for others' charts fit the code; rendered by Helm where there is one."""

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines_tests.scripts import REPOSITORY, load_script
from aethergrid_pipelines_tests.services import missing

variable = load_script("scripts/settings_table.py").variable
FOLDER = REPOSITORY / "docker/helm"
CHART = FOLDER / "aethergrid"
SETTINGS = {variable(name, field) for name, field in Settings.model_fields.items()}
DAGSTER: dict[str, Any] = yaml.safe_load((FOLDER / "dagster.yaml").read_text())
WEAVIATE: dict[str, Any] = yaml.safe_load((FOLDER / "weaviate.yaml").read_text())
(CODE_LOCATION,) = DAGSTER["dagster-user-deployments"]["deployments"]


@pytest.fixture
def helm() -> str:
    """The program."""
    found = shutil.which("helm", path=sysconfig.get_path("scripts")) or shutil.which("helm")
    if found is None:
        missing("helm is missing: see https://helm.sh/docs/intro/install")
    return found


def rendered(helm: str, *values: str) -> dict[tuple[str, str], dict[str, Any]]:
    """What Kubernetes would get, by kind and name."""
    command = [helm, "template", "memory", str(CHART), "--kube-version", "1.33.0", *values]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one}


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return pod


def fits_schema(values: Path) -> bool:
    check = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(CHART / "values.schema.json")]
    return subprocess.run([*check, str(values)], capture_output=True, check=False).returncode == 0


def test_the_charts_own_values_fit_their_schema_and_misspelt_ones_do_not(tmp_path: Path) -> None:
    assert fits_schema(CHART / "values.yaml")
    misspelt = tmp_path / "values.yaml"
    misspelt.write_text((CHART / "values.yaml").read_text() + "\nsecretname: mine\n")
    assert not fits_schema(misspelt)


def test_what_is_set_is_a_setting() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(values["env"]) | set(CODE_LOCATION["env"]) <= SETTINGS


def test_versions_are_those_of_the_lock_and_of_compose() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    compose = yaml.safe_load((REPOSITORY / "docker/compose.yaml").read_text())
    assert chart["appVersion"] == CODE_LOCATION["image"]["tag"] == version("aethergrid-pipelines")
    assert f"--version {version('dagster')} " in (FOLDER / "dagster.yaml").read_text()
    assert compose["services"]["weaviate"]["image"].rpartition(":")[2] == WEAVIATE["image"]["tag"]


def test_dagster_takes_what_its_chart_passes_on(tmp_path: Path) -> None:
    import dagster as dg

    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(DAGSTER["additionalInstanceConfig"]))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_retries_enabled
        assert not instance.run_retries_retry_on_asset_or_op_failure


def test_helm_finds_nothing_to_complain_of(helm: str) -> None:
    found = subprocess.run([helm, "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_pod_is_bound_and_reads_the_secret(helm: str) -> None:
    manifests = rendered(helm)
    workloads = {name: one for name, one in manifests.items() if name[0] in {"StatefulSet", "Deployment", "Job"}}
    assert {name for _, name in workloads} == {"memory-api", "memory-live", "memory-migrate"}
    for manifest in workloads.values():
        pod = pod_of(manifest)
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsUser"] == 10001
        assert container["envFrom"] == [{"secretRef": {"name": "aethergrid"}}]
        assert {one["name"] for one in container["env"]} <= SETTINGS | {"DAGSTER_HOME", "DAGSTER_PG_PASSWORD"}
        assert {"requests", "limits"} <= set(container["resources"])
        assert "/var/lib/aethergrid" in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_services_lead_to_pods(helm: str) -> None:
    manifests = rendered(helm)
    service, pods = manifests["Service", "memory-api"], manifests["StatefulSet", "memory-api"]
    assert service["spec"]["selector"].items() <= pods["spec"]["template"]["metadata"]["labels"].items()
    assert [port["name"] for port in pod_of(pods)["containers"][0]["ports"]] == [
        port["targetPort"] for port in service["spec"]["ports"]
    ]
    ports = {port["name"]: port["port"] for port in manifests["Service", "memory-weaviate"]["spec"]["ports"]}
    assert ports == {"http": 8080, "grpc": 50051}


def test_the_spool_outlives_the_pod(helm: str) -> None:
    spec = rendered(helm)["StatefulSet", "memory-api"]["spec"]
    assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == ["home"]


def test_the_commands_are_ours(helm: str) -> None:
    from typer.testing import CliRunner

    from aethergrid_pipelines.cli.app import app

    for kind, name in (("StatefulSet", "memory-api"), ("Deployment", "memory-live")):
        program, command, *options = pod_of(rendered(helm)[kind, name])["containers"][0]["command"]
        assert program == "aethergrid"
        told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
        assert all(option.partition("=")[0] in told for option in options)


def test_without_dagsters_instance_the_live_worker_does_not_report(helm: str) -> None:
    pod = pod_of(rendered(helm, "--set", "live.dagster.instanceConfigMap=")["Deployment", "memory-live"])
    assert pod["containers"][0]["command"][-1] == "--no-report"
    assert [volume["name"] for volume in pod["volumes"]] == ["home"]


def test_the_migration_makes_the_catalog(helm: str) -> None:
    from aethergrid_pipelines.settings import load_settings
    from aethergrid_pipelines.stores.migrations import catalog_head, current_revision
    from aethergrid_pipelines.stores.select import open_catalog

    python, *arguments = pod_of(rendered(helm)["Job", "memory-migrate"])["containers"][0]["command"]
    assert python == "python"
    subprocess.run([sys.executable, *arguments], check=True, env=dict(os.environ))
    catalog = open_catalog(load_settings())
    # Without bringing it up to date here.
    assert current_revision(catalog._connect()) == catalog_head()
    catalog.close()
