"""Which adapters there are, and why others are not among them."""

import re
import sys
from pathlib import Path

import pytest

from aethergrid_pipelines.adapters.claude import Claude
from aethergrid_pipelines.adapters.gemini import Gemini
from aethergrid_pipelines.adapters.gpt import Gpt
from aethergrid_pipelines.adapters.local import Local
from aethergrid_pipelines.adapters.protocol import INTERFACE, Adapter
from aethergrid_pipelines.adapters.registry import Refused, UnknownAdapter, check_interface, open_adapters
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.adapters.model_server import ModelServer
from aethergrid_pipelines_tests.scripts import REPOSITORY

PAGE = REPOSITORY / "docs" / "adapters.md"

ADAPTER = """
from aethergrid_pipelines.adapters.gpt import Gpt

class Other(Gpt):
    name = {name!r}
    interface = {interface!r}

ADAPTER = Other
"""


HALF = """
from aethergrid_pipelines.adapters.family import Family

class ADAPTER(Family):
    name, version = "half", "1.0.0"
"""


def example() -> str:
    """The file that docs/adapters.md shows."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    return found[1]


def dropped(name: str, content: str) -> Path:
    path = load_settings().home_path / "adapters" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_our_four_families_are_there() -> None:
    # That each is what the protocol asks for, the type checker sees here.
    types: list[type[Adapter]] = [Claude, Gemini, Gpt, Local]
    opened = open_adapters(load_settings())

    assert list(opened.found) == ["claude", "gemini", "gpt", "local"]
    assert [type(adapter) for adapter in opened.found.values()] == types
    assert opened.refused == {}
    opened.close()


def test_the_documented_example_is_an_adapter_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer([{"id": "mistral-large-latest"}]) as server:
        dropped("mistral.py", example())
        monkeypatch.setenv("MISTRAL_API_KEY", "a-key-of-this-test")
        monkeypatch.setenv("MISTRAL_BASE_URL", f"{server.url}/v1")
        opened = open_adapters(load_settings())

        adapter = opened.named("mistral")
        health = adapter.health()

        assert opened.refused == {}
        assert (health.state, health.model_there) == ("ok", True)
        assert adapter.max_context_window == 128_000
        assert adapter.interface == INTERFACE
        opened.close()


def test_a_package_adds_one_by_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packaged_adapter.py").write_text(ADAPTER.format(name="packaged", interface=INTERFACE))
    about = tmp_path / "packaged_adapter-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: packaged-adapter\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[aethergrid.adapters]\npackaged = packaged_adapter:ADAPTER\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    opened = open_adapters(load_settings())

    assert "packaged" in opened.found
    opened.close()
    sys.modules.pop("packaged_adapter")


@pytest.mark.parametrize("interface", ["1.0"])
def test_an_interface_of_ours_is_taken(interface: str) -> None:
    check_interface("some", interface)


@pytest.mark.parametrize(
    ("interface", "told"),
    [
        ("2.0", "needs a later release of AetherGrid"),
        ("1.1", "needs a later release of AetherGrid"),
        ("0.9", "needs a later release of the adapter"),
        ("1", "is no version"),
        ("", "is no version"),
    ],
)
def test_another_interface_is_refused_with_what_to_do(interface: str, told: str) -> None:
    with pytest.raises(Refused, match=told) as refused:
        check_interface("some", interface)

    assert "some" in str(refused.value)
    assert INTERFACE in str(refused.value)


def test_an_incompatible_adapter_hinders_no_other() -> None:
    path = dropped("later.py", ADAPTER.format(name="later", interface="2.0"))

    opened = open_adapters(load_settings())

    assert len(opened.found) == 4
    assert "written for interface 2.0, and this is 1.0" in opened.refused[str(path)]
    opened.close()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("ADAPTER = ", "SyntaxError"),
        ("import no_such_module", "no_such_module"),
        ("x = 1", "ADAPTER"),
        ("class ADAPTER:\n    name, interface = 'bare', '1.0'", "bare lacks version"),
        ("class ADAPTER:\n    name = 'bare'", "interface"),
        (HALF, "abstract"),
        (ADAPTER.format(name="gpt", interface="1.0"), "there is another adapter called 'gpt'"),
        ("raise ValueError('not today')", "not today"),
    ],
)
def test_a_file_that_is_no_adapter_is_refused_with_the_reason(content: str, told: str) -> None:
    path = dropped("broken.py", content)

    opened = open_adapters(load_settings())

    assert len(opened.found) == 4
    assert told in opened.refused[str(path)]
    opened.close()


def test_an_unknown_adapter_is_told_of_those_there_are() -> None:
    opened = open_adapters(load_settings())

    with pytest.raises(UnknownAdapter, match="claude, gemini, gpt, local"):
        opened.named("eliza")
    opened.close()


def test_nothing_is_asked_before_a_method_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer([], key=None) as server:
        monkeypatch.setenv("LOCAL_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")

        open_adapters(load_settings()).close()

        assert server.paths == []
