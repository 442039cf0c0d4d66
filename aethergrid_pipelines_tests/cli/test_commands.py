"""The commands over real embedded stores, as people type them."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.cli.app import app
from aethergrid_pipelines.records.ids import conversation_id
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.capture.spooling import Gate, said

COMMANDS = ("import", "query", "status", "doctor", "forget", "process", "serve", "proxy")
POOL = conversation_id("default", "generic", "pool")
LINES: tuple[dict[str, Any], ...] = (
    {"conversation": "pool", "role": "user", "content": "Why do the database connections run out?"},
    {"conversation": "pool", "role": "assistant", "model": "gpt-5", "content": "Each timeout leaks a connection."},
    {"conversation": "postcodes", "role": "user", "content": "Which regular expression matches Dutch postcodes?"},
)


def run(*arguments: str | Path, answer: str | None = None) -> Result:
    # A process reads its settings once; here each command stands for a process.
    load_settings.cache_clear()
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=answer)


def document(result: Result) -> Any:
    """The JSON that a command printed, which has to be all that it printed to stdout."""
    return json.loads(result.stdout)


def write(path: Path, lines: Sequence[dict[str, Any] | str]) -> Path:
    texts = [line if isinstance(line, str) else json.dumps({"timestamp": "2026-10-05", **line}) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write(tmp_path / "export.jsonl", LINES)


@pytest.fixture
def imported(export: Path) -> Path:
    assert run("import", export, "--json").exit_code == 0
    return export


def test_what_is_imported_is_accounted_for_and_found(export: Path) -> None:
    result = run("import", export, "--json")

    assert result.exit_code == 0, result.output
    account = document(result)
    figures = {name: account["total"][name] for name in ("read", "stored", "updated", "merged", "skipped", "rejected")}
    assert figures == {"read": 3, "stored": 3, "updated": 0, "merged": 0, "skipped": {}, "rejected": 0}
    assert account["adds_up"]
    found = document(run("query", "database connections", "--json", "--limit", "1"))["results"]
    assert found[0]["content"] == LINES[0]["content"]
    assert found[0]["lineage"]["originPath"] == str(export)


def test_importing_again_stores_nothing(imported: Path) -> None:
    assert document(run("import", imported, "--json"))["total"]["merged"] == 3


def test_an_import_need_not_be_processed(export: Path) -> None:
    run("import", export, "--no-process")

    assert "no index" in run("query", "connections").stdout
    reports = document(run("process", "--json"))
    assert [report["conversations"] for report in reports] == [2] * 6
    assert len(document(run("query", "connections", "--json"))["results"]) == 3


def test_only_the_day_that_is_named_is_processed(export: Path, tmp_path: Path) -> None:
    later = write(tmp_path / "later.jsonl", [{**LINES[0], "conversation": "later", "timestamp": "2026-10-06"}])
    run("import", export, later, "--no-process")

    reports = document(run("process", "--day", "2026-10-06", "--json"))

    assert {report["conversations"] for report in reports} == {1}


def test_rejects_are_named_and_make_the_exit_code_1(tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.jsonl", [LINES[0], "{broken", {**LINES[1], "role": "wizard"}])

    result = run("import", bad)

    assert result.exit_code == 1
    assert f"{bad}:2" in result.stdout
    assert "role: expected one of" in result.stdout


@pytest.mark.parametrize("arguments", [("nowhere.jsonl",), ("empty",), ("export.jsonl", "--source", "telepathy")])
def test_an_import_of_nothing_fails(export: Path, arguments: tuple[str, ...]) -> None:
    (export.parent / "empty").mkdir()

    assert run("import", *arguments).exit_code != 0


def test_escape_sequences_of_a_conversation_do_not_reach_the_terminal(tmp_path: Path) -> None:
    title = "evil \x1b]0;owned\x07 \x1b[2J"
    run("import", write(tmp_path / "evil.jsonl", [{**LINES[0], "title": title, "content": "connections \x1b[31m red"}]))

    assert "\x1b" not in run("query", "connections").stdout


def test_a_query_shows_what_was_said_by_whom_and_where_it_stands(imported: Path) -> None:
    shown = run("query", "what leaks connections?", "--model", "gpt-5").stdout

    assert "assistant · gpt-5, 2026-10-05" in shown
    assert "Each timeout leaks a connection." in shown
    assert f"{imported}:2" in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--model", "gpt-5"), 1),
        (("--model", "gpt-5", "--model", "claude"), 1),
        (("--after", "2026-10-06"), 0),
        (("--before", "2026-10-05"), 3),
        (("--topic", "gardening"), 0),
        (("--space", "elsewhere"), 0),
        (("--limit", "2"), 2),
    ],
)
def test_options_of_a_query_are_filters(imported: Path, arguments: tuple[str, ...], expected: int) -> None:
    assert len(document(run("query", "connections", "--json", *arguments))["results"]) == expected


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("",), "is empty"),
        (("x" * 9_000,), "8000"),
        (("x", "--limit", "0"), "greater than or equal to 1"),
        (("x", "--limit", "1000"), "less than or equal to 100"),
        (("x", "--after", "soon"), "after"),
        (("x", "--after", "2026-10-06", "--before", "2026-10-05"), "later than"),
    ],
)
def test_a_query_that_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...], reason: str) -> None:
    result = run("query", *arguments)

    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.replace("│", " ").split())


def test_the_status_of_sources_accounts_for_every_file(imported: Path) -> None:
    found = document(run("status", "--sources", "--json"))
    shown = run("status", "--sources")

    assert found["adds_up"] is True
    assert [(file["path"], file["read"], file["imbalance"]) for file in found["files"]] == [(str(imported), 3, None)]
    assert shown.exit_code == 0
    assert "The account adds up" in shown.stdout


def test_an_account_that_does_not_add_up_is_said(imported: Path) -> None:
    with sqlite3.connect(load_settings().home_path / "catalog.db") as catalog:
        catalog.execute("UPDATE imported_files SET read = read + 2")
    catalog.close()
    shown = run("status", "--sources")

    assert shown.exit_code == 1
    assert "5 records were read, and 3 have an outcome" in shown.stdout
    assert "does not add up" in run("status").stdout
    assert "5 records were read" in run("doctor").stdout


def test_the_status_shows_steps_stores_and_sources(imported: Path) -> None:
    write(imported, [*LINES, {**LINES[0], "conversation": "more"}])
    run("import", imported, "--no-process")

    found = document(run("status", "--json"))

    assert found["captured"] == {"conversations": 3, "days": 1}
    assert found["index"]["fragments"] == 3
    assert (found["steps"][0]["step"], found["steps"][0]["stale"]) == ("raw_conversations", 1)
    assert all(step["last_run"].startswith("process-") for step in found["steps"])
    assert [(source["source"], source["files"]) for source in found["sources"]] == [("generic", 1)]
    assert "topic_stats" in run("status").stdout


def test_the_status_of_an_empty_home_is_shown() -> None:
    result = run("status")

    assert result.exit_code == 0
    assert "no index" in result.stdout


def test_the_status_shows_what_waits_in_the_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "home" / "spool", Gate(tmp_path / "unused.db", down=True))
    spool.append([said("c", 0), said("c", 1)])
    spool.close()

    found = document(run("status", "--json"))["spool"]

    assert (found["records"], found["dropped"], found["refused"]) == (2, 0, 0)
    assert found["oldest_at"]
    assert "2 messages (0.0 MiB) wait in the spool, the oldest since" in run("status").stdout


def test_the_doctor_finds_a_working_home_well(imported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "hunter2")
    result = run("doctor", "--json")

    assert result.exit_code == 0, result.output
    found = document(result)
    assert {finding["state"] for finding in found["findings"]} == {"ok"}
    assert {"home", "conversation store", "catalog", "vector store", "embedder", "account", "index", "ledger"} == {
        finding["name"] for finding in found["findings"]
    }
    assert found["settings"]["API_KEY"] == "********"
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("POSTGRES_URL", "postgresql://nobody:hunter2@127.0.0.1:1/none", "catalog"),
        ("EMBEDDING_MODEL", "no-such-model", "embedder"),
        ("VECTOR_DIMENSIONS", "12", "embedder"),
    ],
)
def test_the_doctor_names_what_is_broken_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str
) -> None:
    monkeypatch.setenv(variable, value)

    result = run("doctor", "--json")

    assert result.exit_code == 1
    [broken] = [finding for finding in document(result)["findings"] if finding["state"] == "broken"]
    assert broken["name"] == name
    assert broken["detail"]
    assert broken["advice"]
    assert "hunter2" not in result.output


def test_the_doctor_sees_that_the_index_is_of_another_embedder(imported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDING_MODEL", "all-MiniLM-L6-v2@fp32")

    found = {finding["name"]: finding for finding in document(run("doctor", "--json"))["findings"]}

    assert found["index"]["state"] == "warning"
    assert "process" in found["index"]["advice"]


def test_forgetting_asks_first(imported: Path) -> None:
    assert run("forget", POOL, answer="n\n").exit_code == 1

    assert len(document(run("query", "connections", "--json"))["results"]) == 3


@pytest.mark.parametrize("arguments", [("--yes",), ("--yes", "--json"), ()])
def test_what_is_forgotten_is_gone_and_stays_gone(imported: Path, arguments: tuple[str, ...]) -> None:
    result = run("forget", POOL, *arguments, answer="y\n")

    assert result.exit_code == 0, result.output
    run("import", imported)
    found = document(run("query", "connections", "--json"))["results"]
    assert [hit["content"] for hit in found] == [LINES[2]["content"]]
    assert run("forget", POOL, "--yes").exit_code == 1


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("EMBEDDING_MODEL", "no-such-model", "no-such-model"),
        ("PROCESSING_BATCH_SIZE", "many", "PROCESSING_BATCH_SIZE"),
        ("POSTGRES_URL", "postgresql://nobody:hunter2@127.0.0.1:1/none", "does not answer"),
    ],
)
def test_what_cannot_go_on_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, export: Path, variable: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(variable, value)

    result = run("import", export)

    assert result.exit_code == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error:")
    assert reason in last
    assert "Traceback" not in result.output
    assert "hunter2" not in result.output


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("EMBEDDING_MODEL", "no-such-model")

    assert type(run("query", "x").exception).__name__ == "UnknownEmbedder"


def aethergrid(*arguments: str, **given: Any) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "aethergrid"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **given)


def test_the_command_is_installed_and_knows_its_version() -> None:
    from importlib.metadata import version

    assert aethergrid("--version").stdout.strip() == f"aethergrid {version('aethergrid-pipelines')}"


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    program = (
        "import sys; from aethergrid_pipelines.cli.app import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'pydantic', 'sqlalchemy', 'fastapi', 'numpy'}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert all(f" {name} " in found.stdout for name in COMMANDS)
    assert found.stdout.strip().endswith("[]")


def test_the_server_answers_without_pandas(tmp_path: Path) -> None:
    program = (
        "import sys, threading, time, urllib.request, uvicorn\n"
        "from typer.testing import CliRunner\n"
        "def started(name, **given):\n"
        "    from fastapi.testclient import TestClient\n"
        "    from aethergrid_pipelines.api.app import create_served_app\n"
        "    with TestClient(create_served_app(), base_url='http://memory.lan:8123') as client:\n"
        "        assert client.post('/api/query/semantic', json={'query': 'x'}).status_code == 200\n"
        "        import lancedb\n"
        "    print('pandas' in sys.modules, given['host'], given['port'])\n"
        "uvicorn.run = started\n"
        "from aethergrid_pipelines.cli.app import app\n"
        "app(['serve', '--host', 'memory.lan', '--port', '8123'])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)

    assert found.stdout.strip() == "False memory.lan 8123", found.stderr
    assert "no API_KEY is set" in found.stderr


def test_a_served_process_takes_in_and_answers(tmp_path: Path, unused_port: int) -> None:
    command = [str(Path(sys.executable).parent / "aethergrid"), "serve", "--port", str(unused_port)]
    address = f"http://127.0.0.1:{unused_port}"
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    if httpx.get(f"{address}/api/health", timeout=30).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            stored = httpx.post(f"{address}/api/ingest", json=LINES[0], timeout=30).json()["account"]["stored"]
            answer = httpx.post(f"{address}/api/query/semantic", json={"query": "x"}, timeout=30).json()
        finally:
            server.terminate()

    assert stored == 1
    assert "no index" in answer["hint"]


def test_an_interrupted_import_ends_with_the_account_of_what_it_stored(tmp_path: Path) -> None:
    lines = [{**LINES[0], "conversation": f"c{number}", "content": "word " * 50} for number in range(100_000)]
    write(tmp_path / "long.jsonl", lines)
    program = Path(sys.executable).parent / "aethergrid"
    command = [str(program), "import", str(tmp_path / "long.jsonl"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        journal = tmp_path / "home" / "conversations.db-wal"
        while process.poll() is None and not (journal.exists() and journal.stat().st_size > 1_000_000):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        printed, problems = process.communicate(timeout=120)

    assert process.returncode == 130, problems
    account = json.loads(printed)
    assert account["interrupted"]
    assert account["adds_up"]
    assert 0 < account["total"]["stored"] < len(lines)
    assert document(run("status", "--json"))["captured"]["conversations"] == account["total"]["stored"]
