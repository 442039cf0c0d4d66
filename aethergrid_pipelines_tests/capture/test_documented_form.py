"""The examples of ``docs/capture/generic.md`` do what the page says."""

import re
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.generic import Generic
from aethergrid_pipelines.capture.generic_message import ROLES
from aethergrid_pipelines.capture.protocol import Captured
from aethergrid_pipelines.capture.registry import detect

PAGE = (Path(__file__).parents[2] / "docs/capture/generic.md").read_text()
EXAMPLES: list[tuple[str, str]] = re.findall(r"^```(jsonl|json)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("number", "messages"), [(0, 2), (1, 7), (2, 2)])
def test_every_example_is_recognised_and_read_whole(tmp_path: Path, number: int, messages: int) -> None:
    suffix, text = EXAMPLES[number]
    path = tmp_path / f"example.{suffix}"
    path.write_text(text)
    found = detect(path)
    assert found is not None
    assert found.name == Generic.name
    outcomes = list(Generic().read(path, space="default"))
    assert [type(outcome) for outcome in outcomes] == [Captured] * messages


def test_no_example_is_left_out_and_every_role_is_named() -> None:
    assert len(EXAMPLES) == 3
    assert all(f"`{role}`" in PAGE for role in ROLES)
