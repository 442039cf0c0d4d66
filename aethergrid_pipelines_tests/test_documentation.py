"""What the documentation says exists, exists."""

import re
from pathlib import Path

import pytest

from aethergrid_pipelines.demo import QUESTIONS
from aethergrid_pipelines.query.records import SearchRequest
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines_tests.scripts import REPOSITORY, load_script

settings_table = load_script("scripts/settings_table.py")

PAGES = sorted(
    page.relative_to(REPOSITORY)
    for pattern in ("*.md", "docs/**/*.md", "docker/*.md", "benchmarks/*.md")
    for page in REPOSITORY.glob(pattern)
)
COMMANDS = re.compile(r"^(?: {4}|.*`)(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(make|aethergrid) ([a-z-]+)", re.MULTILINE)


def told_commands(program: str) -> list[tuple[Path, str]]:
    return [
        (page, found[1])
        for page in PAGES
        for found in COMMANDS.findall((REPOSITORY / page).read_text())
        if found[0] == program
    ]


def test_the_table_of_settings_is_that_of_the_code() -> None:
    page = (REPOSITORY / "README.md").read_text()

    assert settings_table.with_table(page) == page, "run `make docs`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is(name: str) -> None:
    assert Settings.model_fields[name].description


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", (REPOSITORY / page).read_text(), flags=re.DOTALL)
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and not re.match(r"[a-z]+:", target)]

    assert [target for target in local if not (REPOSITORY / page).parent.joinpath(target).exists()] == []


def test_every_make_target_that_is_told_of_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    told = told_commands("make")

    assert len(told) > 10
    assert [(str(page), target) for page, target in told if target not in targets] == []


def test_every_command_that_is_told_of_exists() -> None:
    from typer.main import get_command

    from aethergrid_pipelines.cli.app import app

    commands = set(getattr(get_command(app), "commands", {}))
    told = told_commands("aethergrid")

    assert len(told) > 5
    assert [(str(page), command) for page, command in told if command not in commands] == []


@pytest.mark.parametrize("file", [".env.example", "docker/.env.example"])
def test_example_variables_are_read_by_somebody(file: str) -> None:
    settings = {settings_table.variable(name, field) for name, field in Settings.model_fields.items()}
    compose = set(re.findall(r"\$\{([A-Z_]+)", (REPOSITORY / "docker/compose.yaml").read_text()))
    named = re.findall(r"^#?([A-Z_]+)=", (REPOSITORY / file).read_text(), re.MULTILINE)

    assert named
    assert [name for name in named if name not in settings | compose | {"COMPOSE_PROFILES"}] == []


def test_the_first_question_is_answered_by_the_samples() -> None:
    asked = re.findall(r'"query": "([^"]+)"', (REPOSITORY / "README.md").read_text())

    assert asked
    assert set(asked) <= set(QUESTIONS)


def test_the_first_request_is_one_that_the_api_takes() -> None:
    body = re.search(r"-d '(\{\n.*?\})'", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert body

    assert SearchRequest.model_validate_json(body[1]).query in QUESTIONS
